"""The quota in real time: threads, processes that share an account, a killed one, a slow API."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lead_connectors.http.quota import Quota, Window
from lead_connectors.http.session import ApiSession
from tests.http.loopback import ERRORS, Loopback, in_windows, max_in_any_window

# In real time: not beside each other.
pytestmark = pytest.mark.xdist_group("real_time")

CALLER = Path(__file__).with_name("caller.py")
ROOT = CALLER.parents[2]


def run_at_once(callers: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=caller) for caller in callers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


def test_sixteen_threads_keep_the_window_and_fill_it() -> None:
    window = Window(20, 0.5)
    quota = Quota([window])
    left: list[float] = []

    def caller() -> None:
        for _ in range(6):
            slot = quota.acquire()
            left.append(time.monotonic())
            quota.finish_call(slot, latency=0.0, fresh_connection=False)

    run_at_once([caller] * 16)
    assert len(left) == quota.calls == 96
    assert max_in_any_window(left, window.seconds) <= window.calls
    # 96 calls in windows of 20: each but the last is full.
    assert quota.used() >= 0.95


def test_the_quota_is_full_whatever_the_latency(server: Loopback) -> None:
    """At one second a call, five calls a second are allowed and five are made."""
    server.latency = 1.0
    window = Window(5, 1.0)
    quota = Quota([window], account="slow")
    session = ApiSession("TestAPI", server.url, quota, headers={}, errors=ERRORS)
    stop = threading.Event()

    def worker(number: int) -> None:
        while not stop.is_set():
            if number < quota.useful_calls_in_flight(16):
                session.call("GET", "/")
            elif stop.wait(0.02):
                return

    threads = [threading.Thread(target=worker, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    # One call, then as many as the latency asks for, each on a new connection: four windows to get there.
    windows_to_start = 4
    while len(server.arrivals) < window.calls * 8:
        time.sleep(0.02)
    stop.set()
    for thread in threads:
        thread.join(10)
    session.close()
    assert max_in_any_window(server.arrivals, window.seconds) <= window.calls
    counts = in_windows(server.arrivals, window.length)[windows_to_start:]
    assert len(counts) >= 4
    assert sum(counts) >= 0.95 * window.calls * len(counts)
    assert server.rejected == session.rate_limited_calls == 0


@contextlib.contextmanager
def processes(
    server: Loopback, folder: Path, *, count: int, calls: int, seconds: float, each: int
) -> Iterator[list[subprocess.Popen[str]]]:
    environment = {**os.environ, "TMPDIR": str(folder), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(CALLER), server.url, "one account", str(calls), str(seconds), "3", str(each)]
    started = [
        subprocess.Popen(
            command, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(count)
    ]
    try:
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        yield started
    finally:
        for process in started:
            if process.poll() is None:
                process.kill()
            process.communicate(timeout=10)


def go(started: list[subprocess.Popen[str]]) -> None:
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX's")
def test_four_processes_share_one_account_and_one_is_killed(server: Loopback, own_temporary_folder: Path) -> None:
    calls, seconds, each = 14, 1.0, 20
    with processes(server, own_temporary_folder, count=4, calls=calls, seconds=seconds, each=each) as started:
        go(started)
        while len(server.arrivals) < 30:
            time.sleep(0.002)
        # All wait for the next window now, each with reserved slots in the file.
        started[0].kill()
        accounts = [json.loads(process.communicate(timeout=40)[0]) for process in started[1:]]
    assert [account["calls"] for account in accounts] == [each] * 3
    assert max_in_any_window(server.arrivals, seconds) <= calls


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX's")
def test_a_process_killed_inside_a_transaction_leaves_no_lock(own_temporary_folder: Path) -> None:
    holding = """
import sys, time
from lead_connectors.http.quota import Quota, Window
quota = Quota([Window(5, 1.0)], account="one account")
quota.acquire()
with quota._store.transaction() as reservations:
    reservations.add(reservations.now + 500)
    print("holding", flush=True)
    time.sleep(60)
"""
    environment = {**os.environ, "TMPDIR": str(own_temporary_folder), "PYTHONPATH": str(ROOT)}
    quota = Quota([Window(5, 1.0)], account="one account")
    with subprocess.Popen([sys.executable, "-c", holding], env=environment, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "holding\n"
        other.kill()
        other.wait(10)
    started = time.monotonic()
    quota.acquire()
    assert time.monotonic() - started < 5
    with quota._store.transaction() as reservations:
        # Its finished call counts, its half-written one does not.
        assert reservations.count() == 2
    quota.close()


def test_many_that_open_the_file_at_once_do_not_lock_each_other_out(
    server: Loopback, own_temporary_folder: Path
) -> None:
    assert not list(own_temporary_folder.iterdir())
    with processes(server, own_temporary_folder, count=4, calls=1000, seconds=1.0, each=10) as started:
        go(started)
        for process in started:
            assert json.loads(process.communicate(timeout=30)[0]) == {"calls": 10, "rejected": 0}
    assert len(server.arrivals) == 40


def test_one_process_learns_a_limit_for_all(server: Loopback, own_temporary_folder: Path) -> None:
    server.limit = (3, 1.0)
    with processes(server, own_temporary_folder, count=2, calls=1000, seconds=1.0, each=6) as started:
        go(started)
        accounts = [json.loads(process.communicate(timeout=40)[0]) for process in started]
    # Calls in flight at the first rejection are rejected too. After it none is.
    assert server.rejected == sum(account["rejected"] for account in accounts)
    assert 1 <= server.rejected <= 6
    assert len(server.arrivals) == 12 + server.rejected
