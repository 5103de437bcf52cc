"""Reads an HTTP answer of either API into what the caller has to do about it (pure).

Both APIs answer JSON: CareCycle's errors are ``{message, code, ...}``, LeadSquared's ``{Status: "Error",
ExceptionType, ExceptionMessage}``, the latter under any status from 200 to 500.
"""

from __future__ import annotations

import enum
import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

HTTP_OK = 200
HTTP_REDIRECT = 300
HTTP_BAD_REQUEST = 400
HTTP_ACCOUNT = (401, 402, 403, 404, 405, 407)
"""Statuses that no other call would escape: key, payment, permission, path, method, proxy."""
HTTP_TIMEOUT = 408
HTTP_LIMIT = 429
HTTP_SERVER_ERROR = 500

LIMIT_TEXT = re.compile(r"exceeded the limit of\s+(\d{1,9})\s+in\s+(\d{1,6}(?:\.\d{1,6})?)\s+second", re.IGNORECASE)
LIMIT_CODES = ("MXAPIRateLimitExceededException", "RATE_LIMIT_EXCEEDED")
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
class ApiResponse:
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


def read_response(status: int, headers: Mapping[str, str], content: bytes) -> ApiResponse:
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
    if not isinstance(body, dict) and status >= HTTP_BAD_REQUEST:
        text = content[:1000].decode(errors="replace")  # a refusal for pace may come as plain text
    if (limited := _limit(status, code, text, headers, body)) is not None:
        return limited
    verdict = _verdict(status, code, body)
    return ApiResponse(verdict, status, code, body, wait=retry_after(headers) if verdict is Verdict.TRANSIENT else None)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds named by a ``Retry-After`` header, as a number or as a date, None without one."""
    text = headers.get("Retry-After")
    if text is None or (seconds := _seconds(text)) is not None:
        return _seconds(text)
    try:
        # Against the server's own clock where it tells it.
        sent = headers.get("Date")
        now = parsedate_to_datetime(sent).timestamp() if sent else time.time()
        seconds = parsedate_to_datetime(text).timestamp() - now
    except (ValueError, OverflowError):
        return None
    return max(0.0, seconds)


def _verdict(status: int, code: str, body: Any) -> Verdict:
    logical = code.startswith("MX")
    if status in HTTP_ACCOUNT or code in ACCOUNT_TYPES:
        return Verdict.DENIED
    if status == HTTP_TIMEOUT or (status >= HTTP_SERVER_ERROR and not logical):
        return Verdict.TRANSIENT
    if HTTP_REDIRECT <= status < HTTP_BAD_REQUEST:
        return Verdict.DENIED
    if _is_error(status, body):
        return Verdict.REFUSED
    return Verdict.NO_JSON if body is None else Verdict.ACCEPTED


def _is_error(status: int, body: Any) -> bool:
    return status >= HTTP_BAD_REQUEST or (isinstance(body, dict) and body.get("Status") == "Error")


def _limit(status: int, code: str, text: str, headers: Mapping[str, str], body: Any) -> ApiResponse | None:
    """A refusal for pace, in any of its known forms: 429, an error with the text, any status with the type."""
    named = LIMIT_TEXT.search(text)
    if status != HTTP_LIMIT and code not in LIMIT_CODES and not (named and _is_error(status, body)):
        return None
    limit = (int(named[1]), float(named[2])) if named and int(named[1]) > 0 and float(named[2]) > 0 else None
    wait = _seconds(body.get("retryAfter")) if isinstance(body, dict) else None
    return ApiResponse(Verdict.LIMITED, status, code, body, limit, wait if wait is not None else retry_after(headers))


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
