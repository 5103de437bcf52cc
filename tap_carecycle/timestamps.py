"""Timestamps and dates in all forms that the API is known to use, converted to one form each (pure)."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone
from typing import Any

TIMESTAMP = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,9}))?)?\s*(Z|z|[+-]\d\d(?::?\d\d)?)?", re.ASCII
)
US_DATE = re.compile(r"(\d\d)[-/](\d\d)[-/](\d{4})", re.ASCII)
MICROSECOND_DIGITS = 6
USUAL_LENGTH = len("2026-06-17T19:07:23.709Z")


def utc_text(time: datetime) -> str:
    """Return a time with a zone as RFC 3339 in UTC, always with six digits, so that texts sort like times."""
    return time.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def timestamp_text(value: Any) -> str | None:
    """Convert ISO 8601 or PostgreSQL text. Text without a zone is UTC.

    Args:
        value: The API's value.

    Returns:
        RFC 3339 in UTC with six digits, or None if the value is not a timestamp.
    """
    if not isinstance(value, str):
        return None
    try:
        if len(value) == USUAL_LENGTH and value[10] == "T" and value[19] == "." and value[23] == "Z":
            datetime.fromisoformat(value[:23])
            return f"{value[:23]}000Z"
        found = TIMESTAMP.fullmatch(value.strip())
        return None if found is None else _utc(*found.groups())
    except (ValueError, OverflowError):
        return None


def _utc(day: str, clock: str | None, fraction: str | None, zone: str | None) -> str:
    clock = clock or "00:00:00"
    clock = clock if clock.count(":") > 1 else f"{clock}:00"
    time = datetime.fromisoformat(f"{day}T{clock}")
    digits = (fraction or "")[:MICROSECOND_DIGITS].ljust(MICROSECOND_DIGITS, "0")
    if zone not in {None, "Z", "z"}:
        time -= _offset(str(zone))
    return f"{time.isoformat()}.{digits}Z"


def date_text(value: Any) -> str | None:
    """Convert a date: ISO, a timestamp, or the US form of CareCycle's uploads (``MM-DD-YYYY``).

    Args:
        value: The API's value.

    Returns:
        ``YYYY-MM-DD``, or None if the value is not a date.
    """
    if not isinstance(value, str):
        return None
    text = value.strip()
    us_date = US_DATE.fullmatch(text)
    if us_date is not None:
        text = f"{us_date[3]}-{us_date[1]}-{us_date[2]}"
    found = TIMESTAMP.fullmatch(text)
    if found is None:
        return None
    try:
        return date.fromisoformat(found[1]).isoformat()
    except ValueError:
        return None


def from_utc_text(text: str) -> datetime:
    """Parse what `utc_text` and `timestamp_text` return."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)


def shifted(text: str, seconds: float) -> str:
    """Shift a timestamp of `utc_text` by so many seconds, but not before the year 1."""
    try:
        return utc_text(from_utc_text(text) + timedelta(seconds=seconds))
    except OverflowError:
        return "0001-01-01T00:00:00.000000Z"


def _offset(zone: str) -> timedelta:
    digits = zone[1:].replace(":", "").ljust(4, "0")
    size = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return -size if zone[0] == "-" else size
