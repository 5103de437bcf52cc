"""The page scan that loses nothing while the data moves under it (pure: it knows no HTTP).

The first call tells how many customers there are. Then the pages follow in ascending order of creation from the last
to the first. Inserts land behind what is still to be read and deletions move rows
only towards it, so that nobody is jumped over; `coverage` keeps account of what that proves. What it does not prove
is read once more in one page across the seam, and a group of equal creation that no page can hold in another order.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tap_carecycle import landing
from tap_carecycle.coverage import Coverage, Doubt
from tap_carecycle.other_order import OtherOrder
from tap_carecycle.pages import Page, Reader, Request, Row
from tap_carecycle.slices import NEWEST, OLDEST, Direction, Heading, Slice, direction

SMALLEST_REACH = 20
"""Rows that one page must hold at least where a seam is read again, however small `page_size` is."""
ATTEMPTS = 4
OVERLAP_PAYS = 8
"""Pages that overlap cost about an eighth more; from so many repairs on that is less."""
USUAL_SIZE = 50
"""Rows a page where the API does not know the parameter by our name."""


@dataclass(frozen=True)
class Position:
    """Where a scan can be taken up again: everybody created after `edge` was given, `unread` customers are older."""

    unread: int
    edge: str


@dataclass(frozen=True)
class Batch:
    """What one answer added.

    Attributes:
        rows: Customers that were not given before.
        read: Calls so far.
        unread: Customers still to be read.
        total: Customers in the list.
        position: Where to take up again after this batch; None while something is in doubt.
    """

    rows: Sequence[Row]
    read: int
    unread: int
    total: int
    position: Position | None


class ContradictionError(Exception):
    """The number of customers is not what the pages say."""


class OrderIgnoredError(Exception):
    """The server answers in descending order whatever was asked for."""


class NoOrderError(Exception):
    """The server's rows are not ordered by creation."""


class Scan:
    """Reads every customer once.

    Args:
        reader: Makes the calls.
        page_size: Rows a page.
        grows_at_end: Nobody enters the list but as its newest (no filter that may be passed later).
        settled: Whoever appears during the scan was created later than this.
        resume: Where an earlier run stopped.
        narrows: The reader can narrow the list to the days around a moment.

    Attributes:
        unproven: After the scan: how many customers may be missing.
        notes: What the server does otherwise than asked, in words for a log: ``sortOrder``, ``sortBy``, ``limit``.
    """

    def __init__(
        self,
        reader: Reader,
        page_size: int,
        *,
        grows_at_end: bool = True,
        settled: str = "",
        resume: Position | None = None,
        narrows: bool = True,
    ) -> None:
        self._reader = reader
        self._size = page_size
        self._reach = max(page_size, SMALLEST_REACH)
        self._coverage = Coverage(grows_at_end=grows_at_end, settled=settled)
        self._resume = resume
        self._narrows = narrows
        self._ascending = True
        self._heading = Heading()
        self._resizable = True
        self._margin = 0 if grows_at_end else 1
        self._total = 0
        self._expected = 0
        self._read = 0
        self._answered = 0
        self._repairs = 0
        self._limit = 0
        self._restart = Position(0, "")
        self._oldest: list[Row] = []
        self.unproven = 0
        self.notes: list[str] = []

    def batches(self) -> Iterator[Batch]:
        """Yield new customers, answer by answer."""
        try:
            if self._resume is None:
                yield from self._begin()
            else:
                self._take_up(self._resume)
            while self._coverage.edge != OLDEST:
                try:
                    yield from self._go_down()
                    yield from self._settle_doubts()
                except OrderIgnoredError:
                    self._ascending = False
                    self._note("sortOrder")
                    self._coverage.start_again(self._restart.unread, self._restart.edge)
        except NoOrderError:
            self._note("sortBy")
            yield from self._read_without_order()
        self.unproven = max(self.unproven, self._coverage.holes(self._expected))

    def _begin(self) -> Iterator[Batch]:
        """The first call tells how many there are.

        Where the list grows at its end, it is the oldest page, which in the end need not be read again if nothing
        moved: so all pages have one order, even among customers of one moment. Otherwise it is the newest page,
        which the next one must overlap.
        """
        coverage = self._coverage
        request = Request(1, self._size, ascending=coverage.grows_at_end)
        page = self._call(request)
        if page.rows and min(self._size, page.total) not in {page.received, len(page.rows)}:
            self._size = self._reach = page.received
            self._resizable = page.received != USUAL_SIZE
            self._note("limit")
        order = direction(page.rows)
        if order is Direction.NONE or (order is Direction.ASCENDING and not request.ascending):
            raise NoOrderError
        if order is Direction.DESCENDING and request.ascending:
            self._ascending = False
            self._note("sortOrder")
        self._total = page.total
        self._plan_cost(page.total)
        self._restart = Position(page.total, NEWEST)
        coverage.begin(page.total, NEWEST)
        if request.ascending and self._ascending:
            self._heading.goes_up(request.start, page.rows)
        if request.ascending and self._ascending and page.total > len(page.rows):
            self._oldest = page.rows
            return
        stretch = Slice.of(Request(1, self._size, ascending=self._ascending and request.ascending), page)
        yield self._batch(coverage.take(stretch, adjoins=True, alone=True, lone=True))
        self._heading.know(stretch)
        self._restart = Position(coverage.unread, coverage.edge)

    def _take_up(self, resume: Position) -> None:
        self._coverage.begin(resume.unread, resume.edge)
        self._restart = resume
        self._plan_cost(resume.unread)

    def _plan_cost(self, customers: int) -> None:
        self._expected = customers
        pages = max(1, math.ceil(customers / self._size))
        self._limit = max(2 * pages, pages + ATTEMPTS)

    def _go_down(self) -> Iterator[Batch]:
        """Read towards the oldest until the end, or until a doubt has to be settled."""
        coverage = self._coverage
        window: deque[tuple[Request, Any, bool, bool]] = deque()
        planned, stop = coverage.unread, False
        while not stop or window:
            while not stop and len(window) < self._useful_in_flight() and (planned > len(self._oldest) or not window):
                request = self._next(planned)
                window.append((request, self._send(request), self._adjoins(request, planned), not window))
                planned = request.start if self._ascending else 0
            request, ticket, adjoins, alone = window.popleft()
            page = self._receive(ticket)
            before = self._total
            stretch = self._stretch(request, page)
            if stretch is not None:
                adjoins = adjoins and (request.ascending or page.total >= before)
                is_first = coverage.edge == NEWEST
                if is_first and request.ascending and stretch.at_end:
                    self._look_behind_the_end(request, page)
                yield self._batch(coverage.take(stretch, adjoins=adjoins, alone=alone, lone=alone and not window))
                if is_first and page.total == before and stretch.at_end and stretch.high <= coverage.settled:
                    coverage.steady = coverage.counting
            if not self._ascending or stretch is None:
                planned = coverage.unread
            yield from self._spare_oldest()
            # A group that goes on below may still be proven by the count at its end.
            stop = stop or coverage.edge == OLDEST or (bool(coverage.doubts) and coverage.missing() != 0)

    def _look_behind_the_end(self, last: Request, page: Page) -> None:
        """Where a full last page names a next one, itemsTotal or nextPage is wrong: see which."""
        if page.has_next and page.received >= last.size and self._call(replace(last, page=last.page + 1)).rows:
            raise ContradictionError

    def _spare_oldest(self) -> Iterator[Batch]:
        """The oldest page was read first: give it now where nothing moved, else read it again in its turn."""
        if self._oldest and not self._coverage.steady:
            self._oldest = []
        if self._oldest and (rows := self._coverage.take_last(self._oldest)) is not None:
            yield self._batch(rows)

    def _useful_in_flight(self) -> int:
        must_wait = self._coverage.grows_at_end and not self._coverage.counting
        if must_wait or not self._ascending or not self._resizable:
            return 1
        return max(1, self._reader.may_be_in_flight())

    def _next(self, unread: int) -> Request:
        """The page below: adjoining where the order proves the seam, else overlapping by what it takes."""
        coverage = self._coverage
        margin = self._margin
        if (margin or not coverage.adjacent) and self._useful_in_flight() == 1:
            margin = coverage.edge_count + 1 if 2 * coverage.edge_count < self._size else 1
        if not self._ascending:
            read = max(0, self._total - unread)
            page, size = (read // self._size + 1, self._size)
            if margin and self._resizable and self._may_afford(1):
                page, size = landing.after(max(0, read - margin), self._sizes())
            return Request(page, size, ascending=False)
        if not margin or not self._resizable or not self._may_afford(1):
            return Request(max(1, math.ceil(unread / self._size)), self._size)
        return Request(*landing.before(unread + margin, self._sizes()))

    def _sizes(self) -> range:
        return range(max(1, self._reach // 2), self._reach + 1)

    def _adjoins(self, request: Request, unread: int) -> bool:
        if request.ascending:
            return request.page * request.size == unread
        return request.start == self._total - unread

    def _stretch(self, request: Request, page: Page) -> Slice | None:
        """Place an answer in the list; notice a server that does not do as asked."""
        order = direction(page.rows)
        if order is Direction.NONE or (order is Direction.ASCENDING and not request.ascending):
            raise NoOrderError
        if request.ascending and (order is Direction.DESCENDING or self._heading.goes_up(request.start, page.rows)):
            if self._resume is not None:
                self._total = page.total
            raise OrderIgnoredError
        self._total = page.total
        if len(page.rows) > request.size or page.received < min(request.size, page.total - request.start):
            if request.size == self._size and not page.rows:
                raise ContradictionError
            self._resizable = False
            self._note("limit")
            return None
        if not page.rows and not request.ascending and page.total:
            return None  # the list has become too short for this page: ask again from where it ends now
        return Slice.of(request, page)

    def _settle_doubts(self) -> Iterator[Batch]:
        """Read each doubtful seam once more."""
        coverage = self._coverage
        if not coverage.doubts:
            return
        before = self._read
        while coverage.doubts:
            yield from self._settle(coverage.doubts[0])
        coverage.go_on()
        self._repairs += self._read - before
        if self._repairs * OVERLAP_PAYS > self._read:
            self._margin = min(max(1, 2 * self._margin), self._reach // 8 + 1)

    def _settle(self, doubt: Doubt) -> Iterator[Batch]:
        first, last = doubt.place - doubt.below - 1, doubt.place + doubt.above
        for _ in range(ATTEMPTS):
            landed = self._land(first, last)
            if landed is None and doubt.low < doubt.high:
                landed = self._land(doubt.place - 1, doubt.place)
            if landed is None:
                break
            if not self._may_afford(1):
                self._coverage.give_up(doubt)
                return
            stretch = self._stretch(landed, self._call(landed))
            if stretch is None:
                break
            yield self._batch(self._coverage.fill(stretch))
            rest = doubt.after(stretch)
            if rest != [doubt]:
                self._coverage.settle(doubt, rest)
                return
            older = sum(row.created < doubt.low for row in stretch.rows)
            newer = sum(row.created > doubt.high for row in stretch.rows)
            step = max(1, len(stretch.rows) // 4)
            first = stretch.start + older - 1 if older else stretch.start - step
            last = stretch.end - newer if newer else stretch.end + step
        yield from self._settle_group(doubt)

    def _settle_group(self, doubt: Doubt) -> Iterator[Batch]:
        """Read a group of equal creation, which no page can hold, in another order."""
        coverage = self._coverage
        if doubt.low != doubt.high or not self._resizable or coverage.has_hole_at(doubt.high):
            coverage.give_up(doubt)
            return
        for narrowed in (True, False) if self._narrows else (False,):
            reading = OtherOrder(doubt.high, self._sizes(), narrowed=narrowed)
            while (request := reading.next()) is not None and self._may_afford_rest(reading):
                rows = reading.answer(request, self._call(request))
                yield self._batch(coverage.fill_below(row for row in rows if row.created >= reading.whole_from))
            if reading.is_whole:
                coverage.whole_between(reading.whole_from, reading.whole_to, reading.counts)
                return
        coverage.stop_counting()
        coverage.give_up(doubt)

    def _land(self, first: int, last: int) -> Request | None:
        sizes = range(2, self._reach + 1) if self._resizable else [self._size]
        if self._ascending:
            landed = landing.around(first, last, sizes)
            return None if landed is None else Request(*landed)
        landed = landing.around(self._total - 1 - last, self._total - 1 - first, sizes)
        return None if landed is None else Request(*landed, ascending=False)

    def _may_afford(self, calls: int) -> bool:
        """Whether so many calls more leave enough for the rest: a scan may cost twice its pages at the most."""
        return self._read + calls + math.ceil(self._coverage.unread / self._size) <= self._limit

    def _may_afford_rest(self, reading: OtherOrder) -> bool:
        """Whether a reading in another order can be brought to its end; what it reads need not be read again."""
        if reading.total is None:
            return self._may_afford(1)
        edge = self._coverage.edge
        met = sum(reading.counts.values())
        saved = sum(count for created, count in reading.counts.items() if reading.whole_from <= created <= edge)
        share = saved / met if met else 0.0
        pages = math.ceil(1.05 * (reading.total - reading.read) / self._reach) + 1
        unread = max(0, self._coverage.unread - int(0.8 * share * reading.total))
        return self._read + pages + math.ceil(unread / self._size) <= self._limit

    def _note(self, name: str) -> None:
        if name not in self.notes:
            self.notes.append(name)

    def _send(self, request: Request) -> Any:
        self._read += 1
        return self._reader.send(request)

    def _call(self, request: Request) -> Page:
        return self._receive(self._send(request))

    def _receive(self, ticket: Any) -> Page:
        page = self._reader.receive(ticket)
        self._answered += 1
        return page

    def _batch(self, rows: Sequence[Row]) -> Batch:
        coverage = self._coverage
        known = not coverage.doubts and not coverage.unproven and coverage.adjacent and coverage.edge != OLDEST
        position = Position(coverage.unread, coverage.edge) if known else None
        return Batch(rows, self._answered, coverage.unread, self._expected, position)

    def _read_without_order(self) -> Iterator[Batch]:
        """Give all pages as they come: nothing is proven, so the bookmark stays."""
        page, given = 1, set[str]()
        while True:
            answer = self._call(Request(page, self._size, ascending=False))
            rows = [row for row in answer.rows if row.id not in given]
            given.update(row.id for row in rows)
            yield Batch(rows, self._answered, max(0, answer.total - len(given)), answer.total, None)
            if page * self._size >= answer.total:
                break
            page += 1
        self.unproven = max(1, answer.total)
