"""Paces the calls of one account: sliding windows that all threads and all processes of the host share.

A call reserves the time at which it may leave and sleeps until then. Calls leave in the order of their requests,
nothing is polled, and there are never more than `calls` in any `seconds`.

pyrate-limiter's file bucket does not fit: it cannot reserve ahead, learn a limit during a run, or hold a pause that
the API asks for.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from lead_connectors.http.errors import StoppedError, TransientError
from lead_connectors.http.quota_store import LearnedLimit, QuotaStore, Reservations

logger = logging.getLogger(__name__)

DAY = 86_400.0
MIN_GAP = 1e-6
"""Seconds between two calls that could leave at the same time: no two slots are equal."""
MAX_DELAY = 0.03
"""Seconds by which a call may leave after its slot before it gets a new one. Far less than a window's margin."""
DEFAULT_WAIT = 5.2
"""Seconds to wait after a rejection if no window is known."""


@dataclass(frozen=True)
class Window:
    """At most `calls` calls in any `seconds` seconds."""

    calls: int
    seconds: float

    @property
    def length(self) -> float:
        """Seconds from sending to sending: slightly more than the API's window, because the API counts arrivals."""
        return self.seconds + max(0.1, 0.03 * min(self.seconds, 5.0), 0.02 * min(self.seconds, 3000.0))

    @property
    def rate(self) -> float:
        """Calls a second."""
        return self.calls / self.seconds

    def implies(self, other: Window) -> bool:
        """Whether calls that keep to this window always keep to the other one."""
        return self.calls * math.ceil(other.seconds / self.seconds) <= other.calls


def next_slot(newest: Callable[[int], float | None], windows: Sequence[Window], now: float) -> float:
    """Return the earliest time, not before `now`, at which one more call fits into every window.

    Args:
        newest: Returns the n-th newest reserved slot (1 is the newest), or None if there are fewer.
        windows: All windows that apply.
        now: The current time in seconds.
    """
    last = newest(1)
    times = [now] if last is None else [now, last + MIN_GAP]
    for window in windows:
        oldest_counted = newest(window.calls)
        if oldest_counted is not None:
            times.append(oldest_counted + window.length)
    return max(times)


class Quota:
    """Paces the calls of one account.

    Args:
        windows: The account's limits from the settings.
        account: What the API counts calls by (host and key). None: the quota is not shared with other processes.
        user: The plugin that makes the calls. Other processes read in their logs that it learned a limit.
        max_wait: Seconds. A longer wait, for a day's window or asked for by the API, raises `TransientError`.
        stopping: Set when the run is being stopped. Waiting calls then raise `StoppedError`.
        clock: Seconds since the epoch. Tests replace it.
        sleep: Waits the given seconds or until `stopping`. Tests replace it.

    Attributes:
        calls: Calls of this process so far.
        seconds_waiting: Seconds that they waited for their slots.
    """

    def __init__(
        self,
        windows: Sequence[Window],
        *,
        account: str | None = None,
        user: str = "a plugin",
        max_wait: float = 900.0,
        stopping: threading.Event | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self._windows = list(windows)
        self._user = user
        self._max_wait = max_wait
        self._stopping = stopping or threading.Event()
        self._clock = clock
        self._sleep = sleep or self._stopping.wait
        self._store = QuotaStore(account, clock)
        self._lock = threading.Lock()
        self._latency: float | None = None
        self._first_call: float | None = None
        self._counted_from: float | None = None
        self._no_calls_before = -math.inf
        self._calls_by_window: dict[int, int] = {}
        self.calls = 0
        self.seconds_waiting = 0.0

    @property
    def windows(self) -> list[Window]:
        """The limits that apply: those of the settings and those that rejections have named."""
        return list(self._windows)

    def acquire(self) -> float:
        """Wait until one more call may leave, and count it.

        Returns:
            The reserved slot. Pass it to `finish_call`.

        Raises:
            StoppedError: The run is being stopped.
            TransientError: The day's calls are used up or the API asked for a pause, for longer than `max_wait`.
        """
        started = self._clock()
        ticket: int | None = None
        try:
            while True:
                self._raise_if_stopping()
                with self._store.transaction() as reservations:
                    now = reservations.now
                    # Assigned only once the transaction is over: a failed one leaves no reservation behind.
                    new_ticket, slot = self._reserve(reservations, ticket)
                ticket = new_ticket
                if slot <= now:
                    self._count(slot, waited=now - started)
                    return slot
                self._sleep(slot - now)
        except BaseException:
            if ticket is not None:
                with contextlib.suppress(TransientError), self._store.transaction() as reservations:
                    reservations.remove(ticket)
            raise

    def finish_call(self, slot: float, *, latency: float, fresh_connection: bool) -> None:
        """Record how a call went.

        Args:
            slot: What `acquire` returned.
            latency: Seconds from sending to the response.
            fresh_connection: The call had to connect first, so it arrived up to `latency` after its slot.
        """
        with self._lock:
            self._latency = latency if self._latency is None else 0.7 * self._latency + 0.3 * latency
        if fresh_connection:
            with self._store.transaction() as reservations:
                reservations.move(slot, to=slot + latency)

    def pause(self, seconds: float, *, max_wait: float = math.inf) -> None:
        """Let no process call for this long, because the API asked for it.

        Args:
            seconds: Length of the pause.
            max_wait: Raise if the pause is longer, in addition to the quota's own `max_wait`.

        Raises:
            TransientError: The pause is too long. This process makes no more calls until its end, others may try.
        """
        until = self._clock() + seconds
        if seconds > min(self._max_wait, max_wait):
            self._no_calls_before = max(self._no_calls_before, until)
            raise self._too_long(seconds)
        with self._store.transaction() as reservations:
            reservations.add_pause(until)

    def learn_limit(self, calls: int, seconds: float) -> bool:
        """Keep to a limit that a rejection has named.

        Returns:
            Whether it is lower than the limits so far.
        """
        named = Window(calls, seconds)
        with self._store.transaction() as reservations:
            if any(window.implies(named) for window in self._windows):
                return False
            self._add_window(named)
            reservations.add_learned_limit(calls, seconds, self._user)
        return True

    def longest_window(self) -> float:
        """Return the seconds of the longest window below a day: the wait after a rejection that names none."""
        return max((window.length for window in self._short_windows()), default=DEFAULT_WAIT)

    def useful_calls_in_flight(self, max_calls: int) -> int:
        """Return how many calls must be in flight to fill the quota at the latency measured so far.

        It is 1 until the first response, so that few calls meet an unknown lower limit.
        """
        with self._lock:
            latency = self._latency
        if latency is None:
            return 1
        rate = min((window.rate for window in self._short_windows()), default=math.inf)
        return min(max_calls, math.ceil(rate * latency * 1.25 + 0.2)) if math.isfinite(rate) else max_calls

    def calls_a_minute(self) -> float:
        """Return the calls a minute of this process since its first call."""
        if self._first_call is None:
            return 0.0
        return 60.0 * self.calls / max(1.0, self._clock() - self._first_call)

    def used(self) -> float:
        """Return the share of the allowed calls that this process made.

        It counts whole windows, or the first window if none is whole yet.
        """
        with self._lock:
            slowest = self._slowest_window()
            if slowest is None or not self._calls_by_window:
                return 0.0
            whole = max(self._calls_by_window)
            counted = sum(n for index, n in self._calls_by_window.items() if index < whole or whole == 0)
            return min(1.0, counted / (max(1, whole) * slowest.calls))

    def close(self) -> None:
        """Close the shared file."""
        self._store.close()

    def _count(self, slot: float, *, waited: float) -> None:
        with self._lock:
            self.calls += 1
            self.seconds_waiting += max(0.0, waited)
            self._first_call = slot if self._first_call is None else self._first_call
            self._counted_from = slot if self._counted_from is None else self._counted_from
            if slowest := self._slowest_window():
                index = int((slot - self._counted_from) / slowest.length + 1e-6)
                self._calls_by_window[index] = self._calls_by_window.get(index, 0) + 1

    def _short_windows(self) -> list[Window]:
        return [window for window in self._windows if window.seconds < DAY]

    def _slowest_window(self) -> Window | None:
        return min(self._short_windows(), key=lambda window: window.rate, default=None)

    def _reserve(self, reservations: Reservations, ticket: int | None) -> tuple[int, float]:
        """Reserve a slot for a call, or check that the slot of its ticket still holds. Return ticket and slot."""
        now = reservations.now
        for limit in reservations.learned_limits():
            self._follow(limit)
        earliest = max(now, reservations.pause_end() or now, self._no_calls_before)
        slot = reservations.slot(ticket)
        if ticket is None or slot is None:
            slot = next_slot(reservations.newest, self._windows, earliest)
            ticket = reservations.add(slot)
        elif slot <= now:
            newest = partial(reservations.newest, until=now, without=ticket)
            fits = next_slot(newest, self._windows, earliest) <= now
            if not fits or now - slot > MAX_DELAY:
                slot = self._reschedule(reservations, earliest, ticket)
        self._raise_if_too_long(reservations, earliest, ticket, slot)
        return ticket, slot

    def _follow(self, limit: LearnedLimit) -> None:
        """Keep to a limit that another process learned, and say so once: the settings allow more."""
        window = Window(limit.calls, limit.seconds)
        if any(known.implies(window) for known in self._windows):
            return
        self._add_window(window)
        logger.warning(
            "This run keeps to %d calls in %g s. The API named this limit at %s to another run of this account (%s).",
            limit.calls,
            limit.seconds,
            dt.datetime.fromtimestamp(limit.learned).astimezone().strftime("%H:%M"),
            limit.learner,
        )

    def _raise_if_too_long(self, reservations: Reservations, earliest: float, ticket: int, slot: float) -> None:
        """Raise if a pause or a day's window makes a call wait too long. A long queue alone is no reason."""
        latest = earliest
        for window in self._windows:
            if window.seconds >= DAY:
                oldest_counted = reservations.newest(window.calls, until=slot, without=ticket)
                latest = latest if oldest_counted is None else max(latest, oldest_counted + window.length)
        wait = latest - reservations.now
        if wait > self._max_wait:
            raise self._too_long(wait)

    def _reschedule(self, reservations: Reservations, earliest: float, ticket: int) -> float:
        """Give a call and all calls behind it new slots in the same order. Return the call's new slot.

        This follows a pause, a lower limit, or a call that woke up late.
        """
        queue = [(ticket, reservations.now), *reservations.after(reservations.now)]
        for queued, _ in queue:
            reservations.remove(queued)
        for queued, slot in queue:
            reservations.add(next_slot(reservations.newest, self._windows, max(slot, earliest)), queued)
        return reservations.slot(ticket) or reservations.now

    def _add_window(self, window: Window) -> None:
        with self._lock:
            self._windows.append(window)
            self._calls_by_window.clear()
            self._counted_from = None

    def _raise_if_stopping(self) -> None:
        if self._stopping.is_set():
            msg = "the run is being stopped"
            raise StoppedError(msg)

    @staticmethod
    def _too_long(seconds: float) -> TransientError:
        return TransientError(
            f"The API or the quota (calls_per_day) requires a wait of {seconds:.0f} s, longer than max_retry_seconds "
            "allows. Nothing is lost: run again later."
        )
