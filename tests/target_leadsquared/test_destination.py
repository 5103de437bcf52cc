"""A LeadSquared account in the process: bodies, write modes, conflicts, read-back, what a create does in doubt."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from lead_connectors.delivery.errors import PartlySentError
from lead_connectors.delivery.outcome import rejected
from lead_connectors.delivery.plan import Free, OptOutsOnly
from lead_connectors.field_map.build import MapBuilder
from lead_connectors.field_map.config import MapSettings
from lead_connectors.field_map.field_map import FieldMap
from lead_connectors.field_map.mapped import Mapped
from lead_connectors.http.errors import AmbiguousError, CallRejectedError, DeniedError, TransientError
from lead_connectors.http.session import Retry
from lead_connectors.plugin.errors import SettingsError
from lead_connectors.reject_codes import RejectCode
from target_leadsquared.destination import LeadSquaredDestination
from tests.delivery.leads import a_lead
from tests.target_leadsquared.scripted_account import (
    ANN,
    LEAD_ID,
    OTHER_ID,
    calls,
    codes,
    destination,
    plan,
    row,
    send,
    single,
    updated,
    written,
)

METADATA = [
    {"SchemaName": "EmailAddress", "DataType": "Email", "IsLeadIdentifier": True},
    {"SchemaName": "Phone", "DataType": "Phone", "IsLeadIdentifier": True},
    {"SchemaName": "FirstName", "DataType": "Text"},
    {"SchemaName": "DoNotCall", "DataType": "Boolean"},
]


@pytest.mark.parametrize(
    ("mode", "call", "script"),
    [
        ("upsert", "Lead/Bulk/CreateOrUpdate", [[row(1), row(2, created=False)]]),
        ("create", "Lead/Bulk/Create", [[row(1), row(2)]]),
        ("upsert_single", "Lead.CreateOrUpdate", [single(), single()]),
    ],
)  # fmt: skip
def test_each_write_mode_makes_its_own_call_with_a_body_that_fits(mode: str, call: str, script: list[Any]) -> None:
    found, session = destination(*script, write_mode=mode)
    leads = [plan(ANN, opt_outs=["DoNotCall"]), plan({"Phone": "+1-2"})]
    groups = [[lead] for lead in leads] if mode == "upsert_single" else [leads]
    outcomes = [outcome for group in groups for outcome in send(found, *group)]
    assert all(outcome.is_delivered and outcome.lead_id == LEAD_ID for outcome in outcomes)
    assert set(calls(session)) == {call}
    assert ("DoNotCall", "true") in written(session.made[0])
    assert {made.retry for made in session.made} == {Retry.ASK if mode == "create" else Retry.ALWAYS}
    if mode == "upsert_single":
        assert [made.params for made in session.made] == [{"postUpdatedLead": "false"}] * 2


def test_leads_a_call_follow_the_write_mode_and_the_setting() -> None:
    assert [destination(write_mode=mode)[0].batch_size for mode in ("upsert", "create", "upsert_single")] == [25, 50, 1]
    assert destination(batch_size_rows=7)[0].batch_size == 7
    modes = ("upsert", "create", "update", "upsert_single")
    known = [
        (found := destination(write_mode=mode)[0]).leads_a_call(found.call_of(plan(ANN, LEAD_ID))) for mode in modes
    ]
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
    assert codes(send(found, *(plan({**ANN, "FirstName": name}) for name in "abc"))) == [
        "created",
        "updated",
        "created",
    ]
    assert [len(call.json) for call in session.made] == [3, 1]
    assert session.made[1].json[0][0] == {"Attribute": "FirstName", "Value": "b"}
    assert session.retries == 1


def test_rows_that_are_rejected_for_the_rate_limit_for_ever_fail_the_run() -> None:
    limited = {"RowNumber": 1, "ExceptionType": "MXAPIRateLimitExceededException"}
    found, _ = destination(*[[limited]] * 10)
    with pytest.raises(PartlySentError, match="Nothing is lost") as raised:
        send(found, plan(ANN))
    assert isinstance(raised.value.error, TransientError)
    assert raised.value.outcomes == {}


def opt_outs_only(fields: dict[str, Any], lead_id: str | None = None) -> OptOutsOnly:
    lead = a_lead(0, "ann", fields=fields, opt_outs=("DoNotSMS", "DoNotCall"))
    return OptOutsOnly(lead, rejected(RejectCode.INVALID_VALUE), lead_id=lead_id)


@pytest.mark.parametrize("mode", ["upsert", "create", "update"])
def test_an_opt_out_is_raised_on_the_lead_that_is_known_by_its_id_and_on_no_other(mode: str) -> None:
    found, session = destination(updated(1), write_mode=mode, boolean_values=["1", "0"])
    only = opt_outs_only(ANN, LEAD_ID)
    assert codes(found.send(found.call_of(only), [found.opt_out_body(only)])) == ["updated"]
    assert calls(session) == ["Lead/Bulk/UpdateV2"]
    assert written(session.made[0]) == [("ProspectId", LEAD_ID), ("DoNotCall", "1"), ("DoNotSMS", "1")]
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
    assert destination(**settings)[0].can_send(plan(ANN, left_out=frozenset(left_out))) is expected


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
    sms = frozenset({"DoNotSMS"})
    flags = {LEAD_ID.upper(): frozenset({"DoNotCall"}), OTHER_ID: sms, "gone": sms}
    rows = [
        {"ProspectID": f"{{{OTHER_ID.upper()}}}", "DoNotCall": "1", "DoNotSMS": "0"},
        {"ProspectID": LEAD_ID, "DoNotCall": "1", "DoNotSMS": None},
    ]
    found, session = destination({"Leads": rows})
    assert found.read_opt_outs(flags) == {LEAD_ID.upper(): True, OTHER_ID: False}
    assert session.made[0].json["SearchParameters"]["LeadIds"] == list(flags)
    assert found.max_read == 1000


def test_opt_outs_are_raised_once_more_25_leads_a_call() -> None:
    found, session = destination(updated(25), updated(2), boolean_values=["Yes", "No"])
    found.raise_opt_outs({f"{number:08d}": frozenset({"DoNotSMS", "DoNotCall"}) for number in range(1, 28)})
    assert [len(call.json["LeadPropertiesList"]) for call in session.made] == [25, 2]
    assert set(calls(session)) == {"Lead/Bulk/UpdateV2"}
    assert written(session.made[1]) == [("ProspectId", "00000026"), ("DoNotCall", "Yes"), ("DoNotSMS", "Yes")]


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
LONG_AGO = "2020-01-01 00:00:00.000"


def lead_found(**changes: Any) -> list[dict[str, Any]]:
    return [{"ProspectID": LEAD_ID, "CreatedOn": JUST_NOW, **ANN, **changes}]


@pytest.mark.parametrize(
    ("script", "expected", "writes"),
    [
        ([AMBIGUOUS, lead_found()], "created", 1),
        ([AMBIGUOUS, [], [], [row(1)]], "created", 2),
        ([AMBIGUOUS, [], lead_found(FirstName="Bob", EmailAddress="")], "conflict", 1),
        ([AMBIGUOUS, lead_found(CreatedOn=LONG_AGO)], "conflict", 1),
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
    assert codes(send(found, plan(ANN))) == [expected]
    assert sum(call.method == "POST" for call in session.made) == writes
    assert session.waits == script.count(AMBIGUOUS)
    assert session.script == []


def test_an_ambiguous_create_whose_look_up_is_rejected_is_not_sent_again() -> None:
    rejection = CallRejectedError(status=500, code="MXInvalidInputException")
    found, session = destination(AMBIGUOUS, rejection, write_mode="create")
    assert codes(send(found, plan(ANN))) == ["no_response"]
    assert sum(call.method == "POST" for call in session.made) == 1


def test_an_ambiguous_create_of_somebody_who_cannot_be_looked_up_is_not_sent_again() -> None:
    found, session = destination(AMBIGUOUS, write_mode="create")
    assert codes(send(found, plan({"mx_Policy": "7"}))) == ["no_response"]
    assert len(session.made) == 1


@pytest.mark.parametrize(
    ("script", "conflicting"),
    [
        ([lead_found(CreatedOn=LONG_AGO)], ("EmailAddress", "Phone")),
        ([lead_found(CreatedOn=LONG_AGO, Phone=None)], ("EmailAddress",)),
        ([lead_found(FirstName="Bob", EmailAddress="Ann@Example.com", Phone="")], ("EmailAddress",)),
        ([[], lead_found(FirstName="Bob", EmailAddress="bob@example.com", Phone="12125550123")], ("Phone",)),
        ([[], lead_found(FirstName="Bob", EmailAddress="", Phone="", Mobile="+1-2125550123")], ("Phone",)),
        ([[], lead_found(FirstName="Bob", EmailAddress="", Phone="+1-3")], ()),
    ],
    ids=["all", "an old e-mail", "e-mail in any case", "a spouse's phone", "a spouse's mobile", "neither"],
)
def test_a_conflict_after_an_ambiguous_create_names_what_the_other_lead_has(
    script: list[Any], conflicting: tuple[str, ...]
) -> None:
    found, session = destination(AMBIGUOUS, *script, write_mode="create")
    (outcome,) = send(found, plan(ANN))
    assert codes([outcome]) == ["conflict"]
    assert outcome.conflicting_fields == conflicting
    assert calls(session).count("Lead/Bulk/Create") == 1


def test_fields_are_freed_by_emptying_them_on_the_lead_that_has_them() -> None:
    found, session = destination(updated(1), write_mode="create")
    free = Free(a_lead(0, "ann", fields=ANN), OTHER_ID, ("EmailAddress", "Phone"))
    assert codes(found.send(found.call_of(free), [found.free_body(free)])) == ["updated"]
    assert calls(session) == ["Lead/Bulk/UpdateV2"]
    assert written(session.made[0]) == [("ProspectId", OTHER_ID), ("EmailAddress", ""), ("Phone", "")]
