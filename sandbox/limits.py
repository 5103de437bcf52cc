"""Rate limits as sliding windows. Calls count when they arrive."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.settings import Window

SECONDS_A_DAY = 86400.0


@dataclass(frozen=True)
class Rejection:
    """A call over the limit: the window that is full, and the seconds until a call fits into it."""

    window: Window
    wait: float

    @property
    def retry_after(self) -> int:
        """Whole seconds until a call is accepted, at least one."""
        return max(1, math.ceil(self.wait))


class SlidingWindow:
    """Counts accepted calls and says whether one more fits.

    Both ends of a window count: a call exactly `seconds` after the first call of a full window is rejected.
    """

    def __init__(self, window: Window) -> None:
        self.window = window
        self._accepted: deque[float] = deque()

    def wait(self, now: float) -> float:
        """Return the seconds until a call fits; zero when it fits now."""
        if not self.window.calls:
            return 0.0
        while self._accepted and now - self._accepted[0] > self.window.seconds:
            self._accepted.popleft()
        if len(self._accepted) < self.window.calls:
            return 0.0
        # The addition makes the result greater than zero whenever the window is full.
        return self._accepted[-self.window.calls] + self.window.seconds - now + 1e-6

    def accept(self, now: float) -> None:
        """Count one accepted call."""
        if self.window.calls:
            self._accepted.append(now)


class Limiter:
    """All windows for one kind of call. A rejected call counts in none of them."""

    def __init__(self, windows: Sequence[SlidingWindow]) -> None:
        self._windows = windows

    def admit(self, now: float) -> Rejection | None:
        """Count a call, or reject it.

        Args:
            now: The time of arrival, in seconds of a monotonic clock.

        Returns:
            None for an accepted call, else the rejection with the longest wait.
        """
        rejections = [Rejection(window.window, wait) for window in self._windows if (wait := window.wait(now)) > 0]
        if rejections:
            return max(rejections, key=lambda rejection: rejection.wait)
        for window in self._windows:
            window.accept(now)
        return None


def busiest(arrivals: Sequence[float], seconds: float) -> int:
    """Return the largest number of arrivals in any window of this length.

    Args:
        arrivals: Times in seconds, in ascending order.
        seconds: The length of the window, both ends included.

    Returns:
        The largest count.
    """
    maximum = first = 0
    for last, arrival in enumerate(arrivals):
        while arrival - arrivals[first] > seconds:
            first += 1
        maximum = max(maximum, last - first + 1)
    return maximum
