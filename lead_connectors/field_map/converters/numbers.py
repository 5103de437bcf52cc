"""Whole numbers and decimal numbers."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from lead_connectors.field_map.converters.base import Options, invalid, number_text

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1
_MAX_TEXT_LENGTH = 256
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")


def to_integer(value: Any, options: Options) -> int:
    """A whole number, from a number or its text; 5.0 is 5.

    Options: `minimum` and `maximum`, the range of 32 bits by default.
    """
    number = _decimal(value)
    low, high = options.get("minimum", INT32_MIN), options.get("maximum", INT32_MAX)
    if not low <= number <= high:  # before int(): a huge exponent must not become a huge integer
        raise invalid(reason=f"is not in the range {low} to {high}")
    if number != number.to_integral_value():
        raise invalid(reason="is not a whole number")
    return int(number)


def to_number(value: Any, options: Options) -> str | int | float:
    """A number, from a number or its text.

    Options: `output`, which is ``text`` (the default, without exponent) or ``json`` (a JSON number).
    """
    text = number_text(_decimal(value))
    if options.get("output") != "json":
        return text
    if "." not in text:
        return int(text)
    number = float(text)
    # A float holds 17 digits at most. One without a fraction becomes an int: converting it again changes nothing.
    return int(number_text(number)) if number.is_integer() else number


def _decimal(value: Any) -> Decimal:
    if isinstance(value, str):
        text = value.strip()
        if len(text) <= _MAX_TEXT_LENGTH and _NUMBER.fullmatch(text):
            return Decimal(text)
    elif isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
        if number.is_finite():
            return number
    raise invalid(reason="is not a number")
