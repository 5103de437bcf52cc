"""Fixtures of the delivery tests: the same test for both targets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.delivery.harness import CARECYCLE, LEADSQUARED, TargetHarness
from tests.sandbox_client import Sandbox


@pytest.fixture(params=[CARECYCLE, LEADSQUARED])
def harness(request: pytest.FixtureRequest, sandbox: Sandbox, tmp_path: Path) -> Iterator[TargetHarness]:
    """Each target in turn."""
    found = TargetHarness(request.param, sandbox, tmp_path)
    yield found
    _check(found)


@pytest.fixture
def leads(sandbox: Sandbox, tmp_path: Path) -> Iterator[TargetHarness]:
    """target-leadsquared."""
    found = TargetHarness(LEADSQUARED, sandbox, tmp_path)
    yield found
    _check(found)


@pytest.fixture
def uploads(sandbox: Sandbox, tmp_path: Path) -> Iterator[TargetHarness]:
    """target-carecycle."""
    found = TargetHarness(CARECYCLE, sandbox, tmp_path)
    yield found
    _check(found)


def _check(harness: TargetHarness) -> None:
    """What holds in every test, whatever it is about."""
    counted = harness.all_stats()
    assert counted["opt_outs_lowered"] == [], "an opt-out was lowered"
    assert counted["same_person_in_flight"] == [], "two calls in flight held the same person"
