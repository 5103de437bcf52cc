"""What a scan has seen and what is proven by it (pure).

The scan goes from the newest customers to the oldest. `edge` is the oldest creation moment reached, `proven` the one
above which nobody can have been missed. Where the two part there are doubts: stretches of creation moments within
which somebody may have slipped through.

What proves a seam between what was read before and a new stretch, nobody else needing to stand still meanwhile:

- *Overlap.* The stretch reaches beyond the edge. A stretch is complete between its ends, and creation never changes.
- *Order.* Nobody is created but at the list's end, so the unread only ever move down; a stretch asked for after
  everything before it was answered, ending just where that began, can only miss somebody whose moment of creation
  the seam cuts through. Filters that may be entered later break this, and so does reading ahead.
- *Count.* At a moment when everything above was proven, so many were older. When as many of them were found since
  as are no longer below, nobody is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tap_carecycle.pages import NEWEST_OF_ALL, Row
from tap_carecycle.slices import NEWEST, OLDEST, Slice


@dataclass(frozen=True)
class Doubt:
    """Customers created from `low` to `high`, both included, may have been missed.

    Attributes:
        low: The newest moment of the lower stretch.
        high: The edge that it did not reach.
        place: Where the seam was.
        above: How many places above the seam are taken by customers of the moment `high`.
        below: How many below it by those of `low`.
    """

    low: str
    high: str
    place: int
    above: int
    below: int

    def after(self, stretch: Slice) -> list[Doubt]:
        """What is left of the doubt when a stretch across it was read; itself where that did not help."""
        if not stretch.rows or (stretch.low > self.high and not stretch.at_start):
            return [self]
        if stretch.high < self.low and not stretch.at_end:
            return [self]
        rest = []
        if not stretch.at_start and stretch.low >= self.low:
            rest.append(replace(self, high=stretch.low, place=stretch.start, above=stretch.count(stretch.low)))
        if not stretch.at_end and stretch.high <= self.high:
            rest.append(replace(self, low=stretch.high, place=stretch.end, below=stretch.count(stretch.high)))
        same = any((each.low, each.high) == (self.low, self.high) for each in rest)
        return [self] if same else rest


class Coverage:
    """Keeps account of a scan.

    Args:
        grows_at_end: Nobody appears in the list but as its newest.
        settled: Whoever appears during the scan was created later than this.
    """

    def __init__(self, *, grows_at_end: bool, settled: str) -> None:
        self.grows_at_end = grows_at_end
        self.settled = settled
        self.proven = NEWEST
        self.edge = NEWEST
        self.edge_is_whole = False
        self.edge_count = 0
        self.unread = 0
        self.adjacent = True
        self.doubts: list[Doubt] = []
        self.unproven: list[Doubt] = []
        self.given = 0
        self._seen: dict[str, str] = {}
        self._count_from: tuple[int, str] | None = None
        self._found = 0
        self._may_count = True
        self.steady = False

    @property
    def counting(self) -> bool:
        """Whether the count can prove something."""
        return self._count_from is not None

    def begin(self, unread: int, edge: str) -> None:
        """Take up where an earlier run stopped: everything above `edge` is proven, so many are older."""
        self.unread, self.edge, self.proven = unread, edge, edge

    def start_again(self, unread: int, edge: str) -> None:
        """Forget all conclusions but those about what is above `edge`; what was given stays given."""
        self.begin(unread, edge)
        self.edge_is_whole, self.edge_count, self.adjacent = False, 0, True
        self.doubts, self._count_from, self.steady = [], None, False

    def fill(self, stretch: Slice) -> list[Row]:
        """The rows not given before out of a stretch across a doubtful seam.

        Those below the edge are left to come in their turn, or the count would not know them as unread.
        """
        return self._fresh(row for row in stretch.rows if row.created >= self.edge)

    def _fresh(self, candidates: Iterable[Row]) -> list[Row]:
        rows = []
        for row in candidates:
            if row.id in self._seen or self._is_behind(row.created):
                continue
            self._seen[row.id] = row.created
            rows.append(row)
            if self._count_from is not None and row.created <= self._count_from[1]:
                self._found += 1
        self.given += len(rows)
        return rows

    def take(self, stretch: Slice, *, adjoins: bool, alone: bool, lone: bool) -> list[Row]:
        """Add a stretch below all that were taken before.

        Args:
            stretch: What was answered.
            adjoins: It was asked for to end just where the one above began.
            alone: It was asked for after everything before it had been answered.
            lone: And nothing else was asked for before its answer.

        Returns:
            The rows that were not given before.
        """
        if any(row.created == NEWEST_OF_ALL for row in stretch.rows):
            # Nulls sort behind every value, so inserts push them up: nobody may trust the list to grow at its end.
            self.grows_at_end, self._count_from = False, None
        rows = self._fresh(stretch.rows)
        reaches_lower = stretch.low < self.edge
        if not self._is_safe(stretch, in_order=adjoins and alone):
            below = stretch.count(stretch.high)
            self.doubts.append(Doubt(stretch.high, self.edge, self.unread, self.edge_count, below))
        self._move_edge(stretch, reaches_lower=reaches_lower)
        self.steady = self.steady and self.missing() == 0
        if self.missing() == 0 and (reaches_lower or stretch.at_start):
            self.doubts = []
        if not self.doubts:
            self._prove(recount=lone and reaches_lower)
        return rows

    def missing(self) -> int | None:
        """How many of those counted were neither found nor can be below; None where nothing was counted."""
        return None if self._count_from is None else self._count_from[0] - self._found - self.unread

    def settle(self, doubt: Doubt, rest: list[Doubt]) -> None:
        """Replace a doubt by what is left of it."""
        self.doubts.remove(doubt)
        self.doubts += rest

    def give_up(self, doubt: Doubt) -> None:
        """Leave a doubt unproven: the scan goes on, the bookmark will not."""
        self.doubts.remove(doubt)
        self.unproven.append(doubt)

    def fill_below(self, rows: Iterable[Row]) -> list[Row]:
        """The rows not given before out of a reading in another order, those below the edge included."""
        return self._fresh(rows)

    def stop_counting(self) -> None:
        """Customers below the edge were given already: from now on the count tells nothing."""
        self._may_count = False

    def whole_between(self, low: str, high: str, counts: Mapping[str, int]) -> None:
        """Everybody created from `low` to `high` is known.

        Args:
            low: The oldest moment.
            high: The newest moment.
            counts: How many customers there are of each moment.
        """
        self.doubts = [doubt for doubt in self.doubts if doubt.low < low or doubt.high > high]
        if not low <= self.edge <= high:
            return
        known = sum(count for created, count in counts.items() if low <= created <= self.edge)
        self.unread = max(0, self.unread + self.edge_count - known)
        self.edge, self.edge_is_whole, self.edge_count, self.adjacent = low, True, 0, False

    def go_on(self) -> None:
        """All doubts are settled or given up: prove what can be proven, and count anew from the next stretch."""
        self._count_from, self.steady = None, False
        self._prove(recount=False)

    def holes(self, expected: int) -> int:
        """How many customers may be missing at the most, as far as the count tells; at least one a hole."""
        return max(len(self.unproven), expected - self.given) if self.unproven else 0

    def take_last(self, rows: Sequence[Row]) -> list[Row] | None:
        """Add the oldest page, which was read first, without reading it again.

        It must be all that is unread: nothing was inserted or deleted from its reading to that of the first stretch,
        nobody unread was deleted since (both make it `steady`), none of its customers was met meanwhile, and they are
        as many as are unread. Then whoever was counted was found or is one of them, so that no doubt is left.

        Returns:
            Its rows, or None where it has to be read again.
        """
        if not self.steady or self.unproven or len(rows) != self.unread:
            return None
        if any(row.id in self._seen or self._is_behind(row.created) for row in rows):
            return None
        self.edge, self.unread, self.doubts = OLDEST, 0, []
        self.given += len(rows)
        return list(rows)

    def has_hole_at(self, created: str) -> bool:
        """Whether customers of this moment are given up already."""
        return any(hole.low <= created <= hole.high for hole in self.unproven)

    def _is_behind(self, created: str) -> bool:
        """Whether everybody of this moment was given already, or came after the scan began."""
        if self.has_hole_at(created):
            return False
        return created > self.proven or (self.edge_is_whole and created == self.proven)

    def _is_safe(self, stretch: Slice, *, in_order: bool) -> bool:
        if not stretch.rows or stretch.at_end or stretch.high > self.edge:
            return True
        if self.edge == NEWEST:
            return self.grows_at_end and stretch.high <= self.settled
        if self.edge_is_whole and stretch.high == self.edge:
            return True
        return in_order and self.grows_at_end and self.adjacent and stretch.high < self.edge

    def _move_edge(self, stretch: Slice, *, reaches_lower: bool) -> None:
        if reaches_lower:
            self.edge, self.edge_is_whole = stretch.low, False
            self.edge_count = stretch.count(stretch.low)
        elif stretch.low == self.edge and not self.edge_is_whole:
            self.edge_count = max(self.edge_count, self.unread + self.edge_count - stretch.start)
        self.unread = stretch.start
        self.adjacent = True
        if stretch.at_start:
            self.edge = OLDEST

    def _prove(self, *, recount: bool) -> None:
        if self.proven != self.edge:
            self.proven = self.edge
            self._seen = {
                each: created
                for each, created in self._seen.items()
                if created <= self.edge or self.has_hole_at(created)
            }
        if recount and self._may_count and self.grows_at_end and self.edge <= self.settled:
            self._count_from, self._found = (self.unread, self.edge), 0
