"""Classifies an HTTP response by what the caller has to do next (pure).

What an API's errors look like is described by an `ErrorFormat`. This module knows no API.
"""

from __future__ import annotations

import enum
import json
import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

HTTP_REDIRECT = 300
HTTP_BAD_REQUEST = 400
DENIED_STATUSES = (401, 402, 403, 404, 405, 407)
"""Key, payment, permission, path, method, proxy: no other call of this account would succeed."""
HTTP_NOT_FOUND = 404
HTTP_TIMEOUT = 408
HTTP_RATE_LIMIT = 429
HTTP_SERVER_ERROR = 500
MAX_SEARCHED_BYTES = 1000
MAX_DIGITS = 18
"""Longer texts are no counts and no positions."""
SAFE_CODE = re.compile(r"[A-Za-z_]{2,64}")
"""Only a code of this form is passed on. Any other text from a server could quote a record."""


@dataclass(frozen=True)
class ErrorFormat:
    """What an API's errors look like. The defaults fit an API of which only HTTP statuses are known.

    Attributes:
        code_key: Key of the error's code in a JSON body.
        message_key: Key of the error's text in a JSON body.
        error_marker: Key and value that make a body an error even if the status is 2xx.
        rate_limit_codes: Codes of a call that was rejected for the rate limit, under any status.
        rate_limit_text: Matches the text of such a rejection. Group 1 is the number of calls, group 2 the seconds.
        wait_key: Key of the seconds that the API asks to wait.
        denied_codes: Codes that deny access to the account or path, under any status.
        final_code_prefix: Codes with this start are logical errors of the handler that the call reached, under any
            status: a retry cannot help, and the call alone is at fault. An error with another code is the server's,
            and passes.
    """

    code_key: str = "code"
    message_key: str = "message"
    error_marker: tuple[str, str] | None = None
    rate_limit_codes: frozenset[str] = frozenset()
    rate_limit_text: re.Pattern[str] | None = None
    wait_key: str | None = None
    denied_codes: frozenset[str] = frozenset()
    final_code_prefix: str | None = None


class Verdict(enum.Enum):
    """What a response asks of the caller."""

    ACCEPTED = "accepted"
    RATE_LIMITED = "rate_limited"
    TRANSIENT = "transient"
    REJECTED = "rejected"
    DENIED = "denied"
    NOT_JSON = "not_json"


@dataclass(frozen=True)
class ApiResponse:
    """A classified response.

    Attributes:
        verdict: What the caller has to do.
        status: The HTTP status.
        code: The API's code, or ``HTTP <status>`` if there is none. It is a plain word and may be logged.
        body: The parsed JSON, or None.
        limit: ``(calls, seconds)`` if a rejection names the account's limit.
        wait: Seconds that the API asks to wait, or None.
    """

    verdict: Verdict
    status: int
    code: str
    body: Any = None
    limit: tuple[int, float] | None = None
    wait: float | None = None


def read_response(status: int, headers: Mapping[str, str], content: bytes, errors: ErrorFormat) -> ApiResponse:
    """Classify a response.

    Args:
        status: HTTP status.
        headers: Response headers. The mapping itself ignores case.
        content: The whole body.
        errors: What the API's errors look like.
    """
    body = _parsed(content)
    fields = body if isinstance(body, dict) else {}
    code = _safe_code(fields.get(errors.code_key)) or f"HTTP {status}"
    is_error = status >= HTTP_BAD_REQUEST or _has_marker(fields, errors)
    has_limit_code = code in errors.rate_limit_codes
    named_limit = _find_limit(fields, content, errors) if is_error or has_limit_code else None
    if status == HTTP_RATE_LIMIT or has_limit_code or named_limit is not None:
        wait = _seconds(fields.get(errors.wait_key)) if errors.wait_key else None
        wait = retry_after(headers) if wait is None else wait
        return ApiResponse(Verdict.RATE_LIMITED, status, code, body, _valid_limit(named_limit), wait)
    verdict = _verdict(status, code, body, errors, has_marker=_has_marker(fields, errors))
    return ApiResponse(verdict, status, code, body, wait=retry_after(headers) if verdict is Verdict.TRANSIENT else None)


def _parsed(content: bytes) -> Any:
    """The parsed body; None where it is no JSON."""
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        pass
    try:
        # What orjson rejects and servers send: half a character, NaN, a byte order mark, Latin-1.
        return json.loads(content.decode("utf-8-sig", "replace"), parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of a ``Retry-After`` header, which holds a number or a date, or None without one."""
    text = headers.get("Retry-After")
    if text is None or (seconds := _seconds(text)) is not None:
        return _seconds(text)
    try:
        # The date is compared with the server's own clock if the server sends its time.
        sent = headers.get("Date")
        now = parsedate_to_datetime(sent).timestamp() if sent else time.time()
        seconds = parsedate_to_datetime(text).timestamp() - now
    except (ValueError, OverflowError):
        return None
    return max(0.0, seconds)


def whole_number(value: Any) -> int | None:
    """Return a number of a response's JSON, which some APIs write as text; None for anything else."""
    if isinstance(value, str) and value.isdecimal() and len(value) <= MAX_DIGITS:
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _verdict(status: int, code: str, body: Any, errors: ErrorFormat, *, has_marker: bool) -> Verdict:
    prefix = errors.final_code_prefix
    is_final = prefix is not None and code.startswith(prefix)
    # A handler that finds nothing for a call was reached: the path is right.
    is_denied = status in DENIED_STATUSES and not (status == HTTP_NOT_FOUND and is_final)
    if is_denied or code in errors.denied_codes or HTTP_REDIRECT <= status < HTTP_BAD_REQUEST:
        return Verdict.DENIED
    if status == HTTP_TIMEOUT or (status >= HTTP_SERVER_ERROR and not is_final):
        return Verdict.TRANSIENT
    if status < HTTP_BAD_REQUEST and has_marker and not is_final and _is_system_error(body, errors):
        return Verdict.TRANSIENT
    if status >= HTTP_BAD_REQUEST or has_marker or is_final:
        return Verdict.REJECTED
    return Verdict.NOT_JSON if body is None else Verdict.ACCEPTED


def _is_system_error(body: Any, errors: ErrorFormat) -> bool:
    """Tell whether an error under a status of success has a code of the server's own, and not of the API's logic."""
    code = body.get(errors.code_key)
    return errors.final_code_prefix is not None and isinstance(code, str) and bool(code)


def _has_marker(fields: Mapping[str, Any], errors: ErrorFormat) -> bool:
    if errors.error_marker is None:
        return False
    key, value = errors.error_marker
    return bool(fields.get(key) == value)


def _find_limit(fields: Mapping[str, Any], content: bytes, errors: ErrorFormat) -> re.Match[str] | None:
    if errors.rate_limit_text is None:
        return None
    text = fields.get(errors.message_key)
    if not isinstance(text, str):  # a gateway in front of the API can send the text in another form
        text = content[:MAX_SEARCHED_BYTES].decode(errors="replace")
    return errors.rate_limit_text.search(text)


def _valid_limit(named: re.Match[str] | None) -> tuple[int, float] | None:
    if named is None:
        return None
    calls, seconds = int(named[1]), float(named[2])
    return (calls, seconds) if calls > 0 and seconds > 0 else None


def _safe_code(code: Any) -> str | None:
    return code if isinstance(code, str) and SAFE_CODE.fullmatch(code) else None


def _seconds(value: Any) -> float | None:
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
