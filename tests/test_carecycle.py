"""CareCycle's errors, the account's name and the session, as tap and target share them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from lead_connectors.carecycle import ERRORS, FieldError, account_name, field_errors, open_session, organisation
from lead_connectors.http.errors import DeniedError
from lead_connectors.http.quota import Quota, Window
from lead_connectors.http.response import Verdict
from lead_connectors.http.session import ApiSession
from tests.http import reading
from tests.http.loopback import Loopback, Scripted, loopback, scripted


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback() as started:
        yield started


@pytest.mark.parametrize(
    ("status", "body", "wait"),
    [
        (429, {"message": "Rate limit exceeded", "code": "RATE_LIMIT_EXCEEDED", "retryAfter": 60}, 60.0),
        (403, {"code": "RATE_LIMIT_EXCEEDED", "retryAfter": "12"}, 12.0),
        (429, {"retryAfter": None}, None),
        (429, {"retryAfter": -1}, None),
        (429, {"retryAfter": "soon"}, None),
        (429, {"retryAfter": {}}, None),
        (429, {}, None),
    ],
)
def test_rate_limits(status: int, body: Any, wait: float | None) -> None:
    response = reading.read(ERRORS, status, body)
    assert (response.verdict, response.limit, response.wait) == (Verdict.RATE_LIMITED, None, wait)


def test_the_wait_in_the_body_wins_over_the_header() -> None:
    assert reading.read(ERRORS, 429, {"retryAfter": 3}, Retry_After="9").wait == 3
    assert reading.read(ERRORS, 429, {"retryAfter": None}, retry_after="9").wait == 9


@pytest.mark.parametrize(
    ("status", "body", "verdict", "code"),
    [
        (200, {"succeeded": 1}, Verdict.ACCEPTED, "HTTP 200"),
        (500, {"message": "x", "code": "INTERNAL_ERROR"}, Verdict.TRANSIENT, "INTERNAL_ERROR"),
        (422, {"message": "x", "code": "VALIDATION_ERROR", "errors": []}, Verdict.REJECTED, "VALIDATION_ERROR"),
        (400, {"message": "x"}, Verdict.REJECTED, "HTTP 400"),
        (401, {"message": "x", "code": "UNAUTHORIZED"}, Verdict.DENIED, "UNAUTHORIZED"),
        (403, {"message": "x", "code": "FORBIDDEN"}, Verdict.DENIED, "FORBIDDEN"),
        (404, {"message": "x", "code": "NOT_FOUND"}, Verdict.DENIED, "NOT_FOUND"),
    ],
)  # fmt: skip
def test_verdicts(status: int, body: Any, verdict: Verdict, code: str) -> None:
    response = reading.read(ERRORS, status, body)
    assert (response.verdict, response.code, response.body) == (verdict, code, body)


def test_tap_and_target_name_an_account_alike() -> None:
    assert account_name({"api_url": "https://api.carecycle.ai/v2/", "api_key": "cc_1"}) == "api.carecycle.ai|cc_1"
    assert account_name({"api_url": "api.carecycle.ai", "api_key": "cc_1"}) == "api.carecycle.ai|cc_1"


@pytest.mark.parametrize(
    ("status", "advice"),
    [(401, "Check api_key"), (403, "lacks the permission to upload leads"), (404, "check api_url")],
)
def test_the_key_is_sent_and_a_denied_call_ends_with_advice(server: Loopback, status: int, advice: str) -> None:
    server.script = [scripted(status, {"message": "no"})]
    config = {"api_url": f"{server.url}/v2", "api_key": "cc_1", "request_timeout": 5, "max_retry_seconds": 1}
    quota = Quota([Window(100, 1.0)])
    session = open_session(config, quota, permission="upload leads", stopping=threading.Event())
    with pytest.raises(DeniedError, match=f"CareCycle denied access .*{advice}"):
        session.call("GET", "/v2/customers")
    session.close()
    assert (server.requests[0].path, server.requests[0].headers["x-api-key"]) == ("/v2/customers", "cc_1")


def open_to(server: Loopback) -> ApiSession:
    config = {"api_url": server.url, "api_key": "cc_1", "request_timeout": 5, "max_retry_seconds": 1}
    return open_session(config, Quota([Window(100, 1.0)]), permission="upload leads", stopping=threading.Event())


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ([scripted(200, {"items": [{"id": "1", "clientId": "AB-1"}]})], "ab-1"),
        ([scripted(200, {"items": []}), scripted(200, {"items": [{"clientId": "c"}]})], "c"),
        ([scripted(403, {}), scripted(200, {"items": [{"clientId": "c"}]})], "c"),
        ([scripted(200, {"items": [{"clientId": None}]}), scripted(422, {})], None),
        ([scripted(200, ["odd"]), scripted(404, {})], None),
    ],
)
def test_the_organisation_is_the_client_of_a_customer_or_a_custom_field(
    server: Loopback, script: list[Scripted], expected: str | None
) -> None:
    server.script = list(script)
    session = open_to(server)
    assert organisation(session) == expected
    session.close()
    paths = ["/v2/customers?page=1&limit=1", "/v2/custom-fields?page=1&limit=1"]
    assert [request.path for request in server.requests] == paths[: len(script)]


def test_a_wrong_key_has_no_organisation(server: Loopback) -> None:
    server.script = [scripted(401, {})]
    session = open_to(server)
    with pytest.raises(DeniedError, match="rotated"):
        organisation(session)
    session.close()


def test_field_errors_are_read_and_hide_the_received_value() -> None:
    body = {
        "code": "VALIDATION_ERROR",
        "errors": [
            {"path": ["records", 3, "state"], "message": "Expected TX, received Jane", "received": "Jane", "code": "x"},
            {"path": "limit", "message": None},
            "unexpected",
        ],
    }
    first, second = field_errors(body)
    assert first == FieldError(("records", "3", "state"), "Expected TX, received Jane", "Jane")
    assert first.safe_message == "Expected TX, received (hidden)"
    assert second == FieldError((), "", "")


@pytest.mark.parametrize("body", [None, [], {}, {"errors": None}, {"errors": 7}, {"errors": {"path": []}}, "text"])
def test_a_body_without_field_errors_has_none(body: Any) -> None:
    assert field_errors(body) == []
