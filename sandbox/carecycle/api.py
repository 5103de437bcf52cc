"""The CareCycle API: authentication and routes."""

from __future__ import annotations

import re
from collections.abc import Callable

from sandbox.carecycle import errors
from sandbox.carecycle.customer_list import CustomerList, page_response, with_postgres_timestamps
from sandbox.carecycle.customer_store import CustomerStore
from sandbox.carecycle.lead_upload import LeadUpload
from sandbox.carecycle.query_parser import MAX_LIMIT, QueryParser
from sandbox.carecycle.reference_data import CUSTOM_FIELDS
from sandbox.http_messages import CARECYCLE, Request, Response
from sandbox.limits import Rejection
from sandbox.quirks import Quirks
from sandbox.settings import Settings
from sandbox.stats import Stats

LIST_PATH = "/v2/customers"
UPLOAD_PATH = "/v2/leads/upload"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
CUSTOM_FIELD_SORTS = ("createdAt", "fieldLabel", "fieldType")


class CareCycle:
    """Serves the CareCycle calls from a customer store.

    Attributes:
        keys: The keys that are valid now, all of one organisation.
    """

    def __init__(self, settings: Settings, store: CustomerStore, quirks: Quirks, stats: Stats) -> None:
        self._settings = settings
        self.keys = {settings.carecycle_key}
        self._store = store
        self._quirks = quirks
        self._stats = stats
        customer_list = CustomerList(store, quirks, stats.apis[CARECYCLE], settings.seed)
        self._routes: dict[tuple[str, str], Callable[[Request], Response]] = {
            ("GET", LIST_PATH): customer_list.respond,
            ("GET", "/v2/custom-fields"): self._custom_fields,
            ("POST", UPLOAD_PATH): LeadUpload(store, quirks, stats).respond,
        }

    def respond(self, request: Request) -> Response:
        """Respond to a request that is within the limit."""
        key = request.headers.get("x-api-key")
        if key == self._settings.carecycle_key_without_permission:
            return errors.error_response(403, "API key lacks permission for this endpoint")
        if key not in self.keys:
            return errors.error_response(401, "Invalid or missing API key")
        if self._quirks.organisation_hidden and request.method == "GET":
            return errors.error_response(403, "API key lacks permission for this endpoint")
        handler = self._routes.get((request.method, request.path))
        if handler is not None:
            return handler(request)
        parent, _, customer_id = request.path.rpartition("/")
        if request.method == "GET" and parent == LIST_PATH:
            return self._customer(customer_id)
        return errors.error_response(404, f"Can not {request.method} this path")

    def over_limit(self, rejection: Rejection) -> Response:
        """Respond to a request over the limit."""
        return errors.over_limit(rejection, header=self._quirks.retry_after_header)

    @staticmethod
    def is_write(method: str, path: str) -> bool:
        """Return whether such a call changes data."""
        return method == "POST" and path == UPLOAD_PATH

    def _customer(self, customer_id: str) -> Response:
        if not UUID.fullmatch(customer_id):
            return errors.validation_error(
                [errors.Issue(("id",), "Invalid UUID", "string", customer_id, "invalid_format")]
            )
        customer = self._store.by_id.get(customer_id.lower())
        if customer is None:
            return errors.error_response(404, "Customer not found")
        if self._quirks.timestamps != "iso":
            offset = self._quirks.timestamps == "postgres_offset"
            return Response(200, with_postgres_timestamps(customer, offset=offset))
        return Response(200, customer)

    def _custom_fields(self, request: Request) -> Response:
        parser = QueryParser(request.query)
        page = parser.integer("page", 1)
        limit = parser.integer("limit", 50, MAX_LIMIT)
        sort_by = parser.choice("sortBy", "createdAt", CUSTOM_FIELD_SORTS)
        descending = parser.choice("sortOrder", "desc", ("asc", "desc")) == "desc"
        parser.choice("recordType", "customers", ("customers",))
        wanted = parser.unread.pop("search", "").lower()
        self._stats.apis[CARECYCLE].unknown_parameters.update(parser.unread)
        if parser.issues:
            return errors.validation_error(parser.issues)
        fields = [field for field in CUSTOM_FIELDS if wanted in field["fieldLabel"].lower()]
        fields.sort(key=lambda field: str(field[sort_by]), reverse=descending)
        return page_response(fields, page, limit, self._quirks)
