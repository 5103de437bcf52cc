"""The filters of the list call by documented name (pure).

They are checked here, because the API silently ignores parameters that it does not know
(`docs/api/carecycle.md` 0.2 and 1.1).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

PAGING = {
    "page": "the page's number",
    "limit": "customers a page",
    "sortBy": "the field to sort by",
    "sortOrder": "asc or desc",
}
"""The other parameters of the call, by documented name."""

DATE = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d{1,6})?Z?)?", re.ASCII)


@dataclass(frozen=True)
class Filter:
    """One filter of ``GET /v2/customers``.

    Attributes:
        help: What it does, in one line.
        other_names: Other likely spellings, because the API's pages do not show the names. Sent as they are written.
        values: The allowed values, if they are known.
        kind: ``words`` (text or a list, joined by commas), ``text``, ``choice``, ``date`` or ``flag``.
        is_fixed: A customer who does not pass this filter can never pass it later.
    """

    help: str
    other_names: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    kind: str = "words"
    is_fixed: bool = False


FILTERS: dict[str, Filter] = {
    "search": Filter("name, phone, e-mail, location and the like", kind="text"),
    "includeTestNumbers": Filter("include test phone numbers", kind="flag", is_fixed=True),
    "sourceIds": Filter("source ids", ("sourceId",)),
    "campaignIds": Filter("campaign ids", ("campaignId",)),
    "campaignStatus": Filter(
        "status in any campaign",
        ("customerCampaignStatus",),
        (
            "pending",
            "awaiting_call",
            "in_progress",
            "completed",
            "failed",
            "expired",
            "cancelled",
            "skipped",
            "exceeded_max_calls",
        ),
    ),
    "hasAttempts": Filter("campaign customers with or without earlier attempts", kind="flag"),
    "pulseNodeId": Filter("current Pulse node", ("currentNodeId",), kind="text"),
    "policyStatus": Filter(
        "status of any policy",
        values=(
            "Active",
            "Pending",
            "Pending Effectuation",
            "Pending Followup",
            "Suspended",
            "Cancelled",
            "Terminated",
            "Future Cancel",
            "Deceased",
            "Not Approved",
        ),
    ),
    "assignedMemberIds": Filter("assigned members' ids, or unassigned"),
    "status": Filter("the customer's status", ("customerStatus",), ("Lead", "Active", "Inactive")),
    "dateField": Filter(
        "the date that startDate and endDate apply to",
        values=("createdAt", "effectiveDate", "enrollmentDate"),
        kind="choice",
    ),
    "startDate": Filter("from this day", kind="date"),
    "endDate": Filter("up to this day", kind="date"),
    "lastCallStartDate": Filter("last call from this day", kind="date"),
    "lastCallEndDate": Filter("last call up to this day", kind="date"),
    "states": Filter("US states", ("state",)),
    "counties": Filter("counties", ("county",)),
    "policyTypes": Filter(
        "type of any policy",
        ("policyType",),
        (
            "MA",
            "MAPD",
            "PDP",
            "MS",
            "ACA",
            "LTC",
            "Individual Health",
            "FE",
            "Annuity",
            "Life",
            "Dental",
            "Vision",
            "Hospital Indemnity",
            "Cancer",
            "Accident",
            "Group",
        ),
    ),
    "agingIn": Filter("65th birthday within so many months", values=("3", "6", "12"), kind="choice"),
}

CREATION_DATES = ("dateField", "startDate", "endDate")
"""A run with `createdAt` as replication key sets these itself."""

_BY_NAME = FILTERS | {other: each for each in FILTERS.values() for other in each.other_names}


def problems_with(filters: Mapping[str, Any], parameter_names: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each problem of the two settings. It names the setting and what it accepts.

    Args:
        filters: The setting `filters`.
        parameter_names: The setting `parameter_names`.
    """
    problems = [_unknown("filters", name, _BY_NAME) for name in filters if name not in _BY_NAME]
    for name, value in filters.items():
        if name in _BY_NAME and value is not None and (accepted := _accepted_values(_BY_NAME[name], value)):
            problems.append(f"filters.{name} must be {accepted}.")
    known = {**PAGING, **_BY_NAME}
    problems += [_unknown("parameter_names", name, known) for name in parameter_names if name not in known]
    problems += [
        f"parameter_names.{name} must be text, not empty."
        for name, wire in parameter_names.items()
        if name in known and not (isinstance(wire, str) and wire.strip())
    ]
    wires = [wire for wire in parameter_names.values() if isinstance(wire, str)]
    if len(set(wires)) < len(wires):
        problems.append("parameter_names must not send two parameters under one name.")
    return problems


def query_of(filters: Mapping[str, Any]) -> dict[str, str]:
    """Convert checked filters to the call's parameters, still under their documented names."""
    query = {}
    for name, value in filters.items():
        if value is None or value in ([], ""):
            continue
        kind = _BY_NAME[name].kind
        if kind == "flag":
            query[name] = "true" if value in (True, "true") else "false"
        else:
            query[name] = ",".join(_words(value)) if kind == "words" else str(value).strip()
    return query


def may_be_entered(query: Mapping[str, str]) -> bool:
    """Whether a customer who was created long ago can start to pass these filters later."""
    by_creation = query.get("dateField", "createdAt") == "createdAt"
    return any(not (_BY_NAME[name].is_fixed or (name in CREATION_DATES and by_creation)) for name in query)


def ignored_filter(query: Mapping[str, str], customer: Mapping[str, Any]) -> str | None:
    """Return the name of a filter that the API ignored, because this customer does not pass it, or None.

    Only what the customer alone proves is checked: the status, and the day of creation with a margin of two days.
    """
    for name in ("status", "customerStatus"):
        status = customer.get("status")
        if name in query and isinstance(status, str) and status not in query[name].split(","):
            return name
    created = customer.get("createdAt")
    if isinstance(created, str) and query.get("dateField", "createdAt") == "createdAt":
        days = {name: _ordinal(query[name]) for name in ("startDate", "endDate") if name in query}
        day = _ordinal(created)
        if "startDate" in days and day < days["startDate"] - 2:
            return "startDate"
        if "endDate" in days and day > days["endDate"] + 2:
            return "endDate"
    return None


def _ordinal(text: str) -> int:
    return datetime.strptime(text[:10], "%Y-%m-%d").toordinal()  # noqa: DTZ007  # only the day counts


def _words(value: Any) -> list[str]:
    parts: Iterable[Any] = value if isinstance(value, list) else str(value).split(",")
    return [str(part).strip() for part in parts]


def _accepted_values(rule: Filter, value: Any) -> str | None:
    """Return what the filter accepts if the value is invalid, else None."""
    if rule.kind == "flag":
        return None if value in (True, False, "true", "false") else "true or false"
    if rule.kind == "date":
        return None if isinstance(value, str) and _is_date(value) else "a day as YYYY-MM-DD"
    if rule.kind == "words" and isinstance(value, list):
        if not all(isinstance(each, str) and each.strip() and "," not in each for each in value):
            return "a list of texts without commas"
    elif isinstance(value, bool) or not isinstance(value, (str, int)):
        return "text or a list of texts" if rule.kind == "words" else "text"
    words = _words(value) if rule.kind == "words" else [str(value).strip()]
    if rule.values and not set(words) <= set(rule.values):
        return ("any of " if rule.kind == "words" else "one of ") + ", ".join(rule.values)
    return None if all(words) else "text, not empty"


def _is_date(text: str) -> bool:
    if not DATE.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text.rstrip("Z")[:19])
    except ValueError:
        return False
    return True


def _unknown(setting: str, name: str, known: Iterable[str]) -> str:
    similar = difflib.get_close_matches(name, list(known), n=1)
    hint = f"did you mean {similar[0]}?" if similar else f"known are {', '.join(known)}."
    return f"{setting}.{name} is not known; {hint}"
