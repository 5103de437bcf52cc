"""A command as a process of its own whose imports were made beforehand: it starts twenty times faster.

Tests of the process itself (signals, kills, pipes, the environment) start the installed command instead: see
`tests.processes`.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any

from tests.processes import SECONDS, Run, plugin_environment, write_config

PLUGINS = {
    "tap-carecycle": ("tap_carecycle.tap", "TapCareCycle.cli"),
    "target-carecycle": ("target_carecycle.target", "TargetCareCycle.cli"),
    "target-leadsquared": ("target_leadsquared.target", "TargetLeadSquared.cli"),
}
ENTRY_POINTS = {**PLUGINS, "meltano": ("meltano.cli", "main")}

_context = multiprocessing.get_context("forkserver")
_preloaded = ["__main__", "tests.forked", *(module for module, _ in PLUGINS.values())]
_context.set_forkserver_preload(_preloaded)


def preload(command: str) -> None:
    """Let the server import another command, too; to be called before the first one is run."""
    _preloaded.append(ENTRY_POINTS[command][0])
    _context.set_forkserver_preload(_preloaded)


def run_forked(
    command: str,
    config: Mapping[str, Any] | Path,
    *arguments: str,
    stdin: str | bytes = b"",
    cwd: Path,
    env: Mapping[str, str] | None = None,
) -> Run:
    """Like `tests.processes.run`."""
    files = [cwd / f".{command}.{name}" for name in ("in", "out", "err")]
    files[0].write_bytes(stdin.encode() if isinstance(stdin, str) else stdin)
    return call_forked(
        command, *_options(command, config, cwd), *arguments, files=files, cwd=cwd, env=plugin_environment(env)
    )


def call_forked(
    command: str, *arguments: str, files: Sequence[Path], cwd: Path, env: Mapping[str, str], seconds: float = SECONDS
) -> Run:
    """Run a command to its end, and end all that it started.

    Args:
        command: A name of `ENTRY_POINTS`.
        arguments: What follows the command's name.
        files: Files for stdin, stdout and stderr.
        cwd: The folder to run in.
        env: All variables that the command gets.
        seconds: When to give up.
    """
    process = _context.Process(target=_work, args=(command, arguments, [str(file) for file in files], str(cwd), env))
    process.start()
    process.join(seconds)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid or 0, signal.SIGKILL)
    assert process.exitcode is not None, f"{command} did not end"
    return Run(process.exitcode, files[1].read_text(), files[2].read_text())


class ForkedProcess:
    """Like `tests.processes.start`: pipes to a running command, in a process group of its own."""

    def __init__(self, command: str, config: Mapping[str, Any], *, cwd: Path) -> None:
        files = [cwd / f".{command}.pipe-{name}" for name in ("in", "out", "err")]
        for file in files:
            file.unlink(missing_ok=True)
            os.mkfifo(file)
        arguments = _options(command, config, cwd)
        names = [str(file) for file in files]
        self._process = _context.Process(
            target=_work, args=(command, arguments, names, str(cwd), plugin_environment(None))
        )
        self._process.start()
        # In the order in which the other side opens them.
        self.stdin = files[0].open("wb")
        self.stdout = files[1].open("rb")
        self.stderr = files[2].open("rb")
        self.pid: int = self._process.pid or 0

    def poll(self) -> int | None:
        code: int | None = self._process.exitcode
        return code

    def wait(self, timeout: float) -> int:
        self._process.join(timeout)
        if (code := self.poll()) is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout)
        return code

    def send_signal(self, signum: signal.Signals) -> None:
        os.kill(self.pid, signum)


def _options(command: str, config: Mapping[str, Any] | Path, cwd: Path) -> list[str]:
    return ["--config", str(config if isinstance(config, Path) else write_config(cwd, command, config))]


def _forget_logging() -> None:
    """Undo what an import in the server may have set up: Meltano's would log each line of a plugin once more."""
    loggers = [logging.getLogger(), *map(logging.getLogger, logging.getLogger().manager.loggerDict)]
    for logger in loggers:
        logger.handlers.clear()
        logger.filters.clear()
        logger.disabled, logger.propagate = False, True
        logger.setLevel(logging.WARNING if logger is logging.root else logging.NOTSET)


def _work(command: str, arguments: Sequence[str], files: Sequence[str], cwd: str, env: Mapping[str, str]) -> None:
    os.setsid()
    for handle, (file, flags) in enumerate(
        zip(files, (os.O_RDONLY, *[os.O_WRONLY | os.O_CREAT | os.O_TRUNC] * 2), strict=True)
    ):
        opened = os.open(file, flags)
        os.dup2(opened, handle)
        os.close(opened)
    sys.stdin, sys.stdout, sys.stderr = (open(handle, mode, closefd=False) for handle, mode in enumerate("rww"))  # noqa: SIM115
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    tempfile.tempdir = None  # the server's own folder may be known already
    if command in PLUGINS:
        _forget_logging()
    sys.argv = [command, *arguments]
    module, name = ENTRY_POINTS[command]
    sys.exit(attrgetter(name)(importlib.import_module(module))())
