"""Values that carry no information are known in every form in which exports write them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from lead_connectors.field_map.no_value import is_no_value


@pytest.mark.parametrize(
    "value",
    [
        *(None, "", " \t\u00a0", "\u200b", "\ufeff ", "\x00", "NULL", " null ", "None", "NaN", "n/a", "N / A", "#N/A"),
        *("\\N", "<NA>", "(NULL)", "undefined", float("nan"), Decimal("NaN")),
        *([], {}, [[], None, ""], {"a": None, "b": [{}]}, ()),
    ],
)  # fmt: skip
def test_a_value_that_carries_no_information(value: Any) -> None:
    assert is_no_value(value)


@pytest.mark.parametrize(
    "value",
    [
        *(0, 0.0, False, True, float("inf"), Decimal(0), 12345678901234567890123, [0], {"a": False}),
        *("0", "NA", "Null Island", "nonesuch", "-", ".", "no", "é", "名"),
    ],
)
def test_a_value_that_carries_information(value: Any) -> None:
    assert not is_no_value(value)


def test_a_deep_value_is_no_problem() -> None:
    deep: Any = None
    for _ in range(100_000):
        deep = [deep]
    assert is_no_value(deep)
    while deep:  # taken apart by hand: older Pythons overflow when they free it at once
        deep = deep[0]
