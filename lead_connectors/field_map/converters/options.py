"""Checks of converters' options, made when a field map is read.

A check returns what the option takes where the given value is something else, and None where it is right.
"""

from __future__ import annotations

import datetime as dt
import warnings
import zoneinfo
from collections.abc import Callable
from typing import Any

import phonenumbers

OptionCheck = Callable[[Any], str | None]

_SAMPLE = dt.datetime(2001, 2, 3, 4, 5, 6, tzinfo=dt.timezone.utc)
_YEARS = ("%Y", "%y", "%c", "%x", "%D")


def one_of(*choices: str) -> OptionCheck:
    """Return the check of an option that takes one of some words."""
    return lambda value: None if value in choices else f"one of {', '.join(choices)}"


def whole_number(hint: str = "") -> OptionCheck:
    """Return the check of an option that takes a whole number; a hint is added to its sentence."""
    return lambda value: None if _is_whole_number(value) else f"a whole number{hint}"


def anything(_: Any) -> None:
    """Accept any value."""


def text(value: Any) -> str | None:
    """Check for a text."""
    return None if isinstance(value, str) else "a text"


def separator(value: Any) -> str | None:
    """Check for a text that is not empty."""
    return None if isinstance(value, str) and value else "a text of at least one character"


def boolean(value: Any) -> str | None:
    """Check for true or false."""
    return None if isinstance(value, bool) else "true or false"


def positive_number(value: Any) -> str | None:
    """Check for a whole number above 0."""
    return None if _is_whole_number(value) and value > 0 else "a whole number above 0"


def words(value: Any) -> str | None:
    """Check for a list of single values."""
    is_list = isinstance(value, list) and value and not any(isinstance(item, (list, dict)) for item in value)
    return None if is_list else "a list of words"


def aliases(value: Any) -> str | None:
    """Check for an object of texts."""
    is_object = isinstance(value, dict) and all(isinstance(item, str) for item in value.values())
    return None if is_object else 'an object of spellings, as {"M": "Male"}'


def region(value: Any) -> str | None:
    """Check for a country that has a numbering plan."""
    is_region = isinstance(value, str) and value in phonenumbers.SUPPORTED_REGIONS
    return None if is_region else "a country of two capital letters, as US"


def timezone(value: Any) -> str | None:
    """Check for a time zone that this machine knows."""
    try:
        zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        return "an IANA time zone, as America/Chicago"
    return None


def date_formats(value: Any) -> str | None:
    """Check for strptime formats that read a year."""
    are_formats = isinstance(value, list) and value and all(map(_is_date_format, value))
    return None if are_formats else 'a list of strptime formats, each with its year, as ["%d.%m.%Y"]'


def _is_whole_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_date_format(value: Any) -> bool:
    if not isinstance(value, str) or not any(year in value for year in _YEARS):
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Python 3.13 deprecates a format with a day and without a year
            dt.datetime.strptime(_SAMPLE.strftime(value), value)  # noqa: DTZ007
    except (ValueError, Warning):
        return False
    return True
