"""Text, e-mail addresses, and lists joined to one text."""

from __future__ import annotations

import re
from typing import Any

from lead_connectors.field_map.converters.base import Options, ValueRejected, fit, invalid, is_blank, plain_text
from lead_connectors.reject_codes import RejectCode

_EMAIL = re.compile(r"[^\s@,;<>\"()]+@[^\s@,;<>\"()]+\.[^\s@,;<>\"().]+")


def to_text(value: Any, options: Options) -> str:
    """Text without surrounding white space. Numbers are written without exponent, dates in ISO 8601.

    Options: `max_length`, in UTF-16 units.
    """
    return fit(plain_text(value), options.get("max_length"), cut=False)[0]


def to_email(value: Any, options: Options) -> str:
    """An e-mail address of the basic form ``local@domain.tld``, with the domain in lower case."""
    del options
    text = plain_text(value)
    if not _EMAIL.fullmatch(text):
        raise invalid(reason="is not an e-mail address")
    local, _, domain = text.rpartition("@")
    return f"{local}@{domain.lower()}"


def to_join(value: Any, options: Options) -> str:
    """The items of a list as one text. Blank items are left out. A value that is not a list becomes its text.

    Options: `separator`, which stands between two items.
    """
    if not isinstance(value, (list, tuple)):
        return plain_text(value)
    text = str(options["separator"]).join(plain_text(item) for item in value if not is_blank(item))
    if not text.strip():
        raise ValueRejected(code=RejectCode.REQUIRED_MISSING, reason="is blank")
    return text
