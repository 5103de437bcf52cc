"""A sandbox of their own for the tap's tests, and the installed tap as a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

KEY = "cc_sandbox_0123456789abcdef"
TAP = Path(sys.executable).with_name("tap-carecycle")
LONGEST = 60.0


@dataclass
class Sandbox:
    """A running sandbox and its control API."""

    url: str

    def control(self, path: str, body: Any = None, *, method: str | None = None) -> Any:
        request = urllib.request.Request(
            f"{self.url}/__sandbox__/{path}",
            data=None if body is None else json.dumps(body).encode(),
            method=method or ("GET" if body is None else "POST"),
        )
        with urllib.request.urlopen(request, timeout=LONGEST) as answer:
            return json.load(answer)

    @property
    def stats(self) -> dict[str, Any]:
        found: dict[str, Any] = self.control("stats")["apis"]["carecycle"]
        return found

    @property
    def calls(self) -> int:
        return int(self.stats["calls"])

    def customers(self) -> dict[str, dict[str, Any]]:
        """All customers that the list shows by default."""
        return {row["id"]: row for row in self.control("customers") if not row["testCustomer"]}

    def quirks(self, **switches: Any) -> None:
        self.control("quirks", switches)

    def fault(self, kind: str, **more: Any) -> None:
        self.control("faults", {"kind": kind, "api": "carecycle", **more})


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
    """The installed command."""

    folder: Path
    url: str

    def command(
        self,
        *flags: str,
        config: dict[str, Any] | None = None,
        state: dict[str, Any] | None = None,
        catalog: dict[str, Any] | None = None,
    ) -> list[str]:
        settings = {"api_key": KEY, "api_url": self.url, "requests_per_minute": 60_000, **(config or {})}
        files = {"config": settings, "state": state, "catalog": catalog}
        command = [str(TAP), *flags]
        for name, content in files.items():
            if content is not None:
                path = self.folder / f"{name}.json"
                path.write_text(json.dumps({k: v for k, v in content.items() if v is not None}))
                command += [f"--{name}", str(path)]
        return command

    def run(self, *flags: str, **files: Any) -> Run:
        done = subprocess.run(
            self.command(*flags, **files),
            capture_output=True,
            text=True,
            timeout=LONGEST,
            check=False,
            cwd=self.folder,
            env=self.environment,
        )
        return Run.read(done.returncode, done.stdout, done.stderr)

    def start(self, *flags: str, stdout: int = subprocess.PIPE, **files: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*flags, **files),
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env=self.environment,
        )

    def catalog(self) -> dict[str, Any]:
        done = subprocess.run([str(TAP), "--discover"], capture_output=True, text=True, timeout=LONGEST, check=True)
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    @property
    def environment(self) -> dict[str, str]:
        """A quota file of this test's own, for runs of other tests must not slow it down."""
        return {**os.environ, "TMPDIR": str(self.folder)}


def start_sandbox(*options: str) -> tuple[subprocess.Popen[str], Sandbox]:
    """Start a sandbox on any free port and wait until it says that it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox", "--port", "0", "--carecycle-limit", "0/0", *options],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert process.stdout is not None
    return process, Sandbox(process.stdout.readline().split()[-1])


@pytest.fixture(scope="session")
def running_sandbox() -> Iterator[Sandbox]:
    process, sandbox = start_sandbox()
    yield sandbox
    process.terminate()
    process.wait(LONGEST)


@pytest.fixture
def sandbox(running_sandbox: Sandbox) -> Sandbox:
    running_sandbox.control("reset", {})
    return running_sandbox


@pytest.fixture
def tap(sandbox: Sandbox, tmp_path: Path) -> Tap:
    return Tap(tmp_path, sandbox.url)
