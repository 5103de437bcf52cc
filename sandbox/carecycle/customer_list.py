"""GET /v2/customers: a page of customers (`docs/api/carecycle.md` 1), and the quirks of a page."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from sandbox.carecycle.customer_store import CustomerStore
from sandbox.carecycle.errors import error_response, validation_error
from sandbox.carecycle.list_query import ListQuery, QueryError, read_query
from sandbox.http_messages import JsonObject, Request, Response
from sandbox.quirks import Quirks
from sandbox.stats import ApiStats
from sandbox.timestamps import to_postgres

TIMESTAMP_FIELDS = ("createdAt", "updatedAt", "lastContactedAt", "convertedAt", "lastCallDate", "signedAt")


class CustomerList:
    """Serves the list call. The sorted list is cached until a customer changes."""

    def __init__(self, store: CustomerStore, quirks: Quirks, stats: ApiStats, seed: int) -> None:
        self._store = store
        self._quirks = quirks
        self._stats = stats
        self._rng = random.Random(seed)
        self._cached: tuple[Any, list[JsonObject]] | None = None

    def respond(self, request: Request) -> Response:
        """Respond to one list call."""
        try:
            query = read_query(request.query, self._quirks.parameter_names)
        except QueryError as error:
            return validation_error(error.issues)
        self._stats.unknown_parameters.update(query.unknown)
        if self._quirks.ignore_page:
            query.page = 1
        if self._quirks.ignore_limit:
            query.limit = 50
        if self._quirks.page_size_cap:
            query.limit = min(query.limit, self._quirks.page_size_cap)
        if self._quirks.ignore_sort:
            query.sort_by, query.descending = "createdAt", True
        return page_response(self._rows(request, query), query.page, query.limit, self._quirks, self._with_quirks)

    def _rows(self, request: Request, query: ListQuery) -> list[JsonObject]:
        filters = {name: text for name, text in request.query.items() if name not in ("page", "limit")}
        key = (self._store.version, query.sort_by, query.descending, tuple(sorted(filters.items())))
        if self._cached is not None and self._cached[0] == key and not self._quirks.shuffle_ties:
            return self._cached[1]
        rows = [row for row in self._store.by_id.values() if all(filter_(row) for filter_ in query.filters)]
        if self._quirks.shuffle_ties:
            self._rng.shuffle(rows)
        # As in PostgreSQL, null is the largest value. Rows with equal values stay in the order of their creation.
        rows.sort(key=lambda row: (row[query.sort_by] is None, row[query.sort_by] or ""), reverse=query.descending)
        self._cached = (key, rows)
        return rows

    def _with_quirks(self, rows: list[JsonObject]) -> list[JsonObject]:
        quirks = self._quirks
        shown = rows + rows[: quirks.duplicate_ids] if quirks.duplicate_ids else rows
        if quirks.null_updated_at:
            step = quirks.null_updated_at
            shown = [{**row, "updatedAt": None} if index % step == 0 else row for index, row in enumerate(shown)]
        if quirks.without_id:
            without_id = [{k: v for k, v in row.items() if k != "id"} for row in shown[: quirks.without_id]]
            shown = without_id + shown[quirks.without_id :]
        if quirks.extra_fields:
            shown = [{**row, **quirks.extra_fields} for row in shown]
        if quirks.timestamps != "iso":
            shown = [with_postgres_timestamps(row, offset=quirks.timestamps == "postgres_offset") for row in shown]
        return shown


def page_response(
    rows: list[JsonObject],
    page: int,
    limit: int,
    quirks: Quirks,
    transform: Callable[[list[JsonObject]], list[JsonObject]] | None = None,
) -> Response:
    """Return one page in the envelope that all list calls share (`docs/api/carecycle.md` 1.2).

    Args:
        rows: All rows of the list.
        page: The number of the page, from 1.
        limit: Rows on a page.
        quirks: The quirks of the envelope.
        transform: Changes the rows of the page before they are shown.

    Returns:
        The page; 404 for a page after the last one, where that quirk is on.
    """
    last = max(1, -(-len(rows) // limit))
    if page > last and quirks.over_end == "404":
        return error_response(404)
    items = rows[(page - 1) * limit : page * limit]
    if transform is not None:
        items = transform(items)
    body: JsonObject = {
        "itemsTotal": len(rows) + quirks.items_total_offset,
        "currentPage": page,
        "nextPage": page + 1 if page < last else None,
        "prevPage": page - 1 if page > 1 else None,
        "items": None if quirks.null_items == page else items,
    }
    if page >= last:
        after_last = {"null": None, "zero": 0, "plus_one": page + 1}
        body["nextPage"] = after_last.get(quirks.next_page)
        if quirks.next_page == "missing":
            del body["nextPage"]
    return Response(200, body)


def with_postgres_timestamps(value: Any, *, offset: bool) -> Any:
    """Return the value with all its timestamps as PostgreSQL text."""
    if isinstance(value, list):
        return [with_postgres_timestamps(item, offset=offset) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: to_postgres(item, offset=offset)
        if name in TIMESTAMP_FIELDS and isinstance(item, str)
        else with_postgres_timestamps(item, offset=offset)
        for name, item in value.items()
    }
