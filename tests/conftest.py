"""Fixtures for all tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.processes import Sandbox, running_sandbox


@pytest.fixture(scope="session")
def _shared_sandbox() -> Iterator[Sandbox]:
    with running_sandbox("--customers", "120", "--carecycle-limit", "0/0", "--leadsquared-limit", "0/0") as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(_shared_sandbox: Sandbox) -> Sandbox:
    """A sandbox without limits, put back to its start."""
    _shared_sandbox.post("reset")
    return _shared_sandbox


@pytest.fixture(autouse=True)
def _quota_of_its_own(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has its own folder for what processes share, so that no test waits for another's quota."""
    monkeypatch.setenv("TMPDIR", str(tmp_path_factory.mktemp("shared")))
