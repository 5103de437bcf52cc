"""Runs that are killed, stopped or left alone go on where they were."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from typing import Any

import pytest

from tests.end_to_end.tap.conftest import LONGEST, Run, Tap
from tests.sandbox_client import Sandbox

SLOW = {"page_size": 10, "max_in_flight": 1}


def read_until_state(process: subprocess.Popen[str], number: int) -> list[str]:
    """Lines up to the n-th STATE, as a target would have read them."""
    assert process.stdout is not None
    lines, states = [], 0
    for line in process.stdout:
        lines.append(line)
        states += '"type":"STATE"' in line
        if states == number:
            break
    return lines


def kill_at(tap: Tap, number: int, **files: Any) -> Run:
    process = tap.start(**files)
    lines = read_until_state(process, number)
    process.kill()
    process.communicate()
    return Run.read(-9, "".join(lines), "")


def test_a_killed_run_resumes_near_where_it_was(tap: Tap, sandbox: Sandbox) -> None:
    customers = set(sandbox.listed_customers())
    killed = kill_at(tap, 60, config=SLOW)
    left = killed.customers_state["partial_scan"]["customers_left"]
    assert left <= 400
    changed = sandbox.post("change", {"update": 20, "insert": 2, "delete": 3, "anybody": True})
    calls = sandbox.calls("carecycle")
    resumed = tap.run(config=SLOW, state=killed.states[-1])
    assert resumed.exit_code == 0, resumed.log
    assert "Resuming the interrupted scan" in resumed.log
    assert sandbox.calls("carecycle") - calls <= left // 10 + 4
    assert {*killed.ids, *resumed.ids} >= customers - set(changed["deleted"])
    assert "partial_scan" not in resumed.customers_state
    # The bookmark is capped by the first run's start: who changed behind the scan comes with the next run.
    assert resumed.bookmark is not None
    assert resumed.bookmark <= killed.customers_state["partial_scan"]["started_at"]
    last = tap.run(state=resumed.states[-1])
    assert {*changed["updated"], *changed["inserted"]} - set(changed["deleted"]) <= {*last.ids, *resumed.ids}
    assert {*changed["updated"], *changed["inserted"]} - set(changed["deleted"]) <= set(last.ids)


@pytest.mark.parametrize("changes", [{"filters": {"includeTestNumbers": True}}, {"start_date": "2025-01-01T00:00:00Z"}])
def test_another_scope_starts_over(tap: Tap, sandbox: Sandbox, changes: dict[str, Any]) -> None:
    killed = kill_at(tap, 20, config=SLOW)
    calls = sandbox.calls("carecycle")
    run = tap.run(config=changes, state=killed.states[-1])
    if "filters" in changes:
        assert "Starting over" in run.log
        assert sandbox.calls("carecycle") - calls == 11
    assert run.exit_code == 0


def test_an_unfinished_scan_of_long_ago_starts_over(tap: Tap, sandbox: Sandbox) -> None:
    killed = kill_at(tap, 20, config=SLOW)
    state = json.loads(json.dumps(killed.states[-1]))
    state["bookmarks"]["customers"]["partial_scan"]["started_at"] = "2026-01-01T00:00:00.000000Z"
    run = tap.run(state=state)
    assert "Starting over" in run.log
    assert len(run.ids) == 1000
    assert sandbox.calls("carecycle") > 10


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_stopped_run_leaves_whole_lines_and_a_state(tap: Tap, sandbox: Sandbox, signum: int, code: int) -> None:
    sandbox.fault("slow", seconds=30, after_calls=50)
    process = tap.start(config=SLOW)
    lines = read_until_state(process, 20)
    process.send_signal(signum)
    rest, log = process.communicate(timeout=LONGEST)
    assert process.returncode == code, log
    stopped = Run.read(code, "".join(lines) + rest, log)
    assert "Traceback" not in log
    sandbox.delete("faults")
    resumed = tap.run(config=SLOW, state=stopped.states[-1])
    assert {*stopped.ids, *resumed.ids} == set(sandbox.listed_customers())


def test_a_wait_for_the_quota_ends_at_once(tap: Tap, sandbox: Sandbox) -> None:
    process = tap.start(config={**SLOW, "requests_per_minute": 20}, stdout=subprocess.DEVNULL)
    until = time.monotonic() + LONGEST
    while sandbox.calls("carecycle") < 20 and time.monotonic() < until:
        time.sleep(0.1)
    process.terminate()
    process.communicate(timeout=15)
    assert process.returncode == 143
    assert sandbox.calls("carecycle") == 20


def test_a_reader_that_goes_away_is_told_quietly(tap: Tap) -> None:
    process = tap.start()
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    log = process.stderr.read()
    assert process.wait(LONGEST) == 1
    assert "Traceback" not in log
    assert "Exception ignored" not in log
    assert log.count("| ERROR") == 1
