"""A command as a process of its own whose imports were made beforehand, for tests that start it a hundred times.

What the process itself is about (signals, kills, streams, the environment) is tested with the installed commands.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.processes import SECONDS, Run, write_config

MODULES = {"target-carecycle": "target_carecycle.target", "target-leadsquared": "target_leadsquared.target"}
CLASSES = {"target-carecycle": "TargetCareCycle", "target-leadsquared": "TargetLeadSquared"}

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["__main__", "tests.delivery.forked", *MODULES.values()])


def run_forked(
    command: str, config: Mapping[str, Any], *arguments: str, stdin: str | bytes, cwd: Path, env: Mapping[str, str]
) -> Run:
    """Like `tests.processes.run`."""
    path = write_config(cwd, command, config)
    files = [cwd / f".{command}.{name}" for name in ("in", "out", "err")]
    files[0].write_bytes(stdin.encode() if isinstance(stdin, str) else stdin)
    argv = [command, "--config", str(path), *arguments]
    process = _context.Process(target=_work, args=(command, argv, [str(file) for file in files], str(cwd), dict(env)))
    process.start()
    process.join(SECONDS)
    assert process.exitcode is not None, f"{command} did not end"
    return Run(process.exitcode, files[1].read_text(), files[2].read_text())


def _work(command: str, argv: Sequence[str], files: Sequence[str], cwd: str, env: Mapping[str, str]) -> None:
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
    sys.argv = list(argv)
    getattr(importlib.import_module(MODULES[command]), CLASSES[command]).cli()
