"""LeadSquared's three calls that write leads."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sandbox.exchange import LEADSQUARED, Answer, Call, Row
from sandbox.lead_body import ShapeError, WireLead, read_bulk, read_single
from sandbox.lead_rules import DUPLICATE, INVALID_INPUT, UNKNOWN, LeadError
from sandbox.lead_store import LeadStore, Values
from sandbox.leadsquared_errors import refuse
from sandbox.quirks import Quirks
from sandbox.stats import Stats

MAX_UPSERT = 25
MAX_CREATE = 50


class LeadWrites:
    """Writes leads; one row's fault is that row's alone, a wrong shape is the whole call's."""

    def __init__(self, store: LeadStore, quirks: Quirks, stats: Stats) -> None:
        self._store = store
        self._quirks = quirks
        self._stats = stats

    def bulk_upsert(self, call: Call) -> Answer:
        """Answer Lead/Bulk/CreateOrUpdate."""
        return self._bulk(call, MAX_UPSERT, create=False)

    def bulk_create(self, call: Call) -> Answer:
        """Answer Lead/Bulk/Create."""
        return self._bulk(call, MAX_CREATE, create=True)

    def upsert_single(self, call: Call) -> Answer:
        """Answer Lead.CreateOrUpdate."""
        fires = call.query.get("postUpdatedLead", "false")
        if fires not in ("true", "false"):
            return refuse(400, INVALID_INPUT, "postUpdatedLead is true or false")
        try:
            lead = read_single(call.body)
        except ShapeError as error:
            return refuse(400, INVALID_INPUT, f"Invalid input: {error}")
        self._stats.apis[LEADSQUARED].rows_per_call.append(1)
        try:
            lead_id, created = self._one(call, 0, lead, 1, create=False)
        except LeadError as error:
            return refuse(500, error.kind, error.message)
        if fires == "true":
            self._stats.automations_fired.append({"call": call.number, "id": lead_id, "created": created})
        name = "RelatedID" if self._quirks.related_id else "Id"
        return Answer(200, {"Status": "Success", "Message": {name: lead_id, "AffectedRows": 1}})

    def _bulk(self, call: Call, most: int, *, create: bool) -> Answer:
        try:
            leads = read_bulk(call.body, most)
        except ShapeError as error:
            return refuse(400, INVALID_INPUT, f"Invalid input: {error}")
        unknown = sorted({name for lead in leads for name in self._store.unknown_attributes(lead)})
        if unknown and self._quirks.unknown_attribute == "call":
            return refuse(500, UNKNOWN, f"Attribute(s) does not exist - {','.join(unknown)}")
        self._stats.apis[LEADSQUARED].rows_per_call.append(len(leads))
        repeated = self._repeated(leads, create=create)
        rows = [self._row(call, index, lead, repeated.get(index, 1), create=create) for index, lead in enumerate(leads)]
        return Answer(200, rows)

    def _row(self, call: Call, index: int, lead: WireLead, copies: int, *, create: bool) -> Row:
        row: Row = {"RowNumber": index + 1, "LeadId": "", "LeadCreated": False}
        if not create:
            row |= {"LeadUpdated": False, "AffectedRows": 0}
        try:
            lead_id, created = self._one(call, index, lead, copies, create=create)
        except LeadError as error:
            if create:
                prefix = "Duplicate: " if error.kind == DUPLICATE else ""
                return row | {"ErrorMessage": f"{prefix}{error.message}"}
            return row | {"ExceptionType": error.kind, "ErrorMessage": error.message}
        row |= {"LeadId": lead_id, "LeadCreated": created}
        return row if create else row | {"LeadUpdated": not created, "AffectedRows": 1}

    def _one(self, call: Call, index: int, lead: WireLead, copies: int, *, create: bool) -> tuple[str, bool]:
        if copies > 1:
            raise LeadError(INVALID_INPUT, f"{copies} Duplicate Lead(s) provided")
        values = self._checked(lead, create=create)
        if (fault := call.failing.get(index)) is not None:
            raise LeadError(fault.kind, fault.message)
        call.identities.update(f"{name}:{value}" for name, value in self._store.identities(lead))
        known = None if create else self._store.match(lead)
        lead_id, lowered = self._store.write(known, values)
        self._stats.record_lowered(call, lead_id, lowered)
        identity = {name: lead.values[name] for name, _ in sorted(self._store.identities(lead))}
        payload: dict[str, Any] = {**lead.values, **({"Fields": lead.parts} if lead.parts else {})}
        if lead.search_by:
            identity["SearchBy"] = lead.search_by
        self._stats.record_write(call, lead_id, identity, payload)
        return lead_id, known is None

    def _checked(self, lead: WireLead, *, create: bool) -> Values:
        if create and lead.search_by is not None:
            # The page of this call knows no SearchBy.
            raise LeadError(UNKNOWN, "Attribute(s) does not exist - SearchBy")
        return self._store.prepare(lead)

    def _repeated(self, leads: list[WireLead], *, create: bool) -> dict[int, int]:
        """Return the rows that mean a lead another row means too, with how many do."""
        keys = [self._keys(lead, create=create) for lead in leads]
        seen = Counter(key for row in keys for key in row)
        return {
            index: most for index, row in enumerate(keys) if (most := max((seen[key] for key in row), default=1)) > 1
        }

    def _keys(self, lead: WireLead, *, create: bool) -> set[tuple[str, str]]:
        try:
            self._checked(lead, create=create)
            if create:
                return self._store.identities(lead)
            key, known = self._store.match_key(lead), self._store.match(lead)
        except LeadError:
            # It will be refused for a reason of its own.
            return set()
        return ({key} if key else set()) | ({("lead", known)} if known else set())
