"""Answers are read into exactly one outcome a lead, and only positive proof counts as success."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lead_connectors.delivery.outcome import Outcome, Status
from lead_connectors.reject_codes import RejectCode
from target_carecycle.response import blamed_records, read_upload, refusal_alone
from target_leadsquared.response import read_refusal, read_rows, read_single

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


@given(answer=JSON | st.lists(ROW, max_size=8), leads=st.integers(0, 6))
def test_leadsquared_one_outcome_a_lead_and_success_only_on_proof(answer: Any, leads: int) -> None:
    outcomes = read_rows(answer, leads)
    assert len(outcomes) == leads
    rows = [each for each in answer if isinstance(each, dict)] if isinstance(answer, list) else []
    for place, outcome in enumerate(outcomes, 1):
        if outcome is not None and outcome.delivered:
            mine = [each for each in rows if str(each.get("RowNumber")) == str(place)]
            assert len(mine) == 1
            assert mine[0]["LeadId"] == GOOD_ID
            assert mine[0].get("LeadCreated") is True or mine[0].get("LeadUpdated") is True
            assert not mine[0].get("ExceptionType")
            assert not mine[0].get("ErrorMessage")


@pytest.mark.parametrize(
    ("answer", "expected"),
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
def test_leadsquared_rows(answer: Any, expected: list[str]) -> None:
    assert [code(outcome) for outcome in read_rows(answer, 2)] == expected


def test_leadsquared_a_row_refused_for_its_pace_is_no_outcome() -> None:
    answer = [row(1), row(2, ExceptionType="MXAPIRateLimitExceededException")]
    assert read_rows(answer, 2)[1] is None


@pytest.mark.parametrize(
    ("text", "clashed"),
    [
        ("A Lead with same Email already exists.", ("EmailAddress",)),
        ("A Lead with same Phone Number already exists.", ("Phone",)),
        ("A Lead with same Mobile Number already exists.", ("Mobile",)),
        ("A Lead with same mx_CareCycle_Id already exists.", ("mx_CareCycle_Id",)),
        ("A Lead like this already exists.", ()),
    ],
)
def test_leadsquared_says_what_clashed(text: str, clashed: tuple[str, ...]) -> None:
    outcome = read_refusal({"ExceptionMessage": text}, "MXDuplicateEntryException", ["mx_CareCycle_Id"])
    assert (outcome.code, outcome.clashed) == (RejectCode.CONFLICT, clashed)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"Status": "Success", "Message": {"Id": GOOD_ID, "AffectedRows": 1}}, "accepted"),
        ({"Status": "Success", "Message": {"RelatedID": GOOD_ID}}, "accepted"),
        ({"Status": "Success", "Message": {}}, "no_response"),
        ({"Status": "Error", "Message": {"Id": GOOD_ID}}, "no_response"),
        ([], "no_response"),
        (None, "no_response"),
    ],
)
def test_leadsquared_single(answer: Any, expected: str) -> None:
    assert code(read_single(answer)) == expected


NAMES = ["a", "b", "c"]


def error(name: str | None, text: str = "Invalid phone") -> dict[str, Any]:
    return {"id": GOOD_ID, "externalId": name, "error": text}


@given(answer=JSON, names=st.lists(st.text(max_size=4), unique=True, max_size=5))
def test_carecycle_one_outcome_a_record(answer: Any, names: list[str]) -> None:
    assert len(read_upload(answer, names)) == len(names)


@given(
    succeeded=st.integers(-1, 4) | st.none(),
    failed=st.integers(-1, 4) | st.none(),
    errors=st.lists(st.sampled_from(["a", "b", "z", None]), max_size=4),
)
def test_carecycle_a_record_is_accepted_only_where_the_numbers_add_up(
    succeeded: int | None, failed: int | None, errors: list[str | None]
) -> None:
    answer = {"succeeded": succeeded, "failed": failed, "errors": [error(name) for name in errors]}
    outcomes = read_upload(answer, NAMES)
    named = set(errors)
    for name, outcome in zip(NAMES, outcomes, strict=True):
        if outcome.delivered:
            assert name not in named
            assert named <= set(NAMES)
            assert len(errors) == len(named) == failed
            assert succeeded == len(NAMES) - len(named)
        else:
            assert outcome.status is Status.REJECTED


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"succeeded": 3, "failed": 0, "errors": []}, ["accepted"] * 3),
        ({"succeeded": 2, "failed": 1, "errors": [error("b")]}, ["accepted", "invalid_value", "accepted"]),
        ({"succeeded": 2, "failed": 1, "errors": [error(None)]}, ["no_response"] * 3),
        ({"succeeded": 2, "failed": 0, "errors": []}, ["no_response"] * 3),
        ({"succeeded": 3, "failed": 0}, ["no_response"] * 3),
        ({}, ["no_response"] * 3),
        (
            {"succeeded": 1, "failed": 2, "errors": [error(None), error("b")], "results": [{"externalId": "a"}]},
            ["accepted", "invalid_value", "no_response"],
        ),
    ],
)
def test_carecycle_uploads(answer: Any, expected: list[str]) -> None:
    assert [code(outcome) for outcome in read_upload(answer, NAMES)] == expected


def test_carecycle_names_its_culprits_by_index_or_by_path() -> None:
    assert blamed_records({"failedRecords": [{"index": 3}, {"index": 1}]}) == [1, 3]
    assert blamed_records({"errors": [{"path": ["records", "2", "dateOfBirth"]}, {"path": ["records"]}]}) == [2]
    assert blamed_records({"errors": "odd", "failedRecords": None}) == []
    assert blamed_records(None) == []


def test_carecycle_a_lone_refusal_names_the_field_and_never_what_was_received() -> None:
    received = "31-31-1931"
    path = ["records", "0", "dateOfBirth"]
    body = {"code": "VALIDATION_ERROR", "errors": [{"path": path, "message": "Invalid", "received": received}]}
    outcome = refusal_alone(body)
    assert outcome.code is RejectCode.INVALID_VALUE
    assert "dateOfBirth" in outcome.reason
    assert received not in outcome.reason
