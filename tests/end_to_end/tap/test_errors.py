"""What goes wrong ends with the right exit code and one sentence, without a key, a query or a customer in it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.tap.conftest import LONGEST, TAP, Run, Tap
from tests.forked import run_forked
from tests.processes import carecycle
from tests.sandbox_client import CARECYCLE_KEY, Sandbox

NO_RETRY = {"max_retry_seconds": 0}


def sentences(run: Run) -> list[str]:
    return [
        line.split("|", 3)[-1].strip() for line in run.log.splitlines() if "| ERROR" in line or "| CRITICAL" in line
    ]


def assert_clean(run: Run, secret: str = CARECYCLE_KEY) -> None:
    """One sentence, and nothing in the log that is nobody's business."""
    assert len(sentences(run)) == 1, run.log
    assert secret not in run.log
    assert "Traceback" not in run.log
    assert "sortBy=" not in run.log
    assert "?page" not in run.log


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("cc_wrong_key_123456", ["CareCycle denied access", "Check api_key", "UNAUTHORIZED"]),
        ("cc_sandbox_without_permission", ["lacks the permission", "FORBIDDEN"]),
    ],
)
def test_a_key_that_does_not_open(tap: Tap, key: str, words: list[str]) -> None:
    run = tap.run(config={"api_key": key})
    assert run.exit_code == 2
    assert_clean(run, secret=key)
    assert all(word in sentences(run)[0] for word in words)
    assert run.records == {}


def test_a_wrong_path(tap: Tap, sandbox: Sandbox) -> None:
    run = tap.run(config={"api_url": f"{sandbox.url}/nowhere"})
    assert run.exit_code == 2
    assert_clean(run)
    assert "check api_url" in sentences(run)[0]


@pytest.mark.parametrize("suffix", ["/", "/v2", "/v2/"])
def test_the_address_may_be_written_in_several_ways(tap: Tap, sandbox: Sandbox, suffix: str) -> None:
    run = tap.run("--test", config={"api_url": sandbox.url.removeprefix("http://") + suffix})
    assert run.exit_code == 0, run.log


def test_a_host_that_does_not_exist(tap: Tap) -> None:
    run = tap.run(config={"api_url": "https://nowhere.invalid", "max_retry_seconds": 1})
    assert run.exit_code == 1
    assert_clean(run)
    assert "api_url: nowhere.invalid cannot be reached (its name does not resolve)" in sentences(run)[0]


def test_nobody_listens(tap: Tap) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        run = tap.run(config={"api_url": f"http://127.0.0.1:{reserved.getsockname()[1]}", "max_retry_seconds": 1})
    assert run.exit_code == 1
    assert_clean(run)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"api_key": None}, "api_key is missing"),
        ({"page_size": 101}, "page_size must be a whole number from 1 to 100"),
        ({"page_size": "many"}, "page_size must be"),
        ({"start_date": "yesterday"}, "start_date must be a timestamp"),
        ({"api_url": "ftp://example.com"}, "api_url must be an address"),
        ({"max_in_flight": 0}, "max_in_flight must be a whole number from 1 to 64"),
        ({"lookback_window": -1}, "lookback_window must be a number, 0 or more"),
        ({"parameter_names": {"limitt": "n"}}, "parameter_names.limitt is not known; did you mean limit?"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_wrong_setting(tap: Tap, sandbox: Sandbox, config: dict[str, Any], words: str) -> None:
    run = tap.run(config=config)
    assert run.exit_code == 2
    assert words in run.log
    assert_clean(run)
    assert sandbox.calls("carecycle") == 0


def test_a_wrong_setting_from_the_environment(sandbox: Sandbox, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "TAP_CARECYCLE_API_KEY": CARECYCLE_KEY,
        "TAP_CARECYCLE_API_URL": sandbox.url,
        "TAP_CARECYCLE_FILTERS": '{"status": ["Leed"]}',
        "TAP_CARECYCLE_PAGE_SIZE": "50",
    }
    done = subprocess.run(
        [str(TAP), "--config=ENV"],
        capture_output=True,
        text=True,
        timeout=LONGEST,
        env=environment,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 2
    assert "filters.status must be any of Lead, Active, Inactive." in done.stderr
    environment["TAP_CARECYCLE_FILTERS"] = '{"status": ["Inactive"]}'
    done = subprocess.run(
        [str(TAP), "--config=ENV"],
        capture_output=True,
        text=True,
        timeout=LONGEST,
        env=environment,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert {row["status"] for row in Run.read(0, done.stdout, "").records["customers"]} == {"Inactive"}


@pytest.mark.parametrize(
    ("fault", "exit_code", "words"),
    [
        ("html_200", 2, "does not respond with JSON"),
        ("cut_json", 2, "does not respond with JSON"),
        ("empty_200", 2, "does not respond with JSON"),
        ("truncated", 1, "no usable response"),
        ("html_502", 1, "no usable response"),
        ("status_500", 1, "no usable response"),
        ("reset", 1, "no usable response"),
        ("not_found_404", 2, "check api_url"),
    ],
)
def test_responses_that_never_become_good(tap: Tap, sandbox: Sandbox, fault: str, exit_code: int, words: str) -> None:
    sandbox.fault(fault)
    run = tap.run(config={"max_retry_seconds": 2})
    assert run.exit_code == exit_code, run.log
    assert_clean(run)
    assert words in sentences(run)[0]


@pytest.mark.parametrize("fault", ["cut_json", "truncated", "html_502", "status_500", "reset", "html_200"])
def test_responses_that_are_good_the_second_time(tap: Tap, sandbox: Sandbox, fault: str) -> None:
    sandbox.fault(fault, after_calls=4, times=1)
    run = tap.run()
    assert run.exit_code == 0, run.log
    assert len(set(run.ids)) == len(run.ids) == 1000
    assert run.bookmark is not None


def test_a_failure_in_the_middle_leaves_a_state_to_go_on_from(tap: Tap, sandbox: Sandbox) -> None:
    sandbox.fault("status_500", after_calls=8)
    run = tap.run(config={"max_retry_seconds": 1, "max_in_flight": 1})
    assert run.exit_code == 1
    assert run.bookmark is None
    sandbox.delete("faults")
    calls = sandbox.calls("carecycle")
    again = tap.run(state=run.states[-1])
    assert again.exit_code == 0, again.log
    assert {*run.ids, *again.ids} == set(sandbox.listed_customers())
    assert sandbox.calls("carecycle") - calls <= 4


def test_a_rejected_parameter_is_named_without_its_value(tap: Tap) -> None:
    names = {"sortOrder": "agingIn"}
    run = tap.run(config={"parameter_names": names})
    assert run.exit_code == 2
    assert_clean(run)
    sentence = sentences(run)[0]
    assert "VALIDATION_ERROR" in sentence
    assert "agingIn: " in sentence
    assert "asc" not in sentence.replace("ascending", "")


def test_no_key_is_printed_by_about_or_discover(tap: Tap) -> None:
    for flag in ("--about", "--discover", "--test"):
        done = run_forked("tap-carecycle", carecycle(tap.sandbox), flag, cwd=tap.folder)
        assert done.code == 0, done.err
        assert CARECYCLE_KEY not in done.out + done.err


def test_the_log_names_nobody(tap: Tap, sandbox: Sandbox) -> None:
    sandbox.post("scan-moves", {"per_call": {"insert": 1, "delete": 2}})
    sandbox.fault("limit_429", retry_after=1, times=1, after_calls=2)
    sandbox.fault("status_500", times=1, after_calls=3)
    run = tap.run(config={"filters": {"status": "Lead"}})
    assert run.exit_code == 0, run.log
    for record in run.records["customers"]:
        values = (record["lastName"], record["email"], record["callerId"], record["id"], record["mbiNumber"])
        assert not [value for value in values if value and len(value) > 4 and value in run.log]
    assert json.dumps(run.states).count("Lead") == 0
