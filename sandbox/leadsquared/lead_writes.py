"""LeadSquared's three write calls (`docs/api/leadsquared.md` 1)."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sandbox.http_messages import LEADSQUARED, JsonObject, Request, Response
from sandbox.leadsquared.errors import DUPLICATE, INVALID_INPUT, UNKNOWN, LeadError, error_response
from sandbox.leadsquared.lead_store import PROSPECT_ID, LeadStore, Values
from sandbox.leadsquared.request_body import BodyShapeError, LeadInput, read_bulk, read_single
from sandbox.quirks import Quirks
from sandbox.stats import Stats

MAX_UPSERT = 25
MAX_CREATE = 50


class LeadWrites:
    """Serves the write calls. An invalid lead is rejected alone; a body of the wrong shape fails the whole call."""

    def __init__(self, store: LeadStore, quirks: Quirks, stats: Stats) -> None:
        self._store = store
        self._quirks = quirks
        self._stats = stats

    def bulk_upsert(self, request: Request) -> Response:
        """Respond to Lead/Bulk/CreateOrUpdate."""
        return self._bulk(request, MAX_UPSERT, create=False)

    def bulk_create(self, request: Request) -> Response:
        """Respond to Lead/Bulk/Create."""
        return self._bulk(request, MAX_CREATE, create=True)

    def upsert_single(self, request: Request) -> Response:
        """Respond to Lead.CreateOrUpdate."""
        fire_automations = request.query.get("postUpdatedLead", "false")
        if fire_automations not in ("true", "false"):
            return error_response(400, INVALID_INPUT, "postUpdatedLead is true or false")
        try:
            lead = read_single(request.body)
        except BodyShapeError as error:
            return error_response(400, INVALID_INPUT, f"Invalid input: {error}")
        self._stats.apis[LEADSQUARED].rows_per_call.append(1)
        try:
            lead_id, created = self._write_lead(request, 0, lead, 1, create=False)
        except LeadError as error:
            return error_response(500, error.exception_type, error.message)
        if fire_automations == "true":
            self._stats.automations_fired.append({"call": request.number, "id": lead_id, "created": created})
        name = "RelatedID" if self._quirks.related_id else "Id"
        return Response(200, {"Status": "Success", "Message": {name: lead_id, "AffectedRows": 1}})

    def _bulk(self, request: Request, max_leads: int, *, create: bool) -> Response:
        try:
            leads = read_bulk(request.body, max_leads)
        except BodyShapeError as error:
            return error_response(400, INVALID_INPUT, f"Invalid input: {error}")
        unknown = sorted({name for lead in leads for name in self._store.unknown_attributes(lead)})
        if unknown and self._quirks.unknown_attribute == "call":
            return error_response(500, UNKNOWN, f"Attribute(s) does not exist - {','.join(unknown)}")
        self._stats.apis[LEADSQUARED].rows_per_call.append(len(leads))
        copies = self._count_copies(leads, create=create)
        rows = [self._row(request, index, lead, copies[index], create=create) for index, lead in enumerate(leads)]
        return Response(200, rows)

    def _row(self, request: Request, index: int, lead: LeadInput, copies: int, *, create: bool) -> JsonObject:
        row: JsonObject = {"RowNumber": index + 1, "LeadId": "", "LeadCreated": False}
        if not create:
            row |= {"LeadUpdated": False, "AffectedRows": 0}
        try:
            lead_id, created = self._write_lead(request, index, lead, copies, create=create)
        except LeadError as error:
            if create:
                # Importers look for this word in the message, which the older texts have themselves.
                needs_word = error.exception_type == DUPLICATE and "Duplicate" not in error.message
                prefix = "Duplicate: " if needs_word else ""
                return row | {"ErrorMessage": f"{prefix}{error.message}"}
            return row | {"ExceptionType": error.exception_type, "ErrorMessage": error.message}
        row |= {"LeadId": lead_id, "LeadCreated": created}
        if create:
            return row
        if self._quirks.row_success == "affected_rows":
            return row | {"LeadCreated": False, "AffectedRows": 1}
        return row | {"LeadUpdated": not created, "AffectedRows": 1}

    def _write_lead(
        self, request: Request, index: int, lead: LeadInput, copies: int, *, create: bool
    ) -> tuple[str, bool]:
        if copies > 1:
            raise LeadError(INVALID_INPUT, f"{copies} Duplicate Lead(s) provided")
        values = self._prepare(lead, create=create)
        if (fault := request.failing.get(index)) is not None:
            raise LeadError(fault.exception_type, fault.message)
        request.identities.update(f"{name}:{value}" for name, value in self._store.identities(lead))
        found_id = None if create else self._store.match(lead)
        lead_id, lowered = self._store.write(found_id, values)
        request.identities.add(f"{PROSPECT_ID}:{lead_id}")
        self._stats.record_lowered_opt_outs(request, lead_id, lowered)
        identity = {name: lead.values[name] for name, _ in sorted(self._store.identities(lead))}
        payload: dict[str, Any] = {**lead.values, **({"Fields": lead.subfields} if lead.subfields else {})}
        if lead.search_by:
            identity["SearchBy"] = lead.search_by
        self._stats.record_write(request, lead_id, identity, payload)
        return lead_id, found_id is None

    def _prepare(self, lead: LeadInput, *, create: bool) -> Values:
        if create and lead.search_by is not None:
            # The documentation of Bulk/Create has no SearchBy.
            raise LeadError(UNKNOWN, "Attribute(s) does not exist - SearchBy")
        return self._store.prepare(lead)

    def _count_copies(self, leads: list[LeadInput], *, create: bool) -> list[int]:
        """Return for each row how many rows of the call are for the same lead, itself included."""
        keys = [self._lead_keys(lead, create=create) for lead in leads]
        counts = Counter(key for row_keys in keys for key in row_keys)
        return [max((counts[key] for key in row_keys), default=1) for row_keys in keys]

    def _lead_keys(self, lead: LeadInput, *, create: bool) -> set[tuple[str, str]]:
        try:
            self._prepare(lead, create=create)
            if create:
                return self._store.identities(lead)
            key, found_id = self._store.match_key(lead), self._store.match(lead)
        except LeadError:
            # The lead is rejected for another reason.
            return set()
        return ({key} if key else set()) | ({("lead", found_id)} if found_id else set())
