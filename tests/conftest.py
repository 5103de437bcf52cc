"""Fixtures for all tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.sandbox_client import WITHOUT_LIMITS, Sandbox, running_sandbox

# Both measure the machine: beside other tests they fail for nothing.
settings.register_profile("parallel", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("parallel")


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[Sandbox]:
    """A sandbox without limits; a folder whose tests need other options has a fixture of this name."""
    with running_sandbox("--customers", "120", *WITHOUT_LIMITS) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(shared_sandbox: Sandbox) -> Sandbox:
    """The shared sandbox, put back to its start."""
    shared_sandbox.post("reset")
    return shared_sandbox


@pytest.fixture(autouse=True)
def _quota_of_its_own(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has its own folder for what processes share, so that no test waits for another's quota."""
    monkeypatch.setenv("TMPDIR", str(tmp_path_factory.mktemp("shared")))
