"""A LeadSquared account whose responses a test writes down; the bodies sent to it are held to their calls' schemas."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lead_connectors.delivery.outcome import Outcome
from lead_connectors.delivery.plan import Send
from lead_connectors.http.errors import CallRejectedError, DeniedError
from lead_connectors.http.response import Verdict, read_response
from target_leadsquared.destination import LeadSquaredDestination
from target_leadsquared.errors import ERRORS
from target_leadsquared.target import TargetLeadSquared
from tests.delivery.leads import a_lead
from tests.scripted_session import Call, ScriptedSession
from tests.target_leadsquared.call_schemas import fits

LEAD_ID = "a4f351b9-bc2a-44a9-9a38-f1303cca214a"
OTHER_ID = "b4f351b9-bc2a-44a9-9a38-f1303cca214b"
ANN = {"FirstName": "Ann", "EmailAddress": "ann@example.com", "Phone": "+1-2125550123"}
NO_SUCH_LEAD = "Lead does not exist in the system or You do not have permission to update the lead"
SERVICE = "/v2/LeadManagement.svc/"
UPDATE, UPSERT, CREATE, SINGLE = (
    "Lead/Bulk/UpdateV2", "Lead/Bulk/CreateOrUpdate", "Lead/Bulk/Create", "Lead.CreateOrUpdate"
)  # fmt: skip
READ, BY_EMAIL, BY_PHONE = "Leads/Retrieve/ByIds", "Leads.GetByEmailaddress", "RetrieveLeadByPhoneNumber"
ID_LAST = [("ProspectID", LEAD_ID), ("SearchBy", "ProspectId")]
"""The end of a lead that is upserted by its id."""
WRITES = {UPSERT: "upsert", CREATE: "create", UPDATE: "update", SINGLE: "upsert_single"}


def destination(*script: Any, **settings: Any) -> tuple[LeadSquaredDestination, ScriptedSession]:
    """An account that gives the responses of `script` in turn."""
    given = {"access_key": "a", "secret_key": "b", "preflight": "off", **settings}
    session = ScriptedSession(*script)
    return LeadSquaredDestination(TargetLeadSquared(config=given).config, session), session


def plan(fields: Mapping[str, Any], lead_id: str | None = None, **changes: Any) -> Send:
    """A lead with these fields, known by an id where one is given."""
    opt_outs = changes.pop("opt_outs", ())
    return Send(a_lead(0, "ann", fields=dict(fields), opt_outs=opt_outs), lead_id=lead_id, **changes)


def known(lead_id: str = LEAD_ID, **fields: Any) -> Send:
    """A lead that is known by its id."""
    return plan({"FirstName": "Ann", **fields}, lead_id)


def send(found: LeadSquaredDestination, *plans: Send) -> list[Outcome]:
    """Send leads as the run does: all of one call, and no more than it takes."""
    (call,) = {found.call_of(each) for each in plans}
    assert len(plans) <= found.leads_a_call(call)
    return found.send(call, [found.body(each) for each in plans])


def calls(session: ScriptedSession) -> list[str]:
    """The names of the calls so far; their bodies fit."""
    names = [call.path.removeprefix(SERVICE) for call in session.made]
    for name, call in zip(names, session.made, strict=True):
        assert name not in WRITES or fits(call.json, WRITES[name]), name
    return names


def written(call: Call, place: int = 0) -> list[tuple[str, str]]:
    """The attributes of one lead of a write."""
    leads = call.json["LeadPropertiesList"] if isinstance(call.json, dict) else call.json
    lead = leads if call.path.endswith("/Lead.CreateOrUpdate") else leads[place]
    return [(pair["Attribute"], pair["Value"]) for pair in (lead["Fields"] if isinstance(lead, dict) else lead)]


def codes(outcomes: list[Outcome]) -> list[str]:
    """Why each lead was rejected, or the column that it is counted in."""
    return [outcome.code.value if outcome.code else outcome.status.value for outcome in outcomes]


# What LeadSquared says

LIMITED = "API calls exceeded the limit of 25 in 5 second(s)"


def row(number: int, *, created: bool = True, lead_id: str = LEAD_ID, **more: Any) -> dict[str, Any]:
    """A row of a bulk call."""
    return {"RowNumber": number, "LeadId": lead_id, "LeadCreated": created, "LeadUpdated": not created, **more}


def bad_row(number: int, kind: str, text: str = "") -> dict[str, Any]:
    """A row of a bulk call with an error."""
    return {"RowNumber": number, "ExceptionType": kind, "ErrorMessage": text}


def single(lead_id: str = LEAD_ID) -> dict[str, Any]:
    """The response of the single create-or-update."""
    return {"Status": "Success", "Message": {"Id": lead_id, "AffectedRows": 1}}


def updated(leads: int, *failed: str, reason: str = NO_SUCH_LEAD, by: str = "ProspectId") -> dict[str, Any]:
    """The response of UpdateV2; it names failed leads only."""
    entries = [{"Identifier": by, "IdentifierValue": name, "Reason": reason} for name in failed]
    counts = {"TotalCount": leads, "SuccessCount": leads - len(entries), "UnProcessedCount": len(entries)}
    return {"Status": {**counts, "FailureCount": 0}, "Details": {"UnProcessedLeads": entries}}


def leads_read(*ids: str) -> dict[str, Any]:
    """The response of Leads/Retrieve/ByIds."""
    return {"RecordCount": len(ids), "Leads": [{"ProspectID": lead_id} for lead_id in ids]}


def failure(status: int, kind: str | None = None, text: str = "") -> Exception:
    """What the session raises for a response: an error in LeadSquared's form, or a page in HTML without one."""
    body = {"Status": "Error", "ExceptionType": kind, "ExceptionMessage": text}
    read = read_response(status, {}, json.dumps(body).encode() if kind else b"<html>", ERRORS)
    if read.verdict is Verdict.DENIED:
        return DeniedError("denied", status=read.status, body=read.body)
    assert read.verdict is Verdict.REJECTED
    return CallRejectedError(status=read.status, code=read.code, body=read.body)


LACKS_UPDATE = failure(404)
