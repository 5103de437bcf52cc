"""Logs every few seconds how far the scan is, how fast it is, and how long it still takes."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable

from tap_carecycle.scan import Batch

LOG_INTERVAL = 5.0
MINUTE = 60


class Progress:
    """Counts what a scan has read.

    Args:
        logger: Where to log.
        page_size: Customers a page.
        rate: Returns the calls a minute so far.
        clock: Seconds. Tests replace it.
    """

    def __init__(
        self,
        logger: logging.Logger,
        page_size: int,
        rate: Callable[[], float],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._logger = logger
        self._page_size = page_size
        self._rate = rate
        self._clock = clock
        self._started = self._logged = clock()
        self._unread_at_start: int | None = None
        self.customers = 0
        self.emitted = 0

    def add(self, batch: Batch, emitted: int) -> None:
        """Count a batch, and log if the last line is old enough."""
        self.customers += len(batch.rows)
        self.emitted += emitted
        if self._unread_at_start is None:
            self._unread_at_start = batch.unread
        now = self._clock()
        if now - self._logged >= LOG_INTERVAL:
            self._logged = now
            self.log(batch)

    def log(self, batch: Batch) -> None:
        """Log one line. Structured logs get the same numbers as fields."""
        pages_left = math.ceil(batch.unread / self._page_size)
        elapsed = self._clock() - self._started
        read = (self._unread_at_start or 0) - batch.unread
        seconds_left = round(elapsed * batch.unread / read) if read > 0 else None
        fields = {
            "pages_read": batch.read,
            "pages": batch.read + pages_left,
            "customers_read": self.customers,
            "customers_emitted": self.emitted,
            "calls_a_minute": round(self._rate()),
            "seconds_left": seconds_left,
        }
        self._logger.info(
            "Page %d of %d: %d customers read, %d emitted, %d calls a minute, %s left.",
            batch.read,
            batch.read + pages_left,
            self.customers,
            self.emitted,
            fields["calls_a_minute"],
            _duration(seconds_left),
            extra=fields,
        )


def _duration(seconds: int | None) -> str:
    if seconds is None:
        return "some time"
    return f"{seconds} s" if seconds < 2 * MINUTE else f"{seconds // MINUTE} min"
