"""One of a list of values."""

from __future__ import annotations

from lead_connectors.reject_codes import RejectCode
from tests.field_map.converters.conversion import CHOICES, convert, rejection


def test_choice() -> None:
    assert convert("choice", "NON_binary", **CHOICES) == "Non-Binary"
    assert convert("choice", "m", **CHOICES) == "Male"
    assert rejection("choice", "unknown", **CHOICES) is RejectCode.INVALID_VALUE
    assert convert("choice", " unknown ", **CHOICES, other="keep") == "unknown"
