"""Every documented form of an answer, read into what the caller has to do."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from lead_connectors.http.response import ApiResponse, Verdict, read_response, retry_after

LIMIT_TYPE = "MXAPIRateLimitExceededException"


def read(status: int, body: Any = None, *, raw: bytes | None = None, **headers: str) -> ApiResponse:
    named = CaseInsensitiveDict({name.replace("_", "-"): value for name, value in headers.items()})
    return read_response(status, named, orjson.dumps(body) if raw is None else raw)


def mx(name: str) -> dict[str, str]:
    return {"Status": "Error", "ExceptionType": f"MX{name}"}


def limit_text(calls: str = "20", seconds: str = "5") -> str:
    return f"API calls exceeded the limit of {calls} in {seconds} second(s)"


@pytest.mark.parametrize(
    ("status", "body", "limit", "wait"),
    [
        (429, {"message": "Rate limit exceeded", "code": "RATE_LIMIT_EXCEEDED", "retryAfter": 60}, None, 60.0),
        (403, {"code": "RATE_LIMIT_EXCEEDED", "retryAfter": "12"}, None, 12.0),
        (429, {"Status": "Error", "ExceptionType": LIMIT_TYPE, "ExceptionMessage": limit_text()}, (20, 5.0), None),
        (403, {"Status": "Error", "ExceptionType": "MXException", "ExceptionMessage": limit_text()}, (20, 5.0), None),
        (403, {"Status": "Error", "ExceptionMessage": limit_text("72")}, (72, 5.0), None),
        (200, {"Status": "Error", "ExceptionType": LIMIT_TYPE, "ExceptionMessage": limit_text()}, (20, 5.0), None),
        (200, {"Status": "Error", "ExceptionType": LIMIT_TYPE}, None, None),
        (200, {"Status": "Error", "ExceptionMessage": limit_text("1", "0.5")}, (1, 0.5), None),
        (500, {"Status": "Error", "ExceptionType": LIMIT_TYPE, "ExceptionMessage": limit_text()}, (20, 5.0), None),
        (429, limit_text(), (20, 5.0), None),
        (429, {"ExceptionMessage": limit_text("0")}, None, None),
        (429, {"ExceptionMessage": limit_text("9" * 5000)}, None, None),
        (429, {"retryAfter": None}, None, None),
        (429, {"retryAfter": -1}, None, None),
        (429, {"retryAfter": "soon"}, None, None),
        (429, {"retryAfter": {}}, None, None),
    ],
)
def test_refusals_for_pace(status: int, body: Any, limit: tuple[int, float] | None, wait: float | None) -> None:
    reading = read(status, body)
    assert (reading.verdict, reading.limit, reading.wait) == (Verdict.LIMITED, limit, wait)


def test_plain_text_of_a_refusal_for_pace_is_read_too() -> None:
    for status in (403, 429):
        reading = read(status, raw=limit_text("10").encode())
        assert (reading.verdict, reading.limit) == (Verdict.LIMITED, (10, 5.0))
    assert read(200, raw=limit_text("10").encode()).verdict is Verdict.NO_JSON


def test_the_limit_text_in_a_success_is_no_refusal() -> None:
    assert read(200, {"Status": "Success", "message": limit_text()}).verdict is Verdict.ACCEPTED
    assert read(200, [{"ErrorMessage": limit_text()}]).verdict is Verdict.ACCEPTED


def test_the_body_is_believed_before_the_header() -> None:
    assert read(429, {"retryAfter": 3}, Retry_After="9").wait == 3
    assert read(429, {"retryAfter": None}, retry_after="9").wait == 9
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
        (200, {"Status": "Success", "Message": {"Id": "x"}}, Verdict.ACCEPTED, "HTTP 200"),
        (200, {"Status": {"Message": "Error"}}, Verdict.ACCEPTED, "HTTP 200"),  # UpdateV2's rows, not the call's
        (200, mx("DuplicateEntryException"), Verdict.REFUSED, "MXDuplicateEntryException"),
        (500, mx("UnknownAttributeException"), Verdict.REFUSED, "MXUnknownAttributeException"),
        (500, {"Status": "Error", "ExceptionType": "NullReference"}, Verdict.TRANSIENT, "NullReference"),
        (500, {"message": "x", "code": "INTERNAL_ERROR"}, Verdict.TRANSIENT, "INTERNAL_ERROR"),
        (422, {"message": "x", "code": "VALIDATION_ERROR", "errors": []}, Verdict.REFUSED, "VALIDATION_ERROR"),
        (400, {"message": "x"}, Verdict.REFUSED, "HTTP 400"),
        (409, {}, Verdict.REFUSED, "HTTP 409"),
        (413, {}, Verdict.REFUSED, "HTTP 413"),
        (401, mx("UnAuthorizedAccessException"), Verdict.DENIED, "MXUnAuthorizedAccessException"),
        (200, mx("UnauthorizedRequestException"), Verdict.DENIED, "MXUnauthorizedRequestException"),
        (401, {"message": "x", "code": "UNAUTHORIZED"}, Verdict.DENIED, "UNAUTHORIZED"),
        (403, {"message": "x", "code": "FORBIDDEN"}, Verdict.DENIED, "FORBIDDEN"),
        (404, {"message": "x", "code": "NOT_FOUND"}, Verdict.DENIED, "NOT_FOUND"),
        (405, None, Verdict.DENIED, "HTTP 405"),
        (407, None, Verdict.DENIED, "HTTP 407"),
        (308, None, Verdict.DENIED, "HTTP 308"),
        (408, None, Verdict.TRANSIENT, "HTTP 408"),
        (502, None, Verdict.TRANSIENT, "HTTP 502"),
        (504, {}, Verdict.TRANSIENT, "HTTP 504"),
        (200, None, Verdict.NO_JSON, "HTTP 200"),
    ],
)  # fmt: skip
def test_verdicts(status: int, body: Any, verdict: Verdict, code: str) -> None:
    reading = read(status, body)
    assert (reading.verdict, reading.code, reading.status, reading.body) == (verdict, code, status, body)


@pytest.mark.parametrize("raw", [b"", b"<html>", b'{"a": ', b"\xff\xfe", b"NaN"])
def test_what_is_no_json(raw: bytes) -> None:
    assert read(200, raw=raw).verdict is Verdict.NO_JSON
    assert read(502, raw=raw).verdict is Verdict.TRANSIENT
    assert read(400, raw=raw).verdict is Verdict.REFUSED


@pytest.mark.parametrize("code", ["jane@example.com", "Jane Doe", "", "x" * 65, 7, None, ["a"], {"a": 1}])
def test_only_a_plain_word_is_passed_on_as_code(code: Any) -> None:
    assert read(400, {"code": code}).code == "HTTP 400"
    assert read(400, {"ExceptionType": code, "Status": "Error"}).code == "HTTP 400"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["Status", "ExceptionType", "ExceptionMessage", "code", "message", "retryAfter", "Message", "errors"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=8,
)


@given(st.integers(200, 599), json_values, st.dictionaries(st.sampled_from(["Retry-After", "Date"]), st.text()))
def test_any_answer_gets_one_verdict(status: int, body: Any, headers: dict[str, str]) -> None:
    reading = read_response(status, headers, orjson.dumps(body))
    assert reading.wait is None or reading.wait >= 0
    if reading.verdict is Verdict.ACCEPTED:
        assert 200 <= status < 300
        assert not (isinstance(body, dict) and body.get("Status") == "Error")


@given(st.integers(200, 599), st.binary())
def test_any_bytes_are_read_without_an_exception(status: int, raw: bytes) -> None:
    assert read_response(status, {}, raw).status == status
