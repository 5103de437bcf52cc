"""All converters by the names that `convert` in a field map knows them by, with the options each takes."""

from __future__ import annotations

import datetime as dt
import warnings
import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import phonenumbers

from lead_connectors.field_map.converters import dates, us_places, values
from lead_connectors.field_map.converters.values import Convert, Options

PHONE_FORMATS = ("international", "+<cc>-<number>", "e164", "as_is")


def to_auto(value: Any, options: Options) -> Any:
    """A value for a field whose type is unknown: booleans stay, date objects take the API's form, the rest is text."""
    if isinstance(value, bool):
        return value
    if isinstance(value, dt.datetime):
        return dates.to_datetime(value, options.get("datetime", {}))
    if isinstance(value, dt.date):
        return dates.to_date(value, options.get("date", {}))
    return values.plain_text(value)


def _one_of(*choices: str) -> Callable[[Any], str | None]:
    return lambda value: None if value in choices else f"one of {', '.join(choices)}"


def _is(kind: type, words: str) -> Callable[[Any], str | None]:
    return lambda value: None if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)) else words


def _words(value: Any) -> str | None:
    good = isinstance(value, list) and value and not any(isinstance(item, (list, dict)) for item in value)
    return None if good else "a list of words"


def _aliases(value: Any) -> str | None:
    good = isinstance(value, dict) and all(isinstance(item, str) for item in value.values())
    return None if good else 'an object of spellings, as {"M": "Male"}'


def _separator(value: Any) -> str | None:
    return None if isinstance(value, str) and value else "a text of at least one character"


def _length(value: Any) -> str | None:
    return None if isinstance(value, int) and not isinstance(value, bool) and value > 0 else "a whole number above 0"


def _region(value: Any) -> str | None:
    good = isinstance(value, str) and value in phonenumbers.SUPPORTED_REGIONS
    return None if good else "a country of two capital letters, as US"


def _zone(value: Any) -> str | None:
    try:
        zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        return "an IANA time zone, as America/Chicago"
    return None


def _formats(value: Any) -> str | None:
    complaint = 'a list of strptime formats, each with its year, as ["%d.%m.%Y"]'
    if not isinstance(value, list) or not value:
        return complaint
    for written in value:
        if not isinstance(written, str) or not any(year in written for year in ("%Y", "%y", "%c", "%x", "%D")):
            return complaint
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # a format with a day and no year is deprecated from Python 3.13
                sample = dt.datetime(2001, 2, 3, 4, 5, 6, tzinfo=dt.timezone.utc).strftime(written)
                dt.datetime.strptime(sample, written)  # noqa: DTZ007
        except (ValueError, Warning):
            return complaint
    return None


_OTHER = _one_of("reject", "keep")
_TEXT = _is(str, "a text")
_MOMENT = {"formats": _formats, "output": _TEXT}


@dataclass(frozen=True)
class Converter:
    """A converter under its name.

    Attributes:
        name: As `convert` in a field map says it.
        convert: The function.
        options: For each option the check that returns what it takes where the given value is not that, else None.
        required: Options that have no default.
    """

    name: str
    convert: Convert
    options: Mapping[str, Callable[[Any], str | None]] = field(default_factory=dict)
    required: frozenset[str] = frozenset()

    def complaint(self, options: Mapping[str, Any]) -> str | None:
        """Return what is wrong with a set of options in words, None where nothing is."""
        for name, value in options.items():
            if name not in self.options:
                known = ", ".join(sorted(self.options)) or "none"
                return f"the converter {self.name} has no option '{name}' (it has: {known})"
            wanted = self.options[name](value)
            if wanted is not None:
                return f"the option '{name}' of the converter {self.name} takes {wanted}"
        for name in sorted(self.required - set(options)):
            return f"the converter {self.name} needs the option '{name}'"
        return None


CONVERTERS: Mapping[str, Converter] = {
    converter.name: converter
    for converter in (
        Converter("auto", to_auto, {"date": lambda _: None, "datetime": lambda _: None}),
        Converter("boolean", values.to_boolean, {"true": _words, "false": _words}),
        Converter(
            "choice",
            values.to_choice,
            {"choices": _words, "aliases": _aliases, "other": _OTHER},
            frozenset({"choices"}),
        ),
        Converter("date", dates.to_date, _MOMENT),
        Converter("datetime", dates.to_datetime, {**_MOMENT, "timezone": _zone}),
        Converter("email", values.to_email),
        Converter(
            "integer", values.to_integer, {"minimum": _is(int, "a whole number"), "maximum": _is(int, "a whole number")}
        ),
        Converter("join", values.to_join, {"separator": _separator}, frozenset({"separator"})),
        Converter("number", values.to_number, {"output": _one_of("text", "json")}),
        Converter(
            "phone",
            values.to_phone,
            {"region": _region, "format": _one_of(*PHONE_FORMATS), "country_code": _is(int, "a whole number, as 1")},
        ),
        Converter("postal_code", us_places.to_postal_code, {"pad": _is(bool, "true or false")}),
        Converter("text", values.to_text, {"max_length": _length}),
        Converter("timezone", us_places.to_timezone),
        Converter("us_state", us_places.to_us_state, {"other": _OTHER}),
    )
}
