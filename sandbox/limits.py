"""Call limits as sliding windows, counted on arrival."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.settings import Window

SECONDS_A_DAY = 86400.0


@dataclass(frozen=True)
class Refusal:
    """A call that came too early: the window it broke and how long until one fits."""

    window: Window
    wait: float

    @property
    def retry_after(self) -> int:
        """Whole seconds until a call would be accepted, at least one."""
        return max(1, math.ceil(self.wait))


class SlidingWindow:
    """Remembers accepted calls and says whether one more fits.

    Both ends count: a call exactly `seconds` after the first of a full window is still refused.
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
        # The tiny addition keeps a full window from ever being reported as free.
        return self._accepted[-self.window.calls] + self.window.seconds - now + 1e-6

    def accept(self, now: float) -> None:
        """Count one call."""
        if self.window.calls:
            self._accepted.append(now)


class Limiter:
    """All windows that hold for one kind of call; a refused call counts in none of them."""

    def __init__(self, windows: Sequence[SlidingWindow]) -> None:
        self._windows = windows

    def admit(self, now: float) -> Refusal | None:
        """Count a call, or say why it is refused.

        Args:
            now: The moment of arrival on a clock that never goes back.

        Returns:
            None when the call is accepted, else the window that makes it wait longest.
        """
        refusals = [Refusal(each.window, wait) for each in self._windows if (wait := each.wait(now)) > 0]
        if refusals:
            return max(refusals, key=lambda refusal: refusal.wait)
        for each in self._windows:
            each.accept(now)
        return None


def busiest(arrivals: Sequence[float], seconds: float) -> int:
    """Return the largest number of arrivals in any window of that many seconds.

    Args:
        arrivals: Moments in ascending order.
        seconds: The width of the window, both ends included.

    Returns:
        The largest count.
    """
    most = first = 0
    for last, moment in enumerate(arrivals):
        while moment - arrivals[first] > seconds:
            first += 1
        most = max(most, last - first + 1)
    return most
