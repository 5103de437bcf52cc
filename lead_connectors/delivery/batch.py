"""Splits a refused batch until each bad lead stands alone (pure but for the calls it is given)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from lead_connectors.http.errors import CallRejectedError

Item = TypeVar("Item")
Result = TypeVar("Result")

SINGLES_FROM = 3
"""From the third bad lead on, single calls cost no more than halves."""


def deliver_split(
    items: Sequence[Item],
    send: Callable[[Sequence[Item]], Sequence[Result]],
    refuse: Callable[[Item, CallRejectedError], Result],
    blame: Callable[[CallRejectedError], Iterable[int]],
) -> list[Result]:
    """Deliver all good items although bad ones make the API refuse whole calls.

    Args:
        items: What to deliver, one call's worth.
        send: Makes one call; one result an item, in order.
        refuse: The result of an item that was refused while it stood alone.
        blame: Places (from 0) that the API names as culprits; may be empty, or wrong.

    Returns:
        One result an item, in order.

    Raises:
        ConnectorError: Whatever `send` raises besides `CallRejectedError`.
    """
    results: dict[int, Result] = {}
    bad = 0
    parts = [list(range(len(items)))]
    while parts:
        part = parts.pop(0)
        try:
            answers = send([items[place] for place in part])
        except CallRejectedError as error:
            if len(part) == 1:
                results[part[0]] = refuse(items[part[0]], error)
                bad += 1
            else:
                blamed = {part[i] for i in blame(error) if 0 <= i < len(part)}
                parts[:0] = _divide(part, blamed, one_by_one=bad >= SINGLES_FROM - 1)
        else:
            results.update(zip(part, answers, strict=True))
    return [results[place] for place in range(len(items))]


def _divide(part: list[int], blamed: set[int], *, one_by_one: bool) -> list[list[int]]:
    good = [place for place in part if place not in blamed]
    if blamed and good:
        # Each culprit stands alone once before it is believed to be one.
        return [good, *([place] for place in part if place in blamed)]
    if one_by_one:
        return [[place] for place in part]
    middle = len(part) // 2
    return [part[:middle], part[middle:]]
