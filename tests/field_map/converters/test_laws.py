"""What holds for every converter and every value."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lead_connectors.field_map.converters.base import ValueRejected, is_blank
from lead_connectors.field_map.converters.registry import CONVERTERS
from lead_connectors.reject_codes import RejectCode
from tests.field_map.converters.conversion import CHOICES, LEADSQUARED_TIME, UTC

OPTIONS: dict[str, list[dict[str, Any]]] = {
    "auto": [{}, {"datetime": LEADSQUARED_TIME}],
    "boolean": [{}, {"true": ["opted out"], "false": ["subscribed"]}],
    "choice": [CHOICES, {**CHOICES, "other": "keep"}],
    "date": [
        {},
        {"output": "%m-%d-%Y"},
        {"output": "%Y-%m-%d 00:00:00"},
        {"formats": ["%d.%m.%Y"], "output": "%d.%m.%Y"},
    ],
    "datetime": [{}, LEADSQUARED_TIME, {**LEADSQUARED_TIME, "timezone": "UTC"}],
    "email": [{}],
    "integer": [{}, {"minimum": 0, "maximum": 10}],
    "join": [{"separator": "; "}],
    "number": [{}, {"output": "json"}],
    "phone": [{}, {"format": "e164", "country_code": 1}, {"format": "as_is"}, {"region": "IN"}],
    "postal_code": [{}, {"pad": True}],
    "text": [{}, {"max_length": 40}],
    "timezone": [{}],
    "us_state": [{}, {"other": "keep"}],
}
EVERY = [pytest.param(name, options, id=f"{name}-{i}") for name in OPTIONS for i, options in enumerate(OPTIONS[name])]

broken_text = st.text(st.characters(categories=["Cs", "Ll", "Cc"]), min_size=1, max_size=5)
numbers = st.one_of(st.integers(), st.floats(), st.decimals())
moments = st.one_of(
    st.dates(),
    st.datetimes(),
    st.datetimes(
        timezones=st.sampled_from([UTC, dt.timezone(dt.timedelta(hours=-5)), dt.timezone(dt.timedelta(hours=14))])
    ),
)
likely = st.sampled_from(
    [
        "(212) 736-5000", "+91 90454 54045", "tel:+12127365000", "+1-2127365000x5", "1950-03-04", "03/04/1950",
        "2026-06-17 19:07:23.709+00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "yes", "F", "0", "5.0",
        "1e3", "new york", "02134-1234", "america/chicago", "EST", "a@B.Com", "male", "NaN", "Infinity", "²", "٣",
    ]
)  # fmt: skip
scalars = st.one_of(st.text(max_size=30), broken_text, likely, numbers, st.booleans(), moments, st.times())
everything = st.one_of(
    scalars,
    st.recursive(
        scalars | st.none(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=4,
    ).filter(lambda value: value is not None),
)


def test_every_converter_has_options_to_be_tested_with() -> None:
    assert set(OPTIONS) == set(CONVERTERS)
    for name, sets in OPTIONS.items():
        for options in sets:
            assert CONVERTERS[name].option_error(options) is None


def attempt(name: str, value: Any, options: dict[str, Any]) -> tuple[Any, ValueRejected | None]:
    try:
        return CONVERTERS[name].convert(value, options), None
    except ValueRejected as rejection:
        return None, rejection


@pytest.mark.parametrize(("name", "options"), EVERY)
@given(value=everything | likely)
def test_a_converter_raises_its_own_error_or_returns_what_json_can_hold(
    name: str, options: dict[str, Any], value: Any
) -> None:
    result, rejection = attempt(name, value, options)
    if rejection is None:
        assert isinstance(result, (str, bool, int, float))
        assert not is_blank(result)
        json.dumps(result, allow_nan=False, ensure_ascii=False).encode()
    else:
        assert rejection.code in RejectCode
        assert rejection.reason


@pytest.mark.parametrize(("name", "options"), EVERY)
@given(value=scalars | likely)
def test_converting_twice_is_converting_once(name: str, options: dict[str, Any], value: Any) -> None:
    if name == "boolean" and options:
        return  # words of one's own stand for true and false, which are then no words
    once, rejection = attempt(name, value, options)
    if rejection is None:
        assert CONVERTERS[name].convert(once, options) == once


@pytest.mark.parametrize(("name", "options"), EVERY)
@given(tail=st.text(max_size=10), digits=st.integers(10**12, 10**18))
def test_a_reason_never_shows_the_value(name: str, options: dict[str, Any], tail: str, digits: int) -> None:
    marked = f"zq{digits}{tail}"
    for value in (marked, digits, -digits, float(digits), [marked], {marked: marked}, marked + "\ud800"):
        _, rejection = attempt(name, value, options)
        if rejection is not None:
            assert str(digits) not in str(rejection)
            assert "zq" not in str(rejection)
            assert rejection.__suppress_context__ or rejection.__context__ is None


@pytest.mark.parametrize(("name", "options"), EVERY)
@given(value=everything | likely)
def test_a_converter_leaves_its_value_alone(name: str, options: dict[str, Any], value: Any) -> None:
    before = repr(value)
    attempt(name, value, options)
    assert repr(value) == before
