"""Reads an HTTP answer of either API into what the caller has to do about it (pure).

Both APIs answer JSON: CareCycle's errors are ``{message, code, ...}``, LeadSquared's ``{Status: "Error",
ExceptionType, ExceptionMessage}``, the latter under any status from 200 to 500.
"""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

HTTP_OK = 200
HTTP_REDIRECT = 300
HTTP_BAD_REQUEST = 400
HTTP_UNAUTHORIZED = 401
HTTP_FORBIDDEN = 403
HTTP_NOT_FOUND = 404
HTTP_METHOD_NOT_ALLOWED = 405
HTTP_TIMEOUT = 408
HTTP_LIMIT = 429
HTTP_SERVER_ERROR = 500

LIMIT_TEXT = re.compile(r"exceeded the limit of\s+(\d+)\s+in\s+(\d+(?:\.\d+)?)\s+second", re.IGNORECASE)
LIMIT_TYPE = "MXAPIRateLimitExceededException"
ACCOUNT_TYPES = ("MXUnAuthorizedAccessException", "MXUnauthorizedRequestException")


class Verdict(enum.Enum):
    """What an answer asks of the caller."""

    ACCEPTED = "accepted"
    LIMITED = "limited"
    TRANSIENT = "transient"
    REFUSED = "refused"
    DENIED = "denied"
    NO_JSON = "no_json"


@dataclass(frozen=True)
class Reading:
    """An answer, read.

    Attributes:
        verdict: What to do.
        status: The HTTP status.
        code: The API's word for it, else ``HTTP <status>``; one of a closed vocabulary, so that it may be logged.
        body: The parsed JSON; None where there is none.
        limit: ``(calls, seconds)`` where a refusal names the account's limit.
        wait: Seconds that the API asks to wait, where it does.
    """

    verdict: Verdict
    status: int
    code: str
    body: Any = None
    limit: tuple[int, float] | None = None
    wait: float | None = None


def read_answer(status: int, headers: Mapping[str, str], content: bytes) -> Reading:
    """Read one answer.

    Args:
        status: HTTP status.
        headers: Response headers, looked up without regard to case by the mapping itself.
        content: The whole body.
    """
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        body = None
    code, text = _code_and_text(status, body)
    if (limited := _limit(status, code, text, headers, body)) is not None:
        return limited
    verdict = _verdict(status, code, body)
    return Reading(verdict, status, code, body, wait=retry_after(headers) if verdict is Verdict.TRANSIENT else None)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds named by a ``Retry-After`` header in its numeric form, None without one."""
    return _seconds(headers.get("Retry-After"))


def _verdict(status: int, code: str, body: Any) -> Verdict:
    is_error = isinstance(body, dict) and body.get("Status") == "Error"
    logical = code.startswith("MX")
    if status in {HTTP_UNAUTHORIZED, HTTP_FORBIDDEN, HTTP_NOT_FOUND, HTTP_METHOD_NOT_ALLOWED} or code in ACCOUNT_TYPES:
        return Verdict.DENIED
    if status == HTTP_TIMEOUT or (status >= HTTP_SERVER_ERROR and not logical):
        return Verdict.TRANSIENT
    if HTTP_REDIRECT <= status < HTTP_BAD_REQUEST:
        return Verdict.DENIED
    if status >= HTTP_BAD_REQUEST or is_error:
        return Verdict.REFUSED
    return Verdict.NO_JSON if body is None else Verdict.ACCEPTED


def _limit(status: int, code: str, text: str, headers: Mapping[str, str], body: Any) -> Reading | None:
    """A refusal for pace, in any of its known forms: 429, 403 with the text, 200 or 500 with the type."""
    named = LIMIT_TEXT.search(text)
    if status != HTTP_LIMIT and code != LIMIT_TYPE and not (named and (status >= HTTP_BAD_REQUEST or code != "")):
        return None
    limit = (int(named[1]), float(named[2])) if named and int(named[1]) > 0 and float(named[2]) > 0 else None
    wait = _seconds(body.get("retryAfter")) if isinstance(body, dict) else None
    return Reading(Verdict.LIMITED, status, code, body, limit, wait if wait is not None else retry_after(headers))


def _code_and_text(status: int, body: Any) -> tuple[str, str]:
    fallback = f"HTTP {status}"
    if not isinstance(body, dict):
        return fallback, ""
    code = body.get("ExceptionType") or body.get("code")
    text = body.get("ExceptionMessage") or body.get("message")
    # Only a plain word is passed on: whatever else a server puts there might quote a record.
    safe = isinstance(code, str) and re.fullmatch(r"[A-Za-z_]{2,64}", code)
    return str(code) if safe else fallback, text if isinstance(text, str) else ""


def _seconds(value: Any) -> float | None:
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
