"""The SDK's own suite, all of it, against the sandbox."""

from __future__ import annotations

import os

import pytest
from singer_sdk.testing import SuiteConfig, get_tap_test_class

from tap_carecycle.tap import TapCareCycle
from tests.tap.conftest import KEY, start_sandbox

# The factory wants its configuration when the module is read, before any fixture: this sandbox is its own.
PROCESS, SANDBOX = start_sandbox("--customers", "120")

TestTapCareCycle = get_tap_test_class(
    TapCareCycle,
    config={"api_key": KEY, "api_url": SANDBOX.url, "requests_per_minute": 60_000},
    suite_config=SuiteConfig(max_records_limit=500),
)


@pytest.fixture(scope="module", autouse=True)
def _end() -> object:
    yield
    PROCESS.terminate()
    PROCESS.wait(30)


assert os.environ is not None
