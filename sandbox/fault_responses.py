"""The responses of faults, each in the form of its API."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from sandbox.carecycle import errors as carecycle_errors
from sandbox.faults import RESPONSE_KINDS, Fault, FaultPlan, request_records, row_error
from sandbox.http_messages import CARECYCLE, JsonObject, Request, Response
from sandbox.leadsquared import errors as leadsquared_errors
from sandbox.settings import Settings, Window

BAD_GATEWAY = (
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    "<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
SIGN_IN = "<!DOCTYPE html><html><head><title>Sign in</title></head><body><form></form></body></html>"
HTML = "text/html; charset=utf-8"
DEFAULT_LIMIT = Settings.leadsquared_limit
OVER_LIMIT_STATUS = 429
INVALID_STATUS = 422


def replaces_response(fault: Fault) -> bool:
    """Return whether the fault replaces the response of the API."""
    return fault.kind in RESPONSE_KINDS - {"cut_json"} or fault.kind.startswith("status_")


def fault_response(request: Request, fault: Fault, records: list[JsonObject], window: Window) -> Response:
    """Return the response of a fault that replaces the API's response.

    Args:
        request: The request.
        fault: The fault.
        records: The records of the request.
        window: The limit that a rate limit response names, where the fault names none.

    Returns:
        The response.
    """
    raw = {
        "html_502": Response(502, text=BAD_GATEWAY, content_type=HTML),
        "html_200": Response(200, text=SIGN_IN, content_type=HTML),
        "empty_200": Response(200, text=""),
    }
    if fault.kind in raw:
        return raw[fault.kind]
    response = _carecycle(fault, records) if request.api == CARECYCLE else _leadsquared(fault, window)
    if fault.retry_after is not None and request.api != CARECYCLE:
        response.headers["Retry-After"] = str(fault.retry_after)
    return response


def _carecycle(fault: Fault, records: list[JsonObject]) -> Response:
    kind, _, number = fault.kind.rpartition("_")
    if kind == "limit":
        response = carecycle_errors.error_response(OVER_LIMIT_STATUS)
        response.status = int(number)
        response.body["retryAfter"] = 1 if fault.retry_after is None else fault.retry_after
        return response
    if fault.kind != "sink_call":
        return carecycle_errors.error_response(int(number), fault.message)
    status = fault.status or INVALID_STATUS
    if status != INVALID_STATUS:
        return carecycle_errors.error_response(status, fault.message)
    indexes = fault.matching(records) if fault.match and fault.named else []
    paths: list[tuple[str, ...]] = [("records", str(index)) for index in indexes] or [("records",)]
    issues = [carecycle_errors.Issue(path, "Invalid input", "valid", "invalid", "custom") for path in paths]
    return carecycle_errors.validation_error(issues)


def _leadsquared(fault: Fault, window: Window) -> Response:
    kind, _, number = fault.kind.rpartition("_")
    if kind == "limit":
        calls = fault.calls or window.calls or DEFAULT_LIMIT.calls
        seconds = fault.window or window.seconds or DEFAULT_LIMIT.seconds
        text = f"API calls exceeded the limit of {calls} in {seconds:g} second(s)"
        return leadsquared_errors.error_response(int(number), leadsquared_errors.OVER_LIMIT, text)
    if kind == "status":
        # Without LeadSquared's envelope: an error of the server or of a proxy, not of the lead.
        status = int(number)
        phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else "Error"
        return Response(status, text=fault.message or phrase, content_type="text/plain")
    defaults = {
        "unauthorized_401": (leadsquared_errors.UNAUTHORIZED, "Invalid access credentials"),
        "forbidden_403": (leadsquared_errors.NO_PERMISSION, "You do not have permission for this action"),
        "not_found_404": (leadsquared_errors.NO_SUCH_API, "The API could not be found"),
    }
    error = row_error(fault)
    default_type, default_text = defaults.get(fault.kind, (error.exception_type, error.message))
    status = fault.status or (int(number) if number.isdigit() else 500)
    return leadsquared_errors.error_response(
        status, fault.exception_type or default_type, fault.message or default_text
    )


def edit_response_rows(request: Request, plan: FaultPlan, response: Response) -> None:
    """Apply the row faults to a response.

    Args:
        request: The request.
        plan: The faults of the call.
        response: The response; its body is replaced.
    """
    if not plan.rows:
        return
    if isinstance(response.body, list):
        response.body = _edit_list(response.body, plan, "RowNumber")
    elif isinstance(response.body, dict) and isinstance(response.body.get("items"), list):
        response.body = {**response.body, "items": _edit_list(response.body["items"], plan, "id")}
    elif isinstance(response.body, dict) and isinstance(response.body.get("Leads"), list):
        response.body = {**response.body, "Leads": _edit_list(response.body["Leads"], plan, "ProspectID")}
    elif isinstance(response.body, dict) and "succeeded" in response.body:
        _edit_upload_response(request, response.body, plan)
    elif isinstance(response.body, dict) and "Details" in response.body:
        _edit_update_response(response.body, plan)


def _edit_update_response(body: JsonObject, plan: FaultPlan) -> None:
    """Apply the row faults to the response of Lead/Bulk/UpdateV2, which names failed leads only."""
    for _, fault in plan.rows:
        if fault.when == "before":
            continue
        body["Status"]["SuccessCount"] -= 1
        if fault.kind != "drop_row":
            entry = {"Identifier": "ProspectId", "IdentifierValue": "", "Reason": row_error(fault).message}
            body["Status"]["FailureCount"] += 1
            body["Details"].setdefault("FailedLeads", []).append(entry)


def _edit_list(rows: list[JsonObject], plan: FaultPlan, key: str) -> list[JsonObject]:
    edited: list[list[JsonObject]] = [[row] for row in rows]
    for index, fault in plan.rows:
        if index >= len(rows):
            continue
        row = rows[index]
        if fault.kind == "drop_row":
            edited[index] = []
        elif fault.kind == "repeat_row":
            edited[index] = [row, dict(row)]
        elif fault.kind == "unknown_row":
            unknown: Any = len(rows) + 100 if key == "RowNumber" else "00000000-0000-4000-8000-000000000000"
            edited[index] = [{**row, key: unknown}]
        elif fault.when == "after" and key == "RowNumber":
            error = row_error(fault)
            error_fields = {"LeadId": "", "LeadCreated": False, "ErrorMessage": error.message}
            if "LeadUpdated" in row:
                error_fields |= {"LeadUpdated": False, "AffectedRows": 0, "ExceptionType": error.exception_type}
            edited[index] = [{**row, **error_fields}]
    return [row for group in edited for row in group]


def _edit_upload_response(request: Request, body: JsonObject, plan: FaultPlan) -> None:
    records = request_records(request)
    body["errors"] = body.get("errors") or []
    for index, fault in plan.rows:
        if index >= len(records):
            continue
        external_id = records[index].get("externalId")
        own_errors = [entry for entry in body["errors"] if entry["externalId"] == external_id]
        if fault.kind == "drop_row":
            body["errors"] = [entry for entry in body["errors"] if entry not in own_errors]
            body["failed" if own_errors else "succeeded"] -= 1
        elif fault.kind == "repeat_row":
            body["errors"] += own_errors
            body["failed" if own_errors else "succeeded"] += 1
        elif not own_errors:
            shown_id = "nobody-sent-this" if fault.kind == "unknown_row" else external_id
            body["errors"].append({"id": None, "externalId": shown_id, "error": row_error(fault).message})
            body["failed"] += 1
            body["succeeded"] -= 1
        elif fault.kind == "unknown_row":
            own_errors[0]["externalId"] = "nobody-sent-this"
