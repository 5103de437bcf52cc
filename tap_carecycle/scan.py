"""The page scan: newest page first for the count, then the pages from the last to the first (pure)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from tap_carecycle.pages import Reader, Request, Row


@dataclass
class Batch:
    """Customers of one answer that were not given before."""

    rows: list[Row]
    page: int
    pages: int


class Scan:
    """Reads every customer once.

    Args:
        reader: Makes the calls.
        page_size: Rows a page.
    """

    def __init__(self, reader: Reader, page_size: int) -> None:
        self._reader = reader
        self._page_size = page_size

    def batches(self) -> Iterator[Batch]:
        """Yield new customers page by page."""
        size = self._page_size
        first = self._reader.receive(self._reader.send(Request(1, size, ascending=False)))
        pages = max(1, math.ceil(first.total / size))
        seen = {row.id for row in first.rows}
        yield Batch(first.rows, 1, pages)
        for page in range(pages - 1, 0, -1):
            answer = self._reader.receive(self._reader.send(Request(page, size)))
            rows = [row for row in answer.rows if row.id not in seen]
            seen = {row.id for row in answer.rows}
            yield Batch(rows, pages - page + 1, pages)
