"""Runs the installed commands as real processes, and makes their settings and their input."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.sandbox_client import ACCESS_KEY, CARECYCLE_KEY, SECRET_KEY, Sandbox

BIN = Path(sys.executable).parent
SECONDS = 120


@dataclasses.dataclass
class Run:
    """What a command did."""

    code: int
    out: str
    err: str

    def states(self) -> list[dict[str, Any]]:
        """Return the STATE values on stdout; nothing else may be there."""
        return [json.loads(line) for line in self.out.splitlines()]


def run(
    command: str,
    config: Mapping[str, Any] | Path,
    *arguments: str,
    stdin: str | bytes = b"",
    cwd: Path,
    env: Mapping[str, str] | None = None,
) -> Run:
    """Run an installed command to its end."""
    path = config if isinstance(config, Path) else write_config(cwd, command, config)
    done = subprocess.run(
        [str(BIN / command), "--config", str(path), *arguments],
        input=stdin.encode() if isinstance(stdin, str) else stdin,
        capture_output=True,
        cwd=cwd,
        timeout=SECONDS,
        check=False,
        env=plugin_environment(env),
    )
    return Run(done.returncode, done.stdout.decode(), done.stderr.decode())


def start(command: str, config: Mapping[str, Any], *arguments: str, cwd: Path) -> subprocess.Popen[bytes]:
    """Start an installed command with pipes to it, in a process group of its own."""
    path = write_config(cwd, command, config)
    return subprocess.Popen(
        [str(BIN / command), "--config", str(path), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=cwd,
        env=plugin_environment(None),
        start_new_session=True,
    )


def kill(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL the whole group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=10)


def pipe(commands: Sequence[tuple[str, Mapping[str, Any], Sequence[str]]], *, cwd: Path) -> list[Run]:
    """Run `a | b | ...` with real pipes; one `Run` each, only the last has its stdout."""
    processes: list[subprocess.Popen[bytes]] = []
    source: Any = subprocess.DEVNULL
    for name, config, arguments in commands:
        program = name if os.sep in name else str(BIN / name)
        process = subprocess.Popen(
            [program, "--config", str(write_config(cwd, Path(name).name, config)), *arguments],
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=(cwd / f"{Path(name).name}.err").open("wb"),
            cwd=cwd,
            env=plugin_environment(None),
        )
        if source is not subprocess.DEVNULL:
            source.close()
        source = process.stdout
        processes.append(process)
    out, _ = processes[-1].communicate(timeout=SECONDS)
    codes = [process.wait(timeout=SECONDS) for process in processes]
    errors = [(cwd / f"{Path(name).name}.err").read_text() for name, _, _ in commands]
    outs = [""] * (len(codes) - 1) + [out.decode()]
    return [Run(*result) for result in zip(codes, outs, errors, strict=True)]


def write_config(folder: Path, command: str, config: Mapping[str, Any]) -> Path:
    """Write a configuration file."""
    path = folder / f"{command}.config.json"
    path.write_text(json.dumps(config))
    return path


def carecycle(sandbox: Sandbox, **settings: Any) -> dict[str, Any]:
    """Settings of tap-carecycle and target-carecycle for a sandbox."""
    return {"api_url": sandbox.url, "api_key": CARECYCLE_KEY, **settings}


def leadsquared(sandbox: Sandbox, **settings: Any) -> dict[str, Any]:
    """Settings of target-leadsquared for a sandbox."""
    return {"api_url": sandbox.url, "access_key": ACCESS_KEY, "secret_key": SECRET_KEY, **settings}


def singer(
    records: Iterable[Mapping[str, Any]],
    *,
    stream: str = "people",
    keys: Sequence[str] = ("id",),
    state_every: int = 0,
    properties: Mapping[str, Any] | None = None,
) -> str:
    """Singer messages: a SCHEMA, the records, and a STATE after each so many."""
    rows = list(records)
    known = properties or {name: {} for row in rows for name in row}
    schema = {"type": "object", "properties": known}
    lines = [json.dumps({"type": "SCHEMA", "stream": stream, "schema": schema, "key_properties": list(keys)})]
    for count, row in enumerate(rows, 1):
        lines.append(json.dumps({"type": "RECORD", "stream": stream, "record": row}))
        if state_every and count % state_every == 0:
            lines.append(json.dumps({"type": "STATE", "value": {"bookmarks": {stream: {"n": count}}}}))
    return "\n".join(lines) + "\n"


def report(folder: Path) -> dict[str, Any]:
    """The report that `report_path: report.json` wrote."""
    content: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return content


def assert_balanced(account: Mapping[str, Any]) -> None:
    """`read` is the sum of all other columns, rejects by code included."""
    for name, stream in account["streams"].items():
        columns = sum(value for column, value in stream.items() if column not in {"read", "rejected"})
        assert stream["read"] == columns + sum(stream["rejected"].values()), f"{name} does not balance: {stream}"


def plugin_environment(extra: Mapping[str, str] | None) -> dict[str, str]:
    """Return the variables of this process without any plugin setting, and `extra`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TAP_", "TARGET_"))}
    return {**kept, **(extra or {})}
