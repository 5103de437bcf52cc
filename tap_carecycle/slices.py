"""An answer seen as a stretch of the list of all customers, from the oldest (place 0) to the newest (pure)."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from tap_carecycle.pages import Page, Request, Row

OLDEST, NEWEST = "", "\x7f"
"""Before and behind every creation moment."""


class Direction(enum.Enum):
    """How the rows of an answer are ordered by creation."""

    ASCENDING = "ascending"
    DESCENDING = "descending"
    FLAT = "flat"
    NONE = "none"


def direction(rows: Sequence[Row]) -> Direction:
    """Tell the order of rows."""
    moments = [row.created for row in rows]
    up = all(a <= b for a, b in pairwise(moments))
    down = all(a >= b for a, b in pairwise(moments))
    if up:
        return Direction.FLAT if down else Direction.ASCENDING
    return Direction.DESCENDING if down else Direction.NONE


@dataclass(frozen=True)
class Slice:
    """A stretch of the list as it was at one moment.

    It holds *every* customer created between its oldest and its newest row, both excluded, for the list is
    ordered by creation; of those created with either, it may hold only some.

    Attributes:
        rows: From the oldest to the newest, each id once.
        start: How many customers were older than the stretch.
        total: How many there were at all.
    """

    rows: Sequence[Row]
    start: int
    total: int

    @classmethod
    def of(cls, request: Request, page: Page) -> Slice:
        """Place an answer in the list."""
        count = min(page.received, request.size)
        if request.ascending:
            return cls(page.rows, min(request.start, page.total), page.total)
        return cls(page.rows[::-1], max(0, page.total - request.start - count), page.total)

    @property
    def end(self) -> int:
        """The place behind the last row."""
        return self.start + len(self.rows)

    @property
    def low(self) -> str:
        """The oldest row's creation."""
        return self.rows[0].created if self.rows else NEWEST

    @property
    def high(self) -> str:
        """The newest row's creation."""
        return self.rows[-1].created if self.rows else OLDEST

    @property
    def at_start(self) -> bool:
        """Whether nobody is older."""
        return self.start == 0

    @property
    def at_end(self) -> bool:
        """Whether nobody is newer."""
        return self.end >= self.total

    def count(self, created: str) -> int:
        """How many rows were created at this moment."""
        return sum(row.created == created for row in self.rows)


class Heading:
    """Notices a server that ignores the direction where pages hold rows of one moment, which have none themselves."""

    def __init__(self) -> None:
        self._proven = False
        self._one: tuple[int, str, str] | None = None

    def know(self, stretch: Slice) -> None:
        """Compare later pages with a stretch of which the place is sure."""
        if stretch.rows:
            self._one = (stretch.start, stretch.low, stretch.high)

    def goes_up(self, start: int, rows: Sequence[Row]) -> bool:
        """Whether pages asked for downwards become newer, as they do where the direction is ignored.

        Args:
            start: How many customers should be older than these.
            rows: What came when ascending rows were asked for.
        """
        if self._proven or not rows:
            return False
        low, high = rows[0].created, rows[-1].created
        place, known_low, known_high = self._one or (start, low, high)
        self._one = (start, low, high)
        below = start < place
        self._proven = low < high or (high < known_low if below else low > known_high)
        return below and low > known_low and not self._proven
