"""The SDK's own suite, all of it, against the sandbox."""

from __future__ import annotations

from typing import Any

import pytest
from singer_sdk.testing import SuiteConfig, TapTestRunner, get_tap_test_class

from tap_carecycle.tap import TapCareCycle
from tests.processes import carecycle
from tests.sandbox_client import Sandbox

# The children are opt-in; the suite looks at all streams.
CATALOG = TapCareCycle(config={}, validate_config=False, setup_mapper=False).catalog_dict
for entry in CATALOG["streams"]:
    next(each for each in entry["metadata"] if not each["breadcrumb"])["metadata"]["selected"] = True

# The factory wants a configuration when the module is read; the runner below gets the sandbox's.
Suite: Any = get_tap_test_class(
    TapCareCycle, catalog=CATALOG, config=carecycle(Sandbox("http://127.0.0.1:9")), parse_env_config=False
)


@pytest.mark.xdist_group("tap_sdk")  # one run of the tap feeds all of these tests
class TestTapCareCycle(Suite):  # type: ignore[misc]
    """tap-carecycle."""

    @pytest.fixture(scope="class")
    @classmethod
    def runner(cls, shared_sandbox: Sandbox) -> TapTestRunner:
        shared_sandbox.post("reset")
        config = carecycle(shared_sandbox, requests_per_minute=60_000)
        options = SuiteConfig(max_records_limit=500)
        found = TapTestRunner(TapCareCycle, config, options, catalog=CATALOG, parse_env_config=False)
        found.sync_all()
        return found
