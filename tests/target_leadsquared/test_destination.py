"""A LeadSquared account in the process: bodies, write modes, conflicts, read-back, what a create does in doubt."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from lead_connectors.delivery.outcome import Outcome
from lead_connectors.delivery.plan import Send
from lead_connectors.field_map.build import MapBuilder
from lead_connectors.field_map.config import MapSettings
from lead_connectors.field_map.field_map import FieldMap
from lead_connectors.field_map.mapped import Mapped
from lead_connectors.http.errors import AmbiguousError, CallRejectedError, DeniedError, TransientError
from lead_connectors.http.session import Retry
from lead_connectors.plugin.errors import SettingsError
from target_leadsquared.destination import LeadSquaredDestination
from target_leadsquared.target import TargetLeadSquared
from tests.delivery.leads import a_lead
from tests.scripted_session import ScriptedSession
from tests.target_leadsquared.call_schemas import fits

LEAD_ID = "a4f351b9-bc2a-44a9-9a38-f1303cca214a"
ANN = {"FirstName": "Ann", "EmailAddress": "ann@example.com", "Phone": "+1-2125550123"}
METADATA = [
    {"SchemaName": "EmailAddress", "DataType": "Email", "IsLeadIdentifier": True},
    {"SchemaName": "Phone", "DataType": "Phone", "IsLeadIdentifier": True},
    {"SchemaName": "FirstName", "DataType": "Text"},
    {"SchemaName": "DoNotCall", "DataType": "Boolean"},
]


def row(number: int, *, created: bool = True, **more: Any) -> dict[str, Any]:
    return {"RowNumber": number, "LeadId": LEAD_ID, "LeadCreated": created, "LeadUpdated": not created, **more}


def destination(*script: Any, **settings: Any) -> tuple[LeadSquaredDestination, ScriptedSession]:
    given = {"access_key": "a", "secret_key": "b", "preflight": "off", **settings}
    session = ScriptedSession(*script)
    return LeadSquaredDestination(TargetLeadSquared(config=given).config, session), session


def codes(outcomes: list[Outcome]) -> list[str]:
    return [outcome.code.value if outcome.code else outcome.status.value for outcome in outcomes]


@pytest.mark.parametrize(
    ("mode", "path", "script"),
    [
        ("upsert", "/v2/LeadManagement.svc/Lead/Bulk/CreateOrUpdate", [[row(1), row(2, created=False)]]),
        ("create", "/v2/LeadManagement.svc/Lead/Bulk/Create", [[row(1), row(2)]]),
        ("upsert_single", "/v2/LeadManagement.svc/Lead.CreateOrUpdate", [
            {"Status": "Success", "Message": {"Id": LEAD_ID, "AffectedRows": 1}},
            {"Status": "Success", "Message": {"Id": LEAD_ID, "AffectedRows": 1}},
        ]),
    ],
)  # fmt: skip
def test_each_write_mode_makes_its_own_call_with_a_body_that_fits(mode: str, path: str, script: list[Any]) -> None:
    found, session = destination(*script, write_mode=mode)
    bodies = [found.body({**ANN, "DoNotCall": True}), found.body({"Phone": "+1-2"})]
    outcomes = found.send(bodies)
    assert all(outcome.is_delivered and outcome.lead_id == LEAD_ID for outcome in outcomes)
    assert {call.path for call in session.made} == {path}
    assert all(fits(call.json, mode) for call in session.made)
    assert {call.retry for call in session.made} == {Retry.ASK if mode == "create" else Retry.ALWAYS}
    if mode == "upsert_single":
        assert [call.params for call in session.made] == [{"postUpdatedLead": "false"}] * 2


def test_leads_a_call_follow_the_write_mode_and_the_setting() -> None:
    assert [destination(write_mode=mode)[0].batch_size for mode in ("upsert", "create", "upsert_single")] == [25, 50, 1]
    assert destination(batch_size_rows=7)[0].batch_size == 7
    assert [destination(write_mode=mode)[0].opt_out_batch_size for mode in ("upsert", "create")] == [25, 25]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"batch_size_rows": 30}, "batch_size_rows must be at most 25 with write_mode upsert"),
        ({"boolean_values": ["1"]}, "boolean_values must be two different texts"),
        ({"boolean_values": ["1", "1"]}, "boolean_values must be two different texts"),
    ],
)
def test_settings_that_contradict_each_other_are_named(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        destination(**settings)[0].check_settings()


def test_rows_that_were_rejected_for_the_rate_limit_are_sent_again() -> None:
    limited = {"RowNumber": 2, "ExceptionType": "MXAPIRateLimitExceededException"}
    found, session = destination([row(1), limited, row(3)], [row(1, created=False)])
    assert codes(found.send([found.body({**ANN, "FirstName": name}) for name in "abc"])) == [
        "created", "updated", "created"
    ]  # fmt: skip
    assert [len(call.json) for call in session.made] == [3, 1]
    assert session.made[1].json[0][0] == {"Attribute": "FirstName", "Value": "b"}
    assert session.retries == 1


def test_rows_that_are_rejected_for_the_rate_limit_for_ever_fail_the_run() -> None:
    limited = {"RowNumber": 1, "ExceptionType": "MXAPIRateLimitExceededException"}
    found, _ = destination(*[[limited]] * 10)
    with pytest.raises(TransientError, match="Nothing is lost"):
        found.send([found.body(ANN)])


def test_an_opt_out_is_raised_by_one_identifier_whatever_the_write_mode() -> None:
    found, session = destination([row(1, created=False)], write_mode="create")
    body = found.opt_out_body({**ANN, "DoNotCall": True}, {"DoNotCall"})
    assert body == [
        {"Attribute": "EmailAddress", "Value": "ann@example.com"},
        {"Attribute": "DoNotCall", "Value": "true"},
        {"Attribute": "SearchBy", "Value": "EmailAddress"},
    ]
    assert codes(found.send_opt_outs([body])) == ["updated"]
    assert session.made[0].path.endswith("Lead/Bulk/CreateOrUpdate")
    assert found.opt_out_body({"FirstName": "Ann"}, {"DoNotCall"}) is None


@pytest.mark.parametrize(
    ("settings", "left_out", "expected"),
    [
        ({}, {"Phone"}, True),
        ({}, {"Phone", "EmailAddress"}, False),
        ({"search_by": "Phone"}, {"Phone"}, False),
        ({"write_mode": "create"}, {"Phone"}, True),
        ({"write_mode": "create"}, {"Phone", "EmailAddress"}, False),
    ],
)
def test_a_lead_can_be_sent_while_it_can_be_found(
    settings: dict[str, Any], left_out: set[str], *, expected: bool
) -> None:
    plan = Send(a_lead(0, "ann", fields=ANN), frozenset(left_out))
    assert destination(**settings)[0].can_send(plan) is expected


def test_people_are_known_by_the_accounts_identifiers() -> None:
    found, _ = destination()
    prepared = found.prepare(Mapped(fields={**ANN, "Mobile": "+44-2125550123"}), {}, ["1"])
    assert prepared.problems == []
    assert prepared.unique == {
        "EmailAddress": "EmailAddress:ann@example.com", "Phone": "Phone:12125550123", "Mobile": "Mobile:442125550123"
    }  # fmt: skip
    assert set(prepared.shared.values()) == {"phone:2125550123"}, "whichever field and country code"
    assert [str(problem) for problem in found.prepare(Mapped(fields={"FirstName": "A"}), {}, []).problems] == [
        "EmailAddress or another of EmailAddress, Phone, Mobile is required"
    ]


def test_opt_outs_are_read_back_and_those_that_did_not_stay_are_counted() -> None:
    ids = [f"{number:08d}" for number in range(1001)]
    flags = {lead_id: frozenset({"DoNotCall"}) for lead_id in ids} | {"0": frozenset({"DoNotSMS"})}
    found, session = destination(
        {"Leads": [{"ProspectID": lead_id, "DoNotCall": "1", "DoNotSMS": 0} for lead_id in sorted(flags)[:1000]]},
        {"Leads": [{"ProspectID": sorted(flags)[1000].upper(), "DoNotCall": True}]},
    )
    assert found.unconfirmed(flags) == 2, "one did not stay, and one lead is not there"
    sizes = [len(call.json["SearchParameters"]["LeadIds"]) for call in session.made]
    assert sizes == [1000, 2]


def test_a_map_is_fitted_to_the_account_and_the_rest_is_said() -> None:
    found, session = destination(METADATA, preflight="warn")
    own = {"FirstName": "a", "mx_Cty": "a", "EmailAddress": "a"}
    fitted = found.fit_to_account(_built(found, own))
    assert fitted.field_map.fields == {"FirstName", "EmailAddress"}
    assert any("mx_Cty" in sentence for sentence in fitted.warnings)
    assert len(session.made) == 1, "the account's fields are read once"
    strict, _ = destination(METADATA, preflight="strict")
    with pytest.raises(SettingsError, match="mx_Cty"):
        strict.fit_to_account(_built(strict, own))


def _built(found: LeadSquaredDestination, own: dict[str, str]) -> FieldMap:
    schema: dict[str, Any] = {"properties": {"a": {}}}
    return MapBuilder(found.api_fields, found.builtin_maps, MapSettings({"people": own})).build("people", schema)


def test_how_booleans_are_written_is_part_of_the_maps_version() -> None:
    first, second = destination()[0], destination(boolean_values=["1", "0"])[0]
    own = _built(first, {"FirstName": "a"})
    assert first.map_version(own) != second.map_version(own)
    assert first.map_version(own).startswith(own.version)


def test_a_call_that_was_rejected_alone_is_read_for_its_reason() -> None:
    found, _ = destination()
    body = {"ExceptionType": "MXDuplicateEntryException", "ExceptionMessage": "A Lead with same Phone already exists."}
    outcome = found.rejection(CallRejectedError(status=500, code="MXDuplicateEntryException", body=body))
    assert codes([outcome]) == ["conflict"]
    assert outcome.conflicting_fields == ("Phone",)


def test_the_right_host_is_named_where_the_keys_belong_elsewhere() -> None:
    denied = DeniedError("no", status=401, body={"Message": "use api-in21.leadsquared.com"})
    found, _ = destination(denied)
    with pytest.raises(SettingsError, match=r"set api_url to api-in21\.leadsquared\.com"):
        found.check_credentials()


AMBIGUOUS = AmbiguousError("cut off")
JUST_NOW = "just now"


def lead_found(**changes: Any) -> list[dict[str, Any]]:
    return [{"ProspectID": LEAD_ID, "CreatedOn": JUST_NOW, **ANN, **changes}]


@pytest.mark.parametrize(
    ("script", "expected", "writes"),
    [
        ([AMBIGUOUS, lead_found()], "created", 1),
        ([AMBIGUOUS, [], [], [row(1)]], "created", 2),
        ([AMBIGUOUS, [], lead_found(FirstName="Bob", EmailAddress="")], "conflict", 1),
        ([AMBIGUOUS, lead_found(CreatedOn="2020-01-01 00:00:00.000")], "conflict", 1),
        ([AMBIGUOUS, [], [], AMBIGUOUS, lead_found()], "created", 2),
    ],
    ids=["it arrived", "it did not", "a spouse has the phone", "an old lead", "twice ambiguous"],
)
def test_an_ambiguous_create_looks_before_it_sends_again(script: list[Any], expected: str, writes: int) -> None:
    now = f"{dt.datetime.now(tz=dt.timezone.utc):%Y-%m-%d %H:%M:%S}"
    for row_found in (each for response in script if isinstance(response, list) for each in response):
        if row_found.get("CreatedOn") == JUST_NOW:
            row_found["CreatedOn"] = now
    found, session = destination(*script, write_mode="create")
    assert codes(found.send([found.body(ANN)])) == [expected]
    assert sum(call.method == "POST" for call in session.made) == writes
    assert session.waits == script.count(AMBIGUOUS)
    assert session.script == []


def test_an_ambiguous_create_whose_look_up_is_rejected_is_not_sent_again() -> None:
    rejection = CallRejectedError(status=500, code="MXInvalidInputException")
    found, session = destination(AMBIGUOUS, rejection, write_mode="create")
    assert codes(found.send([found.body(ANN)])) == ["no_response"]
    assert sum(call.method == "POST" for call in session.made) == 1


def test_an_ambiguous_create_of_somebody_who_cannot_be_looked_up_is_not_sent_again() -> None:
    found, session = destination(AMBIGUOUS, write_mode="create")
    assert codes(found.send([found.body({"mx_Policy": "7"})])) == ["no_response"]
    assert len(session.made) == 1
