"""Phone numbers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lead_connectors.field_map.converters.base import ValueRejected
from lead_connectors.reject_codes import RejectCode
from tests.field_map.converters.conversion import convert, rejection


@pytest.mark.parametrize("written", ["2127365000", "(212) 736-5000", "+1 212 736 5000", "1-212-736-5000", 2127365000])
def test_phone_spellings_of_one_number_are_one(written: Any) -> None:
    assert convert("phone", written) == "+1-2127365000"
    assert convert("phone", written, format="e164") == "+12127365000"


def test_phone_as_it_is_keeps_its_spelling_but_must_be_valid() -> None:
    assert convert("phone", " (212) 736-5000 x12 ", format="as_is") == "(212) 736-5000 x12"
    assert rejection("phone", "555-1234", format="as_is") is RejectCode.INVALID_VALUE


def test_phone_keeps_a_national_leading_zero() -> None:
    assert convert("phone", "+39 06 698 1234") == "+39-066981234"


def test_phone_region_is_for_numbers_without_country_code() -> None:
    assert convert("phone", "90454 54045", region="IN") == "+91-9045454045"
    assert convert("phone", "+12127365000", region="IN") == "+1-2127365000"


@pytest.mark.parametrize(
    "wrong", ["701271", "5551234567", "212-736-5000 x12", "1-800-FLOWERS", "-2127365000", "", True]
)
def test_phone_is_rejected_instead_of_guessed(wrong: Any) -> None:
    with pytest.raises(ValueRejected):
        convert("phone", wrong)


def test_phone_of_another_country_code() -> None:
    assert rejection("phone", "+44 20 7946 0958", country_code=1) is RejectCode.INVALID_VALUE


@given(area=st.sampled_from([212, 404, 617]), rest=st.integers(2_000_000, 9_999_999))
def test_phone_round_trip_between_forms(area: int, rest: int) -> None:
    try:
        written = convert("phone", f"{area}{rest}")
    except ValueRejected:
        assume(False)  # noqa: FBT003
    assert convert("phone", convert("phone", written, format="e164")) == written
