"""How a run ends before its input does: signals and fatal errors, exit codes, the last sentence, a tap that writes on.

Mutants that this catches: exit 0 on SIGTERM (the SDK), a swallowed exception, STATE lost or too far at the end, stdin
closed under the tap's hands, an account that does not balance once a run is cut short.
"""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.delivery.harness import CARECYCLE, DELIVERED, LEADSQUARED, TargetHarness, people, until
from tests.forked import run_forked
from tests.processes import singer
from tests.sandbox_client import CARECYCLE_KEY, SECRET_KEY, Sandbox

ROWS = people(60)
MUCH = "x" * 1000


def more_than_a_pipe_holds() -> str:
    """Records that nobody will look at, far beyond what a pipe takes in."""
    record = json.dumps({"type": "RECORD", "stream": "people", "record": {"id": "late", "note": MUCH}})
    return f"{record}\n" * 3000


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_finishes_what_is_in_flight(harness: TargetHarness, signum: signal.Signals, code: int) -> None:
    harness.fault("slow", after_calls=2, seconds=1.0, when="after")
    # The tap has not ended: nobody closes stdin.
    live = harness.live(singer(ROWS, state_every=5), open_end=True, batch_size_rows=5, max_in_flight=2, installed=True)
    until(lambda: harness.all_stats()["faults_fired"].get("slow"), "a call is in flight")
    live.signal(signum)
    assert live.end(close=False) == code
    account = harness.report()["streams"]["people"]
    delivered = sum(account[column] for column in DELIVERED)
    assert delivered == len(harness.arrived()), "what was in flight is finished and counted"
    assert 10 < delivered < 60
    assert account["unsent"] == account["read"] - delivered
    assert live.covered == delivered, "the last STATE covers just what is accounted for"
    assert f"signal {int(signum)}" in live.err.splitlines()[-1]
    assert "Traceback" not in live.err


def test_a_second_signal_right_after_the_first_changes_nothing(harness: TargetHarness) -> None:
    """A terminal signals every process, and a runner passes its own signal on a moment later."""
    harness.fault("slow", after_calls=2, seconds=1.0, when="after")
    live = harness.live(singer(ROWS, state_every=5), open_end=True, batch_size_rows=5, max_in_flight=2, installed=True)
    until(lambda: harness.all_stats()["faults_fired"].get("slow"), "a call is in flight")
    live.signal(signal.SIGINT)
    time.sleep(0.3)
    live.signal(signal.SIGTERM)
    assert live.end(close=False) == 130
    account = harness.report()["streams"]["people"]
    assert live.covered == sum(account[column] for column in DELIVERED)


def test_a_signal_while_nothing_happens(harness: TargetHarness) -> None:
    """The tap is silent: the STATE that waits leaves all the same, and so does the process."""
    live = harness.live(singer(ROWS[:3], state_every=1), open_end=True, batch_size_rows=3)
    until(lambda: len(harness.writes()) == 3, "the batch is written")
    until(lambda: live.covered == 3, "the STATE leaves though the tap is silent")
    live.signal(signal.SIGTERM)
    assert live.end(close=False) == 143
    assert live.covered == 3


FATAL: list[tuple[str, str, int]] = [
    (CARECYCLE, "unauthorized_401", 2),
    (LEADSQUARED, "forbidden_403", 2),
    (CARECYCLE, "not_found_404", 2),
    (LEADSQUARED, "status_405", 2),
    (LEADSQUARED, "status_500", 1),
    (CARECYCLE, "sink_call", 3),
    (LEADSQUARED, "sink_call", 3),
]


@pytest.mark.parametrize(("api", "kind", "code"), FATAL)
def test_a_fatal_error_reads_on_and_says_its_sentence_last(
    sandbox: Sandbox, tmp_path: Path, api: str, kind: str, code: int
) -> None:
    harness = TargetHarness(api, sandbox, tmp_path)
    settings: dict[str, Any] = {"max_retry_seconds": 1} if code == 1 else {}
    harness.fault(kind, after_calls=2)
    text = singer(ROWS, state_every=5) + more_than_a_pipe_holds()
    live = harness.live(text, batch_size_rows=5, max_in_flight=1, installed=kind == "sink_call", **settings)
    assert live.end() == code
    assert live.feed_error is None, "the tap got a broken pipe"
    account = harness.report()["streams"]["people"]
    by_the_api = account["rejected"].get("invalid_value", 0)
    assert live.covered == 10 + 5 * (by_the_api // 5)
    assert account["unsent"] > 0
    assert account["read"] < 3000, "what is drained is not counted"
    last = live.err.splitlines()[-1]
    assert "ERROR" in last
    assert {1: "max_retry_seconds", 2: "denied access", 3: "max_reject_percent"}[code] in last
    assert "Traceback" not in live.err


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("this is no message", "Line 4 "),
        ('{"type": "RECORD", "stream": "people"}', "Line 4 "),
        ('{"type": "RECORD", "stream": "others", "record": {"id": 1}}', "'others' came before its SCHEMA"),
        ('{"type": "STATE"}', "Line 4 "),
    ],
)
def test_input_that_is_no_singer(leads: TargetHarness, line: str, what: str) -> None:
    text = singer(ROWS[:1], state_every=1) + line + "\n" + more_than_a_pipe_holds()
    live = leads.live(text)
    assert live.end() == 1
    assert live.feed_error is None
    assert what in live.err.splitlines()[-1]
    assert "Traceback" not in live.err
    assert leads.report()["streams"]["people"]["unsent"] == 1
    assert live.states == []


@pytest.mark.parametrize(
    ("setting", "value", "names"),
    [
        ("batch_size_rows", "many", "BATCH_SIZE_ROWS"),
        ("max_reject_percent", "101", "max_reject_percent"),
        ("rate_limit", '{"calls": 0, "seconds": 5}', "rate_limit.calls"),
        ("dry_run", "perhaps", "DRY_RUN"),
        ("on_null", "forget", "on_null"),
        ("field_map", '{"people": {"NoSuchField": {"convert": "magic"}}}', "field_map"),
    ],
)
def test_a_wrong_setting_from_the_environment(harness: TargetHarness, setting: str, value: str, names: str) -> None:
    prefix = f"TARGET_{harness.api.upper()}_"
    settings = harness.settings(report_path=None, rate_limit=None, streams=None)
    env = {prefix + name.upper(): str(text) for name, text in settings.items()} | {prefix + setting.upper(): value}
    done = run_forked(harness.command, {}, "--config=ENV", stdin=singer(ROWS[:1]), cwd=harness.folder, env=env)
    assert done.code == 2
    last = done.err.splitlines()[-1]
    assert names in last
    assert done.out == ""
    for secret in (CARECYCLE_KEY, SECRET_KEY):
        assert secret not in done.err
    assert harness.writes() == []
