"""A sandbox as a real process, put back to its start before each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox.client import SandboxClient, started


@pytest.fixture(scope="session")
def server() -> Iterator[SandboxClient]:
    with started("--customers", "300") as client:
        yield client


@pytest.fixture
def sandbox(server: SandboxClient) -> SandboxClient:
    server.control("POST", "reset")
    return server
