"""Moments and days as the API may write them, turned into one spelling each (pure)."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone
from typing import Any

MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,9}))?)?\s*(Z|z|[+-]\d\d(?::?\d\d)?)?", re.ASCII
)
US_DAY = re.compile(r"(\d\d)[-/](\d\d)[-/](\d{4})", re.ASCII)
MICROSECOND_DIGITS = 6
USUAL_LENGTH = len("2026-06-17T19:07:23.709Z")


def utc_text(moment: datetime) -> str:
    """Write an aware moment as RFC 3339 in UTC, always with six digits, so that texts sort as moments do."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def moment_text(value: Any) -> str | None:
    """Read ISO 8601 or PostgreSQL text; no zone means UTC.

    Args:
        value: What the API gave.

    Returns:
        RFC 3339 in UTC with six digits, or None where it is no such text.
    """
    if not isinstance(value, str):
        return None
    try:
        if len(value) == USUAL_LENGTH and value[10] == "T" and value[19] == "." and value[23] == "Z":
            datetime.fromisoformat(value[:23])
            return f"{value[:23]}000Z"
        found = MOMENT.fullmatch(value.strip())
        return None if found is None else _utc(*found.groups())
    except (ValueError, OverflowError):
        return None


def _utc(day: str, clock: str | None, fraction: str | None, zone: str | None) -> str:
    clock = clock or "00:00:00"
    clock = clock if clock.count(":") > 1 else f"{clock}:00"
    moment = datetime.fromisoformat(f"{day}T{clock}")
    digits = (fraction or "")[:MICROSECOND_DIGITS].ljust(MICROSECOND_DIGITS, "0")
    if zone not in {None, "Z", "z"}:
        moment -= _offset(str(zone))
    return f"{moment.isoformat()}.{digits}Z"


def day_text(value: Any) -> str | None:
    """Read a day: ISO, the start of a moment, or the American form that CareCycle's uploads use.

    Args:
        value: What the API gave.

    Returns:
        ``YYYY-MM-DD``, or None where it is no such text.
    """
    if not isinstance(value, str):
        return None
    text = value.strip()
    american = US_DAY.fullmatch(text)
    if american is not None:
        text = f"{american[3]}-{american[1]}-{american[2]}"
    found = MOMENT.fullmatch(text)
    if found is None:
        return None
    try:
        return date.fromisoformat(found[1]).isoformat()
    except ValueError:
        return None


def from_utc_text(text: str) -> datetime:
    """Read what `utc_text` and `moment_text` write."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)


def shifted(text: str, seconds: float) -> str:
    """Move a moment written by `utc_text` by so many seconds, not before the year 1."""
    try:
        return utc_text(from_utc_text(text) + timedelta(seconds=seconds))
    except OverflowError:
        return "0001-01-01T00:00:00.000000Z"


def _offset(zone: str) -> timedelta:
    digits = zone[1:].replace(":", "").ljust(4, "0")
    size = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return -size if zone[0] == "-" else size
