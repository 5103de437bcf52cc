"""LeadSquared's Lead/Bulk/UpdateV2 (`docs/api/leadsquared.md` 1): updates leads that exist, and never creates one."""

from __future__ import annotations

from collections import Counter

from sandbox.http_messages import LEADSQUARED, InvalidJsonError, JsonObject, Request, Response, read_json
from sandbox.leadsquared.errors import (
    INVALID_INPUT,
    INVALID_TYPE,
    NO_PERMISSION,
    NO_SUCH_API,
    LeadError,
    error_response,
)
from sandbox.leadsquared.field_values import comparison_key
from sandbox.leadsquared.lead_store import PROSPECT_ID, SEARCH_BY_ID, LeadStore
from sandbox.leadsquared.request_body import BodyShapeError, LeadInput, lead_input
from sandbox.quirks import Quirks
from sandbox.stats import Stats

MAX_UPDATE = 25
IDS = (SEARCH_BY_ID, PROSPECT_ID)
NAMES = {"SearchByKey", "Options", "LeadPropertiesList"}
NON_EXISTENT = "Lead does not exist in the system or You do not have permission to update the lead"


class UpdateBody:
    """The parsed body of a call.

    Attributes:
        key: SearchByKey, by which all leads of the call are found; the id where it is left out.
        leads: The leads; None for one whose fields are empty.
        unprocessed: Whether leads that do not exist go to a list of their own.
    """

    def __init__(self, body: bytes) -> None:
        try:
            parsed = read_json(body)
        except InvalidJsonError as error:
            message = "the body is no UTF-8 JSON"
            raise BodyShapeError(message) from error
        if not isinstance(parsed, dict) or not {"LeadPropertiesList"} <= set(parsed) <= NAMES:
            message = "expected an object with LeadPropertiesList"
            raise BodyShapeError(message)
        options = parsed.get("Options", {})
        if not isinstance(options, dict) or not set(options) <= {"PushNonExistentLeadsToUnProcessedList"}:
            message = "Options holds PushNonExistentLeadsToUnProcessedList"
            raise BodyShapeError(message)
        rows = parsed["LeadPropertiesList"]
        if not isinstance(rows, list) or not rows or len(rows) > MAX_UPDATE:
            message = f"LeadPropertiesList holds 1 to {MAX_UPDATE} leads"
            raise BodyShapeError(message)
        if not all(isinstance(row, dict) for row in rows):
            message = "Cannot deserialize the current JSON array into type LeadFieldKeyValuePair"
            raise BodyShapeError(message)
        self.key = str(parsed.get("SearchByKey") or SEARCH_BY_ID)
        self.unprocessed = options.get("PushNonExistentLeadsToUnProcessedList") is True
        # A row without Fields, as in a flat list of pairs, is taken, and changes nothing.
        self.leads = [lead_input(row["Fields"]) if row.get("Fields") else None for row in rows]

    def named_by(self, lead: LeadInput) -> str | None:
        """Return the value by which a lead is found; None where it has none."""
        names = IDS if self.key in IDS else (self.key,)
        return next((lead.values[name] for name in names if lead.values.get(name)), None)


class LeadUpdates:
    """Serves Lead/Bulk/UpdateV2."""

    def __init__(self, store: LeadStore, quirks: Quirks, stats: Stats) -> None:
        self._store = store
        self._quirks = quirks
        self._stats = stats

    def respond(self, request: Request) -> Response:
        """Respond to a call: HTTP 200, whatever became of its leads."""
        if self._quirks.update_v2 == "missing":
            return error_response(404, NO_SUCH_API, "The API could not be found")
        if self._quirks.update_v2.startswith("denied"):
            status = 200 if self._quirks.update_v2 == "denied_200" else 403
            return error_response(status, NO_PERMISSION, "You do not have permission for this action")
        try:
            body = UpdateBody(request.body)
        except BodyShapeError as error:
            return error_response(400, INVALID_INPUT, f"Invalid input: {error}")
        self._stats.apis[LEADSQUARED].rows_per_call.append(len(body.leads))
        copies = self._copies(body)
        failed: list[JsonObject] = []
        missing: list[JsonObject] = []
        for index, lead in enumerate(body.leads):
            value = None if lead is None else body.named_by(lead)
            entry = {"Identifier": body.key, "IdentifierValue": value or ""}
            try:
                exists = self._update(request, index, body, copies[index])
            except LeadError as error:
                failed.append({**entry, "Reason": error.message})
            else:
                missing += [] if exists else [{**entry, "Reason": NON_EXISTENT}]
        return Response(200, _answer(body, failed, missing))

    def _update(self, request: Request, index: int, body: UpdateBody, copies: int) -> bool:
        """Update one lead; False where it does not exist."""
        lead = body.leads[index]
        value = None if lead is None else body.named_by(lead)
        if lead is None or len(lead.values) <= (value is not None):
            raise LeadError(INVALID_INPUT, "Lead fields are empty")
        if copies > 1:
            raise LeadError(INVALID_INPUT, f"{copies} Duplicate Lead(s) provided")
        lead_id = self._found(body, lead, value)
        if lead_id is None:
            return False
        self._write(request, index, lead, lead_id)
        return True

    def _found(self, body: UpdateBody, lead: LeadInput, value: str | None) -> str | None:
        if value is None:
            raise LeadError(INVALID_INPUT, f"{body.key} is missing")
        if body.key in IDS:
            return self._store.existing_id(value)
        field = self._store.fields.get(body.key)
        if field is None or not field.identifier:
            raise LeadError(INVALID_INPUT, f"SearchByKey {body.key} is not unique in this account")
        return self._store.match(LeadInput(values={body.key: lead.values[body.key]}, search_by=body.key))

    def _write(self, request: Request, index: int, lead: LeadInput, lead_id: str) -> None:
        written = LeadInput(
            {name: value for name, value in lead.values.items() if name not in IDS}, lead.subfields, error=lead.error
        )
        if lead.search_by is not None:
            raise LeadError(INVALID_TYPE, "Attribute(s) does not exist - SearchBy")
        values = self._store.prepare(written)
        if (fault := request.failing.get(index)) is not None:
            raise LeadError(fault.exception_type, fault.message)
        request.identities.add(f"{PROSPECT_ID}:{lead_id}")
        request.identities.update(f"{name}:{value}" for name, value in self._store.identities(written))
        _, lowered = self._store.write(lead_id, values)
        self._stats.record_lowered_opt_outs(request, lead_id, lowered)
        payload: JsonObject = {**written.values, **({"Fields": lead.subfields} if lead.subfields else {})}
        self._stats.record_write(request, lead_id, {PROSPECT_ID: lead_id}, payload)

    def _copies(self, body: UpdateBody) -> list[int]:
        """Return for each lead how many of the call are for the same, itself included."""
        field = self._store.fields.get(PROSPECT_ID if body.key in IDS else body.key)
        values = [None if lead is None else body.named_by(lead) for lead in body.leads]
        keys = [comparison_key(field, value).lower() if field and value else None for value in values]
        counts = Counter(key for key in keys if key is not None)
        return [counts[key] if key is not None else 1 for key in keys]


def _answer(body: UpdateBody, failed: list[JsonObject], missing: list[JsonObject]) -> JsonObject:
    if not body.unprocessed:
        failed, missing = [*failed, *missing], []
    status: JsonObject = {
        "TotalCount": len(body.leads),
        "SuccessCount": len(body.leads) - len(failed) - len(missing),
        "FailureCount": len(failed),
    }
    if body.unprocessed:
        status["UnProcessedCount"] = len(missing)
    details: JsonObject = {}
    if failed:
        details["FailedLeads"] = failed
    if missing:
        details["UnProcessedLeads"] = missing
    return {"Status": {**status, "Message": "Error" if failed or missing else "Success"}, "Details": details}
