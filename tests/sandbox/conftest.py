"""The sandbox of these tests has 300 customers and a client that calls its APIs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox.client import SandboxClient, started


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[SandboxClient]:
    with started("--customers", "300") as client:
        yield client
