"""True and false, in the usual words or in words of the map's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lead_connectors.field_map.converters.base import Options, invalid, plain_text

_TRUE = frozenset({"true", "1", "yes", "y", "t"})
_FALSE = frozenset({"false", "0", "no", "n", "f"})


def to_boolean(value: Any, options: Options) -> bool:
    """True or false, from true/false, 1/0, yes/no, y/n or t/f in any case.

    Options: `true` and `false`, lists of words that replace these.
    """
    if isinstance(value, (list, tuple, Mapping)):
        raise invalid(reason="is neither true nor false")
    word = plain_text(value).casefold()
    if word in _words(options.get("true"), _TRUE):
        return True
    if word in _words(options.get("false"), _FALSE):
        return False
    raise invalid(reason="is neither true nor false")


def _words(given: list[Any] | None, default: frozenset[str]) -> frozenset[str]:
    return default if given is None else frozenset(str(word).casefold() for word in given)
