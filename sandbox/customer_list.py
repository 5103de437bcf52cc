"""GET /v2/customers: a page of customers, and the quirks a page can have."""

from __future__ import annotations

import random
from typing import Any

from sandbox.carecycle_errors import invalid, refuse
from sandbox.customer_query import ListQuery, QueryError, read_query
from sandbox.customer_store import CustomerStore
from sandbox.exchange import Answer, Call, Row
from sandbox.moments import as_postgres
from sandbox.quirks import Quirks
from sandbox.stats import ApiStats

MOMENTS = ("createdAt", "updatedAt", "lastContactedAt", "convertedAt", "lastCallDate", "signedAt")


class CustomerList:
    """Answers list calls; a sorted view is kept until a customer changes."""

    def __init__(self, store: CustomerStore, quirks: Quirks, stats: ApiStats, seed: int) -> None:
        self._store = store
        self._quirks = quirks
        self._stats = stats
        self._rng = random.Random(seed)
        self._view: tuple[Any, list[Row]] | None = None

    def answer(self, call: Call) -> Answer:
        """Answer one list call."""
        try:
            query = read_query(call.query, self._quirks.parameter_names)
        except QueryError as error:
            return invalid(error.flaws)
        self._stats.unknown_parameters.update(query.unknown)
        if self._quirks.ignore_page:
            query.page = 1
        if self._quirks.ignore_limit:
            query.limit = 50
        if self._quirks.page_size_cap:
            query.limit = min(query.limit, self._quirks.page_size_cap)
        if self._quirks.ignore_sort:
            query.sort_by, query.descending = "createdAt", True
        return envelope(self._rows(call, query), query.page, query.limit, self._quirks, self._show)

    def _rows(self, call: Call, query: ListQuery) -> list[Row]:
        filters = {name: text for name, text in call.query.items() if name not in ("page", "limit")}
        key = (self._store.version, query.sort_by, query.descending, tuple(sorted(filters.items())))
        if self._view is not None and self._view[0] == key and not self._quirks.shuffle_ties:
            return self._view[1]
        rows = [row for row in self._store.rows.values() if all(test(row) for test in query.tests)]
        if self._quirks.shuffle_ties:
            self._rng.shuffle(rows)
        # As in PostgreSQL nulls are the largest; equal rows stay in the order they came in.
        rows.sort(key=lambda row: (row[query.sort_by] is None, row[query.sort_by] or ""), reverse=query.descending)
        self._view = (key, rows)
        return rows

    def _show(self, rows: list[Row]) -> list[Row]:
        quirks = self._quirks
        shown = rows + rows[: quirks.duplicate_ids] if quirks.duplicate_ids else rows
        if quirks.null_updated_at:
            step = quirks.null_updated_at
            shown = [{**row, "updatedAt": None} if place % step == 0 else row for place, row in enumerate(shown)]
        if quirks.without_id:
            bare = [{k: v for k, v in row.items() if k != "id"} for row in shown[: quirks.without_id]]
            shown = bare + shown[quirks.without_id :]
        if quirks.extra_fields:
            shown = [{**row, **quirks.extra_fields} for row in shown]
        if quirks.timestamps != "iso":
            shown = [rewrite_moments(row, offset=quirks.timestamps == "postgres_offset") for row in shown]
        return shown


def envelope(rows: list[Row], page: int, limit: int, quirks: Quirks, show: Any = None) -> Answer:
    """Answer one page in the envelope all lists share.

    Args:
        rows: All rows of the list.
        page: The page asked for, from 1.
        limit: Rows a page.
        quirks: How the envelope may differ.
        show: Turns rows into what is shown.

    Returns:
        The page, or 404 behind the end where that is switched on.
    """
    last = max(1, -(-len(rows) // limit))
    if page > last and quirks.over_end == "404":
        return refuse(404)
    items: list[Row] | None = rows[(page - 1) * limit : page * limit]
    if show is not None:
        items = show(items)
    if quirks.null_items == page:
        items = None
    body: Row = {
        "itemsTotal": len(rows) + quirks.items_total_offset,
        "currentPage": page,
        "nextPage": page + 1 if page < last else None,
        "prevPage": page - 1 if page > 1 else None,
        "items": items,
    }
    if page >= last:
        behind = {"null": None, "zero": 0, "plus_one": page + 1}
        body["nextPage"] = behind.get(quirks.next_page)
        if quirks.next_page == "missing":
            del body["nextPage"]
    return Answer(200, body)


def rewrite_moments(value: Any, *, offset: bool) -> Any:
    """Write every moment inside a value as PostgreSQL text."""
    if isinstance(value, list):
        return [rewrite_moments(each, offset=offset) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: as_postgres(each, offset=offset)
        if name in MOMENTS and isinstance(each, str)
        else rewrite_moments(each, offset=offset)
        for name, each in value.items()
    }
