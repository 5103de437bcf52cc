"""The CareCycle side: keys, paths, errors."""

from __future__ import annotations

import re
from collections.abc import Callable

from sandbox import carecycle_errors as errors
from sandbox.customer_list import CustomerList, envelope, rewrite_moments
from sandbox.customer_query import MAX_LIMIT, QueryReader
from sandbox.customer_store import CustomerStore
from sandbox.exchange import CARECYCLE, Answer, Call
from sandbox.lead_upload import LeadUpload
from sandbox.limits import Refusal
from sandbox.quirks import Quirks
from sandbox.reference import CUSTOM_FIELDS
from sandbox.settings import Settings
from sandbox.stats import Stats

LIST_PATH = "/v2/customers"
UPLOAD_PATH = "/v2/leads/upload"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
CUSTOM_FIELD_SORTS = ("createdAt", "fieldLabel", "fieldType")


class CareCycle:
    """Answers CareCycle calls out of a customer store."""

    def __init__(self, settings: Settings, store: CustomerStore, quirks: Quirks, stats: Stats) -> None:
        self._settings = settings
        self._store = store
        self._quirks = quirks
        self._stats = stats
        self.customer_list = CustomerList(store, quirks, stats.apis[CARECYCLE], settings.seed)
        self._routes: dict[tuple[str, str], Callable[[Call], Answer]] = {
            ("GET", LIST_PATH): self.customer_list.answer,
            ("GET", "/v2/custom-fields"): self._custom_fields,
            ("POST", UPLOAD_PATH): LeadUpload(store, quirks, stats).answer,
        }

    def answer(self, call: Call) -> Answer:
        """Answer one call that the limit let through."""
        key = call.headers.get("x-api-key")
        if key == self._settings.carecycle_powerless_key:
            return errors.refuse(403, "API key lacks permission for this endpoint")
        if key != self._settings.carecycle_key:
            return errors.refuse(401, "Invalid or missing API key")
        handler = self._routes.get((call.method, call.path))
        if handler is not None:
            return handler(call)
        parent, _, customer_id = call.path.rpartition("/")
        if call.method == "GET" and parent == LIST_PATH:
            return self._customer(customer_id)
        return errors.refuse(404, f"Can not {call.method} this path")

    def over_limit(self, refusal: Refusal) -> Answer:
        """Answer a call that the limit refused."""
        return errors.over_limit(refusal, header=self._quirks.retry_after_header)

    @staticmethod
    def is_write(method: str, path: str) -> bool:
        """Return whether such a call changes data."""
        return method == "POST" and path == UPLOAD_PATH

    def _customer(self, customer_id: str) -> Answer:
        if not UUID.fullmatch(customer_id):
            return errors.invalid([errors.Flaw(("id",), "Invalid UUID", "string", customer_id, "invalid_format")])
        row = self._store.rows.get(customer_id.lower())
        if row is None:
            return errors.refuse(404, "Customer not found")
        if self._quirks.timestamps != "iso":
            offset = self._quirks.timestamps == "postgres_offset"
            return Answer(200, rewrite_moments(row, offset=offset))
        return Answer(200, row)

    def _custom_fields(self, call: Call) -> Answer:
        reader = QueryReader(call.query)
        page = reader.integer("page", 1)
        limit = reader.integer("limit", 50, MAX_LIMIT)
        sort_by = reader.choice("sortBy", "createdAt", CUSTOM_FIELD_SORTS)
        descending = reader.choice("sortOrder", "desc", ("asc", "desc")) == "desc"
        reader.choice("recordType", "customers", ("customers",))
        wanted = reader.left.pop("search", "").lower()
        self._stats.apis[CARECYCLE].unknown_parameters.update(reader.left)
        if reader.flaws:
            return errors.invalid(reader.flaws)
        rows = [row for row in CUSTOM_FIELDS if wanted in row["fieldLabel"].lower()]
        rows.sort(key=lambda row: str(row[sort_by]), reverse=descending)
        return envelope(rows, page, limit, self._quirks)
