"""Timestamps as the APIs write them. The sandbox keeps every timestamp as ISO text with milliseconds and Z."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone


def to_iso(time: datetime) -> str:
    """Write a time as `2026-06-17T19:07:23.709Z`."""
    utc = time.astimezone(timezone.utc)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"


def from_iso(text: str) -> datetime:
    """Read text that `to_iso` wrote."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)


def to_postgres(text: str, *, offset: bool = False) -> str:
    """Write an ISO timestamp as PostgreSQL prints it, with or without `+00`."""
    return text.replace("T", " ").replace("Z", "+00" if offset else "")


def today() -> date:
    """Return the current date in UTC."""
    return datetime.now(timezone.utc).date()


class Clock:
    """The current time in milliseconds. No timestamp comes twice, so that every change has its own."""

    def __init__(self, earliest: str) -> None:
        self._last = from_iso(earliest)

    def now(self) -> str:
        """Return the current time, or a later one where this millisecond was returned before."""
        current = datetime.now(timezone.utc)
        self._last = max(current, self._last + timedelta(milliseconds=1))
        return to_iso(self._last)
