"""What all converters share: the rejection of a value, blank values, plain text and its length.

A converter is a pure function ``(value, options) -> converted``. It takes what a Singer record can hold: text,
booleans, numbers (`int`, `float`, `Decimal`), `date` and `datetime` objects, lists and objects. It never gets None:
the field map handles null itself. It raises `ValueRejected` and nothing else, and no reason shows the value.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from lead_connectors.reject_codes import RejectCode

MAX_DIGITS = 100
"""More than any amount or id has. It keeps 1e999999 from becoming a million characters."""

Options = Mapping[str, Any]
Convert = Callable[[Any, Options], Any]


class ValueRejected(ValueError):  # noqa: N818 - it says what happened to the value, not that the program failed
    """A value that cannot be sent.

    Attributes:
        code: The reject code.
        reason: The rest of a sentence that starts with the field's name. It never holds the value.
    """

    def __init__(self, *, code: RejectCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def invalid(*, reason: str) -> ValueRejected:
    """Return the rejection of a value that is not in the form that its field takes."""
    return ValueRejected(code=RejectCode.INVALID_VALUE, reason=reason)


def is_blank(value: Any) -> bool:
    """Tell whether a value counts as null: None, blank text (as CSV files write null), or a list of these."""
    waiting = [value]
    while waiting:  # not recursive: a record may be nested deeper than Python's stack
        item = waiting.pop()
        if isinstance(item, (list, tuple)):
            waiting.extend(item)
        elif not (item is None or (isinstance(item, str) and not item.strip())):
            return False
    return True


def utf16_length(text: str) -> int:
    """Return a text's length in UTF-16 units, as both APIs count it: two for a character outside the basic plane."""
    return len(text) + sum(1 for character in text if character > "\uffff")


def fit(text: str, max_length: int | None, *, cut: bool) -> tuple[str, bool]:
    """Check a text against its field's maximum length.

    Args:
        text: The converted text.
        max_length: In UTF-16 units; None without a limit.
        cut: Whether a longer text is cut instead of rejected.

    Returns:
        The text, and whether it was cut.

    Raises:
        ValueRejected: With the code ``too_long``.
    """
    if max_length is None or utf16_length(text) <= max_length:
        return text, False
    shorter = text[:max_length] if cut else ""
    while utf16_length(shorter) > max_length:
        shorter = shorter[:-1]
    if not shorter.strip():
        raise ValueRejected(code=RejectCode.TOO_LONG, reason=f"is longer than {max_length} characters")
    return shorter.rstrip(), True


def number_text(value: float | Decimal) -> str:
    """Write a number without exponent and without trailing zeros: 5.0 is ``5``, 1E+2 is ``100``.

    Raises:
        ValueRejected: The number is infinite, NaN or has more than `MAX_DIGITS` digits.
    """
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not number.is_finite():
        raise invalid(reason="is not a finite number")
    if not number:
        return "0"
    if abs(number.adjusted()) > MAX_DIGITS or len(number.as_tuple().digits) > MAX_DIGITS:
        raise invalid(reason=f"has more than {MAX_DIGITS} digits")
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def plain_text(value: Any) -> str:
    """Return any single value as text without surrounding white space.

    Raises:
        ValueRejected: The value is a list, an object or blank, or no UTF-8 text can hold it.
    """
    if isinstance(value, str):
        text = value.strip()
    elif isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, (int, float, Decimal)):
        text = number_text(value)
    elif isinstance(value, (dt.datetime, dt.date, dt.time)):
        text = value.isoformat()
    elif isinstance(value, (list, tuple)):
        raise invalid(reason="is a list; the converter join makes it text")
    else:
        raise invalid(reason="is not a single value")
    if not text:
        raise ValueRejected(code=RejectCode.REQUIRED_MISSING, reason="is blank")
    try:
        text.encode()
    except UnicodeEncodeError:
        # json.loads accepts half a surrogate pair. No UTF-8 body can hold it, and it would fail its whole call.
        raise invalid(reason="contains an incomplete character") from None
    return text


def comparable(text: Any) -> str:
    """Return a word as spellings are compared: in lower case, with each run of blanks, ``_`` and ``-`` as one blank."""
    return re.sub(r"[\s_-]+", " ", str(text)).strip().casefold()
