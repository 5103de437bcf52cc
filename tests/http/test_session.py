"""One call against a server that responds as its script says."""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

import pytest
import requests
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProxyError, SSLError

from lead_connectors.http.errors import AmbiguousError, CallRejectedError, DeniedError, StoppedError, TransientError
from lead_connectors.http.quota import Quota, Window
from lead_connectors.http.session import ApiSession, Retry
from lead_connectors.plugin.errors import ConnectorError, SettingsError
from lead_connectors.plugin.redaction import redact_logs
from tests.http.loopback import ERRORS, Clock, HandTurnedEvent, Loopback, Scripted, scripted

SECRET = "u$r-secret"
NOWHERE = "http://no-such-host.invalid"
PATH = "/lead-path"
LEAD = {"EmailAddress": "jane@example.com"}
GOOD = scripted(200, {"ok": True})
LIMIT_TEXT = "API calls exceeded the limit of 10 in 5 second(s)"
HTML = Scripted(200, b"<html>Sign in</html>", {"Content-Type": "text/html"})

Make = Callable[..., ApiSession]


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


# --- transient faults: retried after a growing wait, up to max_retry_seconds --------------------------------------

TRANSIENT = {
    "500": Scripted(500, b'{"text": "oops", "kind": "InternalError"}'),
    "500 without JSON": Scripted(500, b"oops"),
    "502 HTML": Scripted(502, b"<html>Bad Gateway</html>", {"Content-Type": "text/html"}),
    "503": Scripted(503, b""),
    "408": Scripted(408, b""),
    "empty body": Scripted(200, b""),
    "half a JSON": Scripted(200, b'{"ok": tr'),
    "reset": Scripted(fault="reset"),
    "hang up": Scripted(fault="hang_up"),
    "truncated": Scripted(200, b'{"ok": true}', fault="truncated"),
}


@pytest.mark.parametrize("fault", TRANSIENT.values(), ids=TRANSIENT)
def test_a_read_is_retried_after_a_fault(server: Loopback, make_session: Make, fault: Scripted) -> None:
    server.script = [GOOD, fault, fault, GOOD]
    session = make_session()
    session.call("GET", "/")
    assert session.call("GET", "/") == {"ok": True}
    assert (session.calls, session.retries) == (4, 2)
    assert 1.0 < session.seconds_waiting <= 3.0


@pytest.mark.parametrize("fault", TRANSIENT.values(), ids=TRANSIENT)
def test_the_caller_decides_about_a_write_that_may_have_been_applied(
    server: Loopback, make_session: Make, fault: Scripted
) -> None:
    server.script = [fault]
    session = make_session()
    with pytest.raises(AmbiguousError, match="may have been applied"):
        session.call("POST", "/", json={}, retry=Retry.ASK)
    assert len(server.requests) == 1


def test_a_response_slower_than_the_timeout_is_ambiguous(server: Loopback, make_session: Make) -> None:
    release = threading.Event()
    server.script = [Scripted(fault="slow", until=release), Scripted(fault="slow", until=release), GOOD]
    session = make_session(timeout=0.2)
    with pytest.raises(AmbiguousError):
        session.call("POST", "/", json={}, retry=Retry.ASK)
    assert session.call("POST", "/", json={}) == {"ok": True}
    assert len(server.requests) == 3
    release.set()


@pytest.mark.parametrize("retry", Retry)
def test_a_call_that_was_never_sent_is_always_retried(server: Loopback, make_session: Make, retry: Retry) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        session = make_session(f"http://127.0.0.1:{taken.getsockname()[1]}")
        waits = session._stopping.waits  # type: ignore[attr-defined]

        class Opened(HandTurnedEvent):
            def wait(self, timeout: float | None = None) -> bool:
                if len(waits) == 3:
                    session.base_url = server.url
                waits.append(timeout)
                return False

        session._stopping = Opened(Clock())
        assert session.call("POST", "/", json={}, retry=retry) == {}
    assert len(server.requests) == 1
    assert session.retries == 4


@pytest.mark.parametrize("retry", Retry)
def test_an_unknown_host_and_a_dead_proxy_count_as_never_sent(make_session: Make, retry: Retry) -> None:
    with pytest.raises(TransientError, match=r"no connection\. Check api_url and the network"):
        make_session(NOWHERE, max_retry_seconds=5.0).call("POST", "/", json={}, retry=retry)
    session = make_session(max_retry_seconds=5.0)
    inner = requests.exceptions.ProxyError(
        MaxRetryError(None, "/", ProxyError("Unable to connect to proxy", NewConnectionError(None, "refused")))  # type: ignore[arg-type]
    )
    assert session._classify_fault(inner).value == "no connection"


def tls_fault(inner: ssl.SSLError) -> requests.exceptions.SSLError:
    return requests.exceptions.SSLError(MaxRetryError(None, "/", SSLError(inner)))  # type: ignore[arg-type]


def test_a_broken_tls_connection_may_have_sent_the_call(make_session: Make) -> None:
    """A server that hangs up between calls looks like this under TLS."""
    broken = tls_fault(ssl.SSLEOFError(8, "EOF occurred in violation of protocol"))
    assert make_session()._classify_fault(broken).value == "the connection was closed or timed out"


def test_an_untrusted_certificate_is_a_wrong_setting_unless_it_was_trusted_before(make_session: Make) -> None:
    untrusted = tls_fault(ssl.SSLCertVerificationError(1, "certificate verify failed"))
    session = make_session()
    with pytest.raises(SettingsError, match="certificate of 127"):
        session._classify_fault(untrusted)
    session.call("GET", "/")
    assert session._classify_fault(untrusted).value == "no connection"


def test_a_caller_that_retries_itself_waits_and_is_counted(make_session: Make, clock: Clock) -> None:
    session = make_session(max_retry_seconds=10.0)
    started = clock.now
    session.wait_to_retry(3, started)
    assert 2.0 <= clock.now - started <= 4.0
    assert session.retries == 1
    clock.now += 10
    with pytest.raises(TransientError):
        session.wait_to_retry(4, started)
    session._stopping.set()
    with pytest.raises(StoppedError):
        session.wait_to_retry(1, clock.now)


def test_permanent_faults_end_the_run_after_max_retry_seconds(
    server: Loopback, make_session: Make, clock: Clock
) -> None:
    server.afterwards = Scripted(500, b"")
    session = make_session(max_retry_seconds=900.0)
    started = clock.now
    with pytest.raises(TransientError, match=r"900 s \(max_retry_seconds\)\. Last problem: HTTP 500") as caught:
        session.call("GET", "/")
    assert 899 <= clock.now - started < 905
    waits = session._stopping.waits  # type: ignore[attr-defined]
    assert max(waits) <= 60
    assert all(wait >= 0 for wait in waits)
    assert 15 < len(server.requests) < 60
    assert session.retries == len(server.requests) - 1
    assert caught.value.exit_code == 1


# --- rate limits -------------------------------------------------------------------------------------------------

LIMITED = {
    "429 wait": (scripted(429, {"kind": "TooFast", "wait": 30}), 30.0),
    "429 Retry-After": (Scripted(429, b"", {"Retry-After": "17"}), 17.0),
    "429 nothing": (Scripted(429, b""), 5.15),
    "429 wait 0": (scripted(429, {"wait": 0}), 1.0),
    "429 limit text": (scripted(429, {"result": "failed", "text": LIMIT_TEXT}), 5.2),
    "429 plain limit text": (Scripted(429, LIMIT_TEXT.encode()), 5.2),
    "403 limit text": (scripted(403, {"result": "failed", "text": LIMIT_TEXT}), 5.2),
    "200 limit code": (scripted(200, {"result": "failed", "kind": "TooFast"}), 5.15),
    "500 limit code": (scripted(500, {"result": "failed", "kind": "TooFast", "text": LIMIT_TEXT}), 5.2),
}


@pytest.mark.parametrize(("rejection", "wait"), LIMITED.values(), ids=LIMITED)
def test_a_rate_limited_call_waits_in_full_and_is_retried(
    server: Loopback, make_session: Make, clock: Clock, rejection: Scripted, wait: float
) -> None:
    """Also with `Retry.ASK`: a rejected call had no effect."""
    server.script = [rejection, GOOD]
    quota = Quota([Window(25, 5.0)], clock=clock, sleep=clock.sleep)
    session = make_session(quota=quota)
    started = clock.now
    assert session.call("POST", "/", json={}, retry=Retry.ASK) == {"ok": True}
    assert clock.now - started == pytest.approx(wait, abs=0.1)
    assert (session.calls, session.retries, session.rate_limited_calls) == (2, 1, 1)
    assert (Window(10, 5.0) in quota.windows) == (LIMIT_TEXT.encode() in rejection.body)


def test_a_permanent_rate_limit_ends_the_run(server: Loopback, make_session: Make, clock: Clock) -> None:
    server.afterwards = scripted(429, {"wait": 60})
    session = make_session(max_retry_seconds=300.0)
    started = clock.now
    with pytest.raises(TransientError, match="Last problem: HTTP 429"):
        session.call("GET", "/")
    assert 300 <= clock.now - started <= 301
    assert len(server.requests) == 6
    assert session.rate_limited_calls == 6


@pytest.mark.parametrize("status", [429, 503])
def test_a_requested_wait_beyond_max_retry_seconds_ends_the_run_at_once(
    server: Loopback, make_session: Make, clock: Clock, status: int
) -> None:
    server.script = [Scripted(status, b"", {"Retry-After": "86400"})]
    session = make_session(max_retry_seconds=900.0)
    started = clock.now
    with pytest.raises(TransientError, match="86400 s, longer than max_retry_seconds"):
        session.call("GET", "/")
    assert clock.now == started
    with pytest.raises(TransientError):
        session.call("GET", "/")
    assert len(server.requests) == 1


@pytest.mark.parametrize("retry", Retry)
def test_a_wait_that_a_503_asks_for_holds_for_the_next_call(
    server: Loopback, make_session: Make, clock: Clock, retry: Retry
) -> None:
    server.script = [Scripted(503, b"", {"Retry-After": "40"}), GOOD]
    session = make_session()
    started = clock.now
    try:
        session.call("POST", "/", json={}, retry=retry)
    except AmbiguousError:
        session.call("GET", "/look-up")
    assert clock.now - started >= 40


def test_after_a_rejection_that_names_a_limit_there_are_no_more(server: Loopback) -> None:
    server.limit = (4, 0.6)
    session = ApiSession("TestAPI", server.url, Quota([Window(100, 1.0)]), headers={}, errors=ERRORS)
    for _ in range(13):
        session.call("GET", "/")
    session.close()
    assert session.rate_limited_calls == server.rejected == 1


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
    with pytest.raises(CallRejectedError) as caught:
        make_session().call("POST", "/", json={})
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
    session = make_session(advice={401: "Check api_key."})
    with pytest.raises(DeniedError, match="Check api_") as caught:
        session.call("POST", "/", json={})
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
