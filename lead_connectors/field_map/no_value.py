"""Values that carry no information, though they are not null (pure)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

NO_VALUE_WORDS = frozenset({"null", "(null)", "\\n", "none", "nil", "nan", "<na>", "n/a", "n / a", "#n/a", "undefined"})
"""What exports write for a missing value, in lower case. `NA` is not among them: it is a country and a region, too."""


def is_no_value(value: Any) -> bool:
    """Tell whether a value carries no information.

    Args:
        value: Any value of a record.

    Returns:
        True for null, NaN, a text without a visible character, a text that is one of `NO_VALUE_WORDS`, and a list or an
        object that is empty or holds nothing else.
    """
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, (list, tuple)):
            waiting.extend(part)
        elif isinstance(part, dict):
            waiting.extend(part.values())
        elif not _is_single_no_value(part):
            return False
    return True


def _is_single_no_value(value: Any) -> bool:
    if isinstance(value, str):
        is_word = value.strip().casefold() in NO_VALUE_WORDS
        return is_word or not any(character.isprintable() and not character.isspace() for character in value)
    if isinstance(value, (float, Decimal)):
        return value != value  # noqa: PLR0124  # only NaN differs from itself
    return value is None
