"""Faults and rate limits: what is retried, after which wait, and for how long."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator

import pytest
import requests
from typing_extensions import override
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProxyError, SSLError

from lead_connectors.http.errors import AmbiguousError, DeniedError, StoppedError, TransientError
from lead_connectors.http.quota import Quota, Window
from lead_connectors.http.session import ApiSession, Retry
from lead_connectors.plugin.errors import SettingsError
from tests.http.loopback import ERRORS, Clock, HandTurnedEvent, Loopback, Scripted, scripted
from tests.http.script import GOOD, LIMIT_TEXT, NOWHERE, TRANSIENT, Make

# --- transient faults: retried after a growing wait, up to max_retry_seconds -----------------------------------------


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


@pytest.mark.parametrize("fault", ["drip_head", "drip_body"])
def test_the_timeout_is_for_the_whole_response(
    server: Loopback, make_session: Make, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Each byte comes in time, the response does not."""
    server.script = [Scripted(fault=fault), Scripted(fault=fault), GOOD]
    session = make_session(timeout=0.4)
    started = time.monotonic()
    with pytest.raises(AmbiguousError, match=r"within 0\.4 s \(request_timeout\)"):
        session.call("POST", "/", json={}, retry=Retry.ASK)
    assert session.call("POST", "/", json={}) == {"ok": True}
    assert 0.8 <= time.monotonic() - started < 3
    assert "no complete response within 0.4 s (request_timeout) (POST ). Retrying" in caplog.text


def test_a_slow_response_does_not_shorten_the_timeout_of_the_next_one(server: Loopback, make_session: Make) -> None:
    session = make_session(timeout=2.0)
    server.latency = 0.6
    for _ in range(4):
        session.call("GET", "/")
    assert session.retries == 0


@pytest.mark.parametrize("retry", Retry)
def test_a_call_that_was_never_sent_is_always_retried(server: Loopback, make_session: Make, retry: Retry) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        session = make_session(f"http://127.0.0.1:{taken.getsockname()[1]}")
        waits = session._stopping.waits  # type: ignore[attr-defined]

        class Opened(HandTurnedEvent):
            @override
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
    with pytest.raises(TransientError, match="cannot be reached"):
        make_session(NOWHERE, max_retry_seconds=5.0).call("POST", "/", json={}, retry=retry)
    session = make_session(max_retry_seconds=5.0)
    inner = requests.exceptions.ProxyError(
        MaxRetryError(None, "/", ProxyError("Unable to connect to proxy", NewConnectionError(None, "refused")))  # type: ignore[arg-type]
    )
    fault = session._classify_fault(inner)
    assert (fault.was_sent, fault.reason) == (False, "the proxy cannot be reached")


@contextlib.contextmanager
def closed_port() -> Iterator[str]:
    """An address that refuses connections."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.mark.parametrize("retry", Retry)
def test_a_host_that_never_responded_is_given_up_within_a_minute(
    make_session: Make, clock: Clock, caplog: pytest.LogCaptureFixture, retry: Retry
) -> None:
    started = clock.now
    with pytest.raises(
        TransientError, match=r"no-such-host\.invalid cannot be reached \(its name does not resolve"
    ) as no:
        make_session(NOWHERE).call("POST", "/v2/Management.svc/Lead/Bulk", json={}, retry=retry)
    assert 35 <= clock.now - started <= 60
    assert "no connection to no-such-host.invalid, its name does not resolve (POST Lead/Bulk). Retrying" in caplog.text
    with closed_port() as url, pytest.raises(TransientError, match=f"{url[7:]} cannot be reached .*is refused") as shut:
        make_session(url).call("POST", "/", json={}, retry=retry)
    assert clock.now - started <= 120
    for caught in (no, shut):
        # It may be the address, or the network: running again can help.
        assert caught.value.exit_code == 1
        assert "address" in str(caught.value)
        assert "network" in str(caught.value)


def test_a_check_gives_up_sooner(make_session: Make, clock: Clock) -> None:
    session = make_session(NOWHERE)
    session.max_start_seconds = 5.0
    started = clock.now
    with pytest.raises(TransientError, match="cannot be reached"):
        session.call("GET", "/")
    assert clock.now - started <= 10


@pytest.mark.parametrize("first", [GOOD, Scripted(502, b"<html>"), Scripted(404, b"")])
def test_a_host_that_responded_once_is_retried_for_the_whole_time(
    server: Loopback, make_session: Make, clock: Clock, first: Scripted
) -> None:
    server.script = [first]
    session = make_session(max_retry_seconds=300.0)
    with contextlib.suppress(DeniedError):
        session.call("GET", "/")
    started = clock.now
    with closed_port() as url:
        session.base_url = url
        with pytest.raises(TransientError, match=r"300 s \(max_retry_seconds\)\. Last problem: no connection to 127"):
            session.call("GET", "/")
    assert clock.now - started >= 299


def tls_fault(inner: ssl.SSLError) -> requests.exceptions.SSLError:
    return requests.exceptions.SSLError(MaxRetryError(None, "/", SSLError(inner)))  # type: ignore[arg-type]


def test_a_broken_tls_connection_may_have_sent_the_call(make_session: Make) -> None:
    """A server that hangs up between calls looks like this under TLS."""
    broken = tls_fault(ssl.SSLEOFError(8, "EOF occurred in violation of protocol"))
    assert make_session()._classify_fault(broken).was_sent


def test_an_untrusted_certificate_is_a_wrong_setting_unless_it_was_trusted_before(make_session: Make) -> None:
    untrusted = tls_fault(ssl.SSLCertVerificationError(1, "certificate verify failed"))
    session = make_session()
    with pytest.raises(SettingsError, match="certificate of 127"):
        session._classify_fault(untrusted)
    session.call("GET", "/")
    assert not session._classify_fault(untrusted).was_sent


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
