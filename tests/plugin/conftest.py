"""Loggers as in a new process, and a scripted server."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests.http.loopback import Loopback, loopback


@pytest.fixture(autouse=True)
def loggers_as_before() -> Iterator[None]:
    """`silence_logs` changes the whole process: put it back."""
    root = logging.getLogger()
    names = [None, *logging.getLogger().manager.loggerDict]
    levels = {name: logging.getLogger(name).level for name in names}
    filters = {handler: list(handler.filters) for handler in root.handlers}
    yield
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    for handler, before in filters.items():
        handler.filters[:] = before


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback() as started:
        yield started
