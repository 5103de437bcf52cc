"""Moments as the APIs write them. Inside the sandbox a moment is ISO text with milliseconds and Z."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone


def iso(moment: datetime) -> str:
    """Write a moment as `2026-06-17T19:07:23.709Z`."""
    utc = moment.astimezone(timezone.utc)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"


def from_iso(text: str) -> datetime:
    """Read a moment written by `iso`."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)


def as_postgres(text: str, *, offset: bool = False) -> str:
    """Write an ISO moment as PostgreSQL prints a timestamp, with or without `+00`."""
    return text.replace("T", " ").replace("Z", "+00" if offset else "")


def today() -> date:
    """Return the day in UTC."""
    return datetime.now(timezone.utc).date()


class Clock:
    """The present, in milliseconds that never repeat, so that every change has a moment of its own."""

    def __init__(self, earliest: str) -> None:
        self._last = from_iso(earliest)

    def now(self) -> str:
        """Return a moment later than every one before it."""
        present = datetime.now(timezone.utc)
        self._last = max(present, self._last + timedelta(milliseconds=1))
        return iso(self._last)
