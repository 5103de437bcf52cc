"""LeadSquared's responses are read into exactly one outcome a lead, and a lead is accepted only on proof."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lead_connectors.delivery.outcome import Outcome
from lead_connectors.reject_codes import RejectCode
from target_leadsquared.response import read_rejection, read_rows, read_single

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 30) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
GOOD_ID = "a4f351b9-bc2a-44a9-9a38-f1303cca214a"


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
        "LeadId": st.sampled_from([GOOD_ID, "", None, "00000000-0000-0000-0000-000000000000"]),
        "LeadCreated": st.sampled_from([True, False, None, "true"]),
        "LeadUpdated": st.sampled_from([True, False, None]),
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
            assert mine[0]["LeadId"] == GOOD_ID
            assert mine[0].get("LeadCreated") is True or mine[0].get("LeadUpdated") is True
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
        ([row(1), row(2, LeadCreated=False)], ["created", "no_response"]),
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


def test_a_row_rejected_for_the_rate_limit_has_no_outcome_yet() -> None:
    response = [row(1), row(2, ExceptionType="MXAPIRateLimitExceededException")]
    assert read_rows(response, 2)[1] is None


@pytest.mark.parametrize(
    ("text", "conflicting"),
    [
        ("A Lead with same Email already exists.", ("EmailAddress",)),
        ("A Lead with same Phone Number already exists.", ("Phone",)),
        ("A Lead with same Mobile Number already exists.", ("Mobile",)),
        ("A Lead with same mx_CareCycle_Id already exists.", ("mx_CareCycle_Id",)),
        ("A Lead like this already exists.", ()),
    ],
)
def test_names_the_conflicting_field(text: str, conflicting: tuple[str, ...]) -> None:
    outcome = read_rejection({"ExceptionMessage": text}, "MXDuplicateEntryException", ["mx_CareCycle_Id"])
    assert (outcome.code, outcome.conflicting_fields) == (RejectCode.CONFLICT, conflicting)


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ({"Status": "Success", "Message": {"Id": GOOD_ID, "AffectedRows": 1}}, "accepted"),
        ({"Status": "Success", "Message": {"RelatedID": GOOD_ID}}, "accepted"),
        ({"Status": "Success", "Message": {}}, "no_response"),
        ({"Status": "Error", "Message": {"Id": GOOD_ID}}, "no_response"),
        ([], "no_response"),
        (None, "no_response"),
    ],
)
def test_single(response: Any, expected: str) -> None:
    assert code(read_single(response)) == expected
