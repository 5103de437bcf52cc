"""The query of the customer list: parameters, filters, order, one page."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.carecycle_errors import Flaw
from sandbox.exchange import Row
from sandbox.moments import today

MAX_LIMIT = 100
SORT_FIELDS = ("createdAt", "firstName", "lastName", "callerId")
DATE = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d{1,6})?Z?)?")
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

ALIASES = {
    "customerStatus": "status",
    "state": "states",
    "county": "counties",
    "policyType": "policyTypes",
    "customerCampaignStatus": "campaignStatus",
    "currentNodeId": "pulseNodeId",
    "sourceId": "sourceIds",
    "campaignId": "campaignIds",
    "agingInMonths": "agingIn",
}
"""The pages hide the names; where two are equally likely both are understood."""

Test = Callable[[Row], bool]


class QueryError(ValueError):
    """The query breaks the rules of the page."""

    def __init__(self, flaws: list[Flaw]) -> None:
        super().__init__("query refused")
        self.flaws = flaws


@dataclass
class ListQuery:
    """A list query that was understood."""

    page: int = 1
    limit: int = 50
    sort_by: str = "createdAt"
    descending: bool = True
    tests: list[Test] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


class QueryReader:
    """Reads query parameters one by one and collects what is wrong with them."""

    def __init__(self, query: Mapping[str, str]) -> None:
        self.left = dict(query)
        self.flaws: list[Flaw] = []

    def flaw(self, name: str, message: str, expected: str, code: str, received: str) -> None:
        """Note one thing that is wrong."""
        self.flaws.append(Flaw((name,), message, expected, received, code))

    def integer(self, name: str, usual: int, most: int | None = None) -> int:
        """Read a whole number from 1 to `most`."""
        text = self.left.pop(name, None)
        if text is None:
            return usual
        if not re.fullmatch(r"-?\d+", text):
            self.flaw(name, "Invalid input: expected number, received NaN", "number", "invalid_type", text)
            return usual
        value = int(text)
        if value < 1:
            self.flaw(name, "Too small: expected number to be >=1", "number", "too_small", text)
        elif most is not None and value > most:
            self.flaw(name, f"Too big: expected number to be <={most}", "number", "too_big", text)
        return value

    def choice(self, name: str, usual: str, options: tuple[str, ...]) -> str:
        """Read one of some words."""
        value = self.left.pop(name, usual)
        if value not in options and value != usual:
            expected = "|".join(options)
            self.flaw(name, f"Invalid option: expected one of {expected}", expected, "invalid_value", value)
        return value

    def words(self, name: str, options: tuple[str, ...] | None = None) -> set[str] | None:
        """Read a list with commas; with options every word must be one of them."""
        text = self.left.pop(name, None)
        if text is None:
            return None
        words = {word.strip() for word in text.split(",")}
        wrong = words - set(options) if options else words & {""}
        if wrong:
            expected = "|".join(options or ("non-empty string",))
            self.flaw(name, "Invalid option", expected, "invalid_value", ",".join(sorted(wrong)))
        return words

    def moment(self, name: str, *, end: bool = False) -> str | None:
        """Read a date or a moment; an offset such as +00:00 is refused, as the documented pattern does."""
        text = self.left.pop(name, None)
        if text is None:
            return None
        if not _is_moment(text):
            self.flaw(name, "Invalid string: must match date pattern", "string", "invalid_format", text)
            return None
        if "T" not in text:
            # A day as an end means the whole day.
            return f"{text}T23:59:59.999999Z" if end else f"{text}T00:00:00Z"
        return text if text.endswith("Z") else f"{text}Z"


def read_query(query: Mapping[str, str], names: Mapping[str, str]) -> ListQuery:
    """Read the list's parameters.

    Args:
        query: Parameters as they came.
        names: Other spellings on the wire, by documented name; the documented one is then unknown.

    Returns:
        The query; parameters nobody knows are listed and otherwise ignored, as the real server does.

    Raises:
        QueryError: A known parameter holds what it must not.
    """
    documented = {wire: name for name, wire in names.items()}
    renamed: dict[str, str] = {}
    unknown: list[str] = []
    for wire, value in query.items():
        if wire in names and wire not in documented:
            unknown.append(wire)
            continue
        name = documented.get(wire, wire)
        renamed[ALIASES.get(name, name)] = value
    reader = QueryReader(renamed)
    found = ListQuery(
        page=reader.integer("page", 1),
        limit=reader.integer("limit", 50, MAX_LIMIT),
        sort_by=reader.choice("sortBy", "createdAt", SORT_FIELDS),
        descending=reader.choice("sortOrder", "desc", ("asc", "desc")) == "desc",
    )
    found.tests = [test for test in _filters(reader) if test is not None]
    found.unknown = [*unknown, *reader.left]
    if reader.flaws:
        raise QueryError(reader.flaws)
    return found


def _filters(reader: QueryReader) -> list[Test | None]:
    return [
        _test_numbers(reader),
        _search(reader),
        _one_of(reader.words("status", STATUSES), "status"),
        _one_of(reader.words("states"), "state"),
        _one_of(reader.words("counties"), "county"),
        _source(reader.words("sourceIds")),
        _assigned(reader.words("assignedMemberIds")),
        _inside("campaigns", "campaignId", reader.words("campaignIds")),
        _inside("campaigns", "status", reader.words("campaignStatus", CAMPAIGN_STATUSES)),
        _inside("campaigns", "currentNodeId", reader.words("pulseNodeId")),
        _inside("policies", "status", reader.words("policyStatus", POLICY_STATUSES)),
        _inside("policies", "policyType", reader.words("policyTypes", POLICY_TYPES)),
        _attempts(reader),
        _dates(reader),
        _last_call(reader),
        _aging_in(reader),
    ]


def _test_numbers(reader: QueryReader) -> Test | None:
    if reader.choice("includeTestNumbers", "false", ("true", "false")) == "true":
        return None
    return lambda row: not row["testCustomer"]


def _search(reader: QueryReader) -> Test | None:
    wanted = reader.left.pop("search", "").strip().lower()
    if not wanted:
        return None

    def matches(row: Row) -> bool:
        places = ("email", "callerId", "city", "state", "county", "address", "postalCode")
        name = f"{row['firstName'] or ''} {row['lastName'] or ''}"
        return any(wanted in str(text or "").lower() for text in (name, *(row[each] for each in places)))

    return matches


def _one_of(words: set[str] | None, name: str) -> Test | None:
    return None if words is None else lambda row: row[name] in words


def _source(words: set[str] | None) -> Test | None:
    if words is None:
        return None
    return lambda row: bool(words & {row["currentSourceId"], (row["source"] or {}).get("sourceId")})


def _assigned(words: set[str] | None) -> Test | None:
    return None if words is None else lambda row: (row["memberId"] or "unassigned") in words


def _inside(array: str, name: str, words: set[str] | None) -> Test | None:
    return None if words is None else lambda row: any(item[name] in words for item in row[array])


def _attempts(reader: QueryReader) -> Test | None:
    wanted = reader.choice("hasAttempts", "", ("true", "false"))
    if not wanted:
        return None
    return lambda row: any((item["attempts"] > 0) == (wanted == "true") for item in row["campaigns"])


def _dates(reader: QueryReader) -> Test | None:
    name = reader.choice("dateField", "createdAt", DATE_FIELDS)
    start, end = reader.moment("startDate"), reader.moment("endDate", end=True)
    if start is None and end is None:
        return None
    if name == "createdAt":
        return lambda row: _within(row["createdAt"], start, end)
    return lambda row: any(_within(item[name], start, end) for item in row["policies"])


def _last_call(reader: QueryReader) -> Test | None:
    start, end = reader.moment("lastCallStartDate"), reader.moment("lastCallEndDate", end=True)
    if start is None and end is None:
        return None
    return lambda row: _within(row["lastCallDate"], start, end)


def _aging_in(reader: QueryReader) -> Test | None:
    months = reader.choice("agingIn", "", AGING_IN_MONTHS)
    if months not in AGING_IN_MONTHS:
        return None
    return lambda row: _turns_65_within(row["dateOfBirth"], int(months))


def _is_moment(text: str) -> bool:
    if not DATE.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text.rstrip("Z").partition(".")[0])
    except ValueError:
        return False
    return True


def _within(value: Any, start: str | None, end: str | None) -> bool:
    if value is None:
        return False
    moment = _comparable(value)
    return (start is None or moment >= _comparable(start)) and (end is None or moment <= _comparable(end))


def _comparable(text: str) -> str:
    # Text of one shape compares like time: seconds, then exactly six digits.
    day, _, clock = text.rstrip("Z").partition("T")
    seconds, _, fraction = (clock or "00:00:00").partition(".")
    return f"{day}T{seconds}.{fraction:0<6}"


def _turns_65_within(born: str | None, months: int) -> bool:
    if born is None:
        return False
    now = today()
    turning = (int(born[:4]) + 65) * 12 + int(born[5:7]) - 1
    ahead = turning - (now.year * 12 + now.month - 1)
    if ahead == 0:
        return int(born[8:10]) >= now.day
    return 0 < ahead < months or (ahead == months and int(born[8:10]) <= now.day)
