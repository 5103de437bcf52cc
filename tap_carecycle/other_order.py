"""Customers of some days, or all of them, read in the order of their phone numbers (pure).

Within a group of one creation moment the list by creation has no order that holds from call to call, so a group
that no single page can hold is read in another order: from the first phone number to the last, each page
overlapping the one before by a customer who has not moved meanwhile. Whoever gets a new number while this goes on
has been changed by it, so that a later run meets that customer again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tap_carecycle import landing
from tap_carecycle.pages import NEWEST_OF_ALL, Page, Request, Row
from tap_carecycle.slices import OLDEST
from tap_carecycle.timestamps import shifted

ATTEMPTS = 4
DAY = 86_400
DAYS_AROUND = 2
"""Days before and behind the group's own that are read with it."""
SURE_DAYS = 1
"""Of these so many are surely whole, for a server may count days in another zone."""


class OtherOrder:
    """Reads customers by phone number; the caller makes the calls.

    Args:
        created: The moment that the reading is about.
        sizes: Page sizes to choose from.
        narrowed: Read only the days around it, not the whole list.

    Attributes:
        whole_from: When the reading is whole: nobody created at this moment or later, up to `whole_to`, was missed.
        is_whole: Whether the reading came to its end without a gap.
        counts: How many customers of each moment were met.
        total: How many customers there are to read.
    """

    def __init__(self, created: str, sizes: Sequence[int], *, narrowed: bool) -> None:
        self._sizes = sizes
        self._around = created if narrowed else None
        self._failed = narrowed and created in {OLDEST, NEWEST_OF_ALL}
        self._end = 0
        self._overlap = 0
        self._attempts = 0
        self._last = ""
        self._callers: dict[str, str] = {}
        self._met: set[str] = set()
        self._created = created
        self.counts: Counter[str] = Counter()
        self.total: int | None = None
        self.is_whole = False
        self.whole_from, self.whole_to = OLDEST, NEWEST_OF_ALL
        if narrowed and not self._failed:
            self.whole_from, self.whole_to = (shifted(created, sign * SURE_DAYS * DAY) for sign in (-1, 1))

    @property
    def read(self) -> int:
        """How many places were read."""
        return self._end

    def next(self) -> Request | None:
        """The call to make now; None where the reading is over."""
        if self.is_whole or self._failed:
            return None
        page, size = 1, self._sizes[-1]
        if self._end:
            page, size = landing.after(max(0, self._end - self._overlap), self._sizes)
        return Request(page, size, "callerId", ascending=True, around=self._around)

    def answer(self, request: Request, page: Page) -> list[Row]:
        """Take the answer to `next` and give its rows; none where it is no answer to that."""
        if not _is_ordered(page.rows) or not self._is_narrow(page.rows):
            self._failed = True
            return []
        self.total = page.total
        for row in page.rows:
            if row.id not in self._met:
                self._met.add(row.id)
                self.counts[row.created] += 1
        if self._end and not any(
            self._callers.get(row.id) == row.caller and row.caller != self._last for row in page.rows
        ):
            self._step_back(len(page.rows))
            return page.rows
        end = request.start + len(page.rows)
        if end >= page.total:
            # A list narrowed to other days than the group's would hold none of it.
            self.is_whole = self._around is None or self.counts[self._created] > 0
            self._failed = not self.is_whole
        elif end <= self._end:
            self._step_back(0)
        else:
            self._go_on(page.rows, end)
        return page.rows

    def _go_on(self, rows: Sequence[Row], end: int) -> None:
        self._attempts = 0
        self._end = end
        self._last = rows[-1].caller
        self._callers = {row.id: row.caller for row in rows}
        tail = next((n for n, row in enumerate(reversed(rows)) if row.caller != self._last), len(rows))
        self._overlap = tail + 1
        self._failed = self._overlap > len(rows)

    def _step_back(self, rows: int) -> None:
        self._attempts += 1
        self._overlap = min(2 * self._overlap + rows // 4, self._end)
        self._failed = self._attempts >= ATTEMPTS

    def _is_narrow(self, rows: Sequence[Row]) -> bool:
        """Whether the server did narrow the list: then it treats all customers of one moment alike."""
        if self._around is None:
            return True
        first, last = (shifted(self._created, sign * (DAYS_AROUND + 2) * DAY) for sign in (-1, 1))
        return all(first <= row.created <= last for row in rows)


def _is_ordered(rows: Sequence[Row]) -> bool:
    """Whether rows are sorted by phone number: byte by byte, or as locales do that skip punctuation."""
    plain = [row.caller for row in rows]
    spoken = ["".join(filter(str.isalnum, text)).casefold() for text in plain]
    return plain == sorted(plain) or spoken == sorted(spoken)
