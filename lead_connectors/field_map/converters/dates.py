"""Dates and times for an API, from an explicit list of written forms: nothing here guesses which number is the month.

Without formats of its own a field takes ISO 8601 (``1950-03-04``, ``2026-06-17T19:07:23.709Z``), the same as
PostgreSQL prints it (``2026-06-17 19:07:23.709+00``), and the American ``03/04/1950`` and ``03-04-1950``, month first.
A field whose map names formats takes these and no others. `date` and `datetime` objects need no format.
"""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo
from collections.abc import Sequence
from typing import Any

from lead_connectors.field_map.converters.values import Options, invalid

_ISO = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9}))?)?"
    r" ?(?:(Z|UTC)|([+-])([0-9]{2})(?::?([0-9]{2})(?::([0-9]{2}))?)?)?)?",
    re.IGNORECASE,
)
_AMERICAN = re.compile(r"([0-9]{1,2})([-/])([0-9]{1,2})\2([0-9]{4})")
_NO_DATE = "is no date in a form that the field takes"


def to_date(value: Any, options: Options) -> str:
    """A calendar day, as it is written in the record: never shifted by a time zone.

    Options: `formats` (strptime formats, which replace the built-in ones), `output` (strftime format, ``%Y-%m-%d`` by
    default).
    """
    moment = _moment(value, options.get("formats"))
    return _written(moment, options.get("output", "%Y-%m-%d"))


def to_datetime(value: Any, options: Options) -> str:
    """A moment in UTC. A bare date becomes its midnight, unshifted.

    Options: those of `to_date` (`output` is ``%Y-%m-%dT%H:%M:%SZ`` by default), and `timezone`, the IANA zone of times
    that name none (UTC by default).
    """
    moment = _moment(value, options.get("formats"))
    if isinstance(moment, dt.datetime):
        if moment.tzinfo is None and options.get("timezone"):
            moment = moment.replace(tzinfo=zoneinfo.ZoneInfo(options["timezone"]))
        if moment.tzinfo is not None:
            try:
                moment = moment.astimezone(dt.timezone.utc)
            except (OverflowError, ValueError):
                raise invalid(reason="is a time beyond the calendar's end") from None
    return _written(moment, options.get("output", "%Y-%m-%dT%H:%M:%SZ"))


def _moment(value: Any, formats: Sequence[str] | None) -> dt.date | dt.datetime:
    """Return a `date` for a bare date, a `datetime` (aware where a zone is given) for everything else."""
    if isinstance(value, (dt.date, dt.datetime)):
        return value
    if not isinstance(value, str):
        raise invalid(reason=_NO_DATE)
    text = value.strip()
    try:
        if formats:
            return _by_formats(text, formats)
        return _iso(text) or _american(text) or _refuse()
    except (ValueError, OverflowError):
        raise invalid(reason=_NO_DATE) from None


def _refuse() -> dt.date:
    raise invalid(reason=_NO_DATE)


def _by_formats(text: str, formats: Sequence[str]) -> dt.date | dt.datetime:
    for written in formats:
        try:
            moment = dt.datetime.strptime(text, written)  # noqa: DTZ007 - a zone is read where the format has %z
        except (ValueError, OverflowError):
            continue
        return moment if has_time(written) else moment.date()
    return _refuse()


def has_time(written: str) -> bool:
    """Tell whether a strptime format reads a time of day."""
    return any(directive in written for directive in ("%H", "%I", "%X", "%c", "%T", "%M"))


def _iso(text: str) -> dt.date | dt.datetime | None:
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, utc, sign, *zone_parts = match.groups()
    if hour is None:
        return dt.date(int(year), int(month), int(day))
    zone: dt.timezone | None = dt.timezone.utc if utc else None
    if sign:
        zone_hours, zone_minutes, zone_seconds = (int(part or 0) for part in zone_parts)  # seconds: before time zones
        offset = dt.timedelta(hours=zone_hours, minutes=zone_minutes, seconds=zone_seconds)
        zone = dt.timezone(-offset if sign == "-" else offset)
    microsecond = int((fraction or "0")[:6].ljust(6, "0"))
    return dt.datetime(
        int(year), int(month), int(day), int(hour), int(minute), int(second or 0), microsecond, tzinfo=zone
    )


def _american(text: str) -> dt.date | None:
    match = _AMERICAN.fullmatch(text)
    if match is None:
        return None
    month, _, day, year = match.groups()
    return dt.date(int(year), int(month), int(day))


def _written(moment: dt.date | dt.datetime, output: str) -> str:
    # strftime writes the year 950 as "950" on some systems and "0950" on others
    return moment.strftime(output.replace("%Y", f"{moment.year:04d}"))
