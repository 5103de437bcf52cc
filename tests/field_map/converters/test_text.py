"""Text, e-mail addresses and lists as one text."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lead_connectors.field_map.converters.base import ValueRejected, fit, utf16_length
from lead_connectors.reject_codes import RejectCode
from tests.field_map.converters.conversion import convert, rejection


def test_text_of_anything_plain() -> None:
    assert [convert("text", value) for value in (" a b ", 5, 5.0, True, dt.date(2026, 1, 2))] == [
        "a b",
        "5",
        "5",
        "true",
        "2026-01-02",
    ]
    assert rejection("text", ["a"]) is RejectCode.INVALID_VALUE
    assert rejection("text", {"a": 1}) is RejectCode.INVALID_VALUE
    assert rejection("text", "half \ud83d") is RejectCode.INVALID_VALUE
    assert rejection("text", "abc", max_length=2) is RejectCode.TOO_LONG


@given(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=30), st.integers(1, 20))
def test_fit_never_leaves_more_than_the_length(text: str, length: int) -> None:
    if length < utf16_length(text[0]):
        with pytest.raises(ValueRejected):
            fit(text, length, cut=True)
        return
    cut, was_cut = fit(text, length, cut=True)
    assert utf16_length(cut) <= length
    assert text.startswith(cut)
    assert was_cut == (utf16_length(text) > length)
    if was_cut:
        with pytest.raises(ValueRejected):
            fit(text, length, cut=False)


def test_length_counts_as_the_apis_do() -> None:
    assert utf16_length("añ") == 2
    assert utf16_length("🙂") == 2


def test_email() -> None:
    assert convert("email", " Ann.Lee+x@Example.COM ") == "Ann.Lee+x@example.com"
    for wrong in ("none", "a@b", "a b@c.de", "a@b@c.de", "a@c.de, d@e.fg", "<a@b.de>"):
        assert rejection("email", wrong) is RejectCode.INVALID_VALUE


def test_join() -> None:
    assert convert("join", ["a", None, 5, True, " "], separator="; ") == "a; 5; true"
    assert convert("join", "a", separator=";") == "a"
    assert rejection("join", [["a"]], separator=";") is RejectCode.INVALID_VALUE
    assert rejection("join", [], separator=";") is RejectCode.REQUIRED_MISSING
