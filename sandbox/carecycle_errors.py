"""CareCycle's error bodies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.exchange import Answer, Row
from sandbox.limits import Refusal

CODES = {
    400: ("Bad request", "BAD_REQUEST"),
    401: ("Unauthorized", "UNAUTHORIZED"),
    403: ("Forbidden", "FORBIDDEN"),
    404: ("Not found", "NOT_FOUND"),
    413: ("Request entity too large", "PAYLOAD_TOO_LARGE"),
    422: ("Validation error", "VALIDATION_ERROR"),
    429: ("Rate limit exceeded", "RATE_LIMIT_EXCEEDED"),
}


@dataclass(frozen=True)
class Flaw:
    """One thing that is wrong with a request, and where."""

    path: tuple[str, ...]
    message: str
    expected: str
    received: str
    code: str

    def as_dict(self) -> Row:
        """Return the entry of `errors`."""
        return {
            "path": list(self.path),
            "message": self.message,
            "expected": self.expected,
            "received": self.received,
            "code": self.code,
        }


def refuse(status: int, message: str | None = None) -> Answer:
    """Answer `{message, code}`.

    Args:
        status: The HTTP status; it decides the code.
        message: Another message than the usual one.

    Returns:
        The answer.
    """
    usual, code = CODES.get(status, ("Internal server error", "INTERNAL_ERROR"))
    return Answer(status, {"message": message or usual, "code": code})


def invalid(flaws: list[Flaw], failed_records: list[Row] | None = None) -> Answer:
    """Answer VALIDATION_ERROR, with the culprits where the newer form is wanted."""
    answer = refuse(422)
    answer.body["errors"] = [flaw.as_dict() for flaw in flaws]
    if failed_records is not None:
        answer.body["failedRecords"] = failed_records
    return answer


def over_limit(refusal: Refusal, *, header: bool) -> Answer:
    """Answer 429 with the seconds after which a call would be accepted."""
    answer = refuse(429)
    answer.body["retryAfter"] = refusal.retry_after
    if header:
        answer.headers["Retry-After"] = str(refusal.retry_after)
    return answer


def type_name(value: Any) -> str:
    """Return the JavaScript name of a value's type, as the validator reports it."""
    if value is None:
        return "null"
    names = {bool: "boolean", int: "number", float: "number", str: "string", list: "array", dict: "object"}
    return names[type(value)]
