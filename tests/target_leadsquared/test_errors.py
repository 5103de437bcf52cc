"""LeadSquared's errors, in every form that its pages or live accounts show."""

from __future__ import annotations

from typing import Any

import pytest

from lead_connectors.http.response import ApiResponse, Verdict
from target_leadsquared.errors import ERRORS, RATE_LIMIT_TYPE
from tests.http import reading


def read(status: int, body: Any = None, **more: Any) -> ApiResponse:
    return reading.read(ERRORS, status, body, **more)


def mx(name: str) -> dict[str, str]:
    return {"Status": "Error", "ExceptionType": f"MX{name}"}


def limit_text(calls: str = "20", seconds: str = "5") -> str:
    return f"API calls exceeded the limit of {calls} in {seconds} second(s)"


@pytest.mark.parametrize(
    ("status", "body", "limit"),
    [
        (429, {"Status": "Error", "ExceptionType": RATE_LIMIT_TYPE, "ExceptionMessage": limit_text()}, (20, 5.0)),
        (403, {"Status": "Error", "ExceptionType": "MXException", "ExceptionMessage": limit_text()}, (20, 5.0)),
        (403, {"Status": "Error", "ExceptionMessage": limit_text("72")}, (72, 5.0)),
        (200, {"Status": "Error", "ExceptionType": RATE_LIMIT_TYPE, "ExceptionMessage": limit_text()}, (20, 5.0)),
        (200, {"Status": "Error", "ExceptionType": RATE_LIMIT_TYPE}, None),
        (200, {"Status": "Error", "ExceptionMessage": limit_text("1", "0.5")}, (1, 0.5)),
        (500, {"Status": "Error", "ExceptionType": RATE_LIMIT_TYPE, "ExceptionMessage": limit_text()}, (20, 5.0)),
        (429, limit_text(), (20, 5.0)),
        (403, {"message": limit_text()}, (20, 5.0)),
        (429, {"ExceptionMessage": limit_text("0")}, None),
        (429, {"ExceptionMessage": limit_text("9" * 5000)}, None),
    ],
)
def test_rate_limits(status: int, body: Any, limit: tuple[int, float] | None) -> None:
    response = read(status, body)
    assert (response.verdict, response.limit, response.wait) == (Verdict.RATE_LIMITED, limit, None)


def test_plain_text_of_a_rate_limit_is_read_too() -> None:
    for status in (403, 429):
        response = read(status, raw=limit_text("10").encode())
        assert (response.verdict, response.limit) == (Verdict.RATE_LIMITED, (10, 5.0))
    assert read(200, raw=limit_text("10").encode()).verdict is Verdict.NOT_JSON


def test_the_limit_text_in_a_success_is_no_rejection() -> None:
    assert read(200, {"Status": "Success", "message": limit_text()}).verdict is Verdict.ACCEPTED
    assert read(200, [{"ErrorMessage": limit_text()}]).verdict is Verdict.ACCEPTED


def test_a_retry_after_header_is_followed() -> None:
    assert read(429, {}, Retry_After="9").wait == 9


@pytest.mark.parametrize(
    ("status", "body", "verdict", "code"),
    [
        (200, {"Status": "Success", "Message": {"Id": "x"}}, Verdict.ACCEPTED, "HTTP 200"),
        (200, {"Status": {"Message": "Error"}}, Verdict.ACCEPTED, "HTTP 200"),  # UpdateV2's rows, not the call's
        (200, mx("DuplicateEntryException"), Verdict.REJECTED, "MXDuplicateEntryException"),
        (200, mx("InvalidInputException"), Verdict.REJECTED, "MXInvalidInputException"),
        (200, {"Status": "Error"}, Verdict.REJECTED, "HTTP 200"),
        (500, mx("UnknownAttributeException"), Verdict.REJECTED, "MXUnknownAttributeException"),
        (500, mx("DuplicateEntryException"), Verdict.REJECTED, "MXDuplicateEntryException"),
        (500, {"Status": "Error", "ExceptionType": "NullReference"}, Verdict.TRANSIENT, "NullReference"),
        (401, mx("UnAuthorizedAccessException"), Verdict.DENIED, "MXUnAuthorizedAccessException"),
        # Under any other status these say that the keys' user may not do this with this lead.
        (200, mx("UnauthorizedRequestException"), Verdict.REJECTED, "MXUnauthorizedRequestException"),
        (500, mx("UnAuthorizedAccessException"), Verdict.REJECTED, "MXUnAuthorizedAccessException"),
        (404, mx("InvalidEntityReferenceException"), Verdict.REJECTED, "MXInvalidEntityReferenceException"),
        (404, mx("NeverHeardOf"), Verdict.REJECTED, "MXNeverHeardOf"),
        (404, mx("InvalidRequestException"), Verdict.DENIED, "MXInvalidRequestException"),
        (404, None, Verdict.DENIED, "HTTP 404"),
        (403, mx("UnauthorizedRequestException"), Verdict.DENIED, "MXUnauthorizedRequestException"),
        # A fault of the server, and not of the lead.
        (500, {"Status": "Error"}, Verdict.TRANSIENT, "HTTP 500"),
        (500, None, Verdict.TRANSIENT, "HTTP 500"),
        (200, {"Status": "Error", "ExceptionType": "System.TimeoutException"}, Verdict.TRANSIENT, "HTTP 200"),
        (200, mx("DuplicateEntryException") | {"Status": "Odd"}, Verdict.REJECTED, "MXDuplicateEntryException"),
    ],
)  # fmt: skip
def test_verdicts(status: int, body: Any, verdict: Verdict, code: str) -> None:
    response = read(status, body)
    assert (response.verdict, response.code, response.status, response.body) == (verdict, code, status, body)


@pytest.mark.parametrize("code", ["jane@example.com", "Jane Doe", "", "x" * 65, 7, None, ["a"], {"a": 1}])
def test_only_a_plain_word_is_passed_on_as_code(code: Any) -> None:
    assert read(400, {"ExceptionType": code, "Status": "Error"}).code == "HTTP 400"
