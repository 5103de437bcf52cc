"""What the state holds beside the bookmark: the place of an unfinished scan, and the filters it is about (pure).

An unfinished scan may be taken up again because the bookmark that it ends with is capped by the start of the *first*
of its runs: whoever was passed by then and has changed since is newer than that and comes with the next run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from tap_carecycle.scan import Position
from tap_carecycle.timestamps import moment_text, shifted

PARTIAL = "partial_scan"
FILTERS = "filters"
LONGEST_PAUSE = 86_400
"""Seconds after which an unfinished scan starts over: what it passed would come too late otherwise."""


def digest(query: Mapping[str, str]) -> str:
    """A short name for filters, for they may hold a person's name."""
    if not query:
        return "none"
    return hashlib.sha256(json.dumps(dict(query), sort_keys=True).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Unfinished:
    """A scan that was cut off.

    Attributes:
        started_at: When its first run started.
        position: Where it can be taken up.
        newest: The newest replication key that it gave.
    """

    started_at: str
    position: Position
    newest: str | None


@dataclass(frozen=True)
class Scope:
    """What a scan is about: another one's place is of no use to it.

    Attributes:
        query: The call's filters, those of the replication key included.
        replication_key: What the run goes by.
        bookmark: Where the run starts.
    """

    query: Mapping[str, str]
    replication_key: str
    bookmark: str | None

    def name(self) -> str:
        """A short name for it."""
        return digest({**self.query, "replication key": self.replication_key, "bookmark": self.bookmark or ""})


def unfinished(state: Mapping[str, Any], scope: Scope, now: str) -> Unfinished | None:
    """Read the place of an unfinished scan.

    Args:
        state: The stream's state.
        scope: What the scan to come is about.
        now: The present.

    Returns:
        The place, or None where there is none that is safe to start from.
    """
    held = state.get(PARTIAL)
    if not isinstance(held, dict) or held.get("scope") != scope.name():
        return None
    started, edge = moment_text(held.get("started_at")), held.get("older_than")
    unread = held.get("customers_left")
    if started is None or not isinstance(edge, str) or not isinstance(unread, int) or unread < 1:
        return None
    if not shifted(now, -LONGEST_PAUSE) <= started <= now:
        return None
    return Unfinished(started, Position(unread, edge), moment_text(held.get("newest")))


def remember(state: MutableMapping[str, Any], scope: Scope, place: Unfinished) -> None:
    """Write the place of a scan into the stream's state."""
    state[PARTIAL] = {
        "scope": scope.name(),
        "started_at": place.started_at,
        "customers_left": place.position.unread,
        "older_than": place.position.edge,
        "newest": place.newest,
    }


def forget(state: MutableMapping[str, Any]) -> None:
    """Take the place of a scan out of the stream's state."""
    state.pop(PARTIAL, None)
