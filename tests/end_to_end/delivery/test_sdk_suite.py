"""The SDK's standard target suites, against the sandbox, in this process as the SDK runs them."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from singer_sdk.testing import SuiteConfig, TargetTestRunner, get_target_test_class
from singer_sdk.testing.suites import SingerTestSuite, target_tests
from singer_sdk.testing.target_tests import TargetMultipleStateMessages, TargetRecordMissingKeyProperty

from target_carecycle.target import TargetCareCycle
from target_leadsquared.target import TargetLeadSquared
from tests.processes import carecycle, leadsquared
from tests.sandbox_client import Sandbox

LEFT_OUT = {
    # It wants the run to end with MissingKeyPropertiesError; here the record is rejected with `key_missing`, and its
    # neighbours are delivered: test_reject_files.py and the corpus' key_is_missing.singer.
    TargetRecordMissingKeyProperty: "a record without its key is rejected alone",
    # Not among the SDK's active tests; test_streams.py has the states of several streams.
    TargetMultipleStateMessages: "commented out by the SDK itself",
}
SUITE: SingerTestSuite[Any] = SingerTestSuite(
    kind="target", tests=[test for test in target_tests.tests if test not in LEFT_OUT]
)
SETTINGS: dict[str, Any] = {"streams": ["*"], "max_reject_percent": 100, "rate_limit": {"calls": 1000, "seconds": 1}}


def suite_of(target: type[Any]) -> type[Any]:
    found: type[Any] = get_target_test_class(target, custom_suites=[SUITE], include_target_tests=False)
    return found


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Rejects go beside; the handlers that a target sets for signals are pytest's again afterwards."""
    monkeypatch.chdir(tmp_path)
    kept = {signum: signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM)}
    yield
    for signum, handler in kept.items():
        signal.signal(signum, handler)


class TestTargetCareCycle(suite_of(TargetCareCycle)):  # type: ignore[misc]
    """target-carecycle."""

    @pytest.fixture
    def runner(self, sandbox: Sandbox) -> TargetTestRunner:
        # Streams that give their keys as external ids would mix.
        config = carecycle(sandbox, **SETTINGS, field_map={"*": {"externalId": "id"}})
        return TargetTestRunner(TargetCareCycle, config, SuiteConfig(), parse_env_config=False)


class TestTargetLeadSquared(suite_of(TargetLeadSquared)):  # type: ignore[misc]
    """target-leadsquared."""

    @pytest.fixture
    def runner(self, sandbox: Sandbox) -> TargetTestRunner:
        config = leadsquared(sandbox, **SETTINGS)
        return TargetTestRunner(TargetLeadSquared, config, SuiteConfig(), parse_env_config=False)


def test_nothing_else_is_left_out() -> None:
    assert {test for test in target_tests.tests if test not in SUITE.tests} == {TargetRecordMissingKeyProperty}
