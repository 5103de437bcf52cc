"""Moves customers between two list calls, so that a reader meets pages that shift."""

from __future__ import annotations

from typing import Any

from sandbox.customer_store import CustomerStore
from sandbox.exchange import Row
from sandbox.moments import from_iso, iso
from sandbox.people import YEARS_BACK
from sandbox.settings import ANCHOR

STEPS = ("insert", "insert_old", "update", "flip", "delete")
SCRIPT = {"per_call", "calls", "times", "tie_group", "seed"}


class MovesError(ValueError):
    """A script that says something unknown."""


class ScanMoves:
    """A script of changes; one step is applied after each answered list call."""

    def __init__(self, store: CustomerStore) -> None:
        self._store = store
        self.clear()

    def clear(self) -> None:
        """Let the customers rest."""
        self._per_call: Row = {}
        self._calls: list[Row] = []
        self._times: int | None = 0
        self._tie: str | None = None
        self._tie_group = False
        self.log: list[Row] = []

    def start(self, script: Row) -> None:
        """Begin a script.

        Args:
            script: `per_call` is the step of every call, `calls` those of the first ones, `times`
                how many calls are followed by a step, `tie_group` gives all inserted customers
                one creation moment, `seed` decides who is moved.

        Raises:
            MovesError: The script says something unknown.
        """
        steps = [script.get("per_call", {}), *script.get("calls", [])]
        if not set(script) <= SCRIPT or any(not set(step) <= set(STEPS) for step in steps):
            message = f"a script holds {', '.join(sorted(SCRIPT))}, its steps {', '.join(STEPS)}"
            raise MovesError(message)
        self.clear()
        self._per_call = script.get("per_call", {})
        self._calls = list(script.get("calls", []))
        self._times = script.get("times")
        self._tie_group = bool(script.get("tie_group"))
        if "seed" in script:
            self._store.choose_by(script["seed"])

    def after_list_call(self) -> None:
        """Apply the next step."""
        number = len(self.log)
        if self._times is not None and number >= self._times:
            return
        step = self._calls[number] if number < len(self._calls) else self._per_call
        counts = {name: int(step.get(name, 0)) for name in STEPS}
        moved: dict[str, Any] = {
            "step": number + 1,
            # Deletions first: a step never removes whom it just added.
            "deleted": self._store.delete_people(counts["delete"]),
            "updated": self._store.update_people(counts["update"], anybody=True),
            "flipped": self._store.flip_status(counts["flip"]),
            "inserted": self._insert(counts["insert"]),
            "inserted_old": [
                each for _ in range(counts["insert_old"]) for each in self._store.insert_people(1, self._past())
            ],
        }
        self.log.append(moved)

    def _insert(self, count: int) -> list[str]:
        inserted = self._store.insert_people(count, self._tie)
        if self._tie_group and inserted and self._tie is None:
            self._tie = self._store.rows[inserted[0]]["createdAt"]
        return inserted

    def _past(self) -> str:
        latest = from_iso(ANCHOR)
        return self._store.people.moment_between(iso(latest - YEARS_BACK), ANCHOR)
