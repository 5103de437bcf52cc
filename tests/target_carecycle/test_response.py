"""CareCycle's responses are read into exactly one outcome a record, and a record is accepted only on proof."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lead_connectors.carecycle import field_errors, organisation
from lead_connectors.delivery.outcome import Outcome, Status
from lead_connectors.reject_codes import RejectCode
from target_carecycle.api_fields import upload_fields
from target_carecycle.custom_fields import fetch_custom_fields
from target_carecycle.response import named_records, read_rejection, read_upload
from tests.json_values import json_with

JSON = json_with(
    [
        *("succeeded", "failed", "errors", "results", "externalId", "error", "message", "path", "received"),
        *("failedRecords", "index", "items", "fieldKey", "fieldType", "options", "clientId", "currentPage", "code"),
    ],
    ["a", "records", "0", "select", "Invalid phone"],
)
GOOD_ID = "a4f351b9-bc2a-44a9-9a38-f1303cca214a"


def code(outcome: Outcome | None) -> str:
    assert outcome is not None
    return outcome.code.value if outcome.code else outcome.status.value


NAMES = ["a", "b", "c"]


def error(name: Any, text: Any = "Invalid phone") -> dict[str, Any]:
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
            assert len(errors) == len(named) == (failed or 0)
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
        ({"succeeded": 3, "failed": 0}, ["accepted"] * 3),
        ({"succeeded": 3, "failed": 0, "errors": None}, ["accepted"] * 3),
        ({"succeeded": "3", "failed": "0", "errors": None}, ["accepted"] * 3),
        ({"succeeded": 3, "errors": None}, ["accepted"] * 3),
        ({"succeeded": 2, "errors": None}, ["no_response"] * 3),
        ({"succeeded": 2, "failed": 1}, ["no_response"] * 3),
        ({"succeeded": 3, "failed": 0, "errors": {}}, ["no_response"] * 3),
        ({"succeeded": 3, "failed": 0, "errors": ["odd"]}, ["no_response"] * 3),
        ({"succeeded": 2, "failed": 1, "errors": [error(["b"])]}, ["no_response"] * 3),
        ({"succeeded": 2, "failed": 1, "errors": [error("b", ["odd"])]}, ["accepted", "api_rejected", "accepted"]),
        ({}, ["no_response"] * 3),
        (
            {"succeeded": 1, "failed": 2, "errors": [error(None), error("b")], "results": [{"externalId": "a"}]},
            ["accepted", "invalid_value", "no_response"],
        ),
    ],
)
def test_uploads(response: Any, expected: list[str]) -> None:
    assert [code(outcome) for outcome in read_upload(response, NAMES)] == expected


def test_an_external_id_may_come_back_as_a_number() -> None:
    response = {"succeeded": 1, "failed": 1, "errors": [error(7)]}
    assert [code(outcome) for outcome in read_upload(response, ["7", "8"])] == ["invalid_value", "accepted"]


@given(JSON)
def test_no_json_breaks_a_reader(body: Any) -> None:
    class Answers:
        def call(self, *_: Any, **__: Any) -> Any:
            return body

    session: Any = Answers()
    assert all(isinstance(position, int) and position >= 0 for position in named_records(body))
    assert read_rejection(body).status is Status.REJECTED
    assert all(isinstance(part, str) for each in field_errors(body) for part in (*each.path, each.safe_message))
    assert upload_fields("US", fetch_custom_fields(session).definitions)
    client = organisation(session)
    assert client is None or isinstance(client, str)


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
