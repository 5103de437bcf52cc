"""LeadSquared's responses are read into exactly one outcome a lead, and a lead is accepted only on proof."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lead_connectors.delivery.outcome import Outcome, id_key
from lead_connectors.reject_codes import RejectCode
from target_leadsquared.response import clean_lead_id, named_rows, read_rejection, read_rows, read_single, read_update
from tests.json_values import json_with

GOOD_ID = "a4f351b9-bc2a-44a9-9a38-f1303cca214a"
OTHER_ID = "b5f351b9-bc2a-44a9-9a38-f1303cca214b"
SPELLINGS = [GOOD_ID, GOOD_ID.upper(), f"{{{GOOD_ID}}}", f" {{{GOOD_ID.upper()}}} "]
JSON = json_with(
    [
        *("Status", "Message", "Id", "RowNumber", "LeadId", "LeadCreated", "LeadUpdated", "AffectedRows"),
        *("ExceptionType", "ExceptionMessage", "ErrorMessage", "Details", "FailedLeads", "UnProcessedLeads"),
        *("IdentifierValue", "Reason", "TotalCount", "SuccessCount", "FailureCount", "UnProcessedCount"),
    ],
    ["Success", "Error", "1", GOOD_ID, "MXDuplicateEntryException", "Duplicate entry 'x' for key 'y'"],
)


def row(number: Any, **values: Any) -> dict[str, Any]:
    good = {"RowNumber": number, "LeadId": GOOD_ID, "LeadCreated": True, "LeadUpdated": False, "AffectedRows": 1}
    return {**good, **values}


def code(outcome: Outcome | None) -> str:
    assert outcome is not None
    return outcome.code.value if outcome.code else outcome.status.value


ROW = st.fixed_dictionaries(
    {},
    optional={
        "RowNumber": st.integers(-1, 6) | st.sampled_from(["1", "2", None, True]),
        "LeadId": st.sampled_from([GOOD_ID, "", None, "00000000-0000-0000-0000-000000000000", *SPELLINGS]),
        "LeadCreated": st.sampled_from([True, False, None, "true", "false"]),
        "LeadUpdated": st.sampled_from([True, False, None]),
        "AffectedRows": st.sampled_from([0, 1, "1", None, True, 1.0, -1]),
        "ExceptionType": st.sampled_from([None, "", "MXDuplicateEntryException", "Odd"]),
        "ErrorMessage": st.sampled_from([None, "", "Invalid data"]),
    },
)


@given(response=JSON | st.lists(ROW, max_size=8), leads=st.integers(0, 6))
def test_one_outcome_a_lead_and_success_only_on_proof(response: Any, leads: int) -> None:
    outcomes = read_rows(response, leads)
    assert len(outcomes) == leads
    rows = [each for each in response if isinstance(each, dict)] if isinstance(response, list) else []
    for place, outcome in enumerate(outcomes, 1):
        if outcome is not None and outcome.is_delivered:
            mine = [each for each in rows if str(each.get("RowNumber")) == str(place)]
            assert len(mine) == 1
            assert mine[0]["LeadId"] in SPELLINGS
            assert outcome.lead_id == mine[0]["LeadId"].strip()
            is_created, is_updated = mine[0].get("LeadCreated") in (True, "true"), mine[0].get("LeadUpdated") is True
            says_which = {(True, False): "created", (False, True): "updated"}
            assert outcome.status.value == says_which.get((is_created, is_updated), "accepted")
            assert is_created or is_updated or mine[0].get("AffectedRows") in (1, "1")
            assert not mine[0].get("ExceptionType")
            assert not mine[0].get("ErrorMessage")


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ([row(1), row(2, LeadCreated=False, LeadUpdated=True)], ["created", "updated"]),
        ([row(2), row(1, LeadCreated=False, LeadUpdated=True)], ["updated", "created"]),
        ([row(1)], ["created", "no_response"]),
        ([row(1), row(1)], ["no_response", "no_response"]),
        ([row(1), row(3)], ["created", "no_response"]),
        ([row(0), row(1)], ["created", "no_response"]),
        ([row(1), row(2, LeadId="")], ["created", "no_response"]),
        ([row(1), row(2, LeadCreated=False)], ["created", "accepted"]),
        ([row(1), row(2, LeadCreated=False, AffectedRows="1")], ["created", "accepted"]),
        ([row(1), row(2, LeadCreated=False, AffectedRows=0)], ["created", "no_response"]),
        ([row(1), row(2, LeadCreated=False, AffectedRows=True)], ["created", "no_response"]),
        ([row(1), row(2, LeadCreated="true")], ["created", "created"]),
        ([row(1), row(2, LeadCreated=True, LeadUpdated=True)], ["created", "accepted"]),
        ([row(1), row(2, LeadId="{00000000-0000-0000-0000-000000000000}")], ["created", "no_response"]),
        ([row(1), row(2, Error={"odd": 1})], ["created", "api_rejected"]),
        ([row(1), row(2, ExceptionType="MXDuplicateEntryException")], ["created", "conflict"]),
        ([row(1), row(2, ErrorMessage="Invalid Phone format")], ["created", "invalid_value"]),
        ([row(1), row(2, ErrorMessage="2 Duplicate Lead(s) provided")], ["created", "duplicate"]),
        ([row(1), row(2, ExceptionType="MXUnknownAttributeException")], ["created", "unknown_field"]),
        ([row(1), row(2, ExceptionType="MXNeverHeardOf")], ["created", "api_rejected"]),
        ([], ["no_response", "no_response"]),
        ({"Status": "Success"}, ["no_response", "no_response"]),
        (None, ["no_response", "no_response"]),
    ],
)
def test_rows(response: Any, expected: list[str]) -> None:
    assert [code(outcome) for outcome in read_rows(response, 2)] == expected


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_lead_id_is_kept_as_it_came_and_compared_in_one_form(spelling: str) -> None:
    (outcome,) = read_rows([row(1, LeadId=spelling)], 1)
    assert outcome is not None
    single = read_single({"Status": "Success", "Message": {"Id": spelling}})
    (update,) = read_update(update_response(1, 1), [spelling], by_lead_id=True)
    assert update is not None
    assert outcome.lead_id == single.lead_id == update.lead_id == clean_lead_id(spelling) == spelling.strip()
    assert id_key(spelling) == GOOD_ID


LIMIT_TEXT = "API calls exceeded the limit of 10 in 5 second(s)"


@pytest.mark.parametrize(
    "error",
    [
        {"ExceptionType": "MXAPIRateLimitExceededException"},
        {"ExceptionType": "MXException", "ExceptionMessage": LIMIT_TEXT},
        {"ErrorMessage": LIMIT_TEXT},
    ],
)
def test_a_row_rejected_for_the_rate_limit_has_no_outcome_yet(error: dict[str, str]) -> None:
    assert read_rows([row(1), row(2, **error)], 2)[1] is None


@pytest.mark.parametrize(
    "error",
    [
        {"ExceptionType": "MXDuplicateEntryException", "ErrorMessage": f"Duplicate entry '{LIMIT_TEXT}' for key 'x'"},
        {"ErrorMessage": f"A lead with EmailAddress {LIMIT_TEXT} already exists"},
        {"ErrorMessage": f"Invalid value '{LIMIT_TEXT}'"},
    ],
)
def test_a_value_that_reads_like_a_rate_limit_is_none(error: dict[str, str]) -> None:
    assert read_rows([row(1, **error)], 1)[0] is not None


# --- Lead/Bulk/UpdateV2 ------------------------------------------------------------------------------------------

NO_SUCH_LEAD = "Lead does not exist in the system or You do not have permission to update the lead"


def entry(value: Any, reason: Any = NO_SUCH_LEAD) -> dict[str, Any]:
    return {"Identifier": "ProspectId", "IdentifierValue": value, "Reason": reason}


def update_response(total: Any, success: Any, failed: Any = (), unprocessed: Any = (), **status: Any) -> dict[str, Any]:
    counts = {"TotalCount": total, "SuccessCount": success, "FailureCount": len(failed), "Message": "Error"}
    if unprocessed:
        counts["UnProcessedCount"] = len(unprocessed)
    lists = {"FailedLeads": list(failed), "UnProcessedLeads": list(unprocessed)}
    return {"Status": {**counts, **status}, "Details": lists}


SENT = ["a@x.com", GOOD_ID, "+1-4155550100"]
UPDATED = ["updated"] * 3
UNCLEAR = ["no_response"] * 3


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (update_response(3, 3), UPDATED),
        (update_response("3", "3"), UPDATED),
        (update_response(None, 3, FailureCount=None), UPDATED),
        ({"Status": {"SuccessCount": 3}}, UPDATED),
        (update_response(3, 2, unprocessed=[entry("A@X.com")]), ["not_found", "updated", "updated"]),
        (update_response(3, 2, failed=[entry(f"{{{GOOD_ID.upper()}}}")]), ["updated", "not_found", "updated"]),
        (
            update_response(3, 1, [entry("a@x.com", "Invalid data")], [entry(SENT[2])]),
            ["invalid_value", "updated", "not_found"],
        ),
        (update_response(3, 2, [entry(GOOD_ID, "2 Duplicate Lead(s) provided")]), ["updated", "duplicate", "updated"]),
        (
            update_response(3, 2, [entry(GOOD_ID, "A Lead with same Email already exists.")]),
            ["updated", "conflict", "updated"],
        ),
        (update_response(3, 2, [entry(GOOD_ID, None)]), ["updated", "api_rejected", "updated"]),
        (update_response(3, 2, [entry(GOOD_ID, LIMIT_TEXT)]), ["updated", None, "updated"]),
        # The counts contradict the lists, or each other: what is not named is unclear.
        (update_response(3, 0), UNCLEAR),
        (update_response(3, 2), UNCLEAR),
        (
            {
                "Status": {"TotalCount": 3, "SuccessCount": 2},
                "Details": {"FailedLeads": [entry(SENT[1])], "UnProcessedLeads": []},
            },
            ["updated", "not_found", "updated"],
        ),
        (update_response(2, 3), UNCLEAR),
        (update_response(3, 3, FailureCount=1), UNCLEAR),
        (update_response(total=3, success=True), UNCLEAR),
        (update_response(3, 2, failed=[entry("someone@else.com")]), UNCLEAR),
        (update_response(3, 2, failed=[entry(None)]), UNCLEAR),
        (update_response(3, 2, failed=["odd"]), UNCLEAR),
        (update_response(3, 3, failed=[entry(GOOD_ID)]), ["no_response", "not_found", "no_response"]),
        (update_response(3, 0, failed=[entry(None, "Fields are empty")] * 3), UNCLEAR),
        ({"Status": "Success"}, UNCLEAR),
        ([], UNCLEAR),
        (None, UNCLEAR),
    ],
)
def test_updates(response: Any, expected: list[str | None]) -> None:
    assert [outcome and code(outcome) for outcome in read_update(response, SENT)] == expected


def test_an_updated_lead_has_its_id_only_where_it_was_found_by_it() -> None:
    by_id, by_email = (
        read_update(update_response(1, 1), [GOOD_ID], by_lead_id=True),
        read_update(update_response(1, 1), ["a@x.com"]),
    )
    assert [outcome and outcome.lead_id for outcome in by_id + by_email] == [GOOD_ID, None]


COUNT = st.integers(-1, 4) | st.none()


@given(
    counts=st.fixed_dictionaries(
        {}, optional=dict.fromkeys(["TotalCount", "SuccessCount", "FailureCount", "UnProcessedCount"], COUNT)
    ),
    failed=st.lists(st.sampled_from([*SENT, "other", None, 7]), max_size=4),
    unprocessed=st.lists(st.sampled_from([*SENT, "other"]), max_size=2),
)
def test_a_lead_is_updated_only_where_the_counts_add_up(
    counts: dict[str, Any], failed: list[Any], unprocessed: list[Any]
) -> None:
    lists = {"FailedLeads": list(map(entry, failed)), "UnProcessedLeads": list(map(entry, unprocessed))}
    named = [*failed, *unprocessed]
    for sent, outcome in zip(SENT, read_update({"Status": counts, "Details": lists}, SENT), strict=True):
        assert outcome is not None
        if outcome.is_delivered:
            assert sent not in named
            assert set(named) <= set(SENT)
            assert counts["SuccessCount"] == len(SENT) - len(set(named))
            others = [counts[name] for name in ("FailureCount", "UnProcessedCount") if counts.get(name) is not None]
            assert sum(others) <= len(named)
            assert len(others) == 1 or not others or sum(others) == len(named)
            assert counts.get("TotalCount") in (None, len(SENT))


# --- the field in conflict ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "conflicting"),
    [
        ("A Lead with same Email already exists.", ("EmailAddress",)),
        ("A Lead with same Phone Number already exists.", ("Phone",)),
        ("A Lead with same Mobile Number already exists.", ("Mobile",)),
        ("A Lead with same Email/Phone Number already exists.", ("EmailAddress", "Phone")),
        ("A Lead with same mx_CareCycle_Id already exists.", ("mx_CareCycle_Id",)),
        ("A Lead with same CareCycle Id already exists.", ("mx_CareCycle_Id",)),
        ("MXDuplicateEntryException: A lead with same Phone already exists", ("Phone",)),
        ("A lead with EmailAddress Phone@x.com already exists", ("EmailAddress",)),
        ("A lead with Phone 'a@EmailAddress.com' already exists.", ("Phone",)),
        ("A lead with 'Phone' already exists.", ()),
        ("Duplicate entry 'a@Phone.com' for key 'UQ_Prospect_Base_EmailAddress'", ("EmailAddress",)),
        ("Duplicate entry 'x' for key 'Prospect_Base.UQ_Prospect_Base_mx_CareCycle_Id'", ("mx_CareCycle_Id",)),
        ("Duplicate entry 'x' for key 'UQ_Prospect_Base_Other'", ()),
        ("Duplicate entry 'EmailAddress Phone'", ()),
        ("A Lead like this already exists.", ()),
    ],
)
def test_names_the_conflicting_field(text: str, conflicting: tuple[str, ...]) -> None:
    outcome = read_rejection({"ExceptionMessage": text}, "MXDuplicateEntryException", ["mx_CareCycle_Id"])
    assert (outcome.code, outcome.conflicting_fields) == (RejectCode.CONFLICT, conflicting)


CLASHES = {
    "A Lead with same Phone Number already exists.": "Phone",
    "A lead with EmailAddress {} already exists": "EmailAddress",
    "A lead with Phone '{}' already exists.": "Phone",
    "A lead with mx_Member already exists: {} already exists": "mx_Member",
    "Duplicate entry '{}' for key 'UQ_Prospect_Base_EmailAddress'": "EmailAddress",
    "Duplicate entry '{}' for key 'UQ_Prospect_Base_mx_Member'": "mx_Member",
    "Duplicate entry '{}' for key 'base.UQ_Prospect_Base_Mobile'.": "Mobile",
}
HOSTILE = st.lists(
    st.sampled_from(
        [
            *("Phone", "Mobile", "EmailAddress", "same Email", "a@phone.com", "mx_Member", "Number", "Extra", "'", '"'),
            *("for key 'UQ_Prospect_Base_Phone'", "Duplicate entry 'x'", "A lead with Phone", "already exists", "/"),
            *("duplicate lead(s)", "invalid", "mandatory", "not found", LIMIT_TEXT, "MXAPIRateLimitExceededException"),
        ]
    )
    | st.text(max_size=6),
    max_size=5,
).map(" ".join)


@given(
    st.sampled_from(sorted(CLASHES)),
    HOSTILE,
    st.sampled_from([(), ("mx_Member", "mx_Phone_Extra")]),
    st.sampled_from([{}, {"ExceptionType": "MXDuplicateEntryException"}]),
)
def test_a_value_never_decides_which_field_is_in_conflict(
    form: str, value: str, identifiers: tuple[str, ...], error: dict[str, str]
) -> None:
    field, text = CLASHES[form], form.format(value)
    (outcome,) = read_rows([row(1, ErrorMessage=text, **error)], 1, identifiers)
    assert outcome is not None
    assert outcome.code is RejectCode.CONFLICT
    assert outcome.conflicting_fields == ((field,) if field != "mx_Member" or identifiers else ())


@given(HOSTILE)
def test_a_text_that_is_no_clash_names_no_field(value: str) -> None:
    outcome = read_rejection({"ExceptionMessage": f"Invalid value '{value}'"}, "MXInvalidInputException")
    assert outcome.conflicting_fields == ()


# --- one lead a call ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ({"Status": "Success", "Message": {"Id": GOOD_ID, "AffectedRows": 1}}, "accepted"),
        ({"Status": "Success", "Message": {"RelatedID": GOOD_ID}}, "accepted"),
        ({"Status": "Success", "Message": {}}, "no_response"),
        ({"Status": "Error", "Message": {"Id": GOOD_ID}}, "no_response"),
        ({"Status": "Success", "Message": {"Id": GOOD_ID}, "ExceptionType": "MXDuplicateEntryException"}, "conflict"),
        ({"Status": "Success", "Message": {"Id": "{}"}}, "no_response"),
        ({"Status": "Success", "Message": [GOOD_ID]}, "no_response"),
        ({"Status": "Success", "Id": GOOD_ID}, "no_response"),
        ([], "no_response"),
        (None, "no_response"),
    ],
)
def test_single(response: Any, expected: str) -> None:
    assert code(read_single(response)) == expected


@pytest.mark.parametrize(
    ("code_of_call", "status", "expected"),
    [
        ("MXUnAuthorizedAccessException", 500, "permission"),
        ("MXInvalidEntityReferenceException", 404, "not_found"),
        ("MXNeverHeardOf", 404, "not_found"),
        ("MXNeverHeardOf", 500, "api_rejected"),
    ],
)
def test_a_denied_lead(code_of_call: str, status: int, expected: str) -> None:
    assert code(read_rejection({"Status": "Error"}, code_of_call, status=status)) == expected


@given(JSON, st.lists(st.text(max_size=4), max_size=4))
def test_no_json_breaks_a_reader(body: Any, sent: list[str]) -> None:
    assert len(read_update(body, sent)) == len(read_rows(body, len(sent))) == len(sent)
    assert read_single(body)
    assert read_rejection(body, "HTTP 400")
    assert all(isinstance(number, int) for number in named_rows(body))
