"""tap-carecycle as a command, and a sandbox whose list is 1,000 customers long."""

from __future__ import annotations

import json
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.forked import run_forked
from tests.processes import BIN, carecycle, plugin_environment, run
from tests.sandbox_client import Sandbox, running_sandbox

COMMAND = "tap-carecycle"
TAP = BIN / COMMAND
LONGEST = 60.0


@dataclass
class Run:
    """What one run of the tap did."""

    exit_code: int
    stdout: str
    log: str
    records: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    states: list[dict[str, Any]] = field(default_factory=list)
    schemas: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def read(cls, exit_code: int, stdout: str, log: str) -> Run:
        run = cls(exit_code, stdout, log)
        for line in stdout.splitlines():
            message = json.loads(line)
            if message["type"] == "RECORD":
                run.records[message["stream"]].append(message["record"])
            elif message["type"] == "STATE":
                run.states.append(message["value"])
            elif message["type"] == "SCHEMA":
                run.schemas.append(message)
        return run

    @property
    def ids(self) -> list[str]:
        return [record["id"] for record in self.records["customers"]]

    @property
    def customers_state(self) -> dict[str, Any]:
        found: dict[str, Any] = self.states[-1]["bookmarks"]["customers"]
        return found

    @property
    def bookmark(self) -> str | None:
        return self.customers_state.get("replication_key_value")


@dataclass
class Tap:
    """The tap, in a folder of its own."""

    folder: Path
    sandbox: Sandbox

    def run(self, *flags: str, installed: bool = False, config: dict[str, Any] | None = None, **files: Any) -> Run:
        """Run to the end: forked from a process that has made its imports, or as the installed command."""
        runner = run if installed else run_forked
        done = runner(COMMAND, self._config(config), *flags, *self._files(files), cwd=self.folder)
        return Run.read(done.code, done.out, done.err)

    def start(
        self, *flags: str, stdout: int = subprocess.PIPE, config: dict[str, Any] | None = None, **files: Any
    ) -> subprocess.Popen[str]:
        """Start the installed command with pipes."""
        return subprocess.Popen(
            [str(TAP), "--config", str(self._config(config)), *flags, *self._files(files)],
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env=plugin_environment(None),
        )

    def catalog(self) -> dict[str, Any]:
        """Return what `--discover` prints."""
        found: dict[str, Any] = json.loads(run_forked(COMMAND, self._config(None), "--discover", cwd=self.folder).out)
        return found

    def _config(self, changes: dict[str, Any] | None) -> Path:
        settings = carecycle(self.sandbox, requests_per_minute=60_000) | (changes or {})
        return self._write("config", {name: value for name, value in settings.items() if value is not None})

    def _files(self, contents: dict[str, Any]) -> list[str]:
        given = {name: content for name, content in contents.items() if content is not None}
        return [part for name, content in given.items() for part in (f"--{name}", str(self._write(name, content)))]

    def _write(self, name: str, content: Any) -> Path:
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps(content))
        return path


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[Sandbox]:
    with running_sandbox("--carecycle-limit", "0/0") as sandbox:
        yield sandbox


@pytest.fixture
def tap(sandbox: Sandbox, tmp_path: Path) -> Tap:
    return Tap(tmp_path, sandbox)
