"""A list of customers that stands still, and the tap on it without HTTP."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from typing import Any

from typing_extensions import override

from lead_connectors.http.errors import TransientError
from tap_carecycle.pages import Page, Reader, Request, Row
from tap_carecycle.tap import TapCareCycle


def customer(number: int, **more: Any) -> dict[str, Any]:
    """The n-th customer by creation. Updates are in the opposite order."""
    return {
        "id": f"c{number:04d}",
        "createdAt": f"2026-01-01T{number // 60:02d}:{number % 60:02d}:00.000Z",
        "updatedAt": f"2026-02-{28 - number // 60:02d}T00:{59 - number % 60:02d}:00.000Z",
        "callerId": f"+1555{number:07d}",
        **more,
    }


class ListReader(Reader):
    """Reads pages of a list.

    Args:
        items: The customers in the order of their creation.
        max_calls: Later calls fail.
    """

    def __init__(self, items: list[dict[str, Any]], max_calls: int = 1000) -> None:
        self._items = items
        self._max_calls = max_calls
        self.requests: list[Request] = []

    @override
    def send(self, request: Request) -> Request:
        self.requests.append(request)
        return request

    @override
    def receive(self, ticket: Request) -> Page:
        if len(self.requests) > self._max_calls:
            msg = "the API is down"
            raise TransientError(msg)
        items = self._items if ticket.ascending else self._items[::-1]
        page = items[ticket.start : ticket.start + ticket.size]
        rows = [Row(each["id"], each["createdAt"][:-1] + "000Z", each["callerId"], dict(each)) for each in page]
        return Page.of(rows, len(items), has_next=ticket.start + ticket.size < len(items))

    @override
    def may_be_in_flight(self) -> int:
        return 1


@dataclass
class Messages:
    """What a tap wrote."""

    records: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    states: list[dict[str, Any]] = field(default_factory=list)
    schemas: list[str] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        return [record["id"] for record in self.records.get("customers", [])]

    @property
    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = self.states[-1]["bookmarks"]["customers"]
        return found


class ListTap(TapCareCycle):
    """The tap on a list."""

    list_reader: ListReader
    queries: list[Mapping[str, str]]

    @override
    def reader(self, query: Mapping[str, str]) -> Reader:
        self.queries.append(query)
        return self.list_reader

    @override
    def calls_a_minute(self) -> float:
        return 60.0


def make_tap(reader: ListReader, **options: Any) -> ListTap:
    config = {"api_key": "cc_test", "page_size": 10, "lookback_window": 0, **options.pop("config", {})}
    tap = ListTap(config=config, **options)
    tap.list_reader, tap.queries = reader, []
    return tap


def sync(tap: ListTap) -> tuple[Messages, BaseException | None]:
    """Run the tap. Return what it wrote and the error that ended it."""
    output, error = io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), None
    with redirect_stdout(output):
        try:
            tap.sync_all()
        except Exception as raised:  # noqa: BLE001  # handed to the test
            error = raised
    output.seek(0)
    messages = Messages()
    for line in output:
        message = json.loads(line)
        if message["type"] == "RECORD":
            messages.records.setdefault(message["stream"], []).append(message["record"])
        elif message["type"] == "STATE":
            messages.states.append(message["value"])
        elif message["type"] == "SCHEMA":
            messages.schemas.append(message["stream"])
    return messages, error
