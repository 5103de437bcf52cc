"""CareCycle's error bodies (`docs/api/carecycle.md` 2.5 and 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.http_messages import JsonObject, Response
from sandbox.limits import Rejection

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
class Issue:
    """One validation issue: what is wrong with a request, and where."""

    path: tuple[str, ...]
    message: str
    expected: str
    received: str
    code: str

    def as_dict(self) -> JsonObject:
        """Return the issue as an entry of `errors`."""
        return {
            "path": list(self.path),
            "message": self.message,
            "expected": self.expected,
            "received": self.received,
            "code": self.code,
        }


def error_response(status: int, message: str | None = None) -> Response:
    """Return a response with the body `{message, code}`.

    Args:
        status: The HTTP status. It decides the code.
        message: The message; None for the default message of the status.

    Returns:
        The response.
    """
    default_message, code = CODES.get(status, ("Internal server error", "INTERNAL_ERROR"))
    return Response(status, {"message": message or default_message, "code": code})


def validation_error(issues: list[Issue], failed_records: list[JsonObject] | None = None) -> Response:
    """Return a VALIDATION_ERROR response; the newer form of the API adds `failedRecords`."""
    response = error_response(422)
    response.body["errors"] = [issue.as_dict() for issue in issues]
    if failed_records is not None:
        response.body["failedRecords"] = failed_records
    return response


def over_limit(rejection: Rejection, *, header: bool) -> Response:
    """Return a 429 response with the seconds until a call is accepted, also in a `Retry-After` header on demand."""
    response = error_response(429)
    response.body["retryAfter"] = rejection.retry_after
    if header:
        response.headers["Retry-After"] = str(rejection.retry_after)
    return response


def type_name(value: Any) -> str:
    """Return the JavaScript name of a value's type, as the API's validator reports it."""
    if value is None:
        return "null"
    names = {bool: "boolean", int: "number", float: "number", str: "string", list: "array", dict: "object"}
    return names[type(value)]
