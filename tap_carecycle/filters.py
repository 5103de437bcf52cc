"""The list call's filters by documented name: checked here, for the API drops unknown ones in silence (pure)."""

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

DAY = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d{1,6})?Z?)?", re.ASCII)


@dataclass(frozen=True)
class Filter:
    """One filter of ``GET /v2/customers``.

    Attributes:
        help: What it does, in one line.
        other_names: Spellings that are as likely, for the API's pages hide the names; sent as they are written.
        values: The values it takes, where they are known.
        kind: ``words`` (text or a list, joined by commas), ``text``, ``date`` or ``flag``.
        settled: A customer's place under this filter never changes, so nobody can enter it later.
    """

    help: str
    other_names: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    kind: str = "words"
    settled: bool = False


FILTERS: dict[str, Filter] = {
    "search": Filter("name, phone, e-mail, location and the like", kind="text"),
    "includeTestNumbers": Filter("test phone numbers too", kind="flag", settled=True),
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
        "what startDate and endDate are about", values=("createdAt", "effectiveDate", "enrollmentDate"), kind="choice"
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
"""A run on `createdAt` needs these itself."""

_BY_NAME = FILTERS | {other: each for each in FILTERS.values() for other in each.other_names}


def problems_with(filters: Mapping[str, Any], parameter_names: Mapping[str, Any]) -> list[str]:
    """Say what is wrong with the two settings: sentences that name the setting and what it accepts.

    Args:
        filters: The setting `filters`.
        parameter_names: The setting `parameter_names`.
    """
    found = [_unknown("filters", name, _BY_NAME) for name in filters if name not in _BY_NAME]
    for name, value in filters.items():
        if name in _BY_NAME and value is not None and (wanted := _wanted(_BY_NAME[name], value)):
            found.append(f"filters.{name} must be {wanted}.")
    known = {**PAGING, **_BY_NAME}
    found += [_unknown("parameter_names", name, known) for name in parameter_names if name not in known]
    found += [
        f"parameter_names.{name} must be text, not empty."
        for name, wire in parameter_names.items()
        if name in known and not (isinstance(wire, str) and wire.strip())
    ]
    wires = [wire for wire in parameter_names.values() if isinstance(wire, str)]
    if len(set(wires)) < len(wires):
        found.append("parameter_names must not send two parameters under one name.")
    return found


def query_of(filters: Mapping[str, Any]) -> dict[str, str]:
    """Turn checked filters into the call's parameters, still under their documented names."""
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
    """Whether a customer created long ago may come to pass these filters later."""
    on_creation = query.get("dateField", "createdAt") == "createdAt"
    return any(not (_BY_NAME[name].settled or (name in CREATION_DATES and on_creation)) for name in query)


def ignored_filter(query: Mapping[str, str], customer: Mapping[str, Any]) -> str | None:
    """Name a filter that the API surely ignored, for this customer does not pass it.

    Only what one answer proves is judged: the status and the day of creation, the latter with two days to spare.
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


def _wanted(rule: Filter, value: Any) -> str | None:
    """What the filter accepts, where the value is something else."""
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
    if not DAY.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text.rstrip("Z")[:19])
    except ValueError:
        return False
    return True


def _unknown(setting: str, name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}."
    return f"{setting}.{name} is not known; {hint}"
