"""A write whose response never came: an upsert is sent again, a create is looked for first, an upload a few times.

Mutants that this catches: a create that is retried like an upsert (twins), a lead found by a shared phone taken for the
one that was sent, an upload that is repeated for ever, an ambiguous response taken for a rejection.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.end_to_end.delivery.harness import TargetHarness, people, person
from tests.processes import singer

CREATE: dict[str, Any] = {"write_mode": "create"}


def emails(harness: TargetHarness) -> Counter[str]:
    return Counter(str(lead["EmailAddress"]) for lead in harness.kept())


@pytest.mark.parametrize(("kind", "when"), [("reset", "before"), ("reset", "after"), ("timeout", "after")])
def test_an_upsert_is_sent_again(leads: TargetHarness, kind: str, when: str) -> None:
    leads.fault(kind, times=1, when=when)
    account = leads.deliver(people(3), request_timeout=1)
    assert account["created"] + account["updated"] == 3
    assert leads.write_calls() == 2
    assert set(emails(leads).values()) == {1}
    assert len(leads.kept()) == 3


@pytest.mark.parametrize(("kind", "when"), [("reset", "before"), ("timeout", "after"), ("truncated", "after")])
def test_a_create_never_makes_a_twin(leads: TargetHarness, kind: str, when: str) -> None:
    leads.fault(kind, times=1, when=when, path="Lead/Bulk/Create")
    rows = [*people(3), person(3, email=None)]
    account = leads.deliver(rows, **CREATE, request_timeout=1)
    assert account["created"] == 4
    assert leads.write_calls() == (2 if when == "before" else 1)
    assert leads.stats()["calls_by_path"]["GET /v2/LeadManagement.svc/Leads.GetByEmailaddress"] == 3
    assert len(leads.kept()) == 4


def test_a_create_that_landed_in_part_is_completed(leads: TargetHarness) -> None:
    """Two of four were rejected in the call whose response was lost: they are sent again and rejected again."""
    rejected = {"field": "FirstName", "values": ["Ann1", "Ann2"]}
    leads.fault("fail_row", path="Lead/Bulk/Create", match=rejected, times=1)
    leads.fault("reset", when="after", times=1, path="Lead/Bulk/Create")
    account = leads.deliver(people(4), **CREATE)
    assert account["created"] == 4
    assert leads.stats()["rows_per_call"] == [4, 2]
    assert set(emails(leads).values()) == {1}


def test_a_lost_create_is_not_taken_for_a_spouse(leads: TargetHarness) -> None:
    """The look-up by phone finds the husband, whom another run created a moment ago: no proof for the wife."""
    leads.deliver([person(1)])
    leads.fault("reset", when="before", times=1, path="Lead/Bulk/Create")
    account = leads.deliver([person(2, phone=person(1)["phone"])], **CREATE)
    assert account["rejected"] == {"conflict": 1}
    assert leads.rejects() == {"p2": "conflict"}
    assert [lead["FirstName"] for lead in leads.kept()] == ["Ann1"]


def test_a_create_that_never_lands_ends_the_run(leads: TargetHarness) -> None:
    leads.fault("reset", path="Lead/Bulk/Create")
    account = leads.deliver(people(2), code=1, **CREATE, max_retry_seconds=1)
    assert account["unsent"] == 2
    assert leads.kept() == []


def test_an_upload_is_repeated_three_times_and_no_more(uploads: TargetHarness) -> None:
    """Each may start outreach and cost money. The fourth response is lost as well: exit 1, nothing acknowledged."""
    uploads.fault("reset", when="after")
    done = uploads.run(_three(), max_retry_seconds=900)
    assert done.code == 1
    assert done.states() == []
    assert uploads.write_calls() == 4
    assert done.err.count("once more") == 3, "each repetition is logged"
    assert "may have arrived" in done.err.splitlines()[-1]
    assert uploads.report()["streams"]["people"]["unsent"] == 3


def test_an_upload_that_comes_through_in_the_end_is_delivered(uploads: TargetHarness) -> None:
    uploads.fault("timeout", times=1, when="after")
    account = uploads.deliver(people(3), request_timeout=1)
    assert account["accepted"] == 3
    assert uploads.write_calls() == 2


def _three() -> str:
    return singer(people(3), state_every=1)
