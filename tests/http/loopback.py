"""A made-up API: a loopback server that responds as its script says. And a clock that tests turn by hand."""

from __future__ import annotations

import contextlib
import http.server
import json
import re
import socket
import struct
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from typing_extensions import override

from lead_connectors.http.response import ErrorFormat

ERRORS = ErrorFormat(
    code_key="kind",
    message_key="text",
    error_marker=("result", "failed"),
    rate_limit_codes=frozenset({"TooFast"}),
    rate_limit_text=re.compile(r"limit of\s+(\d{1,9})\s+in\s+(\d{1,6}(?:\.\d{1,6})?)\s+second"),
    wait_key="wait",
    denied_codes=frozenset({"NoAccess"}),
    final_code_prefix="Bad",
)
"""The errors of the made-up API."""


DRIP_SECONDS = 0.05
"""Between two bytes of a response that drips."""


@dataclass(frozen=True)
class Scripted:
    """One response of the script, or a fault."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    fault: str = ""
    """`reset`, `hang_up`, `truncated`, `slow`, `close_after`, `drip_head` or `drip_body`."""
    until: threading.Event = field(default_factory=threading.Event)
    """What a slow response waits for."""


def scripted(status: int = 200, body: Any = None, **headers: str) -> Scripted:
    """A response in JSON."""
    return Scripted(status, json.dumps({} if body is None else body).encode(), headers)


@dataclass(frozen=True)
class Request:
    """What arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Loopback

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def _respond(self) -> None:
        at = time.monotonic()
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        response = self.server.next_response(Request(self.command, self.path, dict(self.headers.items()), body, at))
        if response.fault == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            # The file objects keep the socket open; a lingering close of it is what sends RST.
            self.rfile.close()
            self.wfile.close()
            self.connection.close()
            self.close_connection = True
            return
        if response.fault == "hang_up":
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        if response.fault == "slow":
            response.until.wait(10)
        if response.fault.startswith("drip"):
            head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n"
            whole = head + b" " * 999
            at_once = len(head) if response.fault == "drip_body" else 0
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.sendall(whole[:at_once])
                for place in range(at_once, len(whole)):
                    self.connection.sendall(whole[place : place + 1])
                    time.sleep(DRIP_SECONDS)
            return
        self.send_response(response.status)
        for name, value in {"Content-Type": "application/json", **response.headers}.items():
            self.send_header(name.replace("_", "-"), value)
        missing = 10 if response.fault == "truncated" else 0
        self.send_header("Content-Length", str(len(response.body) + missing))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(response.body)
        if response.fault:
            self.close_connection = True

    do_GET = do_POST = _respond  # noqa: N815


class Loopback(http.server.ThreadingHTTPServer):
    """Responds with what `script` holds, then always with `afterwards`."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script: list[Scripted] = []
        self.afterwards = Scripted()
        self.requests: list[Request] = []
        self.latency = 0.0
        self.limit: tuple[int, float] | None = None
        self.rejected = 0
        self.closed = threading.Semaphore(0)
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def arrivals(self) -> list[float]:
        with self._lock:
            return [request.at for request in self.requests]

    def next_response(self, request: Request) -> Scripted:
        with self._lock:
            too_many = self.limit is not None and (
                sum(1 for other in self.requests if other.at > request.at - self.limit[1]) >= self.limit[0]
            )
            self.requests.append(request)
            self.rejected += too_many
            response = self.script.pop(0) if self.script else self.afterwards
        if too_many and self.limit is not None:
            text = f"API calls exceeded the limit of {self.limit[0]} in {self.limit[1]:g} second(s)"
            return scripted(429, {"result": "failed", "text": text})
        if self.latency:
            time.sleep(self.latency)
        return response

    @override
    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        self.closed.release()

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is what some tests are about."""


@contextlib.contextmanager
def loopback() -> Iterator[Loopback]:
    server = Loopback()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self, now: float = 1_000.0) -> None:
        self.now = now
        self.slept = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds
        self.slept += seconds


def max_in_any_window(times: Sequence[float], seconds: float) -> int:
    """The largest number of times in any half-open window of this length."""
    ordered = sorted(times)
    return max((bisect_left(ordered, start + seconds) - i for i, start in enumerate(ordered)), default=0)


def in_windows(times: Sequence[float], seconds: float) -> list[int]:
    """How many times lie in each whole window, counted from the first one."""
    places = [int((at - min(times)) / seconds + 1e-6) for at in times]
    return [places.count(place) for place in range(max(places))]


class HandTurnedEvent(threading.Event):
    """An event whose waits pass in no time."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._hand = clock
        self.waits: list[float] = []

    @override
    def wait(self, timeout: float | None = None) -> bool:
        if not self.is_set() and timeout is not None:
            self.waits.append(timeout)
            self._hand.now += timeout
        return self.is_set()


class VirtualTime:
    """Runs callers as threads, one at a time, in a time that jumps from one awakening to the next.

    Args:
        choose: Picks who goes on where several could, by their number.
        lateness: Seconds by which the next awakening is late.
    """

    def __init__(self, choose: Callable[[int], int], lateness: Callable[[], float] = lambda: 0.0) -> None:
        self.now = 1_000_000.0
        self._choose = choose
        self._lateness = lateness
        self._turn = threading.Condition()
        self._asleep: list[tuple[float, object]] = []
        self._awake: object | None = None
        self._failures: list[BaseException] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        me = object()
        with self._turn:
            self._asleep.append((self.now + seconds, me))
            self._awake = None
            self._turn.notify_all()
            assert self._turn.wait_for(lambda: self._awake is me, timeout=20)

    def run(self, callers: Sequence[Callable[[], None]]) -> None:
        """Let all callers run to their end."""

        def live(caller: Callable[[], None], me: object) -> None:
            with self._turn:
                assert self._turn.wait_for(lambda: self._awake is me, timeout=20)
            try:
                caller()
            except BaseException as failure:  # noqa: BLE001  # handed to the test
                self._failures.append(failure)
            with self._turn:
                self._awake = None
                self._turn.notify_all()

        threads = []
        for caller in callers:
            me = object()
            self._asleep.append((self.now, me))
            threads.append(threading.Thread(target=live, args=(caller, me), daemon=True))
            threads[-1].start()
        with self._turn:
            while self._asleep:
                first = min(when for when, _ in self._asleep)
                ready = [sleeper for sleeper in self._asleep if sleeper[0] <= max(first, self.now)]
                sleeper = ready[self._choose(len(ready)) % len(ready)]
                self._asleep.remove(sleeper)
                self.now = max(self.now, sleeper[0]) + self._lateness()
                self._awake = sleeper[1]
                self._turn.notify_all()
                assert self._turn.wait_for(lambda: self._awake is None, timeout=20)
        for thread in threads:
            thread.join(20)
        if self._failures:
            raise self._failures[0]
