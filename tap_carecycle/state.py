"""What the tap's state holds beside the bookmark: the position of an unfinished scan, and the filters (pure).

It is safe to resume an unfinished scan: the bookmark never passes the start of the scan's *first* run. A customer who
was read by then and has changed since is newer than the bookmark, so the next run reads that customer again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from tap_carecycle.scan import Position
from tap_carecycle.timestamps import shifted, timestamp_text

PARTIAL_SCAN = "partial_scan"
FILTERS = "filters"
MAX_SCAN_AGE = 86_400
"""Seconds after its first run in which an unfinished scan can be resumed. Later, its updates would come too late."""


def digest(query: Mapping[str, str]) -> str:
    """Return a short name for filters. The filters themselves can hold a person's name."""
    if not query:
        return "none"
    return hashlib.sha256(json.dumps(dict(query), sort_keys=True).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class UnfinishedScan:
    """A scan that was interrupted.

    Attributes:
        started_at: When its first run started.
        position: Where to resume.
        newest: The newest replication key value that it emitted.
    """

    started_at: str
    position: Position
    newest: str | None


@dataclass(frozen=True)
class Scope:
    """What a scan reads. Only a scan of the same scope can be resumed.

    Attributes:
        query: The call's filters, including those that the replication key needs.
        replication_key: The replication key, or an empty text for a full table.
        bookmark: Where the run starts.
    """

    query: Mapping[str, str]
    replication_key: str
    bookmark: str | None

    def name(self) -> str:
        """Return a short name."""
        return digest({**self.query, "replication key": self.replication_key, "bookmark": self.bookmark or ""})


def read_unfinished_scan(state: Mapping[str, Any], scope: Scope, now: str) -> UnfinishedScan | None:
    """Read the unfinished scan from the stream's state.

    Args:
        state: The stream's state.
        scope: What the run is about to read.
        now: The current time.

    Returns:
        The scan, or None if there is none that is safe to resume.
    """
    stored = state.get(PARTIAL_SCAN)
    if not isinstance(stored, dict) or stored.get("scope") != scope.name():
        return None
    started, edge = timestamp_text(stored.get("started_at")), stored.get("older_than")
    unread = stored.get("customers_left")
    if started is None or not isinstance(edge, str) or not isinstance(unread, int) or unread < 1:
        return None
    if not shifted(now, -MAX_SCAN_AGE) <= started <= now:
        return None
    return UnfinishedScan(started, Position(unread, edge), timestamp_text(stored.get("newest")))


def write_unfinished_scan(state: MutableMapping[str, Any], scope: Scope, scan: UnfinishedScan) -> None:
    """Write an unfinished scan into the stream's state."""
    state[PARTIAL_SCAN] = {
        "scope": scope.name(),
        "started_at": scan.started_at,
        "customers_left": scan.position.unread,
        "older_than": scan.position.edge,
        "newest": scan.newest,
    }


def clear_unfinished_scan(state: MutableMapping[str, Any]) -> None:
    """Remove the unfinished scan from the stream's state."""
    state.pop(PARTIAL_SCAN, None)
