"""CareCycle's responses are read into exactly one outcome a record, and a record is accepted only on proof."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lead_connectors.delivery.outcome import Outcome, Status
from lead_connectors.reject_codes import RejectCode
from target_carecycle.response import named_records, read_rejection, read_upload

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 30) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
GOOD_ID = "a4f351b9-bc2a-44a9-9a38-f1303cca214a"


def code(outcome: Outcome | None) -> str:
    assert outcome is not None
    return outcome.code.value if outcome.code else outcome.status.value


NAMES = ["a", "b", "c"]


def error(name: str | None, text: str = "Invalid phone") -> dict[str, Any]:
    return {"id": GOOD_ID, "externalId": name, "error": text}


@given(response=JSON, names=st.lists(st.text(max_size=4), unique=True, max_size=5))
def test_one_outcome_a_record(response: Any, names: list[str]) -> None:
    assert len(read_upload(response, names)) == len(names)


@given(
    succeeded=st.integers(-1, 4) | st.none(),
    failed=st.integers(-1, 4) | st.none(),
    errors=st.lists(st.sampled_from(["a", "b", "z", None]), max_size=4),
)
def test_a_record_is_accepted_only_where_the_numbers_add_up(
    succeeded: int | None, failed: int | None, errors: list[str | None]
) -> None:
    response = {"succeeded": succeeded, "failed": failed, "errors": [error(name) for name in errors]}
    outcomes = read_upload(response, NAMES)
    named = set(errors)
    for name, outcome in zip(NAMES, outcomes, strict=True):
        if outcome.is_delivered:
            assert name not in named
            assert named <= set(NAMES)
            assert len(errors) == len(named) == failed
            assert succeeded == len(NAMES) - len(named)
        else:
            assert outcome.status is Status.REJECTED


@pytest.mark.parametrize(
    ("response", "expected"),
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
def test_uploads(response: Any, expected: list[str]) -> None:
    assert [code(outcome) for outcome in read_upload(response, NAMES)] == expected


def test_names_its_culprits_by_index_or_by_path() -> None:
    assert named_records({"failedRecords": [{"index": 3}, {"index": 1}]}) == [1, 3]
    assert named_records({"errors": [{"path": ["records", "2", "dateOfBirth"]}, {"path": ["records"]}]}) == [2]
    assert named_records({"errors": "odd", "failedRecords": None}) == []
    assert named_records(None) == []


def test_a_lone_rejection_names_the_field_and_never_what_was_received() -> None:
    received = "31-31-1931"
    path = ["records", "0", "dateOfBirth"]
    body = {"code": "VALIDATION_ERROR", "errors": [{"path": path, "message": "Invalid", "received": received}]}
    outcome = read_rejection(body)
    assert outcome.code is RejectCode.INVALID_VALUE
    assert "dateOfBirth" in outcome.reason
    assert received not in outcome.reason
