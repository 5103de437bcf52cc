"""One line of JSON, with every number as it is written (pure).

orjson is fast, and makes a float of each number: beyond 64 bits or 15 digits two ids could become one. A line that may
hold such a number is read once more by Python's own parser.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson

MAX_DEPTH = 100
"""A line that no parser takes for its depth is read down to here."""

_DIGITS_ALIKE = bytes.maketrans(b"123456789.E", b"0000000000e")
_LONG, _TINY = b"0" * 16, b"0e-000"
_TINY_NUMBER = re.compile(rb"[:,\[\s]-?[0-9.]+[eE]-[0-9]{3}")
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


class TooDeepError(ValueError):
    """A line is nested deeper than the parsers can read.

    Attributes:
        outer: The line's value without what lies deeper than `MAX_DEPTH`.
    """

    def __init__(self, outer: Any) -> None:
        super().__init__("nested too deep")
        self.outer = outer


def parse_line(line: bytes) -> Any:
    """Read a line.

    Args:
        line: JSON. NaN and Infinity are taken, too, for some taps write them.

    Returns:
        Its value. A number is an `int` or a `float` where these hold it exactly, else a `Decimal`.

    Raises:
        ValueError: It is not JSON.
        TooDeepError: It is JSON, but nested too deep.
    """
    # orjson rejects NaN, half a surrogate pair and huge numbers, which Python's own parser takes.
    with contextlib.suppress(orjson.JSONDecodeError):
        value = orjson.loads(line)
        if not _may_lose_digits(line):
            return value
    try:
        return _parse_exactly(line)
    except RecursionError:
        raise TooDeepError(_parse_exactly(_without_depths(line))) from None


def _may_lose_digits(line: bytes) -> bool:
    """Whether a line may hold a number that a float does not hold; a long text of digits counts, too."""
    alike = line.translate(_DIGITS_ALIKE)
    return _LONG in alike or (_TINY in alike and _TINY_NUMBER.search(line) is not None)


def _parse_exactly(line: bytes) -> Any:
    return json.loads(line, parse_float=_exact_number, parse_int=_exact_integer)


def _exact_number(text: str) -> float | Decimal:
    """A float where its shortest form is the same number, so that its text is the same as ever."""
    number = float(text)
    try:
        exact = Decimal(text)
    except InvalidOperation:  # an exponent of more than 18 digits
        return number
    return number if math.isfinite(number) and Decimal(repr(number)) == exact else exact


def _exact_integer(text: str) -> int | Decimal:
    try:
        return int(text)
    except ValueError:  # Python limits the digits of an int
        return Decimal(text)


def _without_depths(line: bytes) -> bytes:
    """The line with null for each list and object deeper than `MAX_DEPTH`."""
    kept: list[bytes] = []
    depth = start = 0
    for token in _TOKEN.finditer(line):
        if token[0] in b"[{":
            depth += 1
            if depth == MAX_DEPTH + 1:
                kept += [line[start : token.start()], b"null"]
        elif token[0] in b"]}":
            depth -= 1
            if depth == MAX_DEPTH:
                start = token.end()
    return b"".join([*kept, line[start:]]) if depth <= MAX_DEPTH else b""
