"""The checkpoint rule against a model: the newest STATE whose every earlier record has its outcome, and no other."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from lead_connectors.delivery.checkpoint import Checkpoint


class CheckpointMachine(RuleBasedStateMachine):
    """Records and STATE messages of several streams arrive; records finish in any order."""

    unfinished = Bundle("unfinished")

    def __init__(self) -> None:
        super().__init__()
        self.checkpoint = Checkpoint()
        self.open: set[int] = set()
        self.arrived = 0
        self.states: list[tuple[int, dict[str, Any]]] = []
        self.taken = 0

    @rule(target=unfinished)
    def record(self) -> int:
        number = self.checkpoint.record()
        assert number == self.arrived
        self.open.add(number)
        self.arrived += 1
        return number

    @rule(number=consumes(unfinished))
    def finish(self, number: int) -> None:
        self.checkpoint.finish(number)
        self.open.discard(number)

    @rule(stream=st.sampled_from(["a", "b"]))
    def state(self, stream: str) -> None:
        value = {"bookmarks": {stream: {"n": len(self.states) + 1}}}
        self.states.append((self.arrived, value))
        self.checkpoint.state(value)

    @rule()
    def empty_state(self) -> None:
        self.checkpoint.state({})

    @rule()
    def take(self) -> None:
        oldest = min(self.open, default=self.arrived)
        safe = [index for index, (place, _) in enumerate(self.states) if place <= oldest]
        newest = max(safe, default=-1)
        expected = self.states[newest][1] if newest >= self.taken else None
        assert self.checkpoint.take() == expected
        self.taken = max(self.taken, newest + 1)

    @invariant()
    def knows_the_oldest(self) -> None:
        assert self.checkpoint.oldest_unfinished == min(self.open, default=None)
        assert self.checkpoint.records == self.arrived


CheckpointMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
TestCheckpoint = CheckpointMachine.TestCase


def test_a_state_before_any_record_is_safe_at_once() -> None:
    checkpoint = Checkpoint()
    checkpoint.state({"bookmarks": {}})
    assert checkpoint.take() == {"bookmarks": {}}


def test_an_empty_state_never_leaves() -> None:
    checkpoint = Checkpoint()
    checkpoint.state({})
    assert checkpoint.take() is None


def test_records_after_the_last_state_are_in_none() -> None:
    checkpoint = Checkpoint()
    checkpoint.finish(checkpoint.record())
    checkpoint.state({"n": 1})
    checkpoint.record()
    assert checkpoint.take() == {"n": 1}
    assert checkpoint.take() is None
