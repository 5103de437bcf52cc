"""Each error ends with its exit code and one sentence."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lead_connectors.http.errors import DeniedError, TransientError
from lead_connectors.plugin.errors import SettingsError
from tests.plugin.probe import SECRET, Probe, Run


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (SettingsError("set it right"), 2, "set it right"),
        (DeniedError("check the key", status=401), 2, "check the key"),
        (TransientError("run again"), 1, "run again"),
        (ValueError(SECRET + " jane@example.com"), 1, "Stopped by an unexpected ValueError in"),
        (SystemExit(143), 143, ""),
    ],
)
def test_every_error_ends_with_its_exit_code_and_one_sentence(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, sentence: str
) -> None:
    def fail(_: Probe) -> None:
        raise error

    monkeypatch.setattr(Probe, "does", fail)
    result, said = run({"api_key": SECRET})
    assert result.exit_code == code
    assert sentence in said
    assert "Traceback" not in said
    assert SECRET not in said
    assert "jane@example.com" not in said


def test_a_closed_stdout_is_no_traceback() -> None:
    program = """
import sys
from tests.plugin.probe import Probe

def talk(_):
    for _ in range(100_000):
        print("a message", flush=True)

Probe.does = talk
Probe.get_singer_command()(["--config", sys.argv[1]])
"""
    Path("config.json").write_text('{"api_key": "k"}')
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", program, "config.json"]
    with subprocess.Popen(
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "a message\n"
        process.stdout.close()
        said = process.stderr.read()
    assert process.returncode == 1
    assert said.strip().endswith("The reader of stdout has closed it. Stopping.")
    assert "Traceback" not in said
