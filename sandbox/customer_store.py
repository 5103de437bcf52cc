"""All customers of the CareCycle side, in the order in which they came to be."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

from sandbox.exchange import Row
from sandbox.moments import Clock
from sandbox.nested import ARRAYS
from sandbox.people import seeded
from sandbox.settings import ANCHOR

OPT_OUTS = ("doNotCall", "doNotSMS", "doNotEmail", "doNotMail")


class CustomerStore:
    """Customers by id; `version` grows with every change, so that a sorted view can be kept."""

    def __init__(self, seed: int, count: int, clock: Clock) -> None:
        self.people, rows = seeded(seed, count)
        self.clock = clock
        self.rows: dict[str, Row] = {row["id"]: row for row in rows}
        self.version = 0
        self._chooser = random.Random(seed)
        self._by_external_id = {
            row["clientCustomerId"]: row["id"] for row in rows if row["clientCustomerId"] is not None
        }

    def blank(self) -> Row:
        """Return a customer of whom nothing is known, with all fields in the list call's order."""
        names = next(iter(self.rows.values()), None) or self.people.make(ANCHOR)
        return dict.fromkeys(names) | {name: [] for name in ARRAYS}

    def find(self, external_id: str | None) -> Row | None:
        """Return the customer an upload means: by the uploader's own id, else by CareCycle's."""
        if external_id is None:
            return None
        return self.rows.get(self._by_external_id.get(external_id, external_id))

    def add(self, row: Row) -> None:
        """Keep a new customer."""
        self.rows[row["id"]] = row
        if row["clientCustomerId"] is not None:
            self._by_external_id[row["clientCustomerId"]] = row["id"]
        self.version += 1

    def touch(self, row: Row, changes: Row, moment: str, by: str | None = None) -> None:
        """Change some fields of a customer, and with them `updatedAt`."""
        row |= changes
        row["updatedAt"] = moment
        if by is not None:
            row["updatedBy"] = by
        self.version += 1

    def insert_people(self, count: int, created: str | None = None) -> list[str]:
        """Add new customers who are easy to deliver.

        Args:
            count: How many.
            created: Their common moment; without it the present.

        Returns:
            Their ids.
        """
        now = self.clock.now()
        ids = []
        for _ in range(count):
            row = self.people.make(created or now, anchor=now, plain=True)
            row["updatedAt"] = now
            self.add(row)
            ids.append(row["id"])
        return ids

    def update_people(self, count: int, *, anybody: bool = False) -> list[str]:
        """Let some customers move house; those are chosen whom a target can deliver.

        Args:
            count: How many.
            anybody: Whether to choose among all instead.

        Returns:
            Their ids.
        """
        moment = self.clock.now()
        chosen = self._choose(count, anybody=anybody)
        for row in chosen:
            self.people.move_house(row)
            self.touch(row, {}, moment)
        return [row["id"] for row in chosen]

    def delete_people(self, count: int) -> list[str]:
        """Remove some customers and return their ids."""
        chosen = self._choose(count, anybody=True)
        for row in chosen:
            del self.rows[row["id"]]
            self._by_external_id.pop(row["clientCustomerId"], None)
        self.version += 1
        return [row["id"] for row in chosen]

    def flip_status(self, count: int) -> list[str]:
        """Turn Leads into Active customers and the reverse, which moves them through a status filter."""
        moment = self.clock.now()
        chosen = [row for row in self._choose(len(self.rows), anybody=True) if row["status"] in _FLIPPED]
        for row in chosen[:count]:
            self.touch(row, {"status": _FLIPPED[row["status"]]}, moment)
        return [row["id"] for row in chosen[:count]]

    def choose_by(self, seed: int) -> None:
        """Let another seed decide who is changed next."""
        self._chooser = random.Random(seed)

    def lowered(self, row: Row, changes: Row) -> list[str]:
        """Return the opt-out flags that these changes would take back."""
        return [name for name in OPT_OUTS if row[name] is True and changes.get(name, True) is not True]

    def _choose(self, count: int, *, anybody: bool) -> list[Row]:
        rows = [row for row in self.rows.values() if not row["testCustomer"]]
        if not anybody:
            phones = Counter(row["callerId"] for row in rows)
            emails = Counter(_mailbox(row) for row in rows)
            rows = [
                row
                for row in rows
                if phones[row["callerId"]] == 1
                and row["callerId"][5] not in "01"
                and row["email"]
                and emails[_mailbox(row)] == 1
                and row["firstName"]
                and row["lastName"]
            ]
        return self._chooser.sample(rows, min(count, len(rows)))


_FLIPPED = {"Lead": "Active", "Active": "Lead"}


def _mailbox(row: Row) -> Any:
    return row["email"].lower() if row["email"] else None
