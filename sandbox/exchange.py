"""One HTTP call and its answer, free of any web framework."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

CARECYCLE = "carecycle"
LEADSQUARED = "leadsquared"

Row = dict[str, Any]


@dataclass(frozen=True)
class RowError:
    """Why one row of a bulk call is refused."""

    kind: str
    message: str


@dataclass
class Call:
    """A call as it arrived.

    `failing` names the rows that a fault makes fail, by their index; `identities` is filled by
    the handler with the people a write touches, so that overlapping writes can be noticed.
    """

    api: str
    number: int
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    failing: dict[int, RowError] = field(default_factory=dict)
    identities: set[str] = field(default_factory=set)


@dataclass
class Answer:
    """What goes back: a status and either JSON or raw text."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    text: str | None = None
    content_type: str = "application/json; charset=utf-8"

    def encode(self) -> bytes:
        """Return the bytes of the body."""
        if self.text is not None:
            return self.text.encode()
        return json.dumps(self.body, ensure_ascii=False, separators=(",", ":")).encode()


class NotJsonError(ValueError):
    """The body is no UTF-8 JSON."""


def read_json(body: bytes) -> Any:
    """Parse a body the strict way: UTF-8 only, no NaN, no repeated name in an object.

    Args:
        body: The bytes of the request.

    Returns:
        The JSON value.

    Raises:
        NotJsonError: The bytes are no such JSON.
    """
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_refuse_constant, object_pairs_hook=_unique_names)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise NotJsonError from error


def _refuse_constant(_name: str) -> NoReturn:
    raise NotJsonError


def _unique_names(pairs: list[tuple[str, Any]]) -> Row:
    row = dict(pairs)
    if len(row) != len(pairs):
        raise NotJsonError
    return row
