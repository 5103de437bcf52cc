"""Phone numbers, checked against the numbering plan of their country."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import phonenumbers

from lead_connectors.field_map.converters.base import Options, invalid, plain_text

PHONE_FORMATS = ("international", "+<cc>-<number>", "e164", "as_is")
_NOT_A_PHONE = "is not a phone number"


def to_phone(value: Any, options: Options) -> str:
    """A phone number that is valid in its country's numbering plan.

    Options: `region` (ISO country of numbers without a country code, ``US`` by default), `format` (``international`` =
    ``+<cc>-<number>``, ``e164`` or ``as_is``), `country_code` (the only one that the API takes). A number with an
    extension is rejected unless its format is ``as_is``: a call without the extension would reach someone else.
    """
    if isinstance(value, (bool, list, tuple, Mapping, dt.date)):
        raise invalid(reason=_NOT_A_PHONE)
    text = plain_text(value)
    digits = text[4:] if text[:4].lower() == "tel:" else text
    style = options.get("format", "international")
    if digits.startswith("-") or (style != "as_is" and any(character.isalpha() for character in digits)):
        raise invalid(reason=_NOT_A_PHONE)
    try:
        number = phonenumbers.parse(digits, options.get("region", "US"))
    except phonenumbers.NumberParseException:
        raise invalid(reason=_NOT_A_PHONE) from None
    if not phonenumbers.is_valid_number(number):
        raise invalid(reason="is not a valid phone number")
    country_code = options.get("country_code")
    if country_code is not None and number.country_code != country_code:
        raise invalid(reason=f"is not a phone number with country code +{country_code}")
    if style == "as_is":
        return text
    if number.extension:
        raise invalid(reason="has an extension, which cannot be sent")
    national = phonenumbers.national_significant_number(number)
    return f"+{number.country_code}{'' if style == 'e164' else '-'}{national}"
