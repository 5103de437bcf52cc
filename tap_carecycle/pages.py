"""What is asked of the list call and what comes back, without HTTP (pure)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

NEWEST_OF_ALL = "~"
"""Stands for a creation moment that is null: PostgreSQL sorts nulls behind every value."""


class Row(NamedTuple):
    """One customer of a page.

    Attributes:
        id: The customer's id.
        created: The creation moment as comparable text.
        caller: The phone number, by which another order can be had.
        data: The customer as the API gave it.
    """

    id: str
    created: str
    caller: str
    data: dict[str, Any]


@dataclass(frozen=True)
class Request:
    """One call of the list: a page of a size, in an order.

    Attributes:
        page: From 1.
        size: Rows a page.
        sort: ``createdAt`` or ``callerId``.
        ascending: The direction.
        around: Narrows the list to customers created within some days of this moment.
    """

    page: int
    size: int
    sort: str = "createdAt"
    ascending: bool = True
    around: str | None = None

    @property
    def start(self) -> int:
        """How many rows lie before the page."""
        return (self.page - 1) * self.size


@dataclass(frozen=True)
class Page:
    """An answer.

    Attributes:
        rows: In the order asked for, each id once.
        total: How many rows the whole list had at that moment.
        received: How many rows came, repeated ones included.
        has_next: Whether the API names a page behind this one.
    """

    rows: list[Row]
    total: int
    received: int
    has_next: bool

    @classmethod
    def of(cls, rows: Iterable[Row], total: int, *, has_next: bool = False) -> Page:
        """Make a page of rows as they came."""
        received = list(rows)
        return cls(list({row.id: row for row in received}.values()), total, len(received), has_next)


class Reader(Protocol):
    """Makes calls, some of them ahead of time."""

    def send(self, request: Request) -> Any:
        """Start a call and return a ticket for its answer."""
        ...

    def receive(self, ticket: Any) -> Page:
        """Wait for an answer."""
        ...

    def may_be_in_flight(self) -> int:
        """How many calls may be in flight at once now."""
        ...
