"""Pages and sizes that land on given places."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tap_carecycle import landing


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
