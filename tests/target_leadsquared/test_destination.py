"""A LeadSquared account in the process: bodies, write modes, conflicts, read-back, what a create does in doubt."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from lead_connectors.delivery.errors import PartlySentError
from lead_connectors.delivery.outcome import Outcome, rejected
from lead_connectors.delivery.plan import OptOutsOnly, Send
from lead_connectors.field_map.build import MapBuilder
from lead_connectors.field_map.config import MapSettings
from lead_connectors.field_map.field_map import FieldMap
from lead_connectors.field_map.mapped import Mapped
from lead_connectors.http.errors import AmbiguousError, CallRejectedError, DeniedError, TransientError
from lead_connectors.http.session import Retry
from lead_connectors.plugin.errors import SettingsError
from lead_connectors.reject_codes import RejectCode
from target_leadsquared.destination import LeadSquaredDestination
from target_leadsquared.target import TargetLeadSquared
from tests.delivery.leads import a_lead
from tests.scripted_session import ScriptedSession
from tests.target_leadsquared.call_schemas import fits

LEAD_ID = "a4f351b9-bc2a-44a9-9a38-f1303cca214a"
ANN = {"FirstName": "Ann", "EmailAddress": "ann@example.com", "Phone": "+1-2125550123"}
NO_SUCH_LEAD = "Lead does not exist in the system or You do not have permission to update the lead"
KNOWN = Send(a_lead(0, "ann", fields=ANN), lead_id=LEAD_ID)
METADATA = [
    {"SchemaName": "EmailAddress", "DataType": "Email", "IsLeadIdentifier": True},
    {"SchemaName": "Phone", "DataType": "Phone", "IsLeadIdentifier": True},
    {"SchemaName": "FirstName", "DataType": "Text"},
    {"SchemaName": "DoNotCall", "DataType": "Boolean"},
]


def row(number: int, *, created: bool = True, **more: Any) -> dict[str, Any]:
    return {"RowNumber": number, "LeadId": LEAD_ID, "LeadCreated": created, "LeadUpdated": not created, **more}


def updated(leads: int, *missing: str, reason: str = NO_SUCH_LEAD) -> dict[str, Any]:
    """The response of UpdateV2; it names failed leads only."""
    entries = [{"Identifier": "ProspectId", "IdentifierValue": name, "Reason": reason} for name in missing]
    counts = {"TotalCount": leads, "SuccessCount": leads - len(entries), "UnProcessedCount": len(entries)}
    return {"Status": {**counts, "FailureCount": 0}, "Details": {"UnProcessedLeads": entries}}


def written(body: Any, place: int = 0) -> list[tuple[str, str]]:
    """The attributes of a lead of UpdateV2."""
    return [(pair["Attribute"], pair["Value"]) for pair in body["LeadPropertiesList"][place]["Fields"]]


def destination(*script: Any, **settings: Any) -> tuple[LeadSquaredDestination, ScriptedSession]:
    given = {"access_key": "a", "secret_key": "b", "preflight": "off", **settings}
    session = ScriptedSession(*script)
    return LeadSquaredDestination(TargetLeadSquared(config=given).config, session), session


def send(found: LeadSquaredDestination, *fields: dict[str, Any], **plan: Any) -> list[Outcome]:
    """Send leads as the run does: all of one call."""
    plans = [Send(a_lead(0, "ann", fields=each), **plan) for each in fields]
    (call,) = {found.call_of(each) for each in plans}
    assert len(plans) <= found.leads_a_call(call)
    return found.send(call, [found.body(each) for each in plans])


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
    leads: list[dict[str, Any]] = [{**ANN, "DoNotCall": True}, {"Phone": "+1-2"}]
    groups = [[lead] for lead in leads] if mode == "upsert_single" else [leads]
    outcomes = [outcome for group in groups for outcome in send(found, *group)]
    assert all(outcome.is_delivered and outcome.lead_id == LEAD_ID for outcome in outcomes)
    assert {call.path for call in session.made} == {path}
    assert all(fits(call.json, mode) for call in session.made)
    assert {call.retry for call in session.made} == {Retry.ASK if mode == "create" else Retry.ALWAYS}
    if mode == "upsert_single":
        assert [call.params for call in session.made] == [{"postUpdatedLead": "false"}] * 2


def test_leads_a_call_follow_the_write_mode_and_the_setting() -> None:
    assert [destination(write_mode=mode)[0].batch_size for mode in ("upsert", "create", "upsert_single")] == [25, 50, 1]
    assert destination(batch_size_rows=7)[0].batch_size == 7
    modes = ("upsert", "create", "update", "upsert_single")
    known = [(found := destination(write_mode=mode)[0]).leads_a_call(found.call_of(KNOWN)) for mode in modes]
    assert known == [25, 25, 25, 1], "known leads go by a call of their own"


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
    assert codes(send(found, *({**ANN, "FirstName": name} for name in "abc"))) == ["created", "updated", "created"]
    assert [len(call.json) for call in session.made] == [3, 1]
    assert session.made[1].json[0][0] == {"Attribute": "FirstName", "Value": "b"}
    assert session.retries == 1


def test_rows_that_are_rejected_for_the_rate_limit_for_ever_fail_the_run() -> None:
    limited = {"RowNumber": 1, "ExceptionType": "MXAPIRateLimitExceededException"}
    found, _ = destination(*[[limited]] * 10)
    with pytest.raises(PartlySentError, match="Nothing is lost") as raised:
        send(found, ANN)
    assert isinstance(raised.value.error, TransientError)
    assert raised.value.outcomes == {}


def opt_outs_only(fields: dict[str, Any], lead_id: str | None = None) -> OptOutsOnly:
    lead = a_lead(0, "ann", fields=fields, opt_outs=("DoNotSMS", "DoNotCall"))
    return OptOutsOnly(lead, rejected(RejectCode.INVALID_VALUE), lead_id=lead_id)


@pytest.mark.parametrize("mode", ["upsert", "create", "update"])
def test_an_opt_out_is_raised_on_the_lead_that_is_known_by_its_id_and_on_no_other(mode: str) -> None:
    found, session = destination(updated(1), write_mode=mode, boolean_values=["1", "0"])
    plan = opt_outs_only(ANN, LEAD_ID)
    assert codes(found.send(found.call_of(plan), [found.opt_out_body(plan)])) == ["updated"]
    assert session.made[0].path.endswith("/Lead/Bulk/UpdateV2")
    assert fits(session.made[0].json, "update")
    assert written(session.made[0].json) == [("ProspectId", LEAD_ID), ("DoNotCall", "1"), ("DoNotSMS", "1")]
    assert found.opt_out_body(opt_outs_only(ANN)) is None, "an e-mail may be anybody's, and may create a lead"


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


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, True), ("true", True), ("1", True), (1, True), ("Yes", True), (" TRUE ", True),
        ("Ja", True), ("ja", True),
        (False, False), ("false", False), ("0", False), (0, False), ("No", False), ("", False), (None, False),
    ],
)  # fmt: skip
def test_an_opt_out_is_there_where_the_lead_has_one_of_the_words_for_true(value: Any, *, expected: bool) -> None:
    found, session = destination(
        {"Leads": [{"ProspectID": LEAD_ID, "DoNotCall": value, "DoNotSMS": "1"}]}, boolean_values=["Ja", "Nein"]
    )
    assert found.read_opt_outs({LEAD_ID: frozenset({"DoNotCall", "DoNotSMS"})}) == {LEAD_ID: expected}
    assert session.made[0].path.endswith("/Leads/Retrieve/ByIds")
    assert session.made[0].json == {
        "SearchParameters": {"LeadIds": [LEAD_ID]},
        "Columns": {"Include_CSV": "ProspectID,DoNotCall,DoNotSMS"},
        "Paging": {"PageIndex": 1, "PageSize": 1000},
    }


def test_the_accounts_own_word_for_true_is_only_its_own() -> None:
    found, _ = destination({"Leads": [{"ProspectID": LEAD_ID, "DoNotCall": "Ja"}]})
    assert found.read_opt_outs({LEAD_ID: frozenset({"DoNotCall"})}) == {LEAD_ID: False}


def test_opt_outs_are_read_by_lead_however_ids_are_spelled_and_a_lead_that_is_gone_has_none() -> None:
    other = "b" + LEAD_ID[1:]
    flags = {LEAD_ID.upper(): frozenset({"DoNotCall"}), other: frozenset({"DoNotSMS"}), "gone": frozenset({"DoNotSMS"})}
    rows = [
        {"ProspectID": f"{{{other.upper()}}}", "DoNotCall": "1", "DoNotSMS": "0"},
        {"ProspectID": LEAD_ID, "DoNotCall": "1", "DoNotSMS": None},
    ]
    found, session = destination({"Leads": rows})
    assert found.read_opt_outs(flags) == {LEAD_ID.upper(): True, other: False}
    assert session.made[0].json["SearchParameters"]["LeadIds"] == list(flags)
    assert found.max_read == 1000


def test_opt_outs_are_raised_once_more_25_leads_a_call() -> None:
    found, session = destination(updated(25), updated(2), boolean_values=["Yes", "No"])
    found.raise_opt_outs({f"{number:08d}": frozenset({"DoNotSMS", "DoNotCall"}) for number in range(1, 28)})
    assert [len(call.json["LeadPropertiesList"]) for call in session.made] == [25, 2]
    assert all(fits(call.json, "update") for call in session.made)
    assert written(session.made[1].json) == [("ProspectId", "00000026"), ("DoNotCall", "Yes"), ("DoNotSMS", "Yes")]


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
    assert first.map_version(own.version) != second.map_version(own.version)
    assert first.map_version(own.version).startswith(own.version)


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
    assert codes(send(found, ANN)) == [expected]
    assert sum(call.method == "POST" for call in session.made) == writes
    assert session.waits == script.count(AMBIGUOUS)
    assert session.script == []


def test_an_ambiguous_create_whose_look_up_is_rejected_is_not_sent_again() -> None:
    rejection = CallRejectedError(status=500, code="MXInvalidInputException")
    found, session = destination(AMBIGUOUS, rejection, write_mode="create")
    assert codes(send(found, ANN)) == ["no_response"]
    assert sum(call.method == "POST" for call in session.made) == 1


def test_an_ambiguous_create_of_somebody_who_cannot_be_looked_up_is_not_sent_again() -> None:
    found, session = destination(AMBIGUOUS, write_mode="create")
    assert codes(send(found, {"mx_Policy": "7"})) == ["no_response"]
    assert len(session.made) == 1
