"""Leads that LeadSquared has are updated by their id; who is gone is gone on proof alone."""

from __future__ import annotations

from typing import Any

import pytest

from lead_connectors.delivery.errors import PartlySentError
from lead_connectors.http.errors import CallRejectedError, DeniedError, StoppedError, TransientError
from lead_connectors.http.session import Retry
from tests.target_leadsquared.scripted_account import (
    ANN,
    ID_LAST,
    LACKS_UPDATE,
    LEAD_ID,
    LIMITED,
    NO_SUCH_LEAD,
    OTHER_ID,
    READ,
    SINGLE,
    UPDATE,
    UPSERT,
    bad_row,
    calls,
    codes,
    destination,
    failure,
    known,
    leads_read,
    plan,
    row,
    send,
    single,
    updated,
    written,
)

NOT_FOUND = bad_row(1, "MXInvalidEntityReferenceException", "Lead not found")


# What is sent


@pytest.mark.parametrize("mode", ["upsert", "create", "update"])
def test_known_leads_are_updated_by_their_ids_alone(mode: str) -> None:
    found, session = destination(updated(2), write_mode=mode)
    ann = plan(
        {**ANN, "mx_KYC": {"Status": "ok"}, "LastName": None, "ProspectID": "x"}, LEAD_ID, opt_outs=["DoNotCall"]
    )
    bob = plan({"FirstName": "Bob", "Phone": "+1-2"}, f"{{{OTHER_ID.upper()}}}", left_out=frozenset({"Phone"}))
    outcomes = send(found, ann, bob)
    assert codes(outcomes) == ["updated", "updated"]
    assert [outcome.lead_id for outcome in outcomes] == [LEAD_ID, f"{{{OTHER_ID.upper()}}}"], "ids stay as they came"
    assert calls(session) == [UPDATE]
    assert session.made[0].retry is Retry.ALWAYS
    assert session.made[0].json == {
        "Options": {"PushNonExistentLeadsToUnProcessedList": True},
        "LeadPropertiesList": [
            {
                "Fields": [
                    {"Attribute": "ProspectId", "Value": LEAD_ID},
                    {"Attribute": "FirstName", "Value": "Ann"},
                    {"Attribute": "EmailAddress", "Value": "ann@example.com"},
                    {"Attribute": "Phone", "Value": "+1-2125550123"},
                    {"Attribute": "mx_KYC", "Value": "", "Fields": [{"Attribute": "Status", "Value": "ok"}]},
                    {"Attribute": "LastName", "Value": ""},
                    {"Attribute": "DoNotCall", "Value": "true"},
                ]
            },
            {
                "Fields": [
                    {"Attribute": "ProspectId", "Value": f"{{{OTHER_ID.upper()}}}"},
                    {"Attribute": "FirstName", "Value": "Bob"},
                ]
            },
        ],
    }


@pytest.mark.parametrize(
    ("field", "settings"),
    [("EmailAddress", {}), ("Phone", {"search_by": "Phone"}), ("mx_Policy", {"search_by": "mx_Policy"})],
)
def test_write_mode_update_finds_who_is_not_known_by_one_field_and_creates_nobody(
    field: str, settings: dict[str, Any]
) -> None:
    ann, bob = {**ANN, "mx_Policy": "p1"}, {"Phone": "+1-3", "EmailAddress": "bob@example.com", "mx_Policy": "p2"}
    found, session = destination(updated(2, bob[field].upper(), by=field), write_mode="update", **settings)
    outcomes = send(found, plan(ann), plan(bob))
    assert codes(outcomes) == ["updated", "not_found"]
    assert [outcome.lead_id for outcome in outcomes] == [None, None], "the response does not name them"
    assert calls(session) == [UPDATE], "who was looked for by a field was never known to exist"
    body = session.made[0].json
    assert body["SearchByKey"] == field
    assert body["Options"] == {"PushNonExistentLeadsToUnProcessedList": True}
    for place, fields in enumerate((ann, bob)):
        first, *others = written(session.made[0], place)
        assert first == (field, fields[field])
        assert sorted(others) == sorted((name, value) for name, value in fields.items() if name != field)


def test_an_update_has_one_field_to_search_by() -> None:
    found, _ = destination(write_mode="update")
    leads = [plan(ANN), plan({"Phone": "+1-2"}), plan(ANN, left_out=frozenset({"EmailAddress"})), plan(ANN, LEAD_ID)]
    by_email, by_phone, again_by_phone, by_id = (found.call_of(lead) for lead in leads)
    assert len({by_email, by_phone, by_id}) == 3
    assert again_by_phone == by_phone
    assert {found.leads_a_call(call) for call in (by_email, by_phone, by_id)} == {25}


@pytest.mark.parametrize("spelling", ["ProspectId", "ProspectID"])
def test_write_mode_update_by_the_id_that_the_records_have(spelling: str) -> None:
    found, session = destination(updated(1), write_mode="update", search_by=spelling)
    (outcome,) = send(found, plan({"ProspectID": LEAD_ID, "FirstName": "Ann"}))
    assert (outcome.status.value, outcome.lead_id) == ("updated", LEAD_ID)
    assert calls(session) == [UPDATE]
    assert written(session.made[0]) == [("ProspectId", LEAD_ID), ("FirstName", "Ann")]


def test_write_mode_update_without_a_field_to_search_by_finds_nobody_and_asks_nobody() -> None:
    found, session = destination(write_mode="update", search_by="none")
    assert codes(send(found, plan(ANN), plan({"Phone": "+1-2"}))) == ["not_found", "not_found"]
    assert session.made == []


def test_write_mode_update_takes_no_other_call_where_the_account_lacks_this_one() -> None:
    found, session = destination(LACKS_UPDATE, write_mode="update")
    with pytest.raises(DeniedError):
        send(found, plan(ANN))
    assert calls(session) == [UPDATE]


@pytest.mark.parametrize("fire", [True, False])
def test_a_single_upsert_names_a_known_lead_by_its_id(*, fire: bool) -> None:
    found, session = destination(single(LEAD_ID.upper()), write_mode="upsert_single", post_updated_lead=fire)
    (outcome,) = send(found, plan(ANN, LEAD_ID))
    assert (outcome.status.value, outcome.lead_id) == ("accepted", LEAD_ID.upper())
    assert calls(session) == [SINGLE]
    assert session.made[0].params == {"postUpdatedLead": "true" if fire else "false"}
    assert written(session.made[0]) == [*ANN.items(), *ID_LAST]


@pytest.mark.parametrize("fire", [True, False])
def test_a_single_upsert_fires_automations_for_new_leads_too_where_it_is_asked_to(*, fire: bool) -> None:
    found, session = destination(single(), write_mode="upsert_single", post_updated_lead=fire)
    assert codes(send(found, plan(ANN))) == ["accepted"]
    assert session.made[0].params == {"postUpdatedLead": "true" if fire else "false"}
    assert written(session.made[0]) == [*ANN.items(), ("SearchBy", "EmailAddress")]


@pytest.mark.parametrize("spelling", [LEAD_ID.upper(), f"{{{LEAD_ID}}}", f" {LEAD_ID} "])
def test_a_failed_lead_is_recognised_however_its_id_is_spelled(spelling: str) -> None:
    found, _ = destination(updated(2, spelling, reason="A Lead with same Phone Number already exists."))
    outcomes = send(found, known(), known(OTHER_ID))
    assert codes(outcomes) == ["conflict", "updated"]
    assert outcomes[0].conflicting_fields == ("Phone",)


# Whether a lead is gone

WAYS: dict[str, list[Any]] = {
    "UpdateV2": [updated(1, LEAD_ID)],
    "CreateOrUpdate": [LACKS_UPDATE, [NOT_FOUND]],
    "CreateOrUpdate, as a whole": [LACKS_UPDATE, failure(500, "MXInvalidEntityReferenceException", "Lead not found")],
    "UpdateV2, as a whole": [failure(500, "MXInvalidEntityReferenceException", "Lead not found")],
    "single": [{"Status": "Success", "Message": {"ExceptionType": NOT_FOUND["ExceptionType"]}}],
    "single, as a whole": [failure(500, "MXInvalidEntityReferenceException", "Lead not found")],
}


@pytest.mark.parametrize(
    ("reading", "expected"),
    [
        (leads_read(), "not_found"),
        ({"RecordCount": 0}, "permission"),
        (leads_read(OTHER_ID), "not_found"),
        (leads_read(LEAD_ID), "permission"),
        (leads_read(f"{{{LEAD_ID.upper()}}}"), "permission"),
        (failure(403), "permission"),
        (failure(404), "permission"),
        (failure(500, "MXInvalidInputException", "too many"), "permission"),
    ],
    ids=["absent", "no list", "another", "there", "there, in upper case", "denied", "no such call", "rejected"],
)
@pytest.mark.parametrize("way", WAYS)
def test_a_lead_is_gone_only_where_it_cannot_be_read_either(way: str, reading: Any, expected: str) -> None:
    found, session = destination(*WAYS[way], reading, write_mode="upsert_single" if "single" in way else "upsert")
    (outcome,) = send(found, known())
    assert codes([outcome]) == [expected]
    assert outcome.reason
    assert calls(session)[-1] == READ
    assert session.made[-1].json["SearchParameters"] == {"LeadIds": [LEAD_ID]}
    assert session.script == []


def test_only_leads_in_doubt_are_read_and_each_gets_its_own_answer() -> None:
    ids = [LEAD_ID, OTHER_ID, "c" + LEAD_ID[1:]]
    found, session = destination(updated(3, ids[0], ids[2].upper()), leads_read(ids[2].upper()))
    assert codes(send(found, *(known(lead_id) for lead_id in ids))) == ["not_found", "updated", "permission"]
    assert session.made[1].json["SearchParameters"] == {"LeadIds": [ids[0], ids[2]]}


def test_no_lead_is_read_where_all_were_updated_or_rejected_for_another_reason() -> None:
    found, session = destination(updated(2, LEAD_ID, reason="2 Duplicate Lead(s) provided"))
    assert codes(send(found, known(), known(OTHER_ID))) == ["duplicate", "updated"]
    assert calls(session) == [UPDATE]


@pytest.mark.parametrize("error", [TransientError("later"), StoppedError("stopped")])
def test_where_the_proof_has_to_wait_what_is_known_of_the_others_is_kept(error: Exception) -> None:
    found, _ = destination(updated(3, OTHER_ID), error)
    with pytest.raises(PartlySentError) as raised:
        send(found, known(), known(OTHER_ID), known("c" + LEAD_ID[1:]))
    assert raised.value.error is error
    assert {place: outcome.status.value for place, outcome in raised.value.outcomes.items()} == {
        0: "updated", 2: "updated"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("reading", "expected"), [(leads_read(), "not_found"), (leads_read(LEAD_ID), "created"), (failure(403), "created")]
)
def test_an_upsert_that_wrote_to_another_lead_did_not_find_the_one_that_is_gone(reading: Any, expected: str) -> None:
    found, session = destination(LACKS_UPDATE, [row(1, lead_id=OTHER_ID)], reading)
    (outcome,) = send(found, known())
    assert codes([outcome]) == [expected]
    assert outcome.lead_id == (OTHER_ID if expected == "created" else None), "whose lead it was is told"
    assert calls(session) == [UPDATE, UPSERT, READ]


def test_a_call_of_several_leads_that_is_rejected_as_a_whole_is_divided_first() -> None:
    error = failure(500, "MXInvalidEntityReferenceException", "Lead not found")
    found, session = destination(error)
    with pytest.raises(CallRejectedError):
        send(found, known(), known(OTHER_ID))
    assert calls(session) == [UPDATE]


def test_a_lead_that_is_rejected_alone_for_another_reason_needs_no_proof() -> None:
    error = failure(500, "MXDuplicateEntryException", "A Lead with same Phone already exists.")
    found, session = destination(error)
    with pytest.raises(CallRejectedError) as raised:
        send(found, known())
    assert found.rejection(raised.value).conflicting_fields == ("Phone",)
    assert calls(session) == [UPDATE]


def test_the_reason_of_a_lead_that_may_not_be_updated_says_so() -> None:
    found, _ = destination(updated(1, LEAD_ID), leads_read(LEAD_ID))
    (outcome,) = send(found, known())
    assert NO_SUCH_LEAD in outcome.reason
    assert "may not update it" in outcome.reason


# Rows that are rejected for the rate limit


def test_leads_that_were_rejected_for_the_rate_limit_are_sent_again() -> None:
    found, session = destination(updated(3, OTHER_ID, reason=LIMITED), updated(1))
    ids = [LEAD_ID, OTHER_ID, "c" + LEAD_ID[1:]]
    outcomes = send(found, *(known(lead_id, LastName=lead_id) for lead_id in ids))
    assert codes(outcomes) == ["updated"] * 3
    assert [outcome.lead_id for outcome in outcomes] == ids
    assert calls(session) == [UPDATE, UPDATE]
    assert session.made[1].json["LeadPropertiesList"] == session.made[0].json["LeadPropertiesList"][1:2]
    assert session.retries == 1


@pytest.mark.parametrize(
    "error", [TransientError("later"), failure(500, "MXInvalidInputException", "bad"), failure(401)]
)
def test_what_is_known_is_kept_with_its_place_where_the_rest_fails(error: Exception) -> None:
    ids = [LEAD_ID, OTHER_ID, "c" + LEAD_ID[1:]]
    found, _ = destination(updated(3, OTHER_ID, reason=LIMITED), error)
    with pytest.raises(PartlySentError) as raised:
        send(found, *(known(lead_id) for lead_id in ids))
    assert raised.value.error is error
    assert {place: outcome.lead_id for place, outcome in raised.value.outcomes.items()} == {0: ids[0], 2: ids[2]}


def test_what_is_known_is_kept_where_the_quota_does_not_wait_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    found, session = destination(updated(2, OTHER_ID, reason=LIMITED))
    error = TransientError("requires a wait of 5 s")

    def refuse(_: float) -> None:
        raise error

    monkeypatch.setattr(session.quota, "pause", refuse)
    with pytest.raises(PartlySentError) as raised:
        send(found, known(), known(OTHER_ID))
    assert raised.value.error is error
    assert list(raised.value.outcomes) == [0]


def test_a_lead_in_doubt_is_not_known_where_the_rest_fails() -> None:
    response = updated(3, LEAD_ID)
    response["Details"]["FailedLeads"] = [{"IdentifierValue": OTHER_ID, "Reason": LIMITED}]
    response["Status"] |= {"SuccessCount": 1, "FailureCount": 1}
    found, session = destination(response, TransientError("later"))
    with pytest.raises(PartlySentError) as raised:
        send(found, known(), known(OTHER_ID), known("c" + LEAD_ID[1:]))
    assert list(raised.value.outcomes) == [2], "nobody has proved that the first one is gone"
    assert calls(session) == [UPDATE, UPDATE]


def test_where_all_that_is_known_is_in_doubt_the_call_failed() -> None:
    response = updated(2, LEAD_ID, OTHER_ID)
    response["Details"]["UnProcessedLeads"][1]["Reason"] = LIMITED
    error = failure(500, "MXInvalidInputException", "bad")
    with pytest.raises(CallRejectedError) as raised:
        send(destination(response, error)[0], known(), known(OTHER_ID))
    assert raised.value is error, "so that it is divided, and not sent again as it is"


def test_a_rate_limit_that_never_ends_is_told_with_what_is_known() -> None:
    found, session = destination(updated(2, OTHER_ID, reason=LIMITED), *[updated(1, OTHER_ID, reason=LIMITED)] * 9)
    with pytest.raises(PartlySentError, match="Nothing is lost") as raised:
        send(found, known(), known(OTHER_ID))
    assert list(raised.value.outcomes) == [0]
    assert calls(session) == [UPDATE] * 10
