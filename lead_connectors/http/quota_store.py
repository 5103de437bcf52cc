"""What all processes of one host share about an account's quota, in one small SQLite file.

SQLite's locks end with their process, so a killed one blocks nobody.
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
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from lead_connectors.http.errors import TransientError

logger = logging.getLogger(__name__)

IN_MEMORY = ":memory:"
LEARNED_LIMIT_SECONDS = 3_600.0
"""Seconds for which a limit that one process learned holds for the others."""
RESERVATION_SECONDS = 86_460.0
"""Seconds for which a reservation is kept: a day and its margin. Any process can count the calls of a day."""
MAX_CLOCK_STEP = 1.0
"""Seconds by which the clock may go back before the stored times move with it."""
LOCK_TIMEOUT = 30.0

TABLES = """
    BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS calls (moment REAL NOT NULL);
    CREATE INDEX IF NOT EXISTS calls_by_moment ON calls (moment);
    CREATE TABLE IF NOT EXISTS pauses (until REAL NOT NULL);
    CREATE TABLE IF NOT EXISTS learned_limits (calls INTEGER, seconds REAL, learned REAL, learner TEXT);
    CREATE TABLE IF NOT EXISTS seen (clock REAL NOT NULL);
"""
"""One transaction: two processes that create the tables at the same time would otherwise lock each other out."""


class LearnedLimit(NamedTuple):
    """A limit that an API named in a rejection.

    Attributes:
        calls: At most so many calls.
        seconds: In any so many seconds.
        learned: When, in seconds since the epoch.
        learner: The plugin whose call was rejected.
    """

    calls: int
    seconds: float
    learned: float
    learner: str


class Reservations:
    """Reserved slots, pauses and learned limits, inside one transaction.

    A slot is the time at which a call may leave, in seconds since the epoch. A ticket names a reservation.

    Attributes:
        now: The time at which the transaction began.
    """

    def __init__(self, connection: sqlite3.Connection, now: float) -> None:
        self._connection = connection
        self.now = now

    def count(self) -> int:
        """Return how many slots are reserved."""
        return int(self._connection.execute("SELECT count(*) FROM calls").fetchone()[0])

    def newest(self, n: int, *, until: float = math.inf, without: int | None = None) -> float | None:
        """Return the n-th newest slot (1 is the newest), or None if there are fewer.

        Args:
            n: The position.
            until: Later slots are ignored.
            without: This ticket is ignored.
        """
        row = self._connection.execute(
            "SELECT moment FROM calls WHERE moment <= ? AND rowid IS NOT ? ORDER BY moment DESC LIMIT 1 OFFSET ?",
            (until, without, n - 1),
        ).fetchone()
        return None if row is None else float(row[0])

    def slot(self, ticket: int | None) -> float | None:
        """Return the slot of a ticket, or None if it has none."""
        row = self._connection.execute("SELECT moment FROM calls WHERE rowid = ?", (ticket,)).fetchone()
        return None if row is None else float(row[0])

    def after(self, time: float) -> list[tuple[int, float]]:
        """Return tickets and slots later than `time`, in order."""
        rows = self._connection.execute(
            "SELECT rowid, moment FROM calls WHERE moment > ? ORDER BY moment, rowid", (time,)
        )
        return [(int(ticket), float(slot)) for ticket, slot in rows]

    def add(self, slot: float, ticket: int | None = None) -> int:
        """Reserve a slot and return its ticket, a new one if none is given."""
        return (
            self._connection.execute("INSERT INTO calls (rowid, moment) VALUES (?, ?)", (ticket, slot)).lastrowid or 0
        )

    def remove(self, ticket: int) -> None:
        """Delete a reservation."""
        self._connection.execute("DELETE FROM calls WHERE rowid = ?", (ticket,))

    def move(self, slot: float, to: float) -> None:
        """Move one reservation from `slot` to another time."""
        self._connection.execute(
            "UPDATE calls SET moment = ? WHERE rowid = (SELECT rowid FROM calls WHERE moment = ? LIMIT 1)", (to, slot)
        )

    def pause_end(self) -> float | None:
        """Return the end of the longest pause, or None if there is none."""
        (until,) = self._connection.execute("SELECT max(until) FROM pauses").fetchone()
        return until if until is None else float(until)

    def add_pause(self, until: float) -> None:
        """Let no process call before `until`."""
        self._connection.execute("INSERT INTO pauses (until) VALUES (?)", (until,))

    def learned_limits(self) -> list[LearnedLimit]:
        """Return all limits that any process learned not too long ago."""
        rows = self._connection.execute(
            "SELECT calls, seconds, learned, learner FROM learned_limits WHERE learned > ?",
            (self.now - LEARNED_LIMIT_SECONDS,),
        )
        return [LearnedLimit(*row) for row in rows]

    def add_learned_limit(self, calls: int, seconds: float, learner: str) -> None:
        """Tell the other processes about a limit."""
        self._connection.execute("INSERT INTO learned_limits VALUES (?, ?, ?, ?)", (calls, seconds, self.now, learner))


class QuotaStore:
    """The shared file of one account.

    Args:
        account: What the API counts calls by. Only its hash is part of the file's name. None keeps all in memory.
        clock: Seconds since the epoch.
    """

    def __init__(self, account: str | None, clock: Callable[[], float]) -> None:
        self._account = account
        self._clock = clock
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Reservations]:
        """Read and write the reservations while no other thread and no other process does.

        Raises:
            TransientError: The file cannot be used.
        """
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = self._open()
                connection = self._connection
                try:
                    connection.execute("BEGIN IMMEDIATE")
                    now = self._clock()
                    _follow_clock(connection, now)
                    yield Reservations(connection, now)
                    connection.execute("COMMIT")
                finally:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
            except sqlite3.Error as error:
                msg = (
                    f"The quota's file in the temporary folder cannot be used ({type(error).__name__}). Is the disk "
                    "full? Nothing is lost: run again later."
                )
                raise TransientError(msg) from None

    def close(self) -> None:
        """Close the file. The next transaction opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _open(self) -> sqlite3.Connection:
        path = _shared_file(self._account) if self._account else IN_MEMORY
        try:
            return self._connect(path)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            # A power failure can damage the file. Only the pacing of the last minutes is lost.
            Path(path).unlink(missing_ok=True)
            return self._connect(path)

    def _connect(self, path: str) -> sqlite3.Connection:
        connection = sqlite3.connect(path, timeout=LOCK_TIMEOUT, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA synchronous = OFF")
            connection.executescript(TABLES)
            now = self._clock()
            connection.execute("DELETE FROM calls WHERE moment < ?", (now - RESERVATION_SECONDS,))
            connection.execute("DELETE FROM pauses WHERE until < ?", (now,))
            connection.execute("DELETE FROM learned_limits WHERE learned < ?", (now - LEARNED_LIMIT_SECONDS,))
            connection.execute("COMMIT")
        except BaseException:
            connection.close()
            raise
        return connection


def _follow_clock(connection: sqlite3.Connection, now: float) -> None:
    """Move all stored times if the host's clock was set back. Otherwise waits would grow by that step."""
    (last_seen,) = connection.execute("SELECT max(clock) FROM seen").fetchone()
    if last_seen is not None and now < last_seen - MAX_CLOCK_STEP:
        for statement in (
            "UPDATE calls SET moment = moment - ?",
            "UPDATE pauses SET until = until - ?",
            "UPDATE learned_limits SET learned = learned - ?",
        ):
            connection.execute(statement, (last_seen - now,))
    connection.execute("DELETE FROM seen")
    connection.execute("INSERT INTO seen VALUES (?)", (now,))


def _shared_file(account: str) -> str:
    """Return the account's file in a folder that only this user can open, or `IN_MEMORY` if none can be made."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    folder = Path(tempfile.gettempdir()) / f"lead-connectors-{user}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or (hasattr(os, "getuid") and found.st_uid != user):
            raise PermissionError
        folder.chmod(0o700)
        file = folder / f"{hashlib.sha256(account.encode()).hexdigest()[:24]}.quota"
        os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError:
        logger.warning("The temporary folder is not writable: other processes do not share this run's quota.")
        return IN_MEMORY
    return str(file)
