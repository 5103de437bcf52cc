"""What one attribute's value must look like, by the field's own metadata."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from sandbox.lead_fields import BOOLEAN, LeadField
from sandbox.quirks import Quirks

EMAIL = re.compile(r"[^@\s,;]+@[^@\s,;]+\.[^@\s,;]{2,}")
PHONE = re.compile(r"\+(?P<code>\d{1,3})-(?P<number>\d{6,12})|\+(?P<whole>\d{8,15})|(?P<local>\d{10})")
ANY_PHONE = re.compile(r"[+(\d][\d\s().-]{6,24}")
US_NUMBER = re.compile(r"[2-9]\d{2}[2-9]\d{6}")
NUMBER = re.compile(r"-?\d{1,18}(\.\d{1,4})?")
MARKUP = re.compile(r"<[A-Za-z/!]")
DATE_FORM = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}")

INVALID_INPUT = "MXInvalidInputException"
INVALID_TYPE = "MXInvalidDataTypeException"
DUPLICATE = "MXDuplicateEntryException"
UNKNOWN = "MXUnknownAttributeException"
MANDATORY = "MXMandatoryAttributeMissingException"
NOT_FOUND = "MXInvalidEntityReferenceException"
MARKUP_REFUSED = "MXXSSException"


class LeadError(Exception):
    """A lead is refused for a reason that will not go away."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


def stored_value(field: LeadField, value: str, quirks: Quirks) -> str | None:
    """Check a value against its field.

    Args:
        field: The field.
        value: The text that was sent; empty clears the field.
        quirks: How values may be spelled.

    Returns:
        What is kept, None for an emptied field.

    Raises:
        LeadError: The field does not take the value.
    """
    if field.read_only:
        raise LeadError(INVALID_INPUT, f"Attribute {field.name} is read only")
    if value == "":
        return None
    if MARKUP.search(value):
        raise LeadError(MARKUP_REFUSED, f"Potentially dangerous value for {field.name}")
    if field.max_length is not None and len(value) > field.max_length:
        message = f"Invalid data: {field.name} exceeds the maximum length of {field.max_length}"
        raise LeadError(INVALID_INPUT, message)
    checks = {
        "Email": _email,
        "Phone": _phone,
        "Number": _number,
        "Date": _date,
        BOOLEAN: _boolean,
        "Select": _option,
    }
    check = checks.get(field.data_type)
    return check(field, value, quirks) if check else value


def digits_of(phone: str) -> str:
    """Return a phone's digits with the country code, so that spellings of one number are equal."""
    digits = re.sub(r"\D", "", phone)
    return f"1{digits}" if re.fullmatch(r"\d{10}", phone) else digits


def comparable(field: LeadField, value: str) -> str:
    """Return what two values share when they mean the same lead."""
    if field.data_type == "Email":
        return value.lower()
    return digits_of(value) if field.data_type == "Phone" else value


def _email(field: LeadField, value: str, _quirks: Quirks) -> str:
    if not EMAIL.fullmatch(value):
        raise LeadError(INVALID_INPUT, f"Invalid data: {field.name} is not a valid email")
    return value


def _phone(field: LeadField, value: str, quirks: Quirks) -> str:
    if quirks.phone_forms == "any" and ANY_PHONE.fullmatch(value):
        return value
    found = PHONE.fullmatch(value)
    if found is None:
        raise LeadError(INVALID_INPUT, f"Invalid Phone format for {field.name}")
    whole = digits_of(value)
    american = found["code"] == "1" or found["local"] or (found["whole"] or "").startswith("1")
    if len(whole) < field.range_min or (american and not US_NUMBER.fullmatch(whole[1:])):
        raise LeadError(INVALID_INPUT, f"Invalid Phone format for {field.name}")
    return value


def _number(field: LeadField, value: str, _quirks: Quirks) -> str:
    if not NUMBER.fullmatch(value):
        raise LeadError(INVALID_TYPE, f"Invalid data: {field.name} expects a number")
    return value


def _date(field: LeadField, value: str, _quirks: Quirks) -> str:
    if not _is_date(value):
        raise LeadError(INVALID_INPUT, f"Invalid data: {field.name} expects yyyy-MM-dd HH:mm:ss")
    return f"{value}.000"


def _is_date(value: str) -> bool:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return DATE_FORM.fullmatch(value) is not None


def _boolean(field: LeadField, value: str, quirks: Quirks) -> str:
    spellings = {"true_false": {"true": "1", "false": "0"}, "one_zero": {"1": "1", "0": "0"}}
    stored = spellings[quirks.boolean_form].get(value)
    if stored is None:
        raise LeadError(INVALID_TYPE, f"Invalid data: {field.name} expects a boolean")
    return stored


def _option(field: LeadField, value: str, quirks: Quirks) -> str:
    if value not in field.options and quirks.unlisted_options == "refuse":
        raise LeadError(INVALID_INPUT, f"Invalid data: {field.name} has no such option")
    return value


def field_set_value(field: LeadField, value: str, parts: Any, quirks: Quirks) -> dict[str, str | None]:
    """Check a custom field set: an empty Value and its own fields.

    Args:
        field: The custom field set.
        value: Its Value, which must be empty.
        parts: Attribute-value pairs of its fields.
        quirks: How values may be spelled.

    Returns:
        The set's values by field.

    Raises:
        LeadError: The set does not take them.
    """
    if value or not parts:
        raise LeadError(INVALID_INPUT, f"Invalid data: {field.name} takes an empty Value and Fields")
    known = {part.name: part for part in field.parts}
    given = [pair["Attribute"] for pair in parts]
    if unknown := [name for name in given if name not in known]:
        raise LeadError(UNKNOWN, f"Attribute(s) does not exist - {','.join(unknown)}")
    if len(set(given)) != len(given):
        raise LeadError(INVALID_INPUT, f"Invalid data: {field.name} names a field twice")
    return {pair["Attribute"]: stored_value(known[pair["Attribute"]], pair["Value"], quirks) for pair in parts}
