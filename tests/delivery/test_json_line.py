"""A line is read with every number as it is written, and no deeper than the parsers can read."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lead_connectors.delivery.json_line import MAX_DEPTH, TooDeepError, parse_line


@given(st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,4})?", fullmatch=True))
def test_a_number_keeps_its_digits(text: str) -> None:
    found = parse_line(f'{{"id": {text}}}'.encode())["id"]
    assert Decimal(str(found)) == Decimal(text)
    assert isinstance(found, (int, float, Decimal))


@given(st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_that_a_float_or_64_bits_hold_is_what_it_always_was(number: float) -> None:
    line = orjson.dumps({"id": number})
    found = parse_line(line)["id"]
    assert (type(found), str(found)) == (type(number), str(number))


@pytest.mark.parametrize("text", ["12345678901234567890123", "0.1000000000000000055511151231257827", "1e-400"])
def test_two_numbers_that_a_float_cannot_tell_apart_stay_two(text: str) -> None:
    first, second = parse_line(f"[{text}, {text.replace('1', '1.0' if 'e' in text else '1')}5]".encode())
    assert str(first) != str(second)


def test_what_orjson_rejects_and_taps_write_is_read() -> None:
    nan, infinity, half, huge = parse_line(b'[NaN, -Infinity, "\\ud800", 1' + b"0" * 5000 + b"]")
    assert math.isnan(nan)
    assert (infinity, half) == (-math.inf, "\ud800")
    assert huge == Decimal("1E+5000")


@pytest.mark.parametrize(
    "line", [b"", b"{", b"\xff", b"nan", b"[" * 5000, b'{"a": ' + b"[" * 5000 + b"]" * 4999 + b"}"]
)
def test_what_is_no_json_is_an_error(line: bytes) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse_line(line)
    assert not isinstance(caught.value, TooDeepError)


@pytest.mark.parametrize("depth", [1500, 200_000])
@pytest.mark.parametrize("brackets", [("[", "]"), ('{"]\\"": [', "]}")])
def test_a_line_that_is_nested_too_deep_says_what_it_is(depth: int, brackets: tuple[str, str]) -> None:
    opening, closing = brackets
    deep = opening * depth + "7" + closing * depth
    with pytest.raises(TooDeepError) as caught:
        parse_line(f'{{"type": "RECORD", "record": {{"a": {deep}, "id": 5}}, "stream": "people"}}'.encode())
    outer: Any = caught.value.outer
    assert (outer["type"], outer["stream"], outer["record"]["id"]) == ("RECORD", "people", 5)
    assert "7" not in json.dumps(outer["record"]["a"])
    assert json.dumps(outer).count(opening[0]) <= MAX_DEPTH + 1


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(json_values)
def test_any_json_is_read_as_pythons_own_parser_reads_it(value: Any) -> None:
    assert parse_line(json.dumps(value).encode()) == value
