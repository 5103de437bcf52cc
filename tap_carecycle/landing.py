"""Which page of which size holds given places of a list (pure arithmetic).

The API knows pages only: page `p` of size `s` holds the places from ``(p - 1) * s`` to ``p * s - 1``. Page and size
chosen together land nearly anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable


def before(end: int, sizes: Iterable[int]) -> tuple[int, int]:
    """The page that reaches at least up to `end` and as far down as one can.

    Args:
        end: The place behind the last one wanted, 1 or more.
        sizes: Sizes to choose from.

    Returns:
        Page and size.
    """
    return min(
        ((-(-end // size), size) for size in sizes),
        key=lambda choice: ((choice[0] - 1) * choice[1], -choice[1]),
    )


def after(start: int, sizes: Iterable[int]) -> tuple[int, int]:
    """The page that begins at `start` or earlier and reaches as far up as one can.

    Args:
        start: The first place wanted, 0 or more.
        sizes: Sizes to choose from.

    Returns:
        Page and size.
    """
    return max(((start // size + 1, size) for size in sizes), key=lambda choice: (choice[0] * choice[1], choice[1]))


def around(first: int, last: int, sizes: Iterable[int]) -> tuple[int, int] | None:
    """The page that holds all places from `first` to `last`, with the most to spare on its narrower side.

    Args:
        first: The first place wanted; below 0 means the list's start.
        last: The last place wanted.
        sizes: Sizes to choose from.

    Returns:
        Page and size, or None where no single page holds them all.
    """
    first = max(first, 0)
    best, most = None, -1
    for size in sizes:
        index = first // size
        spare = (index + 1) * size - 1 - last
        if spare < 0:
            continue
        # Nothing lies before the list's start, so no room is needed there.
        spare = min(spare, first - index * size) if index else spare
        if spare > most:
            best, most = (index + 1, size), spare
    return best
