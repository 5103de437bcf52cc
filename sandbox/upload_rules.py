"""The schema of one uploaded lead: what makes CareCycle refuse the whole request."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from zoneinfo import available_timezones

from sandbox.carecycle_errors import Flaw, type_name
from sandbox.exchange import Row

MAX_CUSTOM_FIELDS = 50
MAX_FIELD_KEY = 100
INT32 = range(-(2**31), 2**31)
SHORT_ZONES = frozenset({"EST", "CST", "MST", "PST"})
SYSTEM_ZONES = frozenset(available_timezones())
ZONE_FORM = re.compile(r"[A-Z][A-Za-z]+(/[A-Z][A-Za-z_]+){1,2}")
DATE_OF_BIRTH = re.compile(r"(0[1-9]|1[0-2])[-/](0[1-9]|[12]\d|3[01])[-/]\d{4}")

Found = tuple[str, str, str]
"""Message, expected, code."""

Check = Callable[[Any], Found | None]


def _wrong_type(expected: str, value: Any) -> Found:
    return f"Invalid input: expected {expected}, received {type_name(value)}", expected, "invalid_type"


def text(longest: int | None = None, shortest: int = 0) -> Check:
    """Return a check for text within lengths."""

    def check(value: Any) -> Found | None:
        if not isinstance(value, str):
            return _wrong_type("string", value)
        if longest is not None and len(value) > longest:
            return f"Too big: expected string to have <={longest} characters", "string", "too_big"
        if len(value) < shortest:
            return f"Too small: expected string to have >={shortest} characters", "string", "too_small"
        return None

    return check


def matching(pattern: str) -> Check:
    """Return a check for text of one form."""
    form = re.compile(pattern)

    def check(value: Any) -> Found | None:
        if not isinstance(value, str):
            return _wrong_type("string", value)
        if not form.fullmatch(value):
            return f"Invalid string: must match pattern /^{pattern}$/", "string", "invalid_format"
        return None

    return check


def one_of(*options: str) -> Check:
    """Return a check for one of some words."""

    def check(value: Any) -> Found | None:
        expected = "|".join(options)
        if value not in options:
            return f"Invalid option: expected one of {expected}", expected, "invalid_value"
        return None

    return check


def int32(value: Any) -> Found | None:
    """Check a whole number of 32 bits."""
    if isinstance(value, bool) or not isinstance(value, int):
        return _wrong_type("int", value)
    if value not in INT32:
        return "Too big or too small for int32", "int", "too_big" if value > 0 else "too_small"
    return None


def boolean(value: Any) -> Found | None:
    """Check a real boolean."""
    return None if isinstance(value, bool) else _wrong_type("boolean", value)


def cost(value: Any) -> Found | None:
    """Check a number that is not negative."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return _wrong_type("number", value)
    return ("Too small: expected number to be >=0", "number", "too_small") if value < 0 else None


def zone(value: Any) -> Found | None:
    """Check an IANA time zone or one of the four short names."""
    if not isinstance(value, str):
        return _wrong_type("string", value)
    # A bare machine may have no zone data; then the form has to do.
    known = value in SYSTEM_ZONES if SYSTEM_ZONES else ZONE_FORM.fullmatch(value) is not None
    return None if known or value in SHORT_ZONES else ("Invalid time zone", "string", "custom")


FIELDS: dict[str, Check] = {
    "postalCode": matching(r"\d{5}"),
    "phoneNumber": text(255, shortest=1),
    "firstName": text(255),
    "lastName": text(255),
    "email": text(255),
    "timezone": zone,
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
    "externalId": text(255, shortest=1),
    "sourceId": text(255, shortest=1),
    "leadCost": cost,
}
NEVER_NULL = frozenset({"phoneNumber", "sourceId", "leadCost", "customFields"})


def flaws_of(record: Any, index: int, *, drop_unknown: bool, place_needed: bool) -> list[Flaw]:
    """Hold one record against the schema.

    Args:
        record: The record as it came.
        index: Its place in the request.
        drop_unknown: Whether unknown fields pass (and are dropped), as in the real API.
        place_needed: Whether the lack of both postalCode and timezone is a flaw of the schema.

    Returns:
        Everything that is wrong; empty for a good record.
    """
    path = ("records", str(index))
    if not isinstance(record, dict):
        return [_flaw(path, record, _wrong_type("object", record))]
    flaws = []
    if "phoneNumber" not in record:
        flaws.append(
            Flaw(
                (*path, "phoneNumber"),
                "Invalid input: expected string, received undefined",
                "string",
                "undefined",
                "invalid_type",
            )
        )
    for name, value in record.items():
        if name == "customFields":
            flaws += _custom_field_flaws(value, (*path, name))
        elif name not in FIELDS:
            if not drop_unknown:
                message = f'Unrecognized key: "{name}"'
                flaws.append(Flaw(path, message, "never", type_name(value), "unrecognized_keys"))
        elif (value is not None or name in NEVER_NULL) and (found := FIELDS[name](value)):
            flaws.append(_flaw((*path, name), value, found))
    if place_needed and lacks_place(record):
        message = "Either postalCode or timezone is required"
        flaws.append(Flaw((*path, "postalCode"), message, "string", "undefined", "custom"))
    return flaws


def lacks_place(record: Row) -> bool:
    """Return whether neither postalCode nor timezone says when a call is allowed."""
    return not record.get("postalCode") and not record.get("timezone")


def _custom_field_flaws(value: Any, path: tuple[str, ...]) -> list[Flaw]:
    if not isinstance(value, list):
        return [_flaw(path, value, _wrong_type("array", value))]
    flaws = []
    if len(value) > MAX_CUSTOM_FIELDS:
        message = f"Too big: expected array to have <={MAX_CUSTOM_FIELDS} items"
        flaws.append(_flaw(path, value, (message, "array", "too_big")))
    checks = {"fieldKey": text(MAX_FIELD_KEY, shortest=1), "value": text()}
    for place, entry in enumerate(value):
        here = (*path, str(place))
        if not isinstance(entry, dict):
            flaws.append(_flaw(here, entry, _wrong_type("object", entry)))
            continue
        flaws += [
            _flaw((*here, name), entry.get(name), found)
            for name, check in checks.items()
            if (found := check(entry.get(name)))
        ]
        flaws += [
            Flaw(here, f'Unrecognized key: "{name}"', "never", "string", "unrecognized_keys")
            for name in entry
            if name not in checks
        ]
    return flaws


def _flaw(path: tuple[str, ...], value: Any, found: Found) -> Flaw:
    message, expected, code = found
    # The value itself comes back, as in the vendor's own validator: a client must not log it.
    received = str(value) if isinstance(value, (str, int, float)) else type_name(value)
    return Flaw(path, message, expected, received, code)
