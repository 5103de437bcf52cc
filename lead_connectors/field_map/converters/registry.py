"""All converters under the names that `convert` in a field map uses, with the options of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lead_connectors.field_map.converters import options
from lead_connectors.field_map.converters.auto import to_auto
from lead_connectors.field_map.converters.base import Convert, Options
from lead_connectors.field_map.converters.booleans import to_boolean
from lead_connectors.field_map.converters.choices import to_choice
from lead_connectors.field_map.converters.dates import to_date, to_datetime
from lead_connectors.field_map.converters.numbers import to_integer, to_number
from lead_connectors.field_map.converters.options import OptionCheck
from lead_connectors.field_map.converters.phone import PHONE_FORMATS, to_phone
from lead_connectors.field_map.converters.text import to_email, to_join, to_text
from lead_connectors.field_map.converters.us_places import to_postal_code, to_timezone, to_us_state


@dataclass(frozen=True)
class Converter:
    """A converter under its name.

    Attributes:
        name: As `convert` in a field map says it.
        convert: The function.
        options: The check of each option.
        required: The options that have no default.
    """

    name: str
    convert: Convert
    options: Mapping[str, OptionCheck] = field(default_factory=dict)
    required: frozenset[str] = frozenset()

    def option_error(self, given: Options) -> str | None:
        """Return a sentence on the first option that is wrong; None where all are right."""
        for name, value in given.items():
            if name not in self.options:
                known = ", ".join(sorted(self.options)) or "none"
                return f"the converter {self.name} has no option '{name}' (it has: {known})"
            expected = self.options[name](value)
            if expected is not None:
                return f"the option '{name}' of the converter {self.name} takes {expected}"
        for name in sorted(self.required - set(given)):
            return f"the converter {self.name} needs the option '{name}'"
        return None


_OTHER = {"other": options.one_of("reject", "keep")}
_FORMATS = {"formats": options.date_formats, "output": options.text}
_RANGE = {"minimum": options.whole_number(), "maximum": options.whole_number()}
_PHONE: dict[str, OptionCheck] = {
    "region": options.region,
    "format": options.one_of(*PHONE_FORMATS),
    "country_code": options.whole_number(", as 1"),
}
_CHOICE: dict[str, OptionCheck] = {"choices": options.words, "aliases": options.aliases, **_OTHER}

CONVERTERS: Mapping[str, Converter] = {
    converter.name: converter
    for converter in (
        Converter("auto", to_auto, {"date": options.anything, "datetime": options.anything}),
        Converter("boolean", to_boolean, {"true": options.words, "false": options.words}),
        Converter("choice", to_choice, _CHOICE, required=frozenset({"choices"})),
        Converter("date", to_date, _FORMATS),
        Converter("datetime", to_datetime, {**_FORMATS, "timezone": options.timezone}),
        Converter("email", to_email),
        Converter("integer", to_integer, _RANGE),
        Converter("join", to_join, {"separator": options.separator}, required=frozenset({"separator"})),
        Converter("number", to_number, {"output": options.one_of("text", "json")}),
        Converter("phone", to_phone, _PHONE),
        Converter("postal_code", to_postal_code, {"pad": options.boolean}),
        Converter("text", to_text, {"max_length": options.positive_number}),
        Converter("timezone", to_timezone),
        Converter("us_state", to_us_state, _OTHER),
    )
}
