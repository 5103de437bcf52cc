"""Dates and times, from an explicit list of formats: no code here guesses which number is the month.

By default a field takes ISO 8601 (``1950-03-04``, ``2026-06-17T19:07:23.709Z``), the form that PostgreSQL prints
(``2026-06-17 19:07:23.709+00``), and the American ``03/04/1950`` and ``03-04-1950``, month first. A field whose map
names formats takes only these. `date` and `datetime` objects need no format.
"""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo
from collections.abc import Sequence
from typing import Any

from lead_connectors.field_map.converters.base import Options, invalid

_ISO = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9}))?)?"
    r" ?(?:(Z|UTC)|([+-])([0-9]{2})(?::?([0-9]{2})(?::([0-9]{2}))?)?)?)?",
    re.IGNORECASE,
)
_AMERICAN = re.compile(r"([0-9]{1,2})([-/])([0-9]{1,2})\2([0-9]{4})")
_NOT_A_DATE = "is not a date in a format that the field takes"


def to_date(value: Any, options: Options) -> str:
    """A calendar day as the record writes it, never shifted by a time zone.

    Options: `formats` (strptime formats that replace the built-in ones) and `output` (a strftime format, ``%Y-%m-%d``
    by default).
    """
    moment = _parse(value, options.get("formats"))
    return _format(moment, options.get("output", "%Y-%m-%d"))


def to_datetime(value: Any, options: Options) -> str:
    """A time in UTC. A date without a time becomes its midnight and is not shifted.

    Options: those of `to_date` (`output` is ``%Y-%m-%dT%H:%M:%SZ`` by default) and `timezone`, the IANA time zone of
    times that name none (UTC by default).
    """
    moment = _parse(value, options.get("formats"))
    if isinstance(moment, dt.datetime):
        if moment.tzinfo is None and options.get("timezone"):
            moment = moment.replace(tzinfo=zoneinfo.ZoneInfo(options["timezone"]))
        if moment.tzinfo is not None:
            try:
                moment = moment.astimezone(dt.timezone.utc)
            except (OverflowError, ValueError):
                raise invalid(reason="is outside the years 1 to 9999") from None
    return _format(moment, options.get("output", "%Y-%m-%dT%H:%M:%SZ"))


def _parse(value: Any, formats: Sequence[str] | None) -> dt.date | dt.datetime:
    """Return a `date` for a date without a time, else a `datetime`, which is aware where the value names a zone."""
    if isinstance(value, (dt.date, dt.datetime)):
        return value
    if not isinstance(value, str):
        raise invalid(reason=_NOT_A_DATE)
    text = value.strip()
    try:
        parsed = _parse_formats(text, formats) if formats else _parse_iso(text) or _parse_american(text)
    except (ValueError, OverflowError):
        parsed = None
    if parsed is None:
        raise invalid(reason=_NOT_A_DATE)
    return parsed


def _parse_formats(text: str, formats: Sequence[str]) -> dt.date | dt.datetime | None:
    for form in formats:
        try:
            moment = dt.datetime.strptime(text, form)  # noqa: DTZ007 - a zone is read where the format has %z
        except (ValueError, OverflowError):
            continue
        return moment if _has_time(form) else moment.date()
    return None


def _has_time(form: str) -> bool:
    return any(directive in form for directive in ("%H", "%I", "%X", "%c", "%T", "%M"))


def _parse_iso(text: str) -> dt.date | dt.datetime | None:
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, utc, sign, *zone_parts = match.groups()
    if hour is None:
        return dt.date(int(year), int(month), int(day))
    zone: dt.timezone | None = dt.timezone.utc if utc else None
    if sign:  # offsets before standard time have seconds
        zone_hours, zone_minutes, zone_seconds = (int(part or 0) for part in zone_parts)
        offset = dt.timedelta(hours=zone_hours, minutes=zone_minutes, seconds=zone_seconds)
        zone = dt.timezone(-offset if sign == "-" else offset)
    microsecond = int((fraction or "0")[:6].ljust(6, "0"))
    return dt.datetime(
        int(year), int(month), int(day), int(hour), int(minute), int(second or 0), microsecond, tzinfo=zone
    )


def _parse_american(text: str) -> dt.date | None:
    match = _AMERICAN.fullmatch(text)
    if match is None:
        return None
    month, _, day, year = match.groups()
    return dt.date(int(year), int(month), int(day))


def _format(moment: dt.date | dt.datetime, output: str) -> str:
    # strftime writes the year 950 as "950" on some systems and "0950" on others
    return moment.strftime(output.replace("%Y", f"{moment.year:04d}"))
