"""Order and identity: one person's versions arrive in order or as the last, two people are never made one.

Mutants that this catches: the same lead twice in a call or in two calls at once, an older version that lands after a
newer one, spouses merged into one lead, opt-outs of a collapsed version forgotten. That no two calls in flight held the
same person is checked after every test (conftest.py).
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest

from tests.end_to_end.delivery.harness import TargetHarness, people, person
from tests.processes import singer

QUICK: dict[str, Any] = {"batch_size_rows": 3, "max_in_flight": 8}


def calls(harness: TargetHarness) -> dict[int, list[str]]:
    found: dict[int, list[str]] = defaultdict(list)
    for entry in harness.writes():
        found[entry["call"]].append(harness.who(entry))
    return found


def test_versions_that_wait_together_collapse_into_the_last(harness: TargetHarness) -> None:
    rows = [person(1, first_name="Old", dnc=True), person(2), person(1, first_name="New", dnc=None)]
    account = harness.deliver(rows)
    assert account["collapsed"] == 1
    assert account["read"] == 3
    assert harness.arrived() == {"p1": 1, "p2": 1}
    assert harness.last("p1")[harness.field("first_name")] == "New"
    assert str(harness.last("p1")[harness.field("dnc")]).lower() == "true", "an opt-out of a collapsed version holds"


def test_versions_in_different_batches_arrive_in_order(harness: TargetHarness) -> None:
    """Many calls at once, each slow: never two with the same person, and the last version is the last write."""
    harness.sandbox.post("quirks", {"latency": 0.05})
    rows = [person(n % 4, first_name=f"V{turn}") for turn in range(8) for n in range(turn % 3, turn % 3 + 3)]
    account = harness.deliver(rows, **QUICK)
    assert account["collapsed"] + sum(harness.arrived().values()) == len(rows)
    newest = {row["id"]: row["first_name"] for row in rows}
    for who, name in newest.items():
        assert harness.last(who)[harness.field("first_name")] == name
        versions = [e["payload"][harness.field("first_name")] for e in harness.writes() if harness.who(e) == who]
        assert versions == sorted(versions), "no version lands after a newer one"
    for held in calls(harness).values():
        assert len(held) == len(set(held)), "a lead twice in one call"


def test_people_who_share_an_address_go_in_order_and_apart(harness: TargetHarness) -> None:
    """Spellings differ: case of the e-mail, form of the phone."""
    harness.sandbox.post("quirks", {"latency": 0.05})
    rows = [
        person(1),
        person(2, phone="(415) 555-2001"),
        person(3, email="P1@Example.com"),
        *people(9)[4:],
    ]
    account = harness.deliver(rows, **QUICK)
    assert account["collapsed"] == 0, "they are two people"
    for entries in calls(harness).values():
        assert "p1" not in entries or not {"p2", "p3", "P1"} & set(entries), "in one call"
    order = [harness.who(entry) for entry in harness.writes()]
    if harness.is_carecycle:
        assert account["accepted"] == len(rows)
        assert order.index("p1") < min(order.index("p2"), order.index("p3"))
    else:
        assert account["rejected"] == {"conflict": 2}


@pytest.mark.parametrize("ledger", [None, "ledger.db"])
@pytest.mark.parametrize("on_conflict", ["reject", "leave_out", "overwrite"])
def test_a_spouse_is_a_conflict_and_never_merged(leads: TargetHarness, on_conflict: str, ledger: str | None) -> None:
    """The same phone, two e-mails: in one run, in the next, and in one that has no ledger."""
    husband, wife = person(1), person(2, phone=person(1)["phone"])
    settings: dict[str, Any] = {"on_conflict": on_conflict, "ledger_path": ledger, "max_reject_percent": 100}
    for _ in range(2):
        leads.deliver([husband, wife], **settings)
        kept = {lead["FirstName"]: lead for lead in leads.kept()}
        assert kept["Ann1"]["EmailAddress"] == "p1@example.com"
        assert kept["Ann1"]["Phone"] == "+1-4155552001"
        if on_conflict == "leave_out":
            assert kept["Ann2"]["EmailAddress"] == "p2@example.com"
            assert kept["Ann2"]["Phone"] is None
            assert leads.rejects() == {}
        else:
            # With `overwrite` the API has the last word where its own uniqueness objects.
            assert set(kept) == {"Ann1"}
            assert leads.rejects() == {"p2": "conflict"}


def test_a_second_record_under_the_same_email_is_a_conflict(leads: TargetHarness) -> None:
    """Nothing of the API objects: an upsert by e-mail would quietly overwrite the first one."""
    first, second = person(1), person(2, email="p1@example.com")
    account = leads.deliver([first, second])
    assert account["rejected"] == {"conflict": 1}
    assert [lead["FirstName"] for lead in leads.kept()] == ["Ann1"]
    account = leads.deliver([first, second], on_conflict="overwrite")
    assert account["rejected"] == {} or account["rejected"] == {"conflict": 1}


def test_overwrite_lets_the_later_record_have_the_lead(leads: TargetHarness) -> None:
    """Where the ledger alone objects."""
    settings: dict[str, Any] = {"ledger_path": "ledger.db"}
    leads.deliver([person(1)], **settings)
    second = person(2, email="p1@example.com", phone=person(1)["phone"])
    assert leads.deliver([second], **settings)["rejected"] == {"conflict": 1}
    account = leads.deliver([second], on_conflict="overwrite", **settings)
    assert account["updated"] == 1
    assert [lead["FirstName"] for lead in leads.kept()] == ["Ann2"]


def test_a_spouse_of_an_earlier_run_is_known_by_the_api_alone(leads: TargetHarness) -> None:
    """No ledger, and he is not in this run: LeadSquared itself rejects her phone."""
    leads.deliver([person(1)])
    wife = person(2, phone=person(1)["phone"])
    assert leads.deliver([wife, person(3)])["rejected"] == {"conflict": 1}
    account = leads.deliver([wife, person(3)], on_conflict="leave_out")
    assert account["rejected"] == {}
    kept = {lead["FirstName"]: lead["Phone"] for lead in leads.kept()}
    assert kept == {"Ann1": "+1-4155552001", "Ann2": None, "Ann3": "+1-4155552003"}


def test_leave_out_needs_another_identifier(leads: TargetHarness) -> None:
    """A wife without an e-mail has nothing left to be told by."""
    rows = [person(1), person(2, phone=person(1)["phone"], email=None)]
    account = leads.deliver(rows, on_conflict="leave_out")
    assert account["rejected"] == {"conflict": 1}
    assert [lead["FirstName"] for lead in leads.kept()] == ["Ann1"]


def test_the_same_person_on_two_streams_is_never_in_two_calls_at_once(leads: TargetHarness) -> None:
    leads.sandbox.post("quirks", {"latency": 0.05})
    text = "".join(singer([person(n, first_name=f"{stream}{n}")], stream=stream) for n in range(6) for stream in "ab")
    done = leads.run(text, streams=["a", "b"], on_conflict="overwrite", **QUICK)
    assert done.code == 0
    kept = {lead["EmailAddress"]: lead["FirstName"] for lead in leads.kept()}
    assert kept == {f"p{n}@example.com": f"b{n}" for n in range(6)}
