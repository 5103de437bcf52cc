"""Timestamps and dates in all known forms."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_carecycle.timestamps import date_text, from_utc_text, shifted, timestamp_text, utc_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-06-17T19:07:23.709Z", "2026-06-17T19:07:23.709000Z"),
        ("2026-06-17 19:07:23.709", "2026-06-17T19:07:23.709000Z"),
        ("2026-06-17 19:07:23.709123+00", "2026-06-17T19:07:23.709123Z"),
        ("2026-06-17T19:07:23-05:30", "2026-06-18T00:37:23.000000Z"),
        ("2026-06-17 19:07:23.7+0200", "2026-06-17T17:07:23.700000Z"),
        ("2026-06-17", "2026-06-17T00:00:00.000000Z"),
        ("2026-06-17T19:07Z", "2026-06-17T19:07:00.000000Z"),
        ("2026-02-30T00:00:00Z", None),
        ("soon", None),
        ("", None),
        (None, None),
        (5, None),
    ],
)
def test_timestamps(text: Any, expected: str | None) -> None:
    assert timestamp_text(text) == expected


@given(st.datetimes(timezones=st.timezones(), min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1)))  # noqa: DTZ001
def test_timestamps_keep_their_instant_and_sort_as_text(time: datetime) -> None:
    text = utc_text(time)
    # During a clock change Python calls equal times of two zones unequal, so both are compared in UTC.
    assert from_utc_text(text) == time.astimezone(timezone.utc)
    assert timestamp_text(text) == text
    offset = time.utcoffset() or timedelta()
    if not offset.seconds % 60 and not offset.microseconds:
        assert timestamp_text(time.isoformat()) == text
    assert shifted(text, 1) > text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1961-03-09", "1961-03-09"),
        ("03-09-1961", "1961-03-09"),
        ("03/09/1961", "1961-03-09"),
        ("1961-03-09T00:00:00Z", "1961-03-09"),
        ("13/09/1961", None),
        (None, None),
    ],
)
def test_dates(text: Any, expected: str | None) -> None:
    assert date_text(text) == expected


def test_now_is_utc() -> None:
    assert utc_text(datetime(2026, 1, 1, tzinfo=timezone.utc)) == "2026-01-01T00:00:00.000000Z"
