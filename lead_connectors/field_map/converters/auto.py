"""The converter of fields whose type is not known."""

from __future__ import annotations

import datetime as dt
from typing import Any

from lead_connectors.field_map.converters.base import Options, plain_text
from lead_connectors.field_map.converters.dates import to_date, to_datetime


def to_auto(value: Any, options: Options) -> Any:
    """A boolean as it is, a date object in the API's form, any other single value as text."""
    if isinstance(value, bool):
        return value
    if isinstance(value, dt.datetime):
        return to_datetime(value, options.get("datetime", {}))
    if isinstance(value, dt.date):
        return to_date(value, options.get("date", {}))
    return plain_text(value)
