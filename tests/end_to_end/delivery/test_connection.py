"""Wrong key, wrong host, nobody there, responses that are none: an exit code and one clear sentence each."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.delivery.harness import TargetHarness, person
from tests.forked import run_forked
from tests.processes import Run, singer
from tests.sandbox_client import ACCESS_KEY, CARECYCLE_KEY, SECRET_KEY, running_sandbox

ONE = singer([person(1)], state_every=1)
LINES = {"carecycle": "CareCycle", "leadsquared": "LeadSquared"}


def check(harness: TargetHarness, done: Run, code: int, *words: str) -> str:
    """One sentence, last; no traceback, no secret, no query string, no record value."""
    assert done.code == code, done.err
    assert done.states() == []
    last = done.err.splitlines()[-1]
    for word in words:
        assert word in last
    assert "Traceback" not in done.err
    for hidden in (CARECYCLE_KEY, ACCESS_KEY, SECRET_KEY, "accessKey=", "secretKey=", "Ann1", "p1@example", "4155552"):
        assert hidden not in done.err
    assert done.err.count("ERROR") == 1
    assert harness.report()["streams"].get("people", {"unsent": 1})["unsent"] == 1
    return last


@pytest.mark.parametrize("value", ["wrong$key-of-somebody", "cc_sandbox_without_permission"])
def test_a_wrong_key(harness: TargetHarness, value: str) -> None:
    name = {"carecycle": "api_key", "leadsquared": "access_key"}[harness.api]
    done = harness.run(ONE, **dict[str, Any]({name: value}))
    wanted = "permission" if harness.is_carecycle and "without" in value else name
    check(harness, done, 2, LINES[harness.api], wanted)
    assert value not in done.err
    assert harness.writes() == []


def test_a_region_s_host_is_told(tmp_path: Path) -> None:
    """On a 401 the error names the host that knows the keys."""
    with running_sandbox("--customers", "1", "--account-host", "api-us11.leadsquared.com") as sandbox:
        harness = TargetHarness("leadsquared", sandbox, tmp_path)
        check(harness, harness.run(ONE), 2, "api_url", "api-us11.leadsquared.com")


@pytest.mark.parametrize(
    ("url", "code", "word"),
    [
        ("http://127.0.0.1:9", 1, "api_url: 127.0.0.1:9 cannot be reached (the connection is refused)"),
        (
            "http://no-such-host.invalid",
            1,
            "api_url: no-such-host.invalid cannot be reached (its name does not resolve)",
        ),
        ("ftp://example.com", 2, "api_url"),
        ("http://", 2, "api_url"),
        ("http://[::1", 2, "api_url"),
        ("http://user:secret$pass@127.0.0.1:9", 2, "api_url"),
    ],
)
def test_an_address_where_nobody_is(harness: TargetHarness, url: str, code: int, word: str) -> None:
    done = harness.run(ONE, api_url=url, max_retry_seconds=0)
    check(harness, done, code, word)
    assert "secret$pass" not in done.err


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://no-such-host.invalid"])
def test_a_check_of_an_address_where_nobody_is_ends_soon(harness: TargetHarness, url: str) -> None:
    started = time.monotonic()
    config = harness.settings(api_url=url, report_path=None)
    done = run_forked(harness.command, config, "--check", cwd=harness.folder)
    assert time.monotonic() - started < 30
    assert done.code == 2, done.err
    assert f"api_url: {url.removeprefix('http://')} cannot be reached" in done.err.splitlines()[-1]
    assert "Retrying" in done.err


def test_a_response_that_never_ends_is_a_timeout(harness: TargetHarness) -> None:
    """A byte at a time, for ever."""
    with serving(drip) as url:
        config = harness.settings(api_url=url, max_retry_seconds=1, request_timeout=0.5, report_path=None)
        done = run_forked(harness.command, config, "--check", cwd=harness.folder)
    assert done.code == 2, done.err
    assert "no complete response within 0.5 s (request_timeout)" in done.err.splitlines()[-1]


@contextlib.contextmanager
def serving(respond: Callable[[socket.socket, threading.Event], None]) -> Iterator[str]:
    """A server that lets `respond` treat each client, until the event is set."""
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.2)
    ended = threading.Event()

    def treat(client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            client.settimeout(5)
            client.recv(1 << 16)
            respond(client, ended)

    def serve() -> None:
        while not ended.is_set():
            with contextlib.suppress(OSError):
                client, _ = server.accept()
                threading.Thread(target=treat, args=(client,), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}"
    ended.set()
    thread.join(5)
    server.close()


def drip(client: socket.socket, ended: threading.Event) -> None:
    """A response that comes a byte at a time and does not end."""
    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99999\r\n\r\n")
    while not ended.wait(0.05):
        client.sendall(b" ")


# --- a denied lead, and a denied account --------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["upsert", "upsert_single", "create"])
@pytest.mark.parametrize(
    ("status", "exception", "code"),
    [
        (500, "MXUnAuthorizedAccessException", "permission"),
        (404, "MXInvalidEntityReferenceException", "not_found"),
    ],
)
def test_a_denied_lead_is_rejected_alone(
    leads: TargetHarness, mode: str, status: int, exception: str, code: str
) -> None:
    leads.sandbox.post(
        "faults",
        {
            "kind": "mx_500",
            "api": "leadsquared",
            "path": "/Lead",
            "status": status,
            "exception_type": exception,
            "match": {"field": "LastName", "value": "Denied"},
        },
    )
    rows = [person(0), person(1, last_name="Denied"), person(2)]
    account = leads.deliver(rows, write_mode=mode)
    assert account["rejected"] == {code: 1}
    assert leads.rejects() == {"p1": code}
    assert len(leads.writes()) == 2


@pytest.mark.parametrize("mode", ["create", "upsert_single"])
def test_a_write_mode_that_the_account_does_not_have_is_named(leads: TargetHarness, mode: str) -> None:
    call = {"create": "Lead/Bulk/Create", "upsert_single": "Lead.CreateOrUpdate"}[mode]
    leads.sandbox.post("faults", {"kind": "forbidden_403", "api": "leadsquared", "path": call})
    check(leads, leads.run(ONE, write_mode=mode), 2, f"POST {call}", f"write_mode: {mode}")


def test_a_passing_fault_rejects_no_lead(leads: TargetHarness) -> None:
    """A 500 without LeadSquared's own type is the server's, whichever call meets it."""
    for exception in ("NullReferenceException", "System.TimeoutException"):
        leads.sandbox.post(
            "faults",
            {"kind": "mx_500", "api": "leadsquared", "path": "CreateOrUpdate", "times": 1, "exception_type": exception},
        )
    assert leads.deliver([person(0)], write_mode="upsert_single")["accepted"] == 1


def http(status: str, body: bytes, kind: str = "text/html", length: int | None = None, *more: str) -> bytes:
    size = len(body) if length is None else length
    head = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {size}", "Connection: close", *more]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


PAGE = b"<html><body>Sign in</body></html>"
RESPONSES: dict[str, tuple[bytes, dict[str, int], str]] = {
    "a page": (http("200 OK", PAGE), {"carecycle": 2, "leadsquared": 2}, "api_url"),
    "a redirect": (
        http("302 Found", b"", "text/html", None, "Location: https://login.example.com/?accessKey=x"),
        {"carecycle": 2, "leadsquared": 2},
        "denied access",
    ),
    "a page for what is not found": (http("404 Not Found", PAGE), {"carecycle": 2, "leadsquared": 2}, "api_url"),
    "a broken gateway": (http("502 Bad Gateway", PAGE), {"leadsquared": 1}, "Nothing is lost"),
    "half a response": (
        http("200 OK", b'[{"RowNu', "application/json", 500),
        {"leadsquared": 1},
        "Nothing is lost",
    ),
    "other JSON": (http("200 OK", b'{"hello": 1}', "application/json"), {"carecycle": 0, "leadsquared": 1}, ""),
}


@pytest.mark.parametrize("kind", RESPONSES)
def test_somebody_else_responses(harness: TargetHarness, kind: str) -> None:
    response, codes, word = RESPONSES[kind]
    if harness.api not in codes:
        pytest.skip("an upload's three repetitions take 12 s, and test_ambiguous.py has them")
    with serving(lambda client, _: client.sendall(response)) as url:
        done = harness.run(ONE, api_url=url, max_retry_seconds=1)
    if codes[harness.api] == 0:
        # JSON that proves nothing: the record is kept as a reject, and its STATE may pass.
        assert done.code == 0
        assert harness.report()["streams"]["people"]["rejected"] == {"no_response": 1}
        return
    check(harness, done, codes[harness.api], word)
    assert "login.example.com" not in done.err


@pytest.mark.parametrize(
    "settings",
    [
        {"rejects_path": "/proc/nowhere/rejects"},
        {"ledger_path": "/proc/nowhere/ledger.db"},
        {"max_in_flight": 0},
        {"batch_size_rows": 500},
        {"streams": "people"},
    ],
)
def test_a_wrong_setting_is_named(harness: TargetHarness, settings: dict[str, Any]) -> None:
    name = next(iter(settings))
    bad = singer([person(1, phone="12", email="no")])
    wrong_at_start = name not in {"rejects_path", "ledger_path"}
    if wrong_at_start:
        # The run never begins: there is no report.
        config = harness.settings(**settings)
        done = run_forked(harness.command, config, stdin=bad, cwd=harness.folder)
    else:
        done = harness.run(bad, **settings)
    assert done.code == 2, done.err
    assert name in done.err.splitlines()[-1]
    assert "Traceback" not in done.err
    assert done.out == ""
    assert harness.writes() == []
