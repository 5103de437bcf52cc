"""Dates and times."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lead_connectors.reject_codes import RejectCode
from tests.field_map.converters.conversion import LEADSQUARED_TIME, UTC, convert, rejection


@pytest.mark.parametrize(
    "written",
    ["1950-03-04", "03/04/1950", "3-4-1950", "1950-03-04T23:30:00-11:00", "1950-03-04 00:00:00+00", dt.date(1950, 3, 4),
     dt.datetime(1950, 3, 4, 0, 30, tzinfo=dt.timezone(dt.timedelta(hours=14)))],
)  # fmt: skip
def test_date_is_never_shifted(written: Any) -> None:
    assert convert("date", written) == "1950-03-04"
    assert convert("date", written, output="%m-%d-%Y") == "03-04-1950"


@pytest.mark.parametrize(
    "wrong",
    ["04.03.1950", "1950-13-01", "02/30/1950", "13/01/1950", "3/4/50", "19500304", "1950", 19500304,
     "infinity", "0000-01-01",
     "1950-03-04T25:00", "1950-03-04 and more", "\uff11\uff19\uff15\uff10-03-04", True],
)  # fmt: skip
def test_date_in_no_accepted_format_is_rejected(wrong: Any) -> None:
    assert rejection("date", wrong) is RejectCode.INVALID_VALUE


def test_date_formats_replace_the_built_in_ones() -> None:
    assert convert("date", "04.03.1950", formats=["%d.%m.%Y", "%d %B %Y"]) == "1950-03-04"
    assert rejection("date", "03/04/1950", formats=["%d.%m.%Y"]) is RejectCode.INVALID_VALUE


@pytest.mark.parametrize(
    ("written", "utc"),
    [
        ("2026-06-17T19:07:23.709Z", "2026-06-17 19:07:23"),
        ("2026-06-17 19:07:23.709+00", "2026-06-17 19:07:23"),
        ("2026-06-17 19:07:23", "2026-06-17 19:07:23"),
        ("2026-06-17T19:07:23+05:30", "2026-06-17 13:37:23"),
        ("2026-06-17T19:07-0500", "2026-06-18 00:07:00"),
        ("2026-06-17", "2026-06-17 00:00:00"),
        (dt.date(2026, 6, 17), "2026-06-17 00:00:00"),
        (dt.datetime(2026, 6, 17, 1, tzinfo=dt.timezone(dt.timedelta(hours=2))), "2026-06-16 23:00:00"),
    ],
)
def test_datetime_is_written_in_utc(written: Any, utc: str) -> None:
    assert convert("datetime", written, **LEADSQUARED_TIME) == utc


def test_datetime_without_zone_is_in_the_named_one_and_a_bare_date_in_none() -> None:
    options = {**LEADSQUARED_TIME, "timezone": "America/Chicago"}
    assert convert("datetime", "2026-06-17 19:07:23", **options) == "2026-06-18 00:07:23"
    assert convert("datetime", "2026-06-17", **options) == "2026-06-17 00:00:00"
    assert convert("datetime", "2026-06-17T19:07:23Z", **options) == "2026-06-17 19:07:23"


@given(st.dates())
def test_date_round_trip(day: dt.date) -> None:
    for output in ("%Y-%m-%d", "%m-%d-%Y", "%Y-%m-%d 00:00:00"):
        written = convert("date", day, output=output)
        assert convert("date", written) == day.isoformat()


@given(st.datetimes(min_value=dt.datetime(2, 1, 1), max_value=dt.datetime(9998, 1, 1), timezones=st.timezones()))  # noqa: DTZ001
def test_datetime_round_trip(moment: dt.datetime) -> None:
    written = convert("datetime", moment, **LEADSQUARED_TIME)
    assert written == convert("datetime", moment.isoformat(), **LEADSQUARED_TIME)
    assert written == moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat(" ")
