"""Every form of a response is classified by what the caller has to do."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lead_connectors.carecycle import ERRORS as CARECYCLE
from lead_connectors.http.response import ApiResponse, ErrorFormat, Verdict, read_response, retry_after
from target_leadsquared.errors import ERRORS as LEADSQUARED
from tests.http import reading
from tests.http.loopback import ERRORS

PLAIN = ErrorFormat()
FORMATS = (PLAIN, ERRORS, CARECYCLE, LEADSQUARED)


def read(status: int, body: Any = None, **more: Any) -> ApiResponse:
    return reading.read(ERRORS, status, body, **more)


def limit_text(calls: str = "20", seconds: str = "5") -> str:
    return f"the limit of {calls} in {seconds} second(s)"


@pytest.mark.parametrize(
    ("status", "body", "limit", "wait"),
    [
        (429, {"kind": "TooFast", "wait": 60}, None, 60.0),
        (403, {"kind": "TooFast", "wait": "12"}, None, 12.0),
        (403, {"kind": "Other", "text": limit_text()}, (20, 5.0), None),
        (403, {"text": limit_text("72")}, (72, 5.0), None),
        (200, {"result": "failed", "kind": "TooFast", "text": limit_text()}, (20, 5.0), None),
        (200, {"result": "failed", "text": limit_text("1", "0.5")}, (1, 0.5), None),
        (200, {"kind": "TooFast", "text": limit_text()}, (20, 5.0), None),
        (500, {"kind": "TooFast", "text": limit_text()}, (20, 5.0), None),
        (429, {"gateway": limit_text()}, (20, 5.0), None),
        (429, limit_text(), (20, 5.0), None),
        (429, {"text": limit_text("0")}, None, None),
        (429, {"text": limit_text("9" * 5000)}, None, None),
        (429, {"wait": None}, None, None),
        (429, {"wait": -1}, None, None),
        (429, {"wait": "soon"}, None, None),
        (429, {"wait": {}}, None, None),
        (429, {"wait": 2**64 - 1}, None, 2.0**64),
    ],
)
def test_rate_limits(status: int, body: Any, limit: tuple[int, float] | None, wait: float | None) -> None:
    response = read(status, body)
    assert (response.verdict, response.limit, response.wait) == (Verdict.RATE_LIMITED, limit, wait)


@pytest.mark.parametrize("errors", FORMATS)
def test_429_is_a_rate_limit_in_every_format(errors: ErrorFormat) -> None:
    assert reading.read(errors, 429, {}).verdict is Verdict.RATE_LIMITED
    assert reading.read(errors, 429, raw=b"slow down", retry_after="9").wait == 9


def test_the_limit_text_is_also_read_from_plain_text() -> None:
    for status in (403, 429):
        response = read(status, raw=limit_text("10").encode())
        assert (response.verdict, response.limit) == (Verdict.RATE_LIMITED, (10, 5.0))
    assert read(200, raw=limit_text("10").encode()).verdict is Verdict.NOT_JSON


def test_the_limit_text_in_a_success_is_no_rejection() -> None:
    assert read(200, {"result": "done", "text": limit_text()}).verdict is Verdict.ACCEPTED
    assert read(200, [{"text": limit_text()}]).verdict is Verdict.ACCEPTED


def test_an_api_without_a_known_limit_text_has_none() -> None:
    assert reading.read(PLAIN, 403, {"message": limit_text()}).verdict is Verdict.DENIED


def test_the_wait_in_the_body_wins_over_the_header() -> None:
    assert read(429, {"wait": 3}, Retry_After="9").wait == 3
    assert read(429, {"wait": None}, retry_after="9").wait == 9
    assert read(503, {}, Retry_After="9").wait == 9
    assert read(400, {}, Retry_After="9").wait is None


@pytest.mark.parametrize(
    ("header", "date", "seconds"),
    [
        ("120", None, 120.0),
        ("0", None, 0.0),
        ("2.5", None, 2.5),
        ("Wed, 21 Oct 2026 07:28:30 GMT", "Wed, 21 Oct 2026 07:28:00 GMT", 30.0),
        ("Wed, 21 Oct 2026 07:28:00 GMT", "Wed, 21 Oct 2026 07:28:30 GMT", 0.0),
        ("Wed, 21 Oct 1998 07:28:00 GMT", None, 0.0),
        ("-5", None, None),
        ("nan", None, None),
        ("inf", None, None),
        ("later", None, None),
        ("", None, None),
        ("Wed, 99 Oct 2026 07:28:00 GMT", None, None),
        ("Wed, 21 Oct 2026 07:28:30 GMT", "nonsense", None),
        (None, None, None),
    ],
)
def test_retry_after(header: str | None, date: str | None, seconds: float | None) -> None:
    headers = {name: value for name, value in {"Retry-After": header, "Date": date}.items() if value is not None}
    assert retry_after(headers) == seconds


@pytest.mark.parametrize(
    ("status", "body", "verdict", "code"),
    [
        (200, {"succeeded": 1}, Verdict.ACCEPTED, "HTTP 200"),
        (201, [], Verdict.ACCEPTED, "HTTP 201"),
        (200, {"result": "done"}, Verdict.ACCEPTED, "HTTP 200"),
        (200, {"result": "failed", "kind": "BadInput"}, Verdict.REJECTED, "BadInput"),
        (500, {"kind": "BadInput"}, Verdict.REJECTED, "BadInput"),
        (500, {"kind": "NullReference"}, Verdict.TRANSIENT, "NullReference"),
        (200, {"kind": "NoAccess"}, Verdict.DENIED, "NoAccess"),
        (500, {"kind": "NoAccess"}, Verdict.DENIED, "NoAccess"),
        # What the handler of a call says concerns this call alone, what a gateway says the account.
        (404, {"kind": "BadLead"}, Verdict.REJECTED, "BadLead"),
        (404, {"kind": "Other"}, Verdict.DENIED, "Other"),
        (404, {"kind": "NoAccess"}, Verdict.DENIED, "NoAccess"),
        (401, {"kind": "BadKey"}, Verdict.DENIED, "BadKey"),
        (403, {"kind": "BadLead"}, Verdict.DENIED, "BadLead"),
        # An error with another code is the server's own, under any status but a 4xx.
        (200, {"result": "failed", "kind": "NullReference"}, Verdict.TRANSIENT, "NullReference"),
        (200, {"result": "failed", "kind": "System.Timeout"}, Verdict.TRANSIENT, "HTTP 200"),
        (200, {"result": "failed", "text": "x"}, Verdict.REJECTED, "HTTP 200"),
        (400, {"result": "failed", "kind": "NullReference"}, Verdict.REJECTED, "NullReference"),
        (200, {"kind": "BadInput"}, Verdict.REJECTED, "BadInput"),
        (400, {"text": "x"}, Verdict.REJECTED, "HTTP 400"),
        (409, {}, Verdict.REJECTED, "HTTP 409"),
        (413, {}, Verdict.REJECTED, "HTTP 413"),
        (401, {}, Verdict.DENIED, "HTTP 401"),
        (403, {"kind": "Other"}, Verdict.DENIED, "Other"),
        (404, {}, Verdict.DENIED, "HTTP 404"),
        (405, None, Verdict.DENIED, "HTTP 405"),
        (407, None, Verdict.DENIED, "HTTP 407"),
        (308, None, Verdict.DENIED, "HTTP 308"),
        (408, None, Verdict.TRANSIENT, "HTTP 408"),
        (502, None, Verdict.TRANSIENT, "HTTP 502"),
        (504, {}, Verdict.TRANSIENT, "HTTP 504"),
        (200, None, Verdict.NOT_JSON, "HTTP 200"),
    ],
)  # fmt: skip
def test_verdicts(status: int, body: Any, verdict: Verdict, code: str) -> None:
    response = read(status, body)
    assert (response.verdict, response.code, response.status, response.body) == (verdict, code, status, body)


@pytest.mark.parametrize("raw", [b"", b"<html>", b'{"a": ', b"\xff\xfe", b"NaN"])
def test_what_is_not_json(raw: bytes) -> None:
    assert read(200, raw=raw).verdict is Verdict.NOT_JSON
    assert read(502, raw=raw).verdict is Verdict.TRANSIENT
    assert read(400, raw=raw).verdict is Verdict.REJECTED


@pytest.mark.parametrize("code", ["jane@example.com", "Jane Doe", "", "x" * 65, 7, None, ["a"], {"a": 1}])
def test_only_a_plain_word_is_passed_on_as_code(code: Any) -> None:
    assert read(400, {"kind": code}).code == "HTTP 400"
    assert read(400, {"kind": code, "result": "failed"}).code == "HTTP 400"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["Status", "ExceptionType", "ExceptionMessage", "code", "message", "retryAfter", "kind", "text", "wait"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=8,
)


@given(
    st.sampled_from(FORMATS),
    st.integers(200, 599),
    json_values,
    st.dictionaries(st.sampled_from(["Retry-After", "Date"]), st.text()),
)
def test_any_response_gets_one_verdict(errors: ErrorFormat, status: int, body: Any, headers: dict[str, str]) -> None:
    response = read_response(status, headers, orjson.dumps(body), errors)
    assert response.wait is None or response.wait >= 0
    if response.verdict is Verdict.ACCEPTED:
        assert 200 <= status < 300
        if isinstance(body, dict) and errors.error_marker is not None:
            key, value = errors.error_marker
            assert body.get(key) != value


@given(st.sampled_from(FORMATS), st.integers(200, 599), st.binary())
def test_any_bytes_are_read_without_an_exception(errors: ErrorFormat, status: int, raw: bytes) -> None:
    assert read_response(status, {}, raw, errors).status == status
