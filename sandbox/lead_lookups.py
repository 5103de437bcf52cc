"""LeadSquared's calls that read leads and their fields."""

from __future__ import annotations

import json
from typing import Any

from sandbox.exchange import Answer, Call, NotJsonError, Row, read_json
from sandbox.lead_rules import INVALID_INPUT, MANDATORY, UNKNOWN, digits_of
from sandbox.lead_store import EMAIL, LeadStore
from sandbox.leadsquared_errors import refuse

MAX_IDS = 10_000
MAX_PAGE_SIZE = 1000


class LeadLookups:
    """Reads out of a lead store; values are text, unset ones null."""

    def __init__(self, store: LeadStore) -> None:
        self._store = store

    def metadata(self, call: Call) -> Answer:
        """Answer LeadsMetaData.Get."""
        with_options = call.query.get("excludeOptionSets", "0") != "1"
        wanted = call.query.get("schemaName")
        fields = [field for field in self._store.fields.values() if wanted in (None, field.name)]
        return Answer(200, [field.as_metadata(with_options=with_options) for field in fields])

    def by_id(self, call: Call) -> Answer:
        """Answer Leads.GetById."""
        return self._where(call, "id", lambda lead, wanted: bool(lead["ProspectID"] == wanted))

    def by_email(self, call: Call) -> Answer:
        """Answer Leads.GetByEmailaddress."""
        return self._where(call, "emailaddress", lambda lead, wanted: (lead[EMAIL] or "").lower() == wanted.lower())

    def by_phone(self, call: Call) -> Answer:
        """Answer RetrieveLeadByPhoneNumber: any spelling, the lead changed last."""
        answer = self._where(
            call,
            "phone",
            lambda lead, wanted: any(
                digits_of(lead[name]) == digits_of(wanted) for name in ("Phone", "Mobile") if lead[name]
            ),
        )
        if isinstance(answer.body, list):
            answer.body = sorted(answer.body, key=lambda lead: str(lead["ModifiedOn"]))[-1:]
        return answer

    def by_ids(self, call: Call) -> Answer:
        """Answer Leads/Retrieve/ByIds; the id is shown only where Columns ask for it."""
        try:
            wanted = _ids_request(read_json(call.body))
        except (NotJsonError, _RequestError) as error:
            return refuse(400, INVALID_INPUT, f"Invalid input: {error or 'the body is no UTF-8 JSON'}")
        ids, columns, index, size = wanted
        if unknown := [name for name in columns if name not in self._store.fields]:
            return refuse(500, UNKNOWN, f"Attribute(s) does not exist - {','.join(unknown)}")
        found = [self._store.leads[each] for each in dict.fromkeys(ids) if each in self._store.leads]
        page = found[(index - 1) * size : index * size]
        shown = [{name: _shown(lead)[name] for name in columns} for lead in page]
        return Answer(200, {"RecordCount": len(found), "Leads": shown})

    def _where(self, call: Call, parameter: str, test: Any) -> Answer:
        wanted = call.query.get(parameter)
        if not wanted:
            return refuse(500, MANDATORY, f"Mandatory parameter missing - {parameter}")
        return Answer(200, [_shown(lead) for lead in self._store.leads.values() if test(lead, wanted)])


class _RequestError(ValueError):
    """The body of ByIds lacks what it must hold."""


def _ids_request(body: Any) -> tuple[list[str], list[str], int, int]:
    parts = {"SearchParameters": "LeadIds", "Columns": "Include_CSV", "Paging": "PageIndex"}
    for name, inner in parts.items():
        if not isinstance(body, dict) or not isinstance(body.get(name), dict) or inner not in body[name]:
            message = f"{name}.{inner} is mandatory"
            raise _RequestError(message)
    ids = body["SearchParameters"]["LeadIds"]
    csv = body["Columns"]["Include_CSV"]
    index, size = body["Paging"]["PageIndex"], body["Paging"].get("PageSize")
    if not isinstance(ids, list) or not 1 <= len(ids) <= MAX_IDS or not all(isinstance(i, str) for i in ids):
        message = f"LeadIds holds 1 to {MAX_IDS} ids"
        raise _RequestError(message)
    if not isinstance(csv, str) or not csv.strip():
        message = "Include_CSV names columns"
        raise _RequestError(message)
    if type(index) is not int or type(size) is not int or index < 1 or not 1 <= size <= MAX_PAGE_SIZE:
        message = f"PageIndex is from 1, PageSize 1 to {MAX_PAGE_SIZE}"
        raise _RequestError(message)
    return ids, [name.strip() for name in csv.split(",")], index, size


def _shown(lead: Row) -> Row:
    return {
        name: json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value
        for name, value in lead.items()
    }
