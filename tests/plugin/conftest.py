"""Loggers as in a new process, a probe tap to run, and a scripted server."""

from __future__ import annotations

import json
import logging
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.http.loopback import Loopback, loopback
from tests.plugin.probe import Probe


@pytest.fixture(autouse=True)
def loggers_as_before() -> Iterator[None]:
    """`redact_logs` changes the whole process: restore it."""
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


@pytest.fixture(autouse=True)
def probe(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Probe, "does", lambda _: None)
    monkeypatch.setattr(Probe, "ran", [])
    monkeypatch.chdir(tmp_path)
    # The SDK sets handlers for the whole process.
    for number in (signal.SIGTERM, signal.SIGINT):
        monkeypatch.setattr(signal, "signal", lambda *_: None)
        assert signal.getsignal(number) is not None


@pytest.fixture
def run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Callable[..., tuple[Result, str]]:
    """Run the command with a configuration file; gives the result and everything that was logged or printed."""

    def run_it(config: Any, *more: str, env: Mapping[str, str] | None = None) -> tuple[Result, str]:
        file = tmp_path / "config.json"
        file.write_text(config if isinstance(config, str) else json.dumps(config))
        caplog.set_level(logging.DEBUG)
        caplog.clear()
        arguments = more or ("--config", str(file))
        result = CliRunner().invoke(Probe.get_singer_command(), arguments, env=dict(env or {}))
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result, caplog.text + result.output

    return run_it
