"""Changes customers between two list calls, so that a client reads pages that shift: `POST /__sandbox__/scan-moves`."""

from __future__ import annotations

from typing import Any

from sandbox.carecycle.customer_store import CustomerStore
from sandbox.http_messages import JsonObject
from sandbox.settings import SEED_END, SEED_START

STEP_FIELDS = ("insert", "insert_old", "update", "flip", "delete")
SCRIPT_FIELDS = {"per_call", "calls", "times", "tie_group", "seed"}


class ScriptError(ValueError):
    """The script has a field or a step that does not exist."""


class ScriptedChanges:
    """A script of changes. One step is applied after each successful list call."""

    def __init__(self, store: CustomerStore) -> None:
        self._store = store
        self.clear()

    def clear(self) -> None:
        """Drop the script."""
        self._per_call: JsonObject = {}
        self._calls: list[JsonObject] = []
        self._times: int | None = 0
        self._tie: str | None = None
        self._tie_group = False
        self.log: list[JsonObject] = []

    def start(self, script: JsonObject) -> None:
        """Start a script.

        Args:
            script: `calls` lists the steps of the first calls, `per_call` is the step of every later one,
                `times` limits the number of steps, `tie_group` gives all inserted customers one
                `createdAt`, `seed` chooses the customers that are changed.

        Raises:
            ScriptError: The script has a field or a step that does not exist.
        """
        steps = [script.get("per_call", {}), *script.get("calls", [])]
        if not set(script) <= SCRIPT_FIELDS or any(not set(step) <= set(STEP_FIELDS) for step in steps):
            message = f"a script has {', '.join(sorted(SCRIPT_FIELDS))}; a step has {', '.join(STEP_FIELDS)}"
            raise ScriptError(message)
        self.clear()
        self._per_call = script.get("per_call", {})
        self._calls = list(script.get("calls", []))
        self._times = script.get("times")
        self._tie_group = bool(script.get("tie_group"))
        if "seed" in script:
            self._store.reseed(script["seed"])

    def after_list_call(self) -> None:
        """Apply the next step."""
        number = len(self.log)
        if self._times is not None and number >= self._times:
            return
        step = self._calls[number] if number < len(self._calls) else self._per_call
        counts = {name: int(step.get(name, 0)) for name in STEP_FIELDS}
        applied: dict[str, Any] = {
            "step": number + 1,
            # Deletions first: a step never deletes a customer that it has just added.
            "deleted": self._store.delete_customers(counts["delete"]),
            "updated": self._store.update_customers(counts["update"], any_customer=True),
            "flipped": self._store.toggle_status(counts["flip"]),
            "inserted": self._insert(counts["insert"]),
            "inserted_old": [
                customer_id
                for _ in range(counts["insert_old"])
                for customer_id in self._store.insert_customers(1, self._timestamp_of_seed())
            ],
        }
        self.log.append(applied)

    def _insert(self, count: int) -> list[str]:
        inserted = self._store.insert_customers(count, self._tie)
        if self._tie_group and inserted and self._tie is None:
            self._tie = self._store.by_id[inserted[0]]["createdAt"]
        return inserted

    def _timestamp_of_seed(self) -> str:
        return self._store.factory.rng.timestamp_between(SEED_START, SEED_END)
