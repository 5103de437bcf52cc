"""The account's quota: sliding windows that all threads and all processes of the host share.

A call reserves the moment at which it may leave, then sleeps until then: first come, first served, no polling,
and never more than `calls` in any `seconds`. The reservations lie in one small SQLite file per account, so that a
tap and a target in one pipe pace together; SQLite's locks vanish with a killed process.

pyrate-limiter's file bucket does not fit here: it neither reserves ahead, nor learns a limit while it runs, nor holds
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

from lead_connectors.http.errors import StoppedError, TransientError

logger = logging.getLogger(__name__)

DAY = 86_400.0
LEARNED_FOR = 3_600.0
"""Seconds for which a limit that another process learned is believed."""
TICK = 1e-6
"""Seconds between two calls that could leave at once: no two slots are the same."""
LATE = 0.03
"""Seconds by which a call may leave after its slot before the slot is moved; well within a window's margin."""


@dataclass(frozen=True)
class Window:
    """At most `calls` calls in any `seconds` seconds."""

    calls: int
    seconds: float

    @property
    def length(self) -> float:
        """Seconds counted from sending: a little more than the API's own, for it counts arrivals."""
        return self.seconds + max(0.1, 0.03 * min(self.seconds, 5.0), 0.02 * min(self.seconds, 3000.0))

    def implies(self, other: Window) -> bool:
        """Whether whoever keeps to this window keeps to the other one, too."""
        return self.calls * math.ceil(other.seconds / self.seconds) <= other.calls


def next_slot(newest: Callable[[int], float | None], windows: Sequence[Window], now: float) -> float:
    """The earliest moment, not before `now`, at which one more call fits in every window.

    Args:
        newest: Gives the n-th newest reserved moment (1 is the newest), or None where there are fewer.
        windows: All windows that hold at once.
        now: The current time in seconds.
    """
    last = newest(1)
    moments = [now] if last is None else [now, last + TICK]
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
        self._counted_from: float | None = None
        self._ended_until = -math.inf
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
            The reserved moment, to be handed to `finish_call`.

        Raises:
            StoppedError: The run is being stopped.
            TransientError: The day's calls are used up, or the API asked for a pause, for longer than `patience`.
        """
        started = self._clock()
        ticket: int | None = None
        try:
            while True:
                self._heed_stopping()
                with self._transaction() as (store, now):
                    placed, slot = self._place(store, now, ticket)
                ticket = placed
                if slot <= now:
                    self._tally(slot, waited=now - started)
                    return slot
                self._sleep(slot - now)
        except BaseException:
            if ticket is not None:
                with contextlib.suppress(TransientError), self._transaction() as (store, _):
                    store.execute("DELETE FROM calls WHERE rowid = ?", (ticket,))
            raise

    def finish_call(self, slot: float, *, latency: float, fresh_connection: bool) -> None:
        """Note how a call went.

        Args:
            slot: What `acquire` returned.
            latency: Seconds from sending to the answer.
            fresh_connection: The call had to connect first, so it arrived up to `latency` after its slot.
        """
        with self._lock:
            self._latency = latency if self._latency is None else 0.7 * self._latency + 0.3 * latency
        if fresh_connection:
            with self._transaction() as (store, _):
                store.execute(
                    "UPDATE calls SET moment = ? WHERE rowid = (SELECT rowid FROM calls WHERE moment = ? LIMIT 1)",
                    (slot + latency, slot),
                )

    def pause(self, seconds: float, *, patience: float = math.inf) -> None:
        """Let no call of any process leave for so many seconds: the API asked for it.

        Raises:
            TransientError: It asks for longer than `patience`; this run makes no more calls, other processes ask anew.
        """
        until = self._clock() + seconds
        if seconds > min(self._patience, patience):
            self._ended_until = max(self._ended_until, until)
            raise self._too_long(seconds)
        with self._transaction() as (store, _):
            store.execute("INSERT INTO pauses (until) VALUES (?)", (until,))

    def learn_limit(self, calls: int, seconds: float) -> bool:
        """Keep to a limit that a refusal has named. Returns whether it is lower than what was kept to so far."""
        named = Window(calls, seconds)
        with self._transaction() as (store, now):
            if any(window.implies(named) for window in self._windows):
                return False
            self._learn(named)
            store.execute("INSERT INTO limits VALUES (?, ?, ?)", (calls, seconds, now))
        return True

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
        with self._lock:
            short = self._short_windows()
            if not short or not self._calls_by_window:
                return 0.0
            window = min(short, key=lambda w: w.calls / w.seconds)
            whole = max(self._calls_by_window)
            counted = sum(n for index, n in self._calls_by_window.items() if index < whole or whole == 0)
            return min(1.0, counted / (max(1, whole) * window.calls))

    def close(self) -> None:
        """Let go of the shared file."""
        with self._lock:
            if self._store is not None:
                self._store.close()
                self._store = None

    def _tally(self, slot: float, *, waited: float) -> None:
        with self._lock:
            self.calls += 1
            self.seconds_waiting += max(0.0, waited)
            self._first_call = slot if self._first_call is None else self._first_call
            self._counted_from = slot if self._counted_from is None else self._counted_from
            if short := self._short_windows():
                length = min(short, key=lambda w: w.calls / w.seconds).length
                index = int((slot - self._counted_from) / length + 1e-6)
                self._calls_by_window[index] = self._calls_by_window.get(index, 0) + 1

    def _short_windows(self) -> list[Window]:
        return [window for window in self._windows if window.seconds < DAY]

    def _place(self, store: sqlite3.Connection, now: float, ticket: int | None) -> tuple[int, float]:
        """Give a call its place in the line, or look whether the one that it has still holds."""
        for calls, seconds in store.execute(
            "SELECT calls, seconds FROM limits WHERE learned > ?", (now - LEARNED_FOR,)
        ).fetchall():
            if (window := Window(calls, seconds)) not in self._windows:
                self._learn(window)
        (until,) = store.execute("SELECT max(until) FROM pauses").fetchone()
        earliest = max(now, until or now, self._ended_until)
        slot = _moment(store, ticket)
        if ticket is None or slot is None:
            slot = next_slot(partial(_newest, store, math.inf, None), self._windows, earliest)
            ticket = store.execute("INSERT INTO calls VALUES (?)", (slot,)).lastrowid or 0
        elif slot <= now:
            fits = next_slot(partial(_newest, store, now, ticket), self._windows, earliest) <= now
            if not fits or now - slot > LATE:
                slot = self._move_the_line(store, now, earliest, ticket)
        asked = [earliest]
        for window in self._windows:
            oldest = _newest(store, slot, ticket, window.calls) if window.seconds >= DAY else None
            asked.append(earliest if oldest is None else oldest + window.length)
        if max(asked) - now > self._patience:
            raise self._too_long(max(asked) - now)
        return ticket, slot

    def _move_the_line(self, store: sqlite3.Connection, now: float, earliest: float, ticket: int) -> float:
        """Place a call and all behind it anew, in order, after a pause, a lower limit or a late awakening."""
        behind = store.execute("SELECT rowid, moment FROM calls WHERE moment > ? ORDER BY moment, rowid", (now,))
        line = [(ticket, now), *behind.fetchall()]
        store.executemany("DELETE FROM calls WHERE rowid = ?", [(row,) for row, _ in line])
        for row, moment in line:
            place = next_slot(partial(_newest, store, math.inf, None), self._windows, max(moment, earliest))
            store.execute("INSERT INTO calls (rowid, moment) VALUES (?, ?)", (row, place))
        return _moment(store, ticket) or now

    def _learn(self, window: Window) -> None:
        self._windows.append(window)
        self._calls_by_window.clear()
        self._counted_from = None

    @staticmethod
    def _too_long(seconds: float) -> TransientError:
        return TransientError(
            f"the API or the quota (calls_per_day) asks for a wait of {seconds:.0f} s, longer than max_retry_seconds "
            "allows. Nothing is lost: run again later."
        )

    def _heed_stopping(self) -> None:
        if self._stopping.is_set():
            msg = "the run is being stopped"
            raise StoppedError(msg)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[tuple[sqlite3.Connection, float]]:
        """One turn with the shared file, and the time at which it began."""
        with self._lock:
            try:
                if self._store is None:
                    self._store = self._open()
                store = self._store
                try:
                    store.execute("BEGIN IMMEDIATE")
                    yield store, _steady(store, self._clock())
                    store.execute("COMMIT")
                finally:
                    if store.in_transaction:
                        store.execute("ROLLBACK")
            except sqlite3.Error as error:
                msg = (
                    f"the quota's file in the temporary folder cannot be used ({type(error).__name__}): is the disk "
                    "full? Nothing is lost: run again later."
                )
                raise TransientError(msg) from None

    def _open(self) -> sqlite3.Connection:
        path = _shared_file(self._account) if self._account else ":memory:"
        try:
            return self._prepared(path)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            # A power cut can leave rubbish there. What it could lose is pacing, not leads.
            Path(path).unlink(missing_ok=True)
            return self._prepared(path)

    def _prepared(self, path: str) -> sqlite3.Connection:
        store = sqlite3.connect(path, timeout=30.0, isolation_level=None, check_same_thread=False)
        try:
            store.execute("PRAGMA synchronous = OFF")
            # One transaction: two processes that create the tables at once would else lock each other out.
            store.executescript(
                """
                BEGIN IMMEDIATE;
                CREATE TABLE IF NOT EXISTS calls (moment REAL NOT NULL);
                CREATE INDEX IF NOT EXISTS calls_by_moment ON calls (moment);
                CREATE TABLE IF NOT EXISTS pauses (until REAL NOT NULL);
                CREATE TABLE IF NOT EXISTS limits (calls INTEGER, seconds REAL, learned REAL);
                CREATE TABLE IF NOT EXISTS seen (clock REAL NOT NULL);
                """
            )
            now = self._clock()
            # Another process may count the calls of a day where this one does not.
            store.execute("DELETE FROM calls WHERE moment < ?", (now - DAY - 60.0,))
            store.execute("DELETE FROM pauses WHERE until < ?", (now,))
            store.execute("DELETE FROM limits WHERE learned < ?", (now - LEARNED_FOR,))
            store.execute("COMMIT")
        except BaseException:
            store.close()
            raise
        return store


def _steady(store: sqlite3.Connection, now: float) -> float:
    """Move all that is written along where the host's clock was set back; a wait would else grow by as much."""
    (seen,) = store.execute("SELECT max(clock) FROM seen").fetchone()
    if seen is not None and now < seen - 1.0:
        for statement in (
            "UPDATE calls SET moment = moment - ?",
            "UPDATE pauses SET until = until - ?",
            "UPDATE limits SET learned = learned - ?",
        ):
            store.execute(statement, (seen - now,))
    store.execute("DELETE FROM seen")
    store.execute("INSERT INTO seen VALUES (?)", (now,))
    return now


def _newest(store: sqlite3.Connection, until: float, without: int | None, n: int) -> float | None:
    row = store.execute(
        "SELECT moment FROM calls WHERE moment <= ? AND rowid IS NOT ? ORDER BY moment DESC LIMIT 1 OFFSET ?",
        (until, without, n - 1),
    ).fetchone()
    return None if row is None else float(row[0])


def _moment(store: sqlite3.Connection, ticket: int | None) -> float | None:
    row = store.execute("SELECT moment FROM calls WHERE rowid = ?", (ticket,)).fetchone()
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
        folder.chmod(0o700)
        file = folder / f"{hashlib.sha256(account.encode()).hexdigest()[:24]}.quota"
        os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError:
        logger.warning("The temporary folder is not writable: other processes do not share this run's quota.")
        return ":memory:"
    return str(file)
