"""Reads CareCycle's response to an upload into one outcome a lead (pure).

``{succeeded, failed, errors: [{id, externalId, error}], results?}``: an error names its record by `externalId` alone,
so one is always sent, and a record counts as accepted only where the numbers add up or `results` holds it.
See docs/api/carecycle.md, 2.4 and 2.5.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from lead_connectors.delivery.outcome import Outcome, Status, rejected
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
    rows = body.get("errors")
    errors = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    named = Counter(row.get("externalId") for row in errors)
    texts = {row.get("externalId"): row.get("error") for row in errors}
    failed = [name for name in external_ids if named[name]]
    # The rest counts as accepted on proof only: as many succeeded as have no error, and each error names one of them.
    adds_up = (
        _is_count(body.get("succeeded"), len(external_ids) - len(failed))
        and _is_count(body.get("failed"), len(failed))
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
    errors = body.get("errors") if isinstance(body, dict) else None
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    path = first.get("path")
    field = ".".join(str(part) for part in path[2:]) if isinstance(path, list) else ""
    text = first.get("message") or (body.get("message") if isinstance(body, dict) else "") or ""
    outcome = _rejection(f"{field} {text}".strip())
    if outcome.code is RejectCode.API_REJECTED and first:
        return rejected(RejectCode.INVALID_VALUE, outcome.reason)
    return outcome


def named_records(body: Any) -> list[int]:
    """Positions (from 0) that a VALIDATION_ERROR names: `failedRecords[].index`, else `errors[].path[1]`."""
    if not isinstance(body, dict):
        return []
    failed = body.get("failedRecords")
    positions = [row.get("index") for row in failed if isinstance(row, dict)] if isinstance(failed, list) else []
    if not positions:
        errors = body.get("errors")
        paths = [row.get("path") for row in errors if isinstance(row, dict)] if isinstance(errors, list) else []
        positions = [path[1] for path in paths if isinstance(path, list) and len(path) > 1 and path[0] == "records"]
    return sorted({int(str(position)) for position in positions if str(position).isdecimal()})


def _listed(results: Any) -> Counter[Any]:
    rows = results if isinstance(results, list) else []
    return Counter(row.get("externalId") for row in rows if isinstance(row, dict))


def _is_count(value: Any, expected: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value == expected
