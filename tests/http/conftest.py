"""A scripted server, a clock turned by hand, and a temporary folder of its own for each test."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lead_connectors.http.quota import Quota, Window
from lead_connectors.http.session import ApiSession
from tests.http.loopback import ERRORS, Clock, HandTurnedEvent, Loopback, loopback


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test's quota files lie."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback() as started:
        yield started


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make_session(
    server: Loopback, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., ApiSession]]:
    """Sessions whose waits pass in no time: the clock jumps instead."""
    monkeypatch.setattr("lead_connectors.http.session.time", SimpleNamespace(monotonic=clock))
    made: list[ApiSession] = []

    def make(base_url: str | None = None, *, quota: Quota | None = None, **options: Any) -> ApiSession:
        options = {
            "headers": {"x-api-key": "u$r-secret"},
            "errors": ERRORS,
            "timeout": 5.0,
            "stopping": HandTurnedEvent(clock),
            **options,
        }
        quota = quota or Quota([Window(1000, 1.0)], clock=clock, sleep=clock.sleep)
        made.append(ApiSession("TestAPI", base_url or server.url, quota, **options))
        return made[-1]

    yield make
    for session in made:
        session.close()
