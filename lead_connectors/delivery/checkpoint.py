"""Which STATE may be written: the newest one whose earlier records all have their outcome (pure).

It rests on the rule of Singer that a target writes a STATE only after it has accepted the records before it.
"""

from __future__ import annotations

from collections import deque
from typing import Any


class Checkpoint:
    """Follows records and STATE messages of all streams in the order of their arrival."""

    def __init__(self) -> None:
        self._next = 0
        self._unfinished: dict[int, None] = {}
        self._states: deque[tuple[int, dict[str, Any]]] = deque()

    def record(self) -> int:
        """Note one more record. Returns its number, counted from 0."""
        number = self._next
        self._next += 1
        self._unfinished[number] = None
        return number

    def finish(self, number: int) -> None:
        """Note that a record has its outcome."""
        del self._unfinished[number]

    def state(self, value: dict[str, Any]) -> None:
        """Note a STATE: it covers all records so far. An empty one would erase the bookmark, so it is ignored."""
        if not value:
            return
        if self._states and self._states[-1][0] == self._next:
            self._states.pop()
        self._states.append((self._next, value))

    @property
    def records(self) -> int:
        """How many records have arrived."""
        return self._next

    @property
    def oldest_unfinished(self) -> int | None:
        """Number of the oldest record without an outcome; None where all have one."""
        return next(iter(self._unfinished), None)

    def take(self) -> dict[str, Any] | None:
        """The newest STATE that is safe now and was not taken yet, else None."""
        oldest = self.oldest_unfinished
        newest = None
        while self._states and (oldest is None or self._states[0][0] <= oldest):
            newest = self._states.popleft()[1]
        return newest
