"""One outcome a record, read from the response and nothing else; a row counts only on positive proof.

Mutants of the peers that this catches: a whole batch is OK where one row succeeded (Multiwoven), rows matched by their
index, a swallowed exception (Multiwoven's loader), HTTP 200 taken for success.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.end_to_end.delivery.harness import DELIVERED, TargetHarness, people, person

ALL_REJECTED = {"max_reject_percent": 100}


def delivered(account: dict[str, Any]) -> int:
    return sum(account[column] for column in DELIVERED)


@pytest.mark.parametrize("kind", ["drop_row", "repeat_row", "unknown_row"])
def test_a_row_that_is_not_clearly_there_is_no_success(leads: TargetHarness, kind: str) -> None:
    leads.fault(kind, row=2)
    account = leads.deliver(people(4))
    assert account["rejected"] == {"no_response": 1}
    assert delivered(account) == 3
    assert leads.rejects() == {"p1": "no_response"}


def test_a_failed_row_leaves_its_neighbours_alone(harness: TargetHarness) -> None:
    harness.fault(
        "fail_row", match={"field": harness.field("email"), "value": "p2@example.com"}, message="Invalid data"
    )
    account = harness.deliver(people(5))
    assert account["rejected"] == {"invalid_value": 1}
    assert delivered(account) == 4
    assert harness.rejects() == {"p2": "invalid_value"}
    assert set(harness.arrived()) == {"p0", "p1", "p3", "p4"}


def test_a_row_with_an_error_is_rejected_though_it_was_applied(leads: TargetHarness) -> None:
    """The response is all that is known."""
    leads.fault("fail_row", row=1, when="after", exception_type="MXSomethingNewException", message="Never seen before")
    account = leads.deliver(people(3))
    assert account["rejected"] == {"api_rejected": 1}


def test_a_row_says_what_it_is_rejected_for(leads: TargetHarness) -> None:
    reasons = [
        ("MXUnknownAttributeException", "Attribute(s) does not exist - X", "unknown_field"),
        ("MXMandatoryAttributeMissingException", "Mandatory", "required_missing"),
        ("MXInvalidEntityReferenceException", "Lead not found", "not_found"),
        ("MXDuplicateEntryException", "A Lead with same Phone Number already exists.", "conflict"),
        ("MXInvalidInputException", "2 Duplicate Lead(s) provided", "duplicate"),
        ("MXInvalidInputException", "Invalid data: FirstName exceeds the maximum length of 100", "too_long"),
        ("MXInvalidInputException", "Invalid data", "invalid_value"),
        ("MXUnAuthorizedAccessException", "Not allowed", "permission"),
        ("MXSomethingNewException", "Never seen before", "api_rejected"),
    ]
    for row, (exception, message, _) in enumerate(reasons, 1):
        leads.fault("fail_row", row=row, exception_type=exception, message=message)
    account = leads.deliver(people(10))
    assert account["created"] == 1
    assert leads.rejects() == {f"p{n}": code for n, (_, _, code) in enumerate(reasons)}


def test_errors_under_http_200_are_errors(leads: TargetHarness) -> None:
    """`Status: Error` under 200, as Lead.Capture shows: one lead of a call of three is at fault, two arrive."""
    leads.fault("sink_call", status=200, match={"field": "EmailAddress", "value": "p1@example.com"})
    account = leads.deliver(people(3))
    assert account["rejected"] == {"invalid_value": 1}
    assert account["created"] == 2


def test_no_usable_response_is_asked_for_again(harness: TargetHarness) -> None:
    """Whatever was applied is written again, and nothing is taken for delivered before the API says so."""
    kinds = ["truncated", "html_502", "status_500", "status_503", "status_408", "cut_json", "empty_200", "html_200"]
    for n, kind in enumerate(kinds, 1):
        harness.fault(
            kind, times=1, when="after", match={"field": harness.field("email"), "value": f"p{n}@example.com"}
        )
    account = harness.deliver(people(len(kinds) + 1), batch_size_rows=1, max_in_flight=8)
    assert delivered(account) == len(kinds) + 1
    assert account["rejected"] == {}
    assert harness.arrived() == {"p0": 1} | {f"p{n}": 2 for n in range(1, len(kinds) + 1)}
    assert harness.report()["api"]["retries"] == len(kinds)


def test_a_logical_error_under_500_is_final_and_a_plain_one_is_not(leads: TargetHarness) -> None:
    leads.fault("mx_500", times=1, exception_type="MXInvalidInputException", message="Invalid input")
    account = leads.deliver([person(1)], max_reject_percent=100)
    assert account["rejected"] == {"invalid_value": 1}
    assert leads.write_calls() == 1, "a logical error was sent again"
    leads.fault("status_500", times=1)
    assert leads.deliver([person(2)])["created"] == 1
    assert leads.write_calls() == 3


def test_errors_are_told_by_external_id_alone(uploads: TargetHarness) -> None:
    """CareCycle's errors have no index: the failing one is the second in the call, the first in `errors`."""
    uploads.fault("fail_row", match={"field": "externalId", "value": "p1"}, message="Source not found")
    account = uploads.deliver(people(3))
    assert account["rejected"] == {"not_found": 1}
    assert uploads.rejects() == {"p1": "not_found"}


@pytest.mark.parametrize("kind", ["drop_row", "unknown_row"])
def test_counts_that_do_not_add_up_prove_nothing(uploads: TargetHarness, kind: str) -> None:
    """One is missing from `succeeded`, and nobody says which."""
    uploads.fault(kind, row=1)
    account = uploads.deliver(people(3))
    assert account["rejected"] == {"no_response": 3}
    assert account["accepted"] == 0
    assert set(uploads.rejects()) == {"p0", "p1", "p2"}


def test_results_prove_what_counts_do_not(uploads: TargetHarness) -> None:
    """Newer responses hold the records that worked."""
    uploads.sandbox.post("quirks", {"upload_results": True})
    uploads.fault("unknown_row", row=2)
    account = uploads.deliver(people(3))
    assert account["accepted"] == 3


def test_an_external_id_is_sent_though_no_field_is_mapped_to_it(uploads: TargetHarness) -> None:
    assert uploads.deliver(people(2))["accepted"] == 2
    assert [entry["payload"]["externalId"] for entry in uploads.writes()] == ["p0", "p1"]


@pytest.mark.parametrize("related", [False, True])
def test_a_single_upsert_is_taken_on_its_id(leads: TargetHarness, related: bool) -> None:  # noqa: FBT001
    leads.sandbox.post("quirks", {"related_id": related})
    account = leads.deliver(people(2), write_mode="upsert_single")
    assert account["accepted"] == 2
