"""LeadSquared's calls that read leads and lead fields (`docs/api/leadsquared.md` 6)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from sandbox.http_messages import InvalidJsonError, JsonObject, Request, Response, read_json
from sandbox.leadsquared.errors import INVALID_INPUT, MANDATORY, UNKNOWN, error_response
from sandbox.leadsquared.field_values import phone_digits
from sandbox.leadsquared.lead_fields import BOOLEAN
from sandbox.leadsquared.lead_store import EMAIL, PROSPECT_ID, LeadStore
from sandbox.quirks import Quirks

MAX_IDS = 10_000
MAX_PAGE_SIZE = 1000
BOOLEAN_WORDS = {
    "one_zero": {"1": "1", "0": "0"},
    "true_false": {"1": "true", "0": "false"},
    "yes_no": {"1": "Yes", "0": "No"},
}


class LeadLookups:
    """Serves the read calls from a lead store. Values are text, or null where a field is empty."""

    def __init__(self, store: LeadStore, quirks: Quirks) -> None:
        self._store = store
        self._quirks = quirks
        self._booleans = {field.name for field in store.fields.values() if field.data_type == BOOLEAN}

    def metadata(self, request: Request) -> Response:
        """Respond to LeadsMetaData.Get."""
        with_options = request.query.get("excludeOptionSets", "0") != "1"
        wanted = request.query.get("schemaName")
        fields = [field for field in self._store.fields.values() if wanted in (None, field.name)]
        return Response(200, [field.as_metadata(with_options=with_options) for field in fields])

    def by_id(self, request: Request) -> Response:
        """Respond to Leads.GetById."""
        return self._find(request, "id", lambda lead, wanted: lead[PROSPECT_ID] == self._store.existing_id(wanted))

    def by_email(self, request: Request) -> Response:
        """Respond to Leads.GetByEmailaddress."""
        return self._find(request, "emailaddress", lambda lead, wanted: (lead[EMAIL] or "").lower() == wanted.lower())

    def by_phone(self, request: Request) -> Response:
        """Respond to RetrieveLeadByPhoneNumber: finds any spelling, and returns the lead that was modified last."""
        response = self._find(
            request,
            "phone",
            lambda lead, wanted: any(
                phone_digits(lead[name]) == phone_digits(wanted) for name in ("Phone", "Mobile") if lead[name]
            ),
        )
        if isinstance(response.body, list):
            response.body = sorted(response.body, key=lambda lead: str(lead["ModifiedOn"]))[-1:]
        return response

    def by_ids(self, request: Request) -> Response:
        """Respond to Leads/Retrieve/ByIds. Rows have only the columns of the request, so the id must be one of them."""
        try:
            ids, columns, index, size = _parse_ids_request(read_json(request.body))
        except (InvalidJsonError, _RequestError) as error:
            return error_response(400, INVALID_INPUT, f"Invalid input: {error or 'the body is no UTF-8 JSON'}")
        if unknown := [name for name in columns if name not in self._store.fields]:
            return error_response(500, UNKNOWN, f"Attribute(s) does not exist - {','.join(unknown)}")
        existing = dict.fromkeys(self._store.existing_id(lead_id) for lead_id in ids)
        found = [self._store.by_id[lead_id] for lead_id in existing if lead_id is not None]
        page = found[(index - 1) * size : index * size]
        rows = [self._as_text({name: lead[name] for name in columns}) for lead in page]
        return Response(200, {"RecordCount": len(found), "Leads": rows})

    def _find(self, request: Request, parameter: str, matches: Callable[[JsonObject, str], bool]) -> Response:
        wanted = request.query.get(parameter)
        if not wanted:
            return error_response(500, MANDATORY, f"Mandatory parameter missing - {parameter}")
        return Response(200, [self._as_text(lead) for lead in self._store.by_id.values() if matches(lead, wanted)])

    def _as_text(self, lead: JsonObject) -> JsonObject:
        """Return a lead as the read calls show it."""
        words = BOOLEAN_WORDS[self._quirks.boolean_reads]
        return {
            name: json.dumps(value, ensure_ascii=False)
            if isinstance(value, dict)
            else words[value]
            if name in self._booleans and value in words
            else value
            for name, value in lead.items()
        }


class _RequestError(ValueError):
    """The body of Leads/Retrieve/ByIds is invalid."""


def _parse_ids_request(body: Any) -> tuple[list[str], list[str], int, int]:
    mandatory = {"SearchParameters": "LeadIds", "Columns": "Include_CSV", "Paging": "PageIndex"}
    for name, key in mandatory.items():
        if not isinstance(body, dict) or not isinstance(body.get(name), dict) or key not in body[name]:
            message = f"{name}.{key} is mandatory"
            raise _RequestError(message)
    ids = body["SearchParameters"]["LeadIds"]
    columns = body["Columns"]["Include_CSV"]
    index, size = body["Paging"]["PageIndex"], body["Paging"].get("PageSize")
    if (
        not isinstance(ids, list)
        or not 1 <= len(ids) <= MAX_IDS
        or not all(isinstance(lead_id, str) for lead_id in ids)
    ):
        message = f"LeadIds holds 1 to {MAX_IDS} ids"
        raise _RequestError(message)
    if not isinstance(columns, str) or not columns.strip():
        message = "Include_CSV names columns"
        raise _RequestError(message)
    if type(index) is not int or type(size) is not int or index < 1 or not 1 <= size <= MAX_PAGE_SIZE:
        message = f"PageIndex is from 1, PageSize 1 to {MAX_PAGE_SIZE}"
        raise _RequestError(message)
    return ids, [name.strip() for name in columns.split(",")], index, size
