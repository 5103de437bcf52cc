"""Reads LeadSquared's responses to writes into one outcome a lead (pure).

A row counts as accepted only on proof: its RowNumber is there once, it has a LeadId and no error, and it was created
or updated. See docs/api/leadsquared.md, 1.5 and 1.6; the vendor's pages show no failed row.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from lead_connectors.delivery.outcome import Outcome, Status, rejected
from lead_connectors.http.response import LIMIT_CODES
from lead_connectors.reject_codes import RejectCode

ERROR_KEYS = ("ExceptionType", "ErrorMessage", "ExceptionMessage", "Error", "Exception")

CODE_BY_TYPE = {
    "MXDuplicateEntryException": RejectCode.CONFLICT,
    "MXUnknownAttributeException": RejectCode.UNKNOWN_FIELD,
    "MXMandatoryAttributeMissingException": RejectCode.REQUIRED_MISSING,
    "MXInvalidInputException": RejectCode.INVALID_VALUE,
    "MXInvalidDataTypeException": RejectCode.INVALID_VALUE,
    "MXInvalidEntityReferenceException": RejectCode.NOT_FOUND,
    "MXUnAuthorizedAccessException": RejectCode.PERMISSION,
    "MXUnauthorizedRequestException": RejectCode.PERMISSION,
}

CODE_BY_TEXT = (
    (re.compile(r"duplicate lead\(s\)", re.IGNORECASE), RejectCode.DUPLICATE),
    (re.compile(r"same \S.*already exists|duplicate", re.IGNORECASE), RejectCode.CONFLICT),
    (re.compile(r"attribute\(s\) does not exist", re.IGNORECASE), RejectCode.UNKNOWN_FIELD),
    (re.compile(r"mandatory", re.IGNORECASE), RejectCode.REQUIRED_MISSING),
    (re.compile(r"max\w* length|too long|exceeds? the", re.IGNORECASE), RejectCode.TOO_LONG),
    (re.compile(r"invalid", re.IGNORECASE), RejectCode.INVALID_VALUE),
    (re.compile(r"not found|does not exist", re.IGNORECASE), RejectCode.NOT_FOUND),
    (re.compile(r"permission|not allowed", re.IGNORECASE), RejectCode.PERMISSION),
)

CONFLICTING_FIELDS = (
    (re.compile(r"same e-?mail", re.IGNORECASE), "EmailAddress"),
    (re.compile(r"same mobile", re.IGNORECASE), "Mobile"),
    (re.compile(r"same phone", re.IGNORECASE), "Phone"),
)

NO_ROW = "LeadSquared's response has no clear row for this lead"


def read_rows(response: Any, leads: int, identifiers: Collection[str] = ()) -> list[Outcome | None]:
    """One outcome a lead from the response to a bulk call.

    Args:
        response: The parsed body of a 2xx response: an array of rows.
        leads: How many were sent.
        identifiers: The account's unique fields, to tell which one is in conflict.

    Returns:
        The outcomes in the order of sending; None for a row that was rejected for the rate limit and may be sent again.
    """
    rows = [row for row in response if isinstance(row, dict)] if isinstance(response, list) else []
    numbers = Counter(_number(row) for row in rows)
    by_number = {_number(row): row for row in rows}
    outcomes: list[Outcome | None] = []
    for place in range(1, leads + 1):
        if numbers[place] != 1:
            outcomes.append(rejected(RejectCode.NO_RESPONSE, NO_ROW))
        else:
            outcomes.append(_read_row(by_number[place], identifiers))
    return outcomes


def read_single(response: Any) -> Outcome:
    """The outcome of a single create-or-update: ``{Status: "Success", Message: {Id, AffectedRows}}``."""
    message = response.get("Message") if isinstance(response, dict) and response.get("Status") == "Success" else None
    if isinstance(message, dict):
        lead_id = message.get("Id") or message.get("RelatedID") or message.get("RelatedId")
        if isinstance(lead_id, str) and lead_id:
            return Outcome(Status.ACCEPTED, lead_id=lead_id)
    return rejected(RejectCode.NO_RESPONSE, NO_ROW)


def read_rejection(body: Any, code: str, identifiers: Collection[str] = ()) -> Outcome:
    """The outcome of a lead whose call was rejected while it stood alone."""
    text = body.get("ExceptionMessage") if isinstance(body, dict) else None
    return _rejection(code, text if isinstance(text, str) else "", identifiers)


def named_rows(body: Any) -> list[int]:
    """Positions (from 0) that a rejected bulk call names by ``RowNumber``; it is not known to name others."""
    rows: Sequence[Any] = body if isinstance(body, list) else []
    return [n - 1 for row in rows if isinstance(row, dict) and _has_error(row) and (n := _number(row)) is not None]


def _read_row(row: Mapping[str, Any], identifiers: Collection[str]) -> Outcome | None:
    if _has_error(row):
        if row.get("ExceptionType") in LIMIT_CODES:
            return None
        text = next((row[key] for key in ERROR_KEYS[1:] if isinstance(row.get(key), str)), "")
        return _rejection(str(row.get("ExceptionType") or ""), text, identifiers)
    lead_id = row.get("LeadId")
    if not isinstance(lead_id, str) or not lead_id.strip("0-{} "):
        return rejected(RejectCode.NO_RESPONSE, NO_ROW)
    if row.get("LeadCreated") is True:
        return Outcome(Status.CREATED, lead_id=lead_id)
    if row.get("LeadUpdated") is True:
        return Outcome(Status.UPDATED, lead_id=lead_id)
    return rejected(RejectCode.NO_RESPONSE, NO_ROW)


def _rejection(kind: str, text: str, identifiers: Collection[str]) -> Outcome:
    by_text = next((code for pattern, code in CODE_BY_TEXT if pattern.search(text)), None)
    code = CODE_BY_TYPE.get(kind) or by_text or RejectCode.API_REJECTED
    if code is RejectCode.INVALID_VALUE and by_text is not None:
        code = by_text  # these types stand for many faults: a text over its length, one lead twice in a call
    conflicting: tuple[str, ...] = ()
    if code is RejectCode.CONFLICT:
        known = [name for pattern, name in CONFLICTING_FIELDS if pattern.search(text)]
        conflicting = tuple(known or [name for name in identifiers if name.lower() in text.lower()])
    return rejected(code, f"{kind}: {text}".strip(": "), conflicting_fields=conflicting)


def _has_error(row: Mapping[str, Any]) -> bool:
    return any(row.get(key) for key in ERROR_KEYS) or row.get("Status") == "Error"


def _number(row: Mapping[str, Any]) -> int | None:
    number = row.get("RowNumber")
    if isinstance(number, str) and number.isdecimal():
        number = int(number)
    return number if isinstance(number, int) and not isinstance(number, bool) else None
