"""The whole quota and no more; a pause that the API asks for is kept once for all."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout
from itertools import pairwise
from typing import Any

import pytest

from tap_carecycle import client
from tap_carecycle.tap import TapCareCycle
from tests.end_to_end.tap.conftest import Tap
from tests.sandbox_client import CARECYCLE_KEY, Sandbox, running_sandbox

# In real time: not beside each other.
pytestmark = pytest.mark.xdist_group("real_time")


def records_of(tap: TapCareCycle) -> list[str]:
    output = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with redirect_stdout(output):
        tap.sync_all()
    output.seek(0)
    messages = (json.loads(line) for line in output)
    return [message["record"]["id"] for message in messages if message["type"] == "RECORD"]


def test_latency_does_not_waste_the_quota(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """Ten calls in two seconds at a second each: one after the other would be two in two seconds."""
    monkeypatch.setattr(client, "WINDOW_SECONDS", 2.0)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    options = ("--carecycle-limit", "10/2", "--latency", "1.0", "--customers", "600")
    with running_sandbox(*options) as sandbox:
        config = {
            "api_key": CARECYCLE_KEY,
            "api_url": sandbox.url,
            "requests_per_minute": 10,
            "page_size": 10,
            "max_in_flight": 16,
        }
        ids = records_of(TapCareCycle(config=config))
        stats = sandbox.stats("carecycle")
    assert len(ids) == len(set(ids)) == 600
    assert stats["calls"] == 60
    assert stats["rate_limited_calls"] == 0
    assert stats["max_calls_in_window"]["2"] <= 10
    # Whole windows in the middle of the run are full, or nearly so.
    arrivals = stats["arrivals"]
    middle = [sum(start <= each < start + 2.0 for each in arrivals) for start in arrivals[20:40]]
    assert max(middle) >= 8
    assert stats["in_flight_maximum"] <= 16


def test_a_pause_is_kept_to_the_second_and_once_for_all(tap: Tap, sandbox: Sandbox) -> None:
    sandbox.fault("limit_429", retry_after=3, times=1, after_calls=12)
    sandbox.fault("slow", seconds=0.2)
    run = tap.run(config={"page_size": 25, "requests_per_minute": 1200, "max_in_flight": 8})
    assert run.exit_code == 0, run.log
    assert len(run.ids) == 1000
    arrivals = sandbox.stats("carecycle")["arrivals"]
    gaps = [later - earlier for earlier, later in pairwise(arrivals)]
    assert sum(gap >= 2.7 for gap in gaps) == 1
    assert max(gaps) < 6
    assert sandbox.stats("carecycle")["answers_by_status"]["429"] == 1


def test_without_latency_pages_are_read_one_at_a_time(tap: Tap, sandbox: Sandbox) -> None:
    run = tap.run(config={"requests_per_minute": 60, "max_in_flight": 8})
    assert run.exit_code == 0, run.log
    assert sandbox.stats("carecycle")["in_flight_maximum"] == 1
