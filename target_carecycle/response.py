"""Reads CareCycle's response to an upload into one outcome a lead (pure).

``{succeeded, failed, errors: [{id, externalId, error}], results?}``: an error names its record by `externalId` alone,
so one is always sent, and a record counts as accepted only where the numbers add up or `results` holds it.
`errors` may be null or missing where nothing failed.
See docs/api/carecycle.md, 2.4 and 2.5.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from lead_connectors.carecycle import field_errors
from lead_connectors.delivery.outcome import Outcome, Status, rejected
from lead_connectors.http.response import whole_number
from lead_connectors.reject_codes import RejectCode

NOT_PROVEN = "CareCycle's response does not say what became of this record"

CODE_BY_TEXT = (
    (re.compile(r"required|missing", re.IGNORECASE), RejectCode.REQUIRED_MISSING),
    (re.compile(r"too long|at most|maximum length", re.IGNORECASE), RejectCode.TOO_LONG),
    (re.compile(r"invalid value", re.IGNORECASE), RejectCode.INVALID_VALUE),
    (re.compile(r"custom field|unknown field|unrecognized", re.IGNORECASE), RejectCode.UNKNOWN_FIELD),
    (re.compile(r"not found|does not exist|unknown", re.IGNORECASE), RejectCode.NOT_FOUND),
    (re.compile(r"duplicate", re.IGNORECASE), RejectCode.DUPLICATE),
    (re.compile(r"permission|forbidden", re.IGNORECASE), RejectCode.PERMISSION),
    (re.compile(r"invalid|expected|must", re.IGNORECASE), RejectCode.INVALID_VALUE),
)


def read_upload(response: Any, external_ids: Sequence[str]) -> list[Outcome]:
    """One outcome a record from the response to an upload.

    Args:
        response: The parsed body of a 2xx response.
        external_ids: The records' `externalId`, in the order of sending, each once.
    """
    body: Mapping[str, Any] = response if isinstance(response, dict) else {}
    rows = [] if body.get("errors") is None else body["errors"]
    errors = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    named = Counter(_name(row.get("externalId")) for row in errors)
    texts = {_name(row.get("externalId")): row.get("error") for row in errors}
    failed = [name for name in external_ids if named[name]]
    # The rest counts as accepted on proof only: as many succeeded as have no error, and each error names one of them.
    adds_up = (
        whole_number(body.get("succeeded")) == len(external_ids) - len(failed)
        and (whole_number(body.get("failed")) == len(failed) or (body.get("failed") is None and not failed))
        and isinstance(rows, list)
        and len(errors) == len(rows) == len(failed)
    )
    listed = _listed(body.get("results"))
    outcomes = []
    for name in external_ids:
        if named[name]:
            outcomes.append(_rejection(texts[name]))
        elif adds_up or listed[name] == 1:
            outcomes.append(Outcome(Status.ACCEPTED))
        else:
            outcomes.append(rejected(RejectCode.NO_RESPONSE, NOT_PROVEN))
    return outcomes


def _rejection(text: Any) -> Outcome:
    """The outcome of a record that CareCycle rejects with a text."""
    text = text if isinstance(text, str) else ""
    code = next((code for pattern, code in CODE_BY_TEXT if pattern.search(text)), RejectCode.API_REJECTED)
    return rejected(code, text)


def read_rejection(body: Any) -> Outcome:
    """The outcome of a record whose call was rejected while it stood alone."""
    errors = field_errors(body)
    field = ".".join(errors[0].path[2:]) if errors else ""
    message = body.get("message") if isinstance(body, dict) else None
    text = (errors and errors[0].message) or (message if isinstance(message, str) else "")
    outcome = _rejection(f"{field} {text}".strip())
    if outcome.code is RejectCode.API_REJECTED and errors:
        return rejected(RejectCode.INVALID_VALUE, outcome.reason)
    return outcome


def named_records(body: Any) -> list[int]:
    """Positions (from 0) that a VALIDATION_ERROR names: `failedRecords[].index`, else `errors[].path[1]`."""
    failed = body.get("failedRecords") if isinstance(body, dict) else None
    positions: list[Any] = (
        [row.get("index") for row in failed if isinstance(row, dict)] if isinstance(failed, list) else []
    )
    if not positions:
        paths = [error.path for error in field_errors(body)]
        positions = [path[1] for path in paths if len(path) > 1 and path[0] == "records"]
    numbers = {whole_number(position) for position in positions}
    return sorted(number for number in numbers if number is not None and number >= 0)


def _listed(results: Any) -> Counter[str | None]:
    rows = results if isinstance(results, list) else []
    return Counter(_name(row.get("externalId")) for row in rows if isinstance(row, dict))


def _name(external_id: Any) -> str | None:
    """Return an `externalId` as it was sent, although a response may hold it as a number."""
    if isinstance(external_id, bool) or not isinstance(external_id, (str, int)):
        return None
    return str(external_id)
