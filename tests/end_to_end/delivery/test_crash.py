"""SIGKILL at every boundary: nothing is lost, and what is written twice is bounded.

The places: before a call is applied, applied without a response, with a response and on to the next. Faults of other
targets that this catches: STATE past what is not delivered (Skyvia, the SDK's tap-side state), a hash noted before the
API took the record (Multiwoven), STATE at the end only (SDK 0.54.9), the last partial batch dropped.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.end_to_end.delivery.harness import Live, TargetHarness, names, people, repeats, until
from tests.processes import singer

ROWS = people(120)
BATCH, IN_FLIGHT, STATE_EVERY = 5, 3, 5
SIZES: dict[str, Any] = {"batch_size_rows": BATCH, "max_in_flight": IN_FLIGHT}


def hold_from(harness: TargetHarness, calls: int, when: str) -> None:
    """Let some calls through and hold all others."""
    harness.fault("timeout", after_calls=calls, when=when)


def until_full(harness: TargetHarness, live: Live, calls: int) -> None:
    """Wait until calls are held and everything before has been accounted for."""
    until(lambda: harness.all_stats()["faults_fired"].get("timeout"), "a call is held")
    until(lambda: harness.write_calls() >= calls + 1, "calls are in flight")
    assert live.process.poll() is None


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_kill_while_calls_are_held(harness: TargetHarness, when: str) -> None:
    hold_from(harness, 8, when)
    live = harness.live(singer(ROWS, state_every=STATE_EVERY), **SIZES)
    until_full(harness, live, 8)
    until(lambda: live.covered > 0, "what is done is acknowledged while calls are held")
    live.kill()
    known = live.covered
    before = harness.arrived()
    harness.clear_faults()
    # What a STATE covers has arrived: no later run would bring it.
    assert names(ROWS[:known]) <= set(before)
    assert harness.deliver(ROWS[known:], **SIZES)["read"] == len(ROWS) - known
    arrived = harness.arrived()
    assert set(arrived) == names(ROWS)
    since_state = sum(before.values()) - known
    assert repeats(arrived) <= since_state <= STATE_EVERY + BATCH * IN_FLIGHT
    assert max(arrived.values()) <= 2


@pytest.mark.parametrize("applied", [1, 70])
def test_a_kill_after_so_many_writes(harness: TargetHarness, applied: int) -> None:
    """No call is held: the kill falls wherever it falls."""
    harness.sandbox.post("quirks", {"latency": 0.02})
    live = harness.live(singer(ROWS, state_every=STATE_EVERY), installed=applied > 1, **SIZES)
    until(lambda: len(harness.writes()) >= applied, f"{applied} writes")
    live.kill()
    known = live.covered
    before = harness.arrived()
    assert names(ROWS[:known]) <= set(before)
    harness.deliver(ROWS[known:], **SIZES)
    arrived = harness.arrived()
    assert set(arrived) == names(ROWS)
    assert repeats(arrived) <= 100 + BATCH * IN_FLIGHT
    assert max(arrived.values()) <= 2


def test_with_a_ledger_only_what_was_in_flight_is_repeated(harness: TargetHarness) -> None:
    """Even where no STATE was kept at all and the tap starts from the beginning."""
    harness.sandbox.post("quirks", {"latency": 0.02})  # else one call at a time may be enough to fill the quota
    hold_from(harness, 10, "after")
    settings: dict[str, Any] = {"ledger_path": "ledger.db", **SIZES}
    live = harness.live(singer(ROWS, state_every=STATE_EVERY), **settings)
    until_full(harness, live, 10)
    # The responses of the calls that were let through are in the ledger before anything else is started for long.
    until(lambda: harness.stats()["in_flight"] >= 2, "all that may be in flight are in flight")
    live.kill()
    harness.clear_faults()
    account = harness.deliver(ROWS, **settings)
    arrived = harness.arrived()
    assert set(arrived) == names(ROWS)
    assert account["unchanged"] > 0
    assert repeats(arrived) <= BATCH * IN_FLIGHT
    assert max(arrived.values()) <= 2


def test_no_call_starts_far_past_the_oldest_unfinished_record(harness: TargetHarness) -> None:
    """One call hangs; what is sent meanwhile stays within max_in_flight batches of it, however long it hangs."""
    harness.fault("timeout", match={"field": harness.field("email"), "value": "p10@example.com"})
    live = harness.live(singer(ROWS, state_every=STATE_EVERY), **SIZES)
    until(lambda: harness.all_stats()["faults_fired"].get("timeout"), "the call hangs")
    until(lambda: len(harness.writes()) >= 10 + BATCH * (IN_FLIGHT - 1), "the neighbours are done")
    live.kill()
    places = sorted(int(who[1:]) for who in harness.arrived())
    assert places[-1] < 10 + BATCH * IN_FLIGHT
    assert live.covered <= 10


def test_each_record_that_a_state_covers_has_arrived_at_that_moment(harness: TargetHarness) -> None:
    """Looked at when each STATE line comes out, while the run goes on."""
    harness.sandbox.post("quirks", {"latency": 0.02})
    rows = people(450)
    live = harness.live(singer(rows, state_every=10), batch_size_rows=25)
    missing: list[tuple[int, set[str]]] = []

    def look(state: dict[str, Any]) -> None:
        known = int(state["bookmarks"]["people"]["n"])
        if left := names(rows[:known]) - set(harness.arrived()):
            missing.append((known, left))

    live.on_state = look
    assert live.end() == 0
    assert missing == []
    covered = [state["bookmarks"]["people"]["n"] for state in live.states]
    assert covered == sorted(covered)
    assert covered[-1] == 450
    assert len(covered) >= 4, "a STATE leaves for each 100 records"
    assert max(b - a for a, b in zip([0, *covered], covered, strict=False)) <= 100 + 25 * 16
