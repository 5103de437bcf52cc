"""States, postal codes and time zones of the United States, each in one form."""

from __future__ import annotations

import functools
import re
import zoneinfo
from decimal import Decimal
from typing import Any

from lead_connectors.field_map.converters.base import Options, comparable, invalid, number_text, plain_text

_ZIP = re.compile(r"([0-9]{5})(?:[- ]?[0-9]{4})?")
_SHORT_ZIP = re.compile(r"[0-9]{3,4}")
_ZONE_SHAPE = re.compile(r"[A-Za-z_]+(?:/[A-Za-z0-9_+-]+){1,2}")
_ZIP_DIGITS, _ZIP4_DIGITS = 5, 9
_MIN_ZIP_DIGITS = 3  # 00501 without its zeros
_ABBREVIATED_ZONES = ("EST", "CST", "MST", "PST")

_STATES = {
    "AL": "Alabama", "AK": "Alaska", "AZ": "Arizona", "AR": "Arkansas", "CA": "California", "CO": "Colorado",
    "CT": "Connecticut", "DE": "Delaware", "DC": "District of Columbia", "FL": "Florida", "GA": "Georgia",
    "HI": "Hawaii", "ID": "Idaho", "IL": "Illinois", "IN": "Indiana", "IA": "Iowa", "KS": "Kansas",
    "KY": "Kentucky", "LA": "Louisiana", "ME": "Maine", "MD": "Maryland", "MA": "Massachusetts",
    "MI": "Michigan", "MN": "Minnesota", "MS": "Mississippi", "MO": "Missouri", "MT": "Montana",
    "NE": "Nebraska", "NV": "Nevada", "NH": "New Hampshire", "NJ": "New Jersey", "NM": "New Mexico",
    "NY": "New York", "NC": "North Carolina", "ND": "North Dakota", "OH": "Ohio", "OK": "Oklahoma",
    "OR": "Oregon", "PA": "Pennsylvania", "RI": "Rhode Island", "SC": "South Carolina", "SD": "South Dakota",
    "TN": "Tennessee", "TX": "Texas", "UT": "Utah", "VT": "Vermont", "VA": "Virginia", "WA": "Washington",
    "WV": "West Virginia", "WI": "Wisconsin", "WY": "Wyoming", "AS": "American Samoa", "GU": "Guam",
    "MP": "Northern Mariana Islands", "PR": "Puerto Rico", "VI": "Virgin Islands",
    "AA": "Armed Forces Americas", "AE": "Armed Forces Europe", "AP": "Armed Forces Pacific",
}  # fmt: skip
_CODE_BY_STATE = (
    {comparable(name): code for code, name in _STATES.items()}
    | {comparable(code): code for code in _STATES}
    | {"u.s. virgin islands": "VI", "us virgin islands": "VI", "washington dc": "DC", "d.c.": "DC"}
)


def to_us_state(value: Any, options: Options) -> str:
    """The two-letter code of a state, district or territory, from its code or its name.

    Options: `other`, which is ``reject`` (the default) or ``keep``: any other text passes as it is.
    """
    text = plain_text(value)
    code = _CODE_BY_STATE.get(comparable(text))
    if code is not None:
        return code
    if options.get("other") == "keep":
        return text
    raise invalid(reason="is not a state of the United States")


def to_postal_code(value: Any, options: Options) -> str:
    """The 5 digits of a ZIP or ZIP+4 code. A number gets back the leading zeros that numbers lose.

    Options: `pad`, which adds them to a text of 3 or 4 digits, too. Without it such a text is rejected, because it may
    be another country's code.
    """
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        text = number_text(value)
        if not _MIN_ZIP_DIGITS <= len(text) <= _ZIP4_DIGITS:
            raise invalid(reason="is not a postal code of 5 digits")
        text = text.zfill(_ZIP_DIGITS if len(text) <= _ZIP_DIGITS else _ZIP4_DIGITS)
    else:
        text = plain_text(value)
        if options.get("pad") and _SHORT_ZIP.fullmatch(text):
            text = text.zfill(_ZIP_DIGITS)
    match = _ZIP.fullmatch(text)
    if match is None:
        raise invalid(reason="is not a postal code of 5 digits")
    return match.group(1)


def to_timezone(value: Any, options: Options) -> str:
    """The exact name of an IANA time zone, from any case, or EST, CST, MST or PST."""
    del options
    text = plain_text(value)
    zones = _zones()
    zone = zones.get(text.replace(" ", "_").lower())
    if zone is not None:
        return zone
    if len(zones) == len(_ABBREVIATED_ZONES) and _ZONE_SHAPE.fullmatch(text):
        return text  # without a time zone database only the form can be checked
    raise invalid(reason="is not an IANA time zone, nor EST, CST, MST or PST")


@functools.lru_cache(maxsize=1)
def _zones() -> dict[str, str]:
    names = {name for name in zoneinfo.available_timezones() if name not in {"localtime", "Factory"}}
    return {name.lower(): name for name in sorted(names.union(_ABBREVIATED_ZONES))}
