"""An HTTP request and its response, independent of a web framework."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

CARECYCLE = "carecycle"
LEADSQUARED = "leadsquared"

JsonObject = dict[str, Any]


@dataclass(frozen=True)
class RowError:
    """Why one row of a bulk call is rejected."""

    exception_type: str
    message: str


@dataclass
class Request:
    """A request as it arrived.

    Attributes:
        api: `CARECYCLE` or `LEADSQUARED`.
        number: The number of the call since the start or the last reset.
        raw_query: The query as it arrived, before its percent signs were decoded.
        failing: The rows that a fault makes fail, by index.
        identities: E-mails, phones and ids that a write contains. The handler fills it, so that
            overlapping writes to one person can be found.
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
    raw_query: str = ""


@dataclass
class Response:
    """A status and a body: JSON, or raw text where `text` is set."""

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


class InvalidJsonError(ValueError):
    """The body is not valid UTF-8 JSON."""


def read_json(body: bytes) -> Any:
    """Parse a JSON body strictly: UTF-8 only, no NaN, no name twice in an object.

    Args:
        body: The request's body.

    Returns:
        The JSON value.

    Raises:
        InvalidJsonError: The body breaks one of these rules.
    """
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_reject_constant, object_pairs_hook=_unique_names)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise InvalidJsonError from error


def _reject_constant(_name: str) -> NoReturn:
    raise InvalidJsonError


def _unique_names(pairs: list[tuple[str, Any]]) -> JsonObject:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise InvalidJsonError
    return fields
