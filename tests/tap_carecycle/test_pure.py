"""Timestamps, types, landing on pages, places in the state, the log line: each alone."""

from __future__ import annotations

import logging
import threading
import time
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lead_connectors.http.address import account_of, base_address
from lead_connectors.http.errors import StoppedError
from tap_carecycle import checkpoint, landing
from tap_carecycle.pages import Page, Request
from tap_carecycle.progress import Progress
from tap_carecycle.read_ahead import ReadAhead
from tap_carecycle.scan import Batch, Position
from tap_carecycle.shape import Shape
from tap_carecycle.timestamps import day_text, from_utc_text, moment_text, shifted, utc_text


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
def test_moments(text: Any, expected: str | None) -> None:
    assert moment_text(text) == expected


@given(st.datetimes(timezones=st.timezones(), min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1)))  # noqa: DTZ001
def test_moments_keep_their_instant_and_sort_as_text(moment: datetime) -> None:
    text = utc_text(moment)
    # Between two zones Python calls moments in a clock change unequal, so both are looked at in UTC.
    assert from_utc_text(text) == moment.astimezone(timezone.utc)
    assert moment_text(text) == text
    offset = moment.utcoffset() or timedelta()
    if not offset.seconds % 60 and not offset.microseconds:
        assert moment_text(moment.isoformat()) == text
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
def test_days(text: Any, expected: str | None) -> None:
    assert day_text(text) == expected


def test_values_get_the_published_type_or_are_left_out() -> None:
    kinds = ("string", "integer", "number", "boolean", "object", "array")
    schema: dict[str, Any] = {"properties": {kind: {"type": [kind, "null"]} for kind in kinds}}
    shape = Shape(schema)
    good = {"string": "x", "integer": 4, "number": 0.5, "boolean": False, "object": {"a": 1}, "array": []}
    assert shape.record(good) == good
    other = {"string": 5, "integer": "4", "number": "0.5", "boolean": "true", "object": None, "array": None}
    assert shape.record(other) == {
        "string": "5",
        "integer": 4,
        "number": 0.5,
        "boolean": True,
        "object": None,
        "array": None,
    }
    assert shape.misfits == set()
    wrong = {"integer": "four", "number": [], "boolean": "perhaps", "object": "x", "array": {}}
    assert set(shape.record(wrong).values()) == {None}
    assert shape.misfits == set(wrong)


@given(st.integers(1, 10**7), st.integers(1, 100))
def test_landing_before_reaches_the_end_and_goes_down(end: int, largest: int) -> None:
    page, size = landing.before(end, range(max(1, largest // 2), largest + 1))
    assert (page - 1) * size < end <= page * size


@given(st.integers(0, 10**7), st.integers(1, 100))
def test_landing_after_starts_in_time_and_goes_up(start: int, largest: int) -> None:
    page, size = landing.after(start, range(max(1, largest // 2), largest + 1))
    assert (page - 1) * size <= start < page * size


@given(st.integers(-5, 10**6), st.integers(0, 120))
def test_landing_around_holds_all_places(first: int, length: int) -> None:
    landed = landing.around(first, first + length, range(2, 101))
    if landed is None:
        assert length >= 50
    else:
        page, size = landed
        assert (page - 1) * size <= max(first, 0)
        assert first + length < page * size


SCOPE = checkpoint.Scope({"status": "Lead"}, "updatedAt", None)
NOW = "2026-11-24T12:00:00.000000Z"


def held(**changes: Any) -> dict[str, Any]:
    state: dict[str, Any] = {}
    place = checkpoint.Unfinished("2026-11-24T11:00:00.000000Z", Position(900, "2026-01-01T00:00:00.000000Z"), None)
    checkpoint.remember(state, SCOPE, place)
    state[checkpoint.PARTIAL] |= changes
    return state


def test_a_place_in_the_state_survives() -> None:
    found = checkpoint.unfinished(held(), SCOPE, NOW)
    assert found is not None
    assert found.position == Position(900, "2026-01-01T00:00:00.000000Z")
    assert "Lead" not in str(held())


@pytest.mark.parametrize(
    "changes",
    [
        {"scope": "other"},
        {"started_at": "2026-11-22T11:00:00.000000Z"},
        {"started_at": "2026-11-25T11:00:00.000000Z"},
        {"started_at": None},
        {"customers_left": "many"},
        {"customers_left": 0},
        {"older_than": 5},
    ],
)
def test_a_place_that_is_not_safe_is_not_used(changes: dict[str, Any]) -> None:
    assert checkpoint.unfinished(held(**changes), SCOPE, NOW) is None


def test_a_place_of_another_scope_is_not_used() -> None:
    for scope in (
        checkpoint.Scope({}, "updatedAt", None),
        checkpoint.Scope({"status": "Lead"}, "createdAt", None),
        checkpoint.Scope({"status": "Lead"}, "updatedAt", NOW),
    ):
        assert checkpoint.unfinished(held(), scope, NOW) is None


@pytest.mark.parametrize(
    ("given_url", "address"),
    [
        ("https://api.carecycle.ai", "https://api.carecycle.ai"),
        ("api.carecycle.ai/", "https://api.carecycle.ai"),
        (" https://api.carecycle.ai/v2/ ", "https://api.carecycle.ai"),
        ("127.0.0.1:8765", "http://127.0.0.1:8765"),
        ("localhost:8765/v2", "http://localhost:8765"),
        ("https://proxy.example/carecycle", "https://proxy.example/carecycle"),
    ],
)
def test_addresses(given_url: str, address: str) -> None:
    assert base_address(given_url) == address


def test_tap_and_target_name_an_account_alike() -> None:
    assert account_of("https://api.carecycle.ai", "cc_1") == "api.carecycle.ai|cc_1"


def test_the_log_line_comes_every_few_seconds(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    log = logging.getLogger("tap-progress-test")
    progress = Progress(log, 100, lambda: 60.0, clock=lambda: now[0])
    with caplog.at_level(logging.INFO):
        for number in range(1, 21):
            now[0] += 1.0
            progress.add(Batch([], number, 10_000 - 100 * number, 10_000, None), emitted=3)
    assert len(caplog.records) == 4
    assert caplog.records[0].message == "Page 5 of 100: 0 customers read, 15 emitted, 60 calls a minute, 119 s left."
    assert vars(caplog.records[-1])["pages_read"] == 20
    assert vars(caplog.records[-1])["customers_emitted"] == 60


def test_pages_come_in_the_order_asked_for_and_no_more_are_open_than_allowed() -> None:
    open_now, most, lock = [0], [0], threading.Lock()

    def fetch(request: Request) -> Page:
        with lock:
            open_now[0] += 1
            most[0] = max(most[0], open_now[0])
        time.sleep(0.02 if request.page % 2 else 0.0)
        with lock:
            open_now[0] -= 1
        return Page.of([], request.page)

    reader = ReadAhead(fetch, lambda most: most, 3, threading.Event())
    tickets = [reader.send(Request(number, 10)) for number in range(1, 10)]
    assert [reader.receive(ticket).total for ticket in tickets] == list(range(1, 10))
    assert 1 < most[0] <= 3


def test_an_error_is_raised_where_its_page_is_waited_for() -> None:
    def fetch(request: Request) -> Page:
        raise ValueError(request.page)

    reader = ReadAhead(fetch, lambda most: most, 2, threading.Event())
    with pytest.raises(ValueError, match="7"):
        reader.receive(reader.send(Request(7, 10)))


def test_a_stop_ends_a_wait_for_a_page() -> None:
    stopping, forever = threading.Event(), threading.Event()

    def fetch(request: Request) -> Page:
        forever.wait(30)
        return Page.of([], request.page)

    reader = ReadAhead(fetch, lambda most: most, 2, stopping)
    ticket = reader.send(Request(1, 10))
    stopping.set()
    with pytest.raises(StoppedError):
        reader.receive(ticket)
    forever.set()


def test_now_is_utc() -> None:
    assert utc_text(datetime(2026, 1, 1, tzinfo=timezone.utc)) == "2026-01-01T00:00:00.000000Z"
