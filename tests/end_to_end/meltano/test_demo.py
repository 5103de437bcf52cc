"""A stopped demo leaves no process and no file. The test of README checks what the demo prints."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.meltano.project import ROOT

COMMAND = [sys.executable, "-m", "scripts.demo", "--customers", "60"]


def running_in(folder: Path) -> list[str]:
    """Commands of all processes that were started with this folder for temporary files."""
    mark = f"TMPDIR={folder}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for left-over processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_demo_leaves_no_process(tmp_path: Path, number: signal.Signals) -> None:
    environment = os.environ | {"TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        COMMAND, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    with process.stdout:
        for line in process.stdout:
            if line.startswith("$ meltano run"):
                break
        assert any("sandbox" in command for command in running_in(tmp_path))
        process.send_signal(number)
        process.stdout.read()
    assert process.wait(timeout=60) == 128 + number
    assert running_in(tmp_path) == []
    assert list(tmp_path.iterdir()) == []
