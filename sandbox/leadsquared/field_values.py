"""Which values a lead field accepts, and how they are stored (`docs/api/leadsquared.md` 5.2)."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from sandbox.leadsquared.errors import INVALID_INPUT, INVALID_TYPE, MARKUP_REJECTED, UNKNOWN, LeadError
from sandbox.leadsquared.lead_fields import BOOLEAN, LeadField
from sandbox.quirks import Quirks

EMAIL = re.compile(r"[^@\s,;]+@[^@\s,;]+\.[^@\s,;]{2,}")
PHONE = re.compile(r"\+(?P<code>\d{1,3})-(?P<number>\d{6,12})|\+(?P<all_digits>\d{8,15})|(?P<local>\d{10})")
ANY_PHONE = re.compile(r"[+(\d][\d\s().-]{6,24}")
US_NUMBER = re.compile(r"[2-9]\d{2}[2-9]\d{6}")
NUMBER = re.compile(r"-?\d{1,18}(\.\d{1,4})?")
MARKUP = re.compile(r"<[A-Za-z/!]")
DATE_FORM = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}")


def stored_value(field: LeadField, value: str, quirks: Quirks) -> str | None:
    """Check a value against the metadata of its field.

    Args:
        field: The field.
        value: The text of the request; the empty text clears the field.
        quirks: The forms that are accepted.

    Returns:
        The value as it is stored; None for a field that was cleared.

    Raises:
        LeadError: The field does not accept the value.
    """
    if field.read_only:
        raise LeadError(INVALID_INPUT, f"Attribute {field.name} is read only")
    if value == "":
        return None
    if MARKUP.search(value):
        raise LeadError(MARKUP_REJECTED, f"Potentially dangerous value for {field.name}")
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


def phone_digits(phone: str) -> str:
    """Return the digits of a phone number with the country code; they are equal for all spellings of a number."""
    digits = re.sub(r"\D", "", phone)
    return f"1{digits}" if re.fullmatch(r"\d{10}", phone) else digits


def comparison_key(field: LeadField, value: str) -> str:
    """Return the form of an identifier in which two values for the same lead are equal."""
    if field.data_type == "Email":
        return value.lower()
    return phone_digits(value) if field.data_type == "Phone" else value


def _email(field: LeadField, value: str, _quirks: Quirks) -> str:
    if not EMAIL.fullmatch(value):
        raise LeadError(INVALID_INPUT, f"Invalid data: {field.name} is not a valid email")
    return value


def _phone(field: LeadField, value: str, quirks: Quirks) -> str:
    if quirks.phone_forms == "any" and ANY_PHONE.fullmatch(value):
        return value
    match = PHONE.fullmatch(value)
    if match is None:
        raise LeadError(INVALID_INPUT, f"Invalid Phone format for {field.name}")
    digits = phone_digits(value)
    is_american = match["code"] == "1" or match["local"] or (match["all_digits"] or "").startswith("1")
    if len(digits) < field.range_min or (is_american and not US_NUMBER.fullmatch(digits[1:])):
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
    spellings = {
        "true_false": {"true": "1", "false": "0"},
        "one_zero": {"1": "1", "0": "0"},
        "yes_no": {"Yes": "1", "No": "0"},
    }
    stored = spellings[quirks.boolean_form].get(value)
    if stored is None:
        raise LeadError(INVALID_TYPE, f"Invalid data: {field.name} expects a boolean")
    return stored


def _option(field: LeadField, value: str, quirks: Quirks) -> str:
    if value not in field.options and quirks.unlisted_options == "refuse":
        raise LeadError(INVALID_INPUT, f"Invalid data: {field.name} has no such option")
    return value


def stored_field_set(field: LeadField, value: str, subfields: Any, quirks: Quirks) -> dict[str, str | None]:
    """Check a custom field set, which has an empty Value and fields of its own.

    Args:
        field: The custom field set.
        value: Its Value, which must be empty.
        subfields: The attribute-value pairs of its fields.
        quirks: The forms that are accepted.

    Returns:
        The stored values by field name.

    Raises:
        LeadError: The custom field set does not accept them.
    """
    if value or not subfields:
        raise LeadError(INVALID_INPUT, f"Invalid data: {field.name} takes an empty Value and Fields")
    known = {subfield.name: subfield for subfield in field.subfields}
    given = [pair["Attribute"] for pair in subfields]
    if unknown := [name for name in given if name not in known]:
        raise LeadError(UNKNOWN, f"Attribute(s) does not exist - {','.join(unknown)}")
    if len(set(given)) != len(given):
        raise LeadError(INVALID_INPUT, f"Invalid data: {field.name} names a field twice")
    return {pair["Attribute"]: stored_value(known[pair["Attribute"]], pair["Value"], quirks) for pair in subfields}
