"""Converters: one value of a record in, the value an API takes out, or a refusal that never shows the value.

Each converter is a pure function ``(value, options) -> converted``. It takes what a Singer record can hold: text,
booleans, numbers (`int`, `float`, `Decimal`), `date` and `datetime` objects, lists and objects; never None, which the
map deals with. It raises `ValueRejected` and nothing else. `converters.py` names them all with their options; dates are
in `dates.py`, American places in `us_places.py`.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import phonenumbers

from lead_connectors.reject_codes import RejectCode

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1
_MAX_DIGITS = 30  # more than any amount or id has; keeps 1e999999 from becoming a million characters
_MAX_NUMBER_TEXT = 64

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_EMAIL = re.compile(r"[^\s@,;<>\"()]+@[^\s@,;<>\"()]+\.[^\s@,;<>\"().]+")
_TRUE = frozenset({"true", "1", "yes", "y", "t"})
_FALSE = frozenset({"false", "0", "no", "n", "f"})

Options = Mapping[str, Any]
Convert = Callable[[Any, Options], Any]


class ValueRejected(ValueError):  # noqa: N818 - it says what happened to the value, not that the program failed
    """A value that cannot be sent.

    Attributes:
        code: One of the contract's reject codes.
        reason: The rest of a sentence that starts with the field's name; never holds the value.
    """

    def __init__(self, *, code: RejectCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def invalid(*, reason: str) -> ValueRejected:
    """Return the refusal of a value that does not have the form its field takes."""
    return ValueRejected(code=RejectCode.INVALID_VALUE, reason=reason)


def is_blank(value: Any) -> bool:
    """Tell whether a value says nothing: None, text of white space only (CSV writes null so), a list of just that."""
    if isinstance(value, (list, tuple)):
        return all(is_blank(part) for part in value)
    return value is None or (isinstance(value, str) and not value.strip())


def utf16_length(text: str) -> int:
    """Return the length both APIs count: UTF-16 units, two for a character outside the basic plane."""
    return len(text) + sum(1 for character in text if character > "\uffff")


def fit(text: str, max_length: int | None, *, cut: bool) -> tuple[str, bool]:
    """Hold a text against its field's length.

    Args:
        text: The converted text.
        max_length: The field's limit in UTF-16 units, None without one.
        cut: Whether a longer text is cut instead of refused.

    Returns:
        The text, and whether it was cut.

    Raises:
        ValueRejected: ``too_long``.
    """
    if max_length is None or utf16_length(text) <= max_length:
        return text, False
    if not cut:
        raise ValueRejected(code=RejectCode.TOO_LONG, reason=f"is longer than {max_length} characters")
    shorter = text[:max_length]
    while utf16_length(shorter) > max_length:
        shorter = shorter[:-1]
    if not shorter.strip():
        raise ValueRejected(code=RejectCode.TOO_LONG, reason=f"is longer than {max_length} characters")
    return shorter.rstrip(), True


def number_text(value: float | Decimal) -> str:
    """Write a number without exponent, without trailing zeros: 5.0 is ``5``, 1E+2 is ``100``."""
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not number.is_finite():
        raise invalid(reason="is no finite number")
    if not number:
        return "0"
    if abs(number.adjusted()) > _MAX_DIGITS or len(number.as_tuple().digits) > _MAX_DIGITS:
        raise invalid(reason=f"is a number of more than {_MAX_DIGITS} digits")
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def plain_text(value: Any) -> str:
    """Return any single value as text without surrounding white space."""
    if isinstance(value, str):
        text = value.strip()
    elif isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, (int, float, Decimal)):
        text = number_text(value)
    elif isinstance(value, (dt.datetime, dt.date, dt.time)):
        text = value.isoformat()
    elif isinstance(value, (list, tuple)):
        raise invalid(reason="is a list; the map's `join` names the separator that makes it text")
    else:
        raise invalid(reason="is no plain value")
    if not text:
        raise ValueRejected(code=RejectCode.REQUIRED_MISSING, reason="is blank")
    try:
        text.encode()
    except UnicodeEncodeError:
        # json.loads lets half a surrogate pair through; no UTF-8 body can carry it and it would sink its whole call
        raise invalid(reason="holds half of a character") from None
    return text


def to_text(value: Any, options: Options) -> str:
    """Text without surrounding white space. Numbers are written plainly, dates in ISO form."""
    return fit(plain_text(value), options.get("max_length"), cut=False)[0]


def to_email(value: Any, options: Options) -> str:
    """An e-mail address of basic shape; the domain in lower case, the local part as it is."""
    del options
    text = plain_text(value)
    if not _EMAIL.fullmatch(text):
        raise invalid(reason="is no e-mail address")
    local, _, domain = text.rpartition("@")
    return f"{local}@{domain.lower()}"


def to_boolean(value: Any, options: Options) -> bool:
    """True or false from true/false, 1/0, yes/no, y/n, t/f in any case, or from the words in `true` and `false`."""
    if isinstance(value, (list, tuple, Mapping)):
        raise invalid(reason="is neither true nor false")
    word = plain_text(value).casefold()
    yes, no = options.get("true"), options.get("false")
    if word in (_TRUE if yes is None else {str(item).casefold() for item in yes}):
        return True
    if word in (_FALSE if no is None else {str(item).casefold() for item in no}):
        return False
    raise invalid(reason="is neither true nor false")


def _decimal(value: Any) -> Decimal:
    if isinstance(value, bool):
        raise invalid(reason="is no number")
    if isinstance(value, str):
        text = value.strip()
        if len(text) > _MAX_NUMBER_TEXT or not _NUMBER.fullmatch(text):
            raise invalid(reason="is no number")
        return Decimal(text)
    if isinstance(value, (int, float, Decimal)):
        number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
        if number.is_finite():
            return number
    raise invalid(reason="is no number")


def to_integer(value: Any, options: Options) -> int:
    """A whole number in `minimum` to `maximum` (32 bits by default), from a number or its text; 5.0 is 5."""
    number = _decimal(value)
    low, high = options.get("minimum", INT32_MIN), options.get("maximum", INT32_MAX)
    if not low <= number <= high:  # before int(): a huge exponent must not become a huge integer
        raise invalid(reason=f"is not in the range {low} to {high}")
    if number != number.to_integral_value():
        raise invalid(reason="is no whole number")
    return int(number)


def to_number(value: Any, options: Options) -> str | int | float:
    """A number as text without exponent, or with `output` ``json`` as a JSON number."""
    text = number_text(_decimal(value))
    if options.get("output") != "json":
        return text
    return float(text) if "." in text else int(text)


def to_choice(value: Any, options: Options) -> str:
    """The one of `choices` that equals the value, case and separators aside; `aliases` name further spellings.

    With `other` ``keep`` a value that is none of them passes as it is.
    """
    text = plain_text(value)
    aliases = {spelling(alias): str(choice) for alias, choice in options.get("aliases", {}).items()}
    known = aliases | {spelling(choice): str(choice) for choice in options.get("choices", ())}
    key = spelling(text)
    if key in known:
        return known[key]
    if options.get("other") == "keep":
        return text
    raise invalid(reason="is none of the values that the field takes")


def spelling(text: Any) -> str:
    """Return a word in the form in which spellings are compared: no case, and blanks, ``_`` and ``-`` all one blank."""
    return re.sub(r"[\s_-]+", " ", str(text)).strip().casefold()


def to_join(value: Any, options: Options) -> str:
    """The parts of a list as one text with `separator` between them; nulls are left out, a single value is its text."""
    if not isinstance(value, (list, tuple)):
        return plain_text(value)
    text = str(options["separator"]).join(plain_text(part) for part in value if not is_blank(part))
    if not text.strip():
        raise ValueRejected(code=RejectCode.REQUIRED_MISSING, reason="is blank")
    return text


def to_phone(value: Any, options: Options) -> str:
    """A phone number that is valid in its country's numbering plan.

    Options: `region` (ISO country for numbers without a country code, ``US`` by default), `format` (``international`` =
    ``+<cc>-<number>``, ``e164`` or ``as_is``), `country_code` (the only one the API takes). An extension is refused
    unless the number is sent as it is: a call without it would reach someone else.
    """
    if isinstance(value, (bool, list, tuple, Mapping, dt.date)):
        raise invalid(reason="is no phone number")
    text = plain_text(value)
    spelled = text[4:] if text[:4].lower() == "tel:" else text
    style = options.get("format", "international")
    if spelled.startswith("-") or (style != "as_is" and any(character.isalpha() for character in spelled)):
        raise invalid(reason="is no phone number")
    try:
        number = phonenumbers.parse(spelled, options.get("region", "US"))
    except phonenumbers.NumberParseException:
        raise invalid(reason="is no phone number") from None
    if not phonenumbers.is_valid_number(number):
        raise invalid(reason="is no valid phone number")
    country_code = options.get("country_code")
    if country_code is not None and number.country_code != country_code:
        raise invalid(reason=f"is no phone number of country code +{country_code}")
    if style == "as_is":
        return text
    if number.extension:
        raise invalid(reason="holds an extension, which cannot be sent")
    national = phonenumbers.national_significant_number(number)
    return f"+{number.country_code}{'' if style == 'e164' else '-'}{national}"
