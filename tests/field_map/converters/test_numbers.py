"""Whole numbers and decimal numbers."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lead_connectors.field_map.converters.base import ValueRejected, number_text
from lead_connectors.reject_codes import RejectCode
from tests.field_map.converters.conversion import convert, rejection


@pytest.mark.parametrize(
    ("value", "whole"), [(5, 5), (5.0, 5), ("5", 5), ("5.0", 5), (" -7 ", -7), ("1e3", 1000), (Decimal("2E+2"), 200)]
)  # fmt: skip
def test_integer(value: Any, whole: int) -> None:
    assert convert("integer", value) == whole


@pytest.mark.parametrize(
    "value", [2**31, "5.5", "1,000", "$5", True, float("nan"), Decimal("1E+999999"), "1_000", "٣", []]
)
def test_integer_rejected(value: Any) -> None:
    assert rejection("integer", value) is RejectCode.INVALID_VALUE


@given(st.integers(-(2**31), 2**31 - 1))
def test_integer_round_trip(whole: int) -> None:
    assert convert("integer", str(whole)) == convert("integer", float(whole)) == whole


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**12), max_value=10**12))
def test_number_is_the_same_number_without_exponent(value: Decimal) -> None:
    text = convert("number", value)
    assert Decimal(text) == value
    assert "e" not in text.lower()


def test_number_forms() -> None:
    assert [convert("number", value) for value in (5.0, "1e2", "0.10", -0.0)] == ["5", "100", "0.1", "0"]
    assert [convert("number", value, output="json") for value in ("5.0", 2.5)] == [5, 2.5]
    with pytest.raises(ValueRejected):
        number_text(1e300)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Decimal("41354742887612204.5"), "41354742887612210"),
        ("9007199254740993.25", "9007199254740994"),
        ("0.1", "0.1"),
        ("12345678901234567890123456789", "12345678901234567890123456789"),
    ],
)
def test_a_json_number_that_a_float_cannot_hold_is_rounded_once(value: Any, written: str) -> None:
    number = convert("number", value, output="json")
    assert json.dumps(number) == written
    assert convert("number", number, output="json") == number


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_a_json_number_is_the_nearest_one_and_stays_the_same(value: Decimal) -> None:
    try:
        number = convert("number", value, output="json")
    except ValueRejected:
        return
    assert float(number) == float(value)
    again = convert("number", number, output="json")
    assert (again, type(again)) == (number, type(number))
