"""Meltano projects in folders of their own, driven by Meltano's command line."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.forked import call_forked, preload
from tests.processes import BIN
from tests.sandbox_client import Sandbox

preload("meltano")
ROOT = Path(__file__).resolve().parents[3]
SECONDS = 180
JOB = ("run", "tap-carecycle", "target-leadsquared")


@dataclass(frozen=True)
class Done:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def all(self) -> str:
        """Everything that it printed."""
        return self.out + self.err


def uv_cache() -> str:
    """The cache that uv would use here, wherever a test sends XDG_CACHE_HOME."""
    done = subprocess.run([BIN / "uv", "cache", "dir"], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def clean_environment(home: Path) -> dict[str, str]:
    """Variables of a user who has nothing set that concerns us, and whose home is `home`."""
    foreign = ("TAP_", "TARGET_", "MELTANO_", "VIRTUAL_ENV", "PYTHONPATH", "XDG_")
    own = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    kinds = ("CACHE", "CONFIG", "DATA", "STATE")
    return own | {
        "HOME": str(home),
        **{f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in kinds},
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "UV_CACHE_DIR": uv_cache(),
        "UV_PYTHON_DOWNLOADS": "never",
        "NO_COLOR": "1",
        "NO_PROXY": "127.0.0.1",
        "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
        "MELTANO_CLI_DISABLE_VERSION_CHECK": "1",
    }


def call(command: list[str], *, cwd: Path, env: Mapping[str, str], seconds: float = SECONDS) -> Done:
    """Run a command to its end; if that does not come, end it with all that it started."""
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=seconds)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    return Done(process.returncode, out, err)


@dataclass
class Project:
    """A folder with a meltano.yml."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)

    def meltano(self, *arguments: str, code: int | None = 0, env: Mapping[str, str] | None = None) -> Done:
        """Run Meltano, forked, and hold its exit code against `code`, unless that is None."""
        with tempfile.TemporaryDirectory() as pipes:
            files = [Path(pipes) / name for name in ("in", "out", "err")]
            files[0].touch()
            done = call_forked(
                "meltano", *arguments, files=files, cwd=self.folder, env={**self.env, **(env or {})}, seconds=SECONDS
            )
        assert code is None or done.code == code, done.out + done.err
        return Done(done.code, done.out, done.err)

    def edit(self, change: Callable[[Any], None]) -> None:
        """Change meltano.yml as a user would with an editor."""
        yaml = YAML()
        path = self.folder / "meltano.yml"
        document = yaml.load(path.read_text(encoding="utf-8"))
        change(document)
        with path.open("w", encoding="utf-8") as written:
            yaml.dump(document, written)

    def config(self, plugin: str, *options: str, env: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The settings that the plugin is started with."""
        found: dict[str, Any] = json.loads(self.meltano(*options, "invoke", "--dump=config", plugin, env=env).out)
        return found

    def dotenv(self, **variables: str) -> None:
        """Write .env as a user would by hand: without quotes."""
        lines = "".join(f"{name}={value}\n" for name, value in variables.items())
        (self.folder / ".env").write_text(lines, encoding="utf-8")


def point_at(sandbox: Sandbox) -> dict[str, str]:
    """Variables that send all three plugins to a sandbox, keys not included."""
    plugins = ("TAP_CARECYCLE", "TARGET_CARECYCLE", "TARGET_LEADSQUARED")
    return {f"{plugin}_API_URL": sandbox.url for plugin in plugins}
