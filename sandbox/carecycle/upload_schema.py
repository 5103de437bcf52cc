"""The schema of an uploaded lead (`docs/api/carecycle.md` 2.2). CareCycle rejects a whole request for one violation."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from zoneinfo import available_timezones

from sandbox.carecycle.errors import Issue, type_name
from sandbox.http_messages import JsonObject

MAX_CUSTOM_FIELDS = 50
MAX_FIELD_KEY = 100
INT32 = range(-(2**31), 2**31)
TIMEZONE_ABBREVIATIONS = frozenset({"EST", "CST", "MST", "PST"})
SYSTEM_TIMEZONES = frozenset(available_timezones())
TIMEZONE_FORM = re.compile(r"[A-Z][A-Za-z]+(/[A-Z][A-Za-z_]+){1,2}")
DATE_OF_BIRTH = re.compile(r"(0[1-9]|1[0-2])[-/](0[1-9]|[12]\d|3[01])[-/]\d{4}")

Problem = tuple[str, str, str]
"""Message, expected, code."""

Check = Callable[[Any], Problem | None]


def _wrong_type(expected: str, value: Any) -> Problem:
    return f"Invalid input: expected {expected}, received {type_name(value)}", expected, "invalid_type"


def text(max_length: int | None = None, min_length: int = 0) -> Check:
    """Return a check for text whose length is within the bounds."""

    def check(value: Any) -> Problem | None:
        if not isinstance(value, str):
            return _wrong_type("string", value)
        if max_length is not None and len(value) > max_length:
            return f"Too big: expected string to have <={max_length} characters", "string", "too_big"
        if len(value) < min_length:
            return f"Too small: expected string to have >={min_length} characters", "string", "too_small"
        return None

    return check


def matching(pattern: str) -> Check:
    """Return a check for text that matches a pattern as a whole."""
    compiled = re.compile(pattern)

    def check(value: Any) -> Problem | None:
        if not isinstance(value, str):
            return _wrong_type("string", value)
        if not compiled.fullmatch(value):
            return f"Invalid string: must match pattern /^{pattern}$/", "string", "invalid_format"
        return None

    return check


def one_of(*options: str) -> Check:
    """Return a check for one of the options."""

    def check(value: Any) -> Problem | None:
        expected = "|".join(options)
        if value not in options:
            return f"Invalid option: expected one of {expected}", expected, "invalid_value"
        return None

    return check


def int32(value: Any) -> Problem | None:
    """Check a whole number in the int32 range."""
    if isinstance(value, bool) or not isinstance(value, int):
        return _wrong_type("int", value)
    if value not in INT32:
        return "Too big or too small for int32", "int", "too_big" if value > 0 else "too_small"
    return None


def boolean(value: Any) -> Problem | None:
    """Check a JSON boolean."""
    return None if isinstance(value, bool) else _wrong_type("boolean", value)


def cost(value: Any) -> Problem | None:
    """Check a number that is not negative."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return _wrong_type("number", value)
    return ("Too small: expected number to be >=0", "number", "too_small") if value < 0 else None


def timezone(value: Any) -> Problem | None:
    """Check an IANA time zone or one of the four abbreviations."""
    if not isinstance(value, str):
        return _wrong_type("string", value)
    # A machine without time zone data can check the form only.
    known = value in SYSTEM_TIMEZONES if SYSTEM_TIMEZONES else TIMEZONE_FORM.fullmatch(value) is not None
    return None if known or value in TIMEZONE_ABBREVIATIONS else ("Invalid time zone", "string", "custom")


FIELDS: dict[str, Check] = {
    "postalCode": matching(r"\d{5}"),
    "phoneNumber": text(255, min_length=1),
    "firstName": text(255),
    "lastName": text(255),
    "email": text(255),
    "timezone": timezone,
    "state": text(50),
    "city": text(255),
    "county": text(255),
    "address": text(255),
    "address2": text(255),
    "dateOfBirth": matching(DATE_OF_BIRTH.pattern),
    "language": text(50),
    "gender": one_of("Male", "Female", "Non-Binary", "Other", "Prefer Not to Say"),
    "maritalStatus": one_of("Single", "Married", "Divorced", "Widowed", "Separated", "Domestic Partnership"),
    "filingStatus": text(50),
    "dependentCount": int32,
    "householdIncome": int32,
    "isDecisionMaker": boolean,
    "medicaid": boolean,
    "medicaidNumber": text(255),
    "veteran": boolean,
    "vaNumber": text(255),
    "socialSecurityDisability": boolean,
    "carrierAssignedCustomerId": text(255),
    "healthSherpaCustomerId": text(255),
    "mbiNumber": text(255),
    "doNotCall": boolean,
    "doNotSMS": boolean,
    "doNotEmail": boolean,
    "doNotMail": boolean,
    "externalId": text(255, min_length=1),
    "sourceId": text(255, min_length=1),
    "leadCost": cost,
}
NEVER_NULL = frozenset({"phoneNumber", "sourceId", "leadCost", "customFields"})


def schema_issues(record: Any, index: int, *, drop_unknown: bool, location_required: bool) -> list[Issue]:
    """Validate one record.

    Args:
        record: The record, a JSON value of any type.
        index: Its index in the request.
        drop_unknown: Whether unknown fields are dropped, as the real API most likely does.
        location_required: Whether a record without postalCode and timezone violates the schema.

    Returns:
        All issues; empty for a valid record.
    """
    path = ("records", str(index))
    if not isinstance(record, dict):
        return [_issue(path, record, _wrong_type("object", record))]
    issues = []
    if "phoneNumber" not in record:
        issues.append(
            Issue(
                (*path, "phoneNumber"),
                "Invalid input: expected string, received undefined",
                "string",
                "undefined",
                "invalid_type",
            )
        )
    for name, value in record.items():
        if name == "customFields":
            issues += _custom_field_issues(value, (*path, name))
        elif name not in FIELDS:
            if not drop_unknown:
                message = f'Unrecognized key: "{name}"'
                issues.append(Issue(path, message, "never", type_name(value), "unrecognized_keys"))
        elif (value is not None or name in NEVER_NULL) and (problem := FIELDS[name](value)):
            issues.append(_issue((*path, name), value, problem))
    if location_required and lacks_location(record):
        message = "Either postalCode or timezone is required"
        issues.append(Issue((*path, "postalCode"), message, "string", "undefined", "custom"))
    return issues


def lacks_location(record: JsonObject) -> bool:
    """Return whether the record has neither postalCode nor timezone, so that the allowed calling hours are unknown."""
    return not record.get("postalCode") and not record.get("timezone")


def _custom_field_issues(value: Any, path: tuple[str, ...]) -> list[Issue]:
    if not isinstance(value, list):
        return [_issue(path, value, _wrong_type("array", value))]
    issues = []
    if len(value) > MAX_CUSTOM_FIELDS:
        message = f"Too big: expected array to have <={MAX_CUSTOM_FIELDS} items"
        issues.append(_issue(path, value, (message, "array", "too_big")))
    checks = {"fieldKey": text(MAX_FIELD_KEY, min_length=1), "value": text()}
    for index, entry in enumerate(value):
        entry_path = (*path, str(index))
        if not isinstance(entry, dict):
            issues.append(_issue(entry_path, entry, _wrong_type("object", entry)))
            continue
        issues += [
            _issue((*entry_path, name), entry.get(name), problem)
            for name, check in checks.items()
            if (problem := check(entry.get(name)))
        ]
        issues += [
            Issue(entry_path, f'Unrecognized key: "{name}"', "never", "string", "unrecognized_keys")
            for name in entry
            if name not in checks
        ]
    return issues


def _issue(path: tuple[str, ...], value: Any, problem: Problem) -> Issue:
    message, expected, code = problem
    # As in the real API the value itself is returned: a client must not log it.
    received = str(value) if isinstance(value, (str, int, float)) else type_name(value)
    return Issue(path, message, expected, received, code)
