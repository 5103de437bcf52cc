"""The answers that faults give, each in the form of the API it stands for."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from sandbox import carecycle_errors, leadsquared_errors
from sandbox.exchange import CARECYCLE, Answer, Call, Row
from sandbox.faults import ANSWER_KINDS, Fault, Plan, records_of, row_error
from sandbox.leadsquared_errors import OVER_LIMIT
from sandbox.settings import Settings, Window

BAD_GATEWAY = (
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    "<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
SIGN_IN = "<!DOCTYPE html><html><head><title>Sign in</title></head><body><form></form></body></html>"
HTML = "text/html; charset=utf-8"
USUAL_LIMIT = Settings.leadsquared_limit
OVER_LIMIT_STATUS = 429
INVALID_STATUS = 422


def replaces_answer(fault: Fault) -> bool:
    """Return whether the fault gives an answer of its own."""
    return fault.kind in ANSWER_KINDS - {"cut_json"} or fault.kind.startswith("status_")


def faulty_answer(call: Call, fault: Fault, records: list[Row], window: Window) -> Answer:
    """Return the fault's own answer.

    Args:
        call: The call it answers.
        fault: The fault.
        records: The records of the call.
        window: The limit that a refusal names where the fault names none.

    Returns:
        The answer.
    """
    raw = {
        "html_502": Answer(502, text=BAD_GATEWAY, content_type=HTML),
        "html_200": Answer(200, text=SIGN_IN, content_type=HTML),
        "empty_200": Answer(200, text=""),
    }
    if fault.kind in raw:
        return raw[fault.kind]
    answer = _carecycle(fault, records) if call.api == CARECYCLE else _leadsquared(fault, window)
    if fault.retry_after is not None and call.api != CARECYCLE:
        answer.headers["Retry-After"] = str(fault.retry_after)
    return answer


def _carecycle(fault: Fault, records: list[Row]) -> Answer:
    kind, _, number = fault.kind.rpartition("_")
    if kind == "limit":
        answer = carecycle_errors.refuse(OVER_LIMIT_STATUS)
        answer.status = int(number)
        answer.body["retryAfter"] = 1 if fault.retry_after is None else fault.retry_after
        return answer
    if fault.kind != "sink_call":
        return carecycle_errors.refuse(int(number), fault.message)
    status = fault.status or INVALID_STATUS
    if status != INVALID_STATUS:
        return carecycle_errors.refuse(status, fault.message)
    places = fault.matching(records) if fault.match and fault.named else []
    paths: list[tuple[str, ...]] = [("records", str(place)) for place in places] or [("records",)]
    flaws = [carecycle_errors.Flaw(path, "Invalid input", "valid", "invalid", "custom") for path in paths]
    return carecycle_errors.invalid(flaws)


def _leadsquared(fault: Fault, window: Window) -> Answer:
    kind, _, number = fault.kind.rpartition("_")
    if kind == "limit":
        calls = fault.calls or window.calls or USUAL_LIMIT.calls
        seconds = fault.window or window.seconds or USUAL_LIMIT.seconds
        text = f"API calls exceeded the limit of {calls} in {seconds:g} second(s)"
        return leadsquared_errors.refuse(int(number), OVER_LIMIT, text)
    if kind == "status":
        # Without the envelope: a fault of the server or its edge, not of the lead.
        status = int(number)
        phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else "Error"
        return Answer(status, text=fault.message or phrase, content_type="text/plain")
    kinds = {
        "unauthorized_401": (leadsquared_errors.UNAUTHORIZED, "Invalid access credentials"),
        "forbidden_403": (leadsquared_errors.NO_PERMISSION, "You do not have permission for this action"),
        "not_found_404": (leadsquared_errors.NO_SUCH_API, "The API could not be found"),
    }
    error = row_error(fault)
    usual_kind, usual_text = kinds.get(fault.kind, (error.kind, error.message))
    status = fault.status or (int(number) if number.isdigit() else 500)
    return leadsquared_errors.refuse(status, fault.exception_type or usual_kind, fault.message or usual_text)


def edit_rows(call: Call, plan: Plan, answer: Answer) -> None:
    """Let the rows of an answer go wrong as planned.

    Args:
        call: The call.
        plan: What goes wrong.
        answer: The answer, which is changed.
    """
    if not plan.rows:
        return
    if isinstance(answer.body, list):
        answer.body = _edit_list(answer.body, plan, "RowNumber")
    elif isinstance(answer.body, dict) and isinstance(answer.body.get("items"), list):
        answer.body = {**answer.body, "items": _edit_list(answer.body["items"], plan, "id")}
    elif isinstance(answer.body, dict) and "succeeded" in answer.body:
        _edit_receipt(call, answer.body, plan)


def _edit_list(rows: list[Row], plan: Plan, key: str) -> list[Row]:
    edited: list[list[Row]] = [[row] for row in rows]
    for place, fault in plan.rows:
        if place >= len(rows):
            continue
        row = rows[place]
        if fault.kind == "drop_row":
            edited[place] = []
        elif fault.kind == "repeat_row":
            edited[place] = [row, dict(row)]
        elif fault.kind == "unknown_row":
            strange: Any = len(rows) + 100 if key == "RowNumber" else "00000000-0000-4000-8000-000000000000"
            edited[place] = [{**row, key: strange}]
        elif fault.when == "after" and key == "RowNumber":
            error = row_error(fault)
            shown = {"LeadId": "", "LeadCreated": False, "ErrorMessage": error.message}
            if "LeadUpdated" in row:
                shown |= {"LeadUpdated": False, "AffectedRows": 0, "ExceptionType": error.kind}
            edited[place] = [{**row, **shown}]
    return [row for group in edited for row in group]


def _edit_receipt(call: Call, body: Row, plan: Plan) -> None:
    records = records_of(call)
    for place, fault in plan.rows:
        if place >= len(records):
            continue
        external_id = records[place].get("externalId")
        mine = [each for each in body["errors"] if each["externalId"] == external_id]
        if fault.kind == "drop_row":
            body["errors"] = [each for each in body["errors"] if each not in mine]
            body["failed" if mine else "succeeded"] -= 1
        elif fault.kind == "repeat_row":
            body["errors"] += mine
            body["failed" if mine else "succeeded"] += 1
        elif not mine:
            named = "nobody-sent-this" if fault.kind == "unknown_row" else external_id
            body["errors"].append({"id": None, "externalId": named, "error": row_error(fault).message})
            body["failed"] += 1
            body["succeeded"] -= 1
        elif fault.kind == "unknown_row":
            mine[0]["externalId"] = "nobody-sent-this"
