"""A call that is rejected for some of its leads: exactly those are rejected, the others arrive in the same run.

Mutants that this catches: the whole batch rejected with its culprit, a named culprit rejected without proof, the same
call sent again, good neighbours left for the next run.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.end_to_end.delivery.harness import DELIVERED, TargetHarness, people
from tests.processes import singer

ALL: dict[str, Any] = {"max_reject_percent": 100}
BAD = {1: [7], 2: [0, 24], 3: [3, 4, 20], 25: list(range(25))}
MOST_CALLS = {1: 12, 2: 20, 3: 36, 25: 36}


def emails(places: list[int]) -> list[str]:
    return [f"p{n}@example.com" for n in places]


def check(harness: TargetHarness, bad: list[int], most_calls: int) -> None:
    account = harness.report()["streams"]["people"]
    good = {f"p{n}" for n in range(25)} - {f"p{n}" for n in bad}
    assert set(harness.rejects()) == {f"p{n}" for n in bad}
    assert sum(account[column] for column in DELIVERED) == len(good)
    assert harness.arrived() == dict.fromkeys(good, 1), "each good neighbour arrives, once"
    assert harness.write_calls() <= most_calls


@pytest.mark.parametrize("count", BAD)
def test_bad_leads_that_sink_their_call(harness: TargetHarness, count: int) -> None:
    """Nothing in the response says which they are."""
    harness.fault("sink_call", match={"field": harness.field("email"), "values": emails(BAD[count])})
    done = harness.run(singer(people(25), state_every=25), **ALL)
    assert done.code == 0
    check(harness, BAD[count], MOST_CALLS[count])
    assert done.states()[-1]["bookmarks"]["people"]["n"] == 25


@pytest.mark.parametrize("named_by", ["index", "path"])
@pytest.mark.parametrize("count", [1, 3])
def test_culprits_that_the_response_names(uploads: TargetHarness, named_by: str, count: int) -> None:
    """`failedRecords[].index` in the newer API, `errors[].path` in the older."""
    uploads.sandbox.post("quirks", {"failed_records": named_by == "index"})
    rows = people(25, cost=1)
    for place in BAD[count]:
        rows[place]["cost"] = -1
    uploads.deliver(rows, field_map={"people": {"leadCost": "cost"}}, **ALL)
    check(uploads, BAD[count], 2 + count)


def test_a_wrong_accusation_rejects_nobody(uploads: TargetHarness) -> None:
    """The lead that is named stands alone once before it counts as the culprit."""
    uploads.fault("sink_call", named=True, times=1, match={"field": "email", "values": emails([3, 9])})
    account = uploads.deliver(people(25))
    assert account["accepted"] == 25


def test_an_attribute_that_the_account_does_not_have_sinks_the_call(leads: TargetHarness) -> None:
    """With `preflight: off` nobody noticed before: only the leads that carry it are rejected."""
    leads.sandbox.post("quirks", {"unknown_attribute": "call"})
    rows = people(25, nope=None)
    for place in BAD[3]:
        rows[place]["nope"] = "something"
    leads.deliver(rows, preflight="off", field_map={"people": {"mx_Nope": "nope"}}, **ALL)
    check(leads, BAD[3], MOST_CALLS[3])
    assert set(leads.rejects().values()) == {"unknown_field"}


def test_a_body_that_is_too_big_is_halved(uploads: TargetHarness) -> None:
    uploads.sandbox.post("quirks", {"body_limit": 2000})
    account = uploads.deliver(people(25))
    assert account["accepted"] == 25
    assert max(uploads.stats()["rows_per_call"]) < 25
    assert uploads.write_calls() <= 2 * 25


def test_one_lead_that_is_too_big_alone(uploads: TargetHarness) -> None:
    uploads.sandbox.post("quirks", {"body_limit": 2000})
    fields = {"people": {"customFields": {"fields": {"utm_campaign": "note"}}}}
    rows = people(3, note="x")
    rows[1]["note"] = "x" * 3000
    account = uploads.deliver(rows, field_map=fields, **ALL)
    assert sum(account["rejected"].values()) == 1
    assert set(uploads.rejects()) == {"p1"}


def test_the_same_bad_record_cannot_stop_every_run(harness: TargetHarness) -> None:
    """Twenty good ones and one bad: exit 0, STATE to the end, and the next run goes on."""
    harness.fault("sink_call", match={"field": harness.field("email"), "value": "p5@example.com"})
    for _ in range(2):
        done = harness.run(singer(people(21), state_every=7))
        assert done.code == 0
        assert done.states()[-1]["bookmarks"]["people"]["n"] == 21
