"""One log line every few seconds: how far the scan is, how fast, how long still."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable

from tap_carecycle.scan import Batch

SECONDS_BETWEEN_LINES = 5.0
MINUTE = 60


class Progress:
    """Tells how a scan is getting on.

    Args:
        log: Where to.
        page_size: Customers a page.
        rate: Calls a minute so far.
        clock: Seconds, replaceable for tests.
    """

    def __init__(
        self,
        log: logging.Logger,
        page_size: int,
        rate: Callable[[], float],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._page_size = page_size
        self._rate = rate
        self._clock = clock
        self._started = self._told = clock()
        self._first_unread: int | None = None
        self.customers = 0
        self.emitted = 0

    def add(self, batch: Batch, emitted: int) -> None:
        """Count an answer, and tell where it is time to."""
        self.customers += len(batch.rows)
        self.emitted += emitted
        if self._first_unread is None:
            self._first_unread = batch.unread
        now = self._clock()
        if now - self._told >= SECONDS_BETWEEN_LINES:
            self._told = now
            self.tell(batch)

    def tell(self, batch: Batch) -> None:
        """Write the line, with the same as fields for structured logs."""
        pages_left = math.ceil(batch.unread / self._page_size)
        elapsed = self._clock() - self._started
        gone = (self._first_unread or 0) - batch.unread
        left = round(elapsed * batch.unread / gone) if gone > 0 else None
        fields = {
            "pages_read": batch.read,
            "pages": batch.read + pages_left,
            "customers_read": self.customers,
            "customers_emitted": self.emitted,
            "calls_a_minute": round(self._rate()),
            "seconds_left": left,
        }
        self._log.info(
            "Page %d of %d: %d customers read, %d emitted, %d calls a minute, %s left.",
            batch.read,
            batch.read + pages_left,
            self.customers,
            self.emitted,
            fields["calls_a_minute"],
            "some time" if left is None else f"{left} s" if left < 2 * MINUTE else f"{left // MINUTE} min",
            extra=fields,
        )
