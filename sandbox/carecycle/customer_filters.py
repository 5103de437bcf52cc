"""The filters of the customer list, and the values that they take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.carecycle.query_parser import QueryParser
from sandbox.http_messages import JsonObject
from sandbox.timestamps import today

STATUSES = ("Lead", "Active", "Inactive")
POLICY_STATUSES = (
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
)
POLICY_TYPES = (
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
)
CAMPAIGN_STATUSES = (
    "pending",
    "awaiting_call",
    "in_progress",
    "completed",
    "failed",
    "expired",
    "cancelled",
    "skipped",
    "exceeded_max_calls",
)
AGING_IN_MONTHS = ("3", "6", "12")
DATE_FIELDS = ("createdAt", "effectiveDate", "enrollmentDate")

Filter = Callable[[JsonObject], bool]


def read_filters(parser: QueryParser) -> list[Filter]:
    """Read all filter parameters of the customer list (`docs/api/carecycle.md` 1.1).

    Args:
        parser: The query; its issues grow by what is wrong with a filter.

    Returns:
        The filters, each a predicate on a customer.
    """
    filters = [
        _test_customers(parser),
        _search(parser),
        _one_of(parser.comma_list("status", STATUSES), "status"),
        _one_of(parser.comma_list("states"), "state"),
        _one_of(parser.comma_list("counties"), "county"),
        _source(parser.comma_list("sourceIds")),
        _assigned(parser.comma_list("assignedMemberIds")),
        _any_item("campaigns", "campaignId", parser.comma_list("campaignIds")),
        _any_item("campaigns", "status", parser.comma_list("campaignStatus", CAMPAIGN_STATUSES)),
        _any_item("campaigns", "currentNodeId", parser.comma_list("pulseNodeId")),
        _any_item("policies", "status", parser.comma_list("policyStatus", POLICY_STATUSES)),
        _any_item("policies", "policyType", parser.comma_list("policyTypes", POLICY_TYPES)),
        _attempts(parser),
        _dates(parser),
        _last_call(parser),
        _aging_in(parser),
    ]
    return [filter_ for filter_ in filters if filter_ is not None]


def _test_customers(parser: QueryParser) -> Filter | None:
    if parser.choice("includeTestNumbers", "false", ("true", "false")) == "true":
        return None
    return lambda customer: not customer["testCustomer"]


def _search(parser: QueryParser) -> Filter | None:
    # Not stripped: a plus sign that was not encoded arrives as a space, and then finds no phone number.
    wanted = parser.unread.pop("search", "").lower()
    if not wanted.strip():
        return None

    def matches(customer: JsonObject) -> bool:
        names = ("email", "callerId", "city", "state", "county", "address", "postalCode")
        full_name = f"{customer['firstName'] or ''} {customer['lastName'] or ''}"
        return any(wanted in str(text or "").lower() for text in (full_name, *(customer[name] for name in names)))

    return matches


def _one_of(values: set[str] | None, name: str) -> Filter | None:
    return None if values is None else lambda customer: customer[name] in values


def _source(values: set[str] | None) -> Filter | None:
    if values is None:
        return None
    return lambda customer: bool(values & {customer["currentSourceId"], (customer["source"] or {}).get("sourceId")})


def _assigned(values: set[str] | None) -> Filter | None:
    return None if values is None else lambda customer: (customer["memberId"] or "unassigned") in values


def _any_item(array: str, name: str, values: set[str] | None) -> Filter | None:
    return None if values is None else lambda customer: any(item[name] in values for item in customer[array])


def _attempts(parser: QueryParser) -> Filter | None:
    wanted = parser.choice("hasAttempts", "", ("true", "false"))
    if not wanted:
        return None
    return lambda customer: any((item["attempts"] > 0) == (wanted == "true") for item in customer["campaigns"])


def _dates(parser: QueryParser) -> Filter | None:
    name = parser.choice("dateField", "createdAt", DATE_FIELDS)
    start, end = parser.timestamp("startDate"), parser.timestamp("endDate", end=True)
    if start is None and end is None:
        return None
    if name == "createdAt":
        return lambda customer: _within(customer["createdAt"], start, end)
    return lambda customer: any(_within(item[name], start, end) for item in customer["policies"])


def _last_call(parser: QueryParser) -> Filter | None:
    start, end = parser.timestamp("lastCallStartDate"), parser.timestamp("lastCallEndDate", end=True)
    if start is None and end is None:
        return None
    return lambda customer: _within(customer["lastCallDate"], start, end)


def _aging_in(parser: QueryParser) -> Filter | None:
    months = parser.choice("agingIn", "", AGING_IN_MONTHS)
    if months not in AGING_IN_MONTHS:
        return None
    return lambda customer: _turns_65_within(customer["dateOfBirth"], int(months))


def _within(value: Any, start: str | None, end: str | None) -> bool:
    if value is None:
        return False
    timestamp = _comparable(value)
    return (start is None or timestamp >= _comparable(start)) and (end is None or timestamp <= _comparable(end))


def _comparable(text: str) -> str:
    # With exactly six digits after the seconds, the texts sort like the times they stand for.
    day, _, clock = text.rstrip("Z").partition("T")
    seconds, _, fraction = (clock or "00:00:00").partition(".")
    return f"{day}T{seconds}.{fraction:0<6}"


def _turns_65_within(born: str | None, months: int) -> bool:
    if born is None:
        return False
    current = today()
    month_of_birthday = (int(born[:4]) + 65) * 12 + int(born[5:7]) - 1
    months_ahead = month_of_birthday - (current.year * 12 + current.month - 1)
    if months_ahead == 0:
        return int(born[8:10]) >= current.day
    return 0 < months_ahead < months or (months_ahead == months and int(born[8:10]) <= current.day)
