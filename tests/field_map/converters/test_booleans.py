"""True and false."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from lead_connectors.field_map.converters.base import ValueRejected
from lead_connectors.reject_codes import RejectCode
from tests.field_map.converters.conversion import convert, rejection


@pytest.mark.parametrize("word", [True, 1, 1.0, Decimal("1.0"), "true", "TRUE", " Yes ", "y", "T", "1"])
def test_boolean_true(word: Any) -> None:
    assert convert("boolean", word) is True


@pytest.mark.parametrize("word", [False, 0, 0.0, "false", "No", "n", "f", "0"])
def test_boolean_false(word: Any) -> None:
    assert convert("boolean", word) is False


@pytest.mark.parametrize("word", ["", "maybe", 2, "on", [True], {}])
def test_boolean_rejected(word: Any) -> None:
    with pytest.raises(ValueRejected):
        convert("boolean", word)


def test_boolean_with_words_of_its_own() -> None:
    words = {"true": ["Opted out", False], "false": ["subscribed"]}
    assert convert("boolean", "OPTED OUT", **words) is True
    assert convert("boolean", False, **words) is True  # noqa: FBT003
    assert rejection("boolean", "yes", **words) is RejectCode.INVALID_VALUE
