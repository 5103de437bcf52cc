"""The SDK's own suite, all of it, against the sandbox."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from singer_sdk.testing import SuiteConfig, get_tap_test_class

from tap_carecycle.tap import TapCareCycle
from tests.end_to_end.tap.conftest import KEY, start_sandbox

# The factory wants its configuration when the module is read, before any fixture: this sandbox is its own.
PROCESS, SANDBOX = start_sandbox("--customers", "120")

# The children are opt-in; the suite looks at all streams.
CATALOG = TapCareCycle(config={}, validate_config=False, setup_mapper=False).catalog_dict
for entry in CATALOG["streams"]:
    next(each for each in entry["metadata"] if not each["breadcrumb"])["metadata"]["selected"] = True

TestTapCareCycle = get_tap_test_class(
    TapCareCycle,
    catalog=CATALOG,
    config={"api_key": KEY, "api_url": SANDBOX.url, "requests_per_minute": 60_000},
    suite_config=SuiteConfig(max_records_limit=500),
)


@pytest.fixture(scope="module", autouse=True)
def _end() -> Iterator[None]:
    yield
    PROCESS.terminate()
    PROCESS.wait(30)
