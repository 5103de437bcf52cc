"""Calls, final rejections, wrong hosts, connections, stopping, and secrets."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
import traceback
from typing import Any

import pytest

from lead_connectors.http.errors import AmbiguousError, CallRejectedError, DeniedError, StoppedError
from lead_connectors.http.quota import Quota, Window
from lead_connectors.http.session import ApiSession, Retry
from lead_connectors.plugin.errors import ConnectorError, SettingsError
from lead_connectors.plugin.redaction import redact_logs
from tests.http.loopback import ERRORS, Loopback, Scripted, scripted
from tests.http.script import GOOD, HTML, LEAD, LIMIT_TEXT, NOWHERE, PATH, SECRET, TRANSIENT, Make


def test_a_good_response_is_parsed_and_the_call_is_as_requested(server: Loopback, make_session: Make) -> None:
    server.script = [GOOD]
    session = make_session(params={"secretKey": SECRET})
    assert session.call("POST", "/v2/leads?x=1", params={"page": "2"}, json=[{"a": "\u00e9"}]) == {"ok": True}
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/v2/leads?x=1&secretKey=u%24r-secret&page=2")
    assert request.body == '[{"a":"\u00e9"}]'.encode()
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["x-api-key"] == SECRET
    assert (session.calls, session.retries, session.rate_limited_calls) == (1, 0, 0)


def test_a_read_sends_no_body(server: Loopback, make_session: Make) -> None:
    make_session().call("GET", "/")
    assert "Content-Type" not in server.requests[0].headers
    assert server.requests[0].body == b""


# --- final rejections --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rejection", "status", "code"),
    [
        (scripted(422, {"kind": "VALIDATION_ERROR", "text": "x"}), 422, "VALIDATION_ERROR"),
        (scripted(400, {"text": "x"}), 400, "HTTP 400"),
        (Scripted(413, b"<html>"), 413, "HTTP 413"),
        (scripted(500, {"result": "failed", "kind": "BadDuplicate"}), 500, "BadDuplicate"),
        (scripted(200, {"result": "failed", "kind": "BadInput"}), 200, "BadInput"),
        (scripted(200, {"result": "failed"}), 200, "HTTP 200"),
    ],
)
def test_a_finally_rejected_call_is_not_retried(
    server: Loopback, make_session: Make, rejection: Scripted, status: int, code: str
) -> None:
    server.script = [rejection]
    with pytest.raises(CallRejectedError, match=f"POST leads/upload with {code}") as caught:
        make_session().call("POST", "/v2/leads/upload", json={})
    assert (caught.value.status, caught.value.code) == (status, code)
    assert len(server.requests) == 1


@pytest.mark.parametrize("body", ["\ud800", 2**70])
def test_a_body_that_cannot_be_json_is_rejected_without_a_call(
    server: Loopback, make_session: Make, body: object
) -> None:
    with pytest.raises(CallRejectedError) as caught:
        make_session().call("POST", "/", json=[body])
    assert caught.value.code == "NotJson"
    assert not server.requests


@pytest.mark.parametrize("status", [301, 302, 307, 401, 402, 403, 404, 405, 407])
def test_a_denied_account_ends_the_run_with_advice(server: Loopback, make_session: Make, status: int) -> None:
    server.script = [Scripted(status, b'{"message": "no"}', {"Location": "https://elsewhere.example/steal"})]
    session = make_session(advice={401: "Check api_key.", "POST Lead/Bulk/Create": "Check write_mode and api_url."})
    with pytest.raises(DeniedError, match="Check api_key" if status == 401 else "Check write_mode") as caught:
        session.call("POST", "/v2/Management.svc/Lead/Bulk/Create?secret=1", json={})
    assert f"denied access to POST Lead/Bulk/Create (HTTP {status})" in str(caught.value)
    assert (caught.value.status, caught.value.exit_code) == (status, 2)
    assert caught.value.body == {"message": "no"}
    assert len(server.requests) == 1


# --- a host that is not the API ----------------------------------------------------------------------------------


def test_html_twice_is_the_wrong_host(server: Loopback, make_session: Make) -> None:
    server.afterwards = HTML
    with pytest.raises(SettingsError, match=r"127\.0\.0\.1 does not respond with JSON as TestAPI does: check api_url"):
        make_session().call("GET", "/")
    assert len(server.requests) == 2


def test_html_twice_is_the_wrong_host_for_a_write_too(server: Loopback, make_session: Make) -> None:
    server.afterwards = HTML
    session = make_session()
    with pytest.raises(AmbiguousError):
        session.call("POST", "/", json={}, retry=Retry.ASK)
    with pytest.raises(SettingsError):
        session.call("POST", "/", json={}, retry=Retry.ASK)


@pytest.mark.parametrize("first", [GOOD, scripted(422, {"kind": "VALIDATION_ERROR"})])
def test_html_after_a_json_response_is_retried(server: Loopback, make_session: Make, first: Scripted) -> None:
    server.script = [first, HTML, HTML, HTML, GOOD]
    session = make_session()
    with contextlib.suppress(CallRejectedError):
        session.call("GET", "/")
    assert session.call("GET", "/") == {"ok": True}


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.example.com",
        "ftp://api.example.com",
        "https://",
        "https://[",
        "https://h:0",
        "https://h:x",
        f"https://user:{SECRET}@h",
        f"https://h?key={SECRET}",
        f"https://h#{SECRET}",
    ],
)
def test_an_invalid_address_is_a_wrong_setting(url: str) -> None:
    with pytest.raises(SettingsError, match="api_url") as caught:
        ApiSession("TestAPI", url, Quota([]), headers={}, errors=ERRORS)
    assert SECRET not in str(caught.value)


# --- connections -------------------------------------------------------------------------------------------------


def test_a_connection_closed_between_calls_is_no_fault(server: Loopback, make_session: Make) -> None:
    server.afterwards = Scripted(200, b"{}", fault="close_after")
    session = make_session()
    for _ in range(3):
        session.call("POST", "/", json={}, retry=Retry.ASK)
        assert server.closed.acquire(timeout=5)
    assert len(server.requests) == 3
    assert session.retries == 0


def test_only_a_reconnection_after_a_kept_connection_moves_its_slot(make_session: Make) -> None:
    corrected: list[bool] = []
    session = make_session()
    finish_call = session.quota.finish_call

    def spy(slot: float, *, latency: float, fresh_connection: bool) -> None:
        corrected.append(fresh_connection)
        finish_call(slot, latency=latency, fresh_connection=fresh_connection)

    session.quota.finish_call = spy  # type: ignore[method-assign]
    for _ in range(3):
        session.call("GET", "/")
    assert corrected == [True, False, False]
    session._thread.session.close()
    session.call("GET", "/")
    assert corrected == [True, False, False, True]


def test_every_thread_has_its_own_connection_and_close_ends_them_all(make_session: Make) -> None:
    session = make_session(quota=Quota([Window(1000, 1.0)]))
    threads = [threading.Thread(target=session.call, args=("GET", "/")) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert len(session._sessions) == 8
    assert session.calls == 8
    session.close()
    assert session._sessions == []
    session.call("GET", "/")
    assert session.calls == 9


# --- stopping ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("waiting_for", [Scripted(500, b""), Scripted(429, b"", {"Retry-After": "600"})])
def test_stopping_ends_any_wait_at_once(server: Loopback, waiting_for: Scripted) -> None:
    stopping = threading.Event()
    server.afterwards = waiting_for
    session = ApiSession(
        "TestAPI",
        server.url,
        Quota([Window(100, 1.0)], stopping=stopping),
        headers={},
        errors=ERRORS,
        stopping=stopping,
    )
    threading.Timer(0.3, stopping.set).start()
    started = time.monotonic()
    with pytest.raises(StoppedError):
        session.call("GET", "/")
    assert time.monotonic() - started < 3
    before = len(server.requests)
    with pytest.raises(StoppedError):
        session.call("GET", "/")
    assert len(server.requests) == before
    session.close()


# --- secrets -----------------------------------------------------------------------------------------------------


def test_no_secret_and_no_record_in_errors_logs_or_representation(
    server: Loopback, make_session: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("urllib3").setLevel(logging.DEBUG)
    redact_logs([SECRET])
    quoting = scripted(422, {"kind": "VALIDATION_ERROR", "text": "bad jane@example.com", "received": SECRET})
    session = make_session(params={"secretKey": SECRET}, max_retry_seconds=2.0, timeout=0.3)
    faults = [
        *TRANSIENT.values(),
        quoting,
        scripted(401, {"text": SECRET}),
        Scripted(302, b"", {"Location": SECRET}),
    ]
    written = [repr(session), str(session)]
    for fault in faults:
        server.script, server.afterwards = [], fault
        written += [_outcome(session, retry) for retry in Retry]
    server.afterwards = scripted(429, {"text": LIMIT_TEXT + " jane@example.com"})
    written.append(_outcome(session, Retry.ALWAYS))
    written.append(_outcome(make_session(NOWHERE, max_retry_seconds=2.0), Retry.ALWAYS))
    written.append(_outcome(make_session(headers={"x-api-key": SECRET + "\n"}), Retry.ALWAYS))
    written.append(_outcome(make_session(headers={"x-api-key": SECRET + "\u20ac"}), Retry.ALWAYS))
    assert "cannot be sent" in written[-1]
    assert "cannot be sent" in written[-2]
    everything = "\n".join([*written, caplog.text, *(repr(vars(record)) for record in caplog.records)])
    assert "Retrying" in everything
    for hidden in (SECRET, "u%24r-secret", "jane@example.com", PATH):
        assert hidden not in everything


def _outcome(session: ApiSession, retry: Retry) -> str:
    try:
        return str(session.call("POST", PATH, json=LEAD, retry=retry))
    except ConnectorError as error:
        chain: list[Any] = [error, error.__cause__, error.__context__]
        return "\n".join([*map(repr, chain), *map(str, chain), *traceback.format_exception(error)])
