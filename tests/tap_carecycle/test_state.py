"""The unfinished scan in the state."""

from __future__ import annotations

from typing import Any

import pytest

from tap_carecycle.scan import Position
from tap_carecycle.state import (
    PARTIAL_SCAN,
    Scope,
    UnfinishedScan,
    clear_unfinished_scan,
    digest,
    read_unfinished_scan,
    write_unfinished_scan,
)

SCOPE = Scope({"status": "Lead"}, "updatedAt", None)
NOW = "2026-11-24T12:00:00.000000Z"


def stored(**changes: Any) -> dict[str, Any]:
    state: dict[str, Any] = {}
    scan = UnfinishedScan("2026-11-24T11:00:00.000000Z", Position(900, "2026-01-01T00:00:00.000000Z"), None)
    write_unfinished_scan(state, SCOPE, scan)
    state[PARTIAL_SCAN] |= changes
    return state


def test_an_unfinished_scan_in_the_state_survives() -> None:
    found = read_unfinished_scan(stored(), SCOPE, NOW)
    assert found is not None
    assert found.position == Position(900, "2026-01-01T00:00:00.000000Z")
    assert "Lead" not in str(stored())


@pytest.mark.parametrize(
    "changes",
    [
        {"scope": "other"},
        {"started_at": "2026-11-22T11:00:00.000000Z"},
        {"started_at": "2026-11-25T11:00:00.000000Z"},
        {"started_at": None},
        {"customers_left": "many"},
        {"customers_left": 0},
        {"older_than": 5},
    ],
)
def test_a_scan_that_is_not_safe_to_resume_is_not_used(changes: dict[str, Any]) -> None:
    assert read_unfinished_scan(stored(**changes), SCOPE, NOW) is None


def test_a_scan_of_another_scope_is_not_used() -> None:
    for scope in (
        Scope({}, "updatedAt", None),
        Scope({"status": "Lead"}, "createdAt", None),
        Scope({"status": "Lead"}, "updatedAt", NOW),
    ):
        assert read_unfinished_scan(stored(), scope, NOW) is None


def test_a_cleared_scan_is_gone_and_clearing_twice_is_fine() -> None:
    state = stored()
    clear_unfinished_scan(state)
    clear_unfinished_scan(state)
    assert state == {}


def test_a_digest_hides_the_filters_and_ignores_their_order() -> None:
    one, other = {"search": "Jane", "status": "Lead"}, {"status": "Lead", "search": "Jane"}
    assert digest(one) == digest(other) != digest({"search": "Jane"})
    assert "Jane" not in digest(one)
    assert digest({}) == "none"
