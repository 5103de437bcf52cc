"""Fields of unknown type."""

from __future__ import annotations

import datetime as dt

from tests.field_map.converters.conversion import LEADSQUARED_TIME, UTC, convert


def test_auto_keeps_booleans_and_writes_dates_as_the_api_wants() -> None:
    options = {"date": {"output": "%m-%d-%Y"}, "datetime": LEADSQUARED_TIME}
    assert convert("auto", True, **options) is True  # noqa: FBT003
    assert convert("auto", dt.date(2026, 1, 2), **options) == "01-02-2026"
    assert convert("auto", dt.datetime(2026, 1, 2, tzinfo=UTC), **options) == "2026-01-02 00:00:00"
    assert convert("auto", "2026-01-02", **options) == "2026-01-02"
