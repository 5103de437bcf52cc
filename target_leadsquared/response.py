"""Reads LeadSquared's responses to writes into one outcome a lead (pure).

A lead counts as accepted only on proof: for a row, its RowNumber is there once, it has a LeadId and no error, and it
was created, updated or affected. See docs/api/leadsquared.md, 1.5 and 1.6; the vendor's pages show no failed row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from lead_connectors.delivery.outcome import Outcome, Status, rejected
from lead_connectors.http.response import whole_number
from lead_connectors.reject_codes import RejectCode
from target_leadsquared.reject_reasons import error_of, is_rate_limit, read_reason

NO_ROW = "LeadSquared's response has no clear row for this lead"
FAILED_COUNTS = ("FailureCount", "UnProcessedCount")
FAILED_LISTS = ("FailedLeads", "UnProcessedLeads")
SINGLE_ID_KEYS = ("Id", "RelatedID", "RelatedId")


def clean_lead_id(value: Any) -> str | None:
    """Return a lead's id as LeadSquared spells it, which is how it is sent back; None where the value is no id."""
    text = value.strip() if isinstance(value, str) else ""
    return text if text.strip("{}0- ") else None


def read_rows(response: Any, leads: int, identifiers: Collection[str] = ()) -> list[Outcome | None]:
    """One outcome a lead from the response to a bulk call.

    Args:
        response: The parsed body of a 2xx response: an array of rows.
        leads: How many were sent.
        identifiers: The account's unique fields, to tell which one is in conflict.

    Returns:
        The outcomes in the order of sending; None for a row that was rejected for the rate limit and may be sent again.
    """
    rows = _dicts(response)
    numbers = Counter(whole_number(row.get("RowNumber")) for row in rows)
    by_number = {whole_number(row.get("RowNumber")): row for row in rows}
    return [
        _read_row(by_number[place], identifiers) if numbers[place] == 1 else _no_response()
        for place in range(1, leads + 1)
    ]


def read_single(response: Any, identifiers: Collection[str] = ()) -> Outcome:
    """The outcome of a single create-or-update: ``{Status: "Success", Message: {Id, AffectedRows}}``."""
    if not isinstance(response, dict) or response.get("Status") != "Success":
        return _no_response()
    message = response.get("Message")
    parts = [response, message] if isinstance(message, dict) else [response]
    for part in parts:
        if (error := error_of(part)) is not None:
            return read_reason(*error, identifiers)
    ids = [lead_id for key in SINGLE_ID_KEYS if (lead_id := clean_lead_id(parts[-1].get(key))) is not None]
    return Outcome(Status.ACCEPTED, lead_id=ids[0]) if ids and len(parts) > 1 else _no_response()


def read_update(
    response: Any, identifiers_sent: Sequence[str], identifiers: Collection[str] = (), *, by_lead_id: bool = False
) -> list[Outcome | None]:
    """One outcome a lead from the response to ``Lead/Bulk/UpdateV2``, which names failed leads only.

    Args:
        response: The parsed body of a 2xx response: ``{Status: {TotalCount, SuccessCount, FailureCount,
            UnProcessedCount}, Details: {FailedLeads, UnProcessedLeads}}``.
        identifiers_sent: What each lead was found by, in the order of sending.
        identifiers: The account's unique fields, to tell which one is in conflict.
        by_lead_id: Whether leads were found by their id, which is then the id of each updated lead.

    Returns:
        The outcomes in the order of sending; None for a lead that was rejected for the rate limit and may be sent
        again. A lead that is not named is updated only if the counts say so.
    """
    names = [_name(identifier) for identifier in identifiers_sent]
    body: Mapping[str, Any] = response if isinstance(response, dict) else {}
    details = body.get("Details")
    lists = [details.get(key) for key in FAILED_LISTS] if isinstance(details, dict) else []
    listed = [entry for entries in lists if isinstance(entries, list) for entry in entries]
    entries = [(_name(entry.get("IdentifierValue")), entry) for entry in _dicts(listed)]
    adds_up = (
        len(entries) == len(listed)
        and all(name is not None and name in names for name, _ in entries)
        and _do_counts_add_up(body.get("Status"), len(names), [name for name, _ in entries])
    )
    reasons = {name: entry.get("Reason") for name, entry in reversed(entries) if name is not None}
    outcomes: list[Outcome | None] = []
    for name, sent in zip(names, identifiers_sent, strict=True):
        if name in reasons:
            reason = reasons[name]
            text = reason if isinstance(reason, str) else ""
            outcomes.append(None if is_rate_limit("", text) else read_reason("", text, identifiers))
        elif adds_up:
            outcomes.append(Outcome(Status.UPDATED, lead_id=clean_lead_id(sent) if by_lead_id else None))
        else:
            outcomes.append(_no_response())
    return outcomes


def read_rejection(body: Any, code: str, identifiers: Collection[str] = (), *, status: int = 0) -> Outcome:
    """The outcome of a lead whose call was rejected while it stood alone.

    Args:
        body: The parsed response.
        code: The exception's type, or ``HTTP <status>`` without one.
        identifiers: The account's unique fields, to tell which one is in conflict.
        status: The HTTP status.
    """
    _, text = (error_of(body) if isinstance(body, dict) else None) or ("", "")
    return read_reason(code, text, identifiers, status=status)


def named_rows(body: Any) -> list[int]:
    """Positions (from 0) that a rejected bulk call names by ``RowNumber``; it is not known to name others."""
    numbers = [whole_number(row.get("RowNumber")) for row in _dicts(body) if error_of(row) is not None]
    return [number - 1 for number in numbers if number is not None]


def _read_row(row: Mapping[str, Any], identifiers: Collection[str]) -> Outcome | None:
    if (error := error_of(row)) is not None:
        return None if is_rate_limit(*error) else read_reason(*error, identifiers)
    lead_id = clean_lead_id(row.get("LeadId"))
    is_created, is_updated = _is_true(row.get("LeadCreated")), _is_true(row.get("LeadUpdated"))
    if lead_id is None:
        return _no_response()
    if is_created != is_updated:
        return Outcome(Status.CREATED if is_created else Status.UPDATED, lead_id=lead_id)
    if is_created or (whole_number(row.get("AffectedRows")) or 0) > 0:
        return Outcome(Status.ACCEPTED, lead_id=lead_id)  # it does not say which of the two
    return _no_response()


def _do_counts_add_up(status: Any, sent: int, named: Sequence[Any]) -> bool:
    """Tell whether the counts of an update say that all leads were updated that it does not name."""
    if not isinstance(status, dict):
        return False
    total = status.get("TotalCount")
    failed = [whole_number(status[key]) for key in FAILED_COUNTS if status.get(key) is not None]
    others = sum(count or 0 for count in failed)
    return (
        (total is None or whole_number(total) == sent)
        and whole_number(status.get("SuccessCount")) == sent - len(set(named))
        and None not in failed
        # A count that is missing says nothing: how many succeeded is the proof.
        and (others == len(named) if len(failed) == len(FAILED_COUNTS) else others <= len(named))
    )


def _is_true(flag: Any) -> bool:
    return flag is True or (isinstance(flag, str) and flag.casefold() in {"true", "1"})


def _name(value: Any) -> str | None:
    """Return an identifier in the spelling that is compared; None where the value cannot be one."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    return str(value).strip("{} \t\r\n").casefold() or None


def _dicts(values: Any) -> list[dict[str, Any]]:
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []


def _no_response() -> Outcome:
    return rejected(RejectCode.NO_RESPONSE, NO_ROW)
