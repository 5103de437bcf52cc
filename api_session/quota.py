"""The account's quota: sliding windows that all threads and all processes of the host share.

A call reserves the moment at which it may leave, then sleeps until then: first come, first served, no polling,
and never more than `calls` in any `seconds`. The reservations lie in one small SQLite file per account, so that a
tap and a target in one pipe pace together; SQLite's locks vanish with a killed process.

pyrate-limiter's file bucket was tried first: it neither reserves ahead, nor learns a limit while it runs, nor holds
a pause that the API asked for.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import math
import os
import sqlite3
import stat
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from api_session.errors import StoppedError, TransientError

logger = logging.getLogger(__name__)

DAY = 86_400.0
LEARNED_FOR = 3_600.0
"""Seconds for which a limit that another process learned is believed."""


@dataclass(frozen=True)
class Window:
    """At most `calls` calls in any `seconds` seconds."""

    calls: int
    seconds: float

    @property
    def length(self) -> float:
        """Seconds counted from sending: a little more than the API's own, for it counts arrivals."""
        return self.seconds + max(0.15, 0.02 * self.seconds) if self.seconds < DAY else self.seconds + 60.0


def next_slot(newest: Callable[[int], float | None], windows: Sequence[Window], now: float) -> float:
    """The earliest moment, not before `now`, at which one more call fits in every window.

    Args:
        newest: Gives the n-th newest reserved moment (1 is the newest), or None where there are fewer.
        windows: All windows that hold at once.
        now: The current time in seconds.
    """
    moments = [now, newest(1) or now]
    for window in windows:
        oldest_that_counts = newest(window.calls)
        if oldest_that_counts is not None:
            moments.append(oldest_that_counts + window.length)
    return max(moments)


class Quota:
    """Paces the calls of one account.

    Args:
        windows: The account's limits as settings give them.
        account: What the API counts by (host and key); only its hash names the shared file. None keeps it in memory.
        patience: Seconds: a wait for a day's window or one that the API asks for is refused above this.
        stopping: Set when the run is being stopped; waiting calls then raise `StoppedError`.
        clock: Seconds since the epoch, replaceable for tests.
        sleep: Waits so many seconds or until `stopping`, replaceable for tests.
    """

    def __init__(
        self,
        windows: Sequence[Window],
        *,
        account: str | None = None,
        patience: float = 900.0,
        stopping: threading.Event | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self._windows = list(windows)
        self._account = account
        self._patience = patience
        self._stopping = stopping or threading.Event()
        self._clock = clock
        self._sleep = sleep or self._stopping.wait
        self._lock = threading.Lock()
        self._store: sqlite3.Connection | None = None
        self._latency: float | None = None
        self._first_call: float | None = None
        self._calls_by_window: dict[int, int] = {}
        self.calls = 0
        self.seconds_waiting = 0.0

    @property
    def windows(self) -> list[Window]:
        """The limits in force: the settings' and those that refusals have named."""
        return list(self._windows)

    def acquire(self) -> float:
        """Wait until one more call may leave, and count it.

        Returns:
            The reserved moment, to be handed to `settle`.

        Raises:
            StoppedError: The run is being stopped.
            TransientError: The day's calls are used up for longer than `patience`.
        """
        started = self._clock()
        while True:
            with self._transaction() as store:
                now = self._clock()
                pause = self._paused_until(store, now)
                known = len(self._windows)
                slot = next_slot(partial(_newest, store, now), self._windows, max(now, pause))
                self._refuse_a_long_wait(slot - now)
                store.execute("INSERT INTO calls (moment) VALUES (?)", (slot,))
            with self._lock:
                self.seconds_waiting += max(0.0, slot - now)
            while (left := slot - self._clock()) > 0 and not self._stopping.is_set():
                self._sleep(left)
            if self._stopping.is_set():
                self._give_back(slot)
                msg = "the run is being stopped"
                raise StoppedError(msg)
            with self._transaction() as store:
                changed = self._paused_until(store, self._clock()) > self._clock() or len(self._windows) != known
            if not changed:
                self._tally(slot, waited=slot - started)
                return slot
            # Another call was refused while this one slept: the slot is given back and a later one taken.
            self._give_back(slot)

    def settle(self, slot: float, *, latency: float, fresh_connection: bool) -> None:
        """Note how a call went.

        Args:
            slot: What `acquire` returned.
            latency: Seconds from sending to the answer.
            fresh_connection: The call had to connect first, so it arrived up to `latency` after its slot.
        """
        with self._lock:
            self._latency = latency if self._latency is None else 0.7 * self._latency + 0.3 * latency
        if fresh_connection:
            with self._transaction() as store:
                store.execute(
                    "UPDATE calls SET moment = ? WHERE rowid = (SELECT rowid FROM calls WHERE moment = ? LIMIT 1)",
                    (slot + latency, slot),
                )

    def pause(self, seconds: float) -> None:
        """Let no call of any process leave for so many seconds: the API asked for it.

        Raises:
            TransientError: It asks for longer than `patience`.
        """
        self._refuse_a_long_wait(seconds, asked=True)
        until = self._clock() + seconds
        with self._transaction() as store:
            store.execute("INSERT INTO pauses (until) VALUES (?)", (until,))

    def believe(self, calls: int, seconds: float) -> bool:
        """Keep to a limit that a refusal has named. Returns whether it is lower than what was kept to so far."""
        rate = calls / seconds
        with self._lock:
            lower = all(rate < window.calls / window.seconds for window in self._windows if window.seconds < DAY)
            if lower:
                self._windows.append(Window(calls, seconds))
        if lower:
            with self._transaction() as store:
                store.execute("INSERT INTO limits VALUES (?, ?, ?)", (calls, seconds, self._clock()))
        return lower

    def longest_window(self) -> float:
        """Seconds of the longest window that is shorter than a day: the wait after a refusal that names none."""
        return max((window.length for window in self._windows if window.seconds < DAY), default=5.2)

    def useful_calls_in_flight(self, most: int) -> int:
        """How many calls must be under way at once to fill the quota at the latency measured so far.

        One until the first answer, so that an unknown lower limit is met by few calls.
        """
        with self._lock:
            latency = self._latency
        if latency is None:
            return 1
        rate = min((w.calls / w.seconds for w in self._windows if w.seconds < DAY), default=math.inf)
        return min(most, math.ceil(rate * latency * 1.25 + 0.2)) if math.isfinite(rate) else most

    def calls_a_minute(self) -> float:
        """Calls of this process in a minute, over its whole life."""
        if self._first_call is None:
            return 0.0
        return 60.0 * self.calls / max(1.0, self._clock() - self._first_call)

    def used(self) -> float:
        """Share of the allowed calls that this process made, over whole windows (the first one, if none is whole)."""
        short = [w for w in self._windows if w.seconds < DAY]
        if not short or self._first_call is None:
            return 0.0
        window = min(short, key=lambda w: w.calls / w.seconds)
        whole = max(self._calls_by_window) if self._calls_by_window else 0
        if whole == 0:
            return min(1.0, self.calls / window.calls)
        return min(
            1.0,
            sum(n for index, n in self._calls_by_window.items() if index < whole) / (whole * window.calls),
        )

    def close(self) -> None:
        """Let go of the shared file."""
        with self._lock:
            if self._store is not None:
                self._store.close()
                self._store = None

    def _tally(self, slot: float, *, waited: float) -> None:
        with self._lock:
            self.calls += 1
            if self._first_call is None:
                self._first_call = slot
            short = [w for w in self._windows if w.seconds < DAY]
            if short:
                length = min(short, key=lambda w: w.calls / w.seconds).length
                index = int((slot - self._first_call) / length)
                self._calls_by_window[index] = self._calls_by_window.get(index, 0) + 1
        if waited > 1:
            logger.debug("waited %.1f s for the quota", waited)

    def _refuse_a_long_wait(self, seconds: float, *, asked: bool = False) -> None:
        limit = self._patience if asked else max(self._patience, 2 * self.longest_window())
        if seconds > limit:
            why = "the API asks for a pause" if asked else "the quota (calls_per_day or a pause) asks for a wait"
            msg = (
                f"{why} of {seconds:.0f} s, longer than max_retry_seconds ({self._patience:.0f}). "
                "Nothing is lost: run again later."
            )
            raise TransientError(msg)

    def _paused_until(self, store: sqlite3.Connection, now: float) -> float:
        """The end of the pause in force; takes up limits that other processes learned on the way."""
        for calls, seconds in store.execute(
            "SELECT calls, seconds FROM limits WHERE learned > ?", (now - LEARNED_FOR,)
        ):
            window = Window(calls, seconds)
            if window not in self._windows:
                self._windows.append(window)
        # A pause further off than any patience was written before the clock was set back.
        (until,) = store.execute("SELECT max(until) FROM pauses WHERE until < ?", (now + DAY,)).fetchone()
        return until or now

    def _give_back(self, slot: float) -> None:
        with self._transaction() as store:
            store.execute("DELETE FROM calls WHERE rowid = (SELECT rowid FROM calls WHERE moment = ? LIMIT 1)", (slot,))

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            store = self._store
            if store is None:
                store = self._store = self._open()
            store.execute("BEGIN IMMEDIATE")
            try:
                yield store
            except BaseException:
                store.execute("ROLLBACK")
                raise
            store.execute("COMMIT")

    def _open(self) -> sqlite3.Connection:
        store = sqlite3.connect(
            _shared_file(self._account) if self._account else ":memory:",
            timeout=30.0,
            isolation_level=None,
            check_same_thread=False,
        )
        # What a power cut could lose here is pacing, not leads.
        store.execute("PRAGMA synchronous = OFF")
        store.executescript(
            """
            CREATE TABLE IF NOT EXISTS calls (moment REAL NOT NULL);
            CREATE INDEX IF NOT EXISTS calls_by_moment ON calls (moment);
            CREATE TABLE IF NOT EXISTS pauses (until REAL NOT NULL);
            CREATE TABLE IF NOT EXISTS limits (calls INTEGER, seconds REAL, learned REAL);
            """
        )
        now = self._clock()
        keep = now - max([window.length for window in self._windows] or [DAY])
        store.execute("DELETE FROM calls WHERE moment < ?", (keep,))
        store.execute("DELETE FROM pauses WHERE until < ?", (now,))
        store.execute("DELETE FROM limits WHERE learned < ?", (now - LEARNED_FOR,))
        return store


def _newest(store: sqlite3.Connection, now: float, n: int) -> float | None:
    # A moment more than a day ahead was written before the clock was set back.
    row = store.execute(
        "SELECT moment FROM calls WHERE moment < ? ORDER BY moment DESC LIMIT 1 OFFSET ?", (now + DAY, n - 1)
    ).fetchone()
    return None if row is None else float(row[0])


def _shared_file(account: str) -> str:
    """The account's file in a folder that only this user can open; in memory where there is none to be had."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    folder = Path(tempfile.gettempdir()) / f"lead-connectors-{user}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        seen = folder.lstat()
        if not stat.S_ISDIR(seen.st_mode) or (hasattr(os, "getuid") and seen.st_uid != user):
            raise PermissionError
        probe = folder / f"{hashlib.sha256(account.encode()).hexdigest()[:24]}.quota"
        os.close(os.open(probe, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError:
        logger.warning("The temporary folder is not writable: other processes do not share this run's quota.")
        return ":memory:"
    return str(probe)
