"""Runs every shell block of README.md as it is written there."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.end_to_end.meltano.project import JOB, ROOT, Done, Project, call, clean_environment, point_at
from tests.processes import BIN
from tests.sandbox_client import ACCESS_KEY, CARECYCLE_KEY, SECRET_KEY, Sandbox

KEYS = {
    "TAP_CARECYCLE_API_KEY": CARECYCLE_KEY,
    "TARGET_LEADSQUARED_ACCESS_KEY": ACCESS_KEY,
    "TARGET_LEADSQUARED_SECRET_KEY": SECRET_KEY,
}
README = (ROOT / "README.md").read_text(encoding="utf-8")
SHELL = re.findall(r"^```sh\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
DEMO, FROM_HUB, AGAIN, FROM_REPOSITORY, PLAIN = SHELL


def shell(script: str, cwd: Path, env: dict[str, str]) -> Done:
    """Run a block as a user's shell would, and stop at the first failure."""
    done = call(["bash", "-e", "-o", "pipefail", "-c", script], cwd=cwd, env=env)
    assert done.code == 0, done.all
    return done


def dotenv(text: str) -> str:
    """Fill in the keys that a README block or .env.example leaves open."""
    for name, value in KEYS.items():
        (line,) = re.findall(rf"^{name}=.*$", text, flags=re.MULTILINE)
        text = text.replace(line, f"{name}={value}")
    return text


def test_make_demo(tmp_path: Path) -> None:
    outer_make = {"MAKEFLAGS", "MAKEOVERRIDES", "MAKELEVEL", "MFLAGS"}
    environment = {name: value for name, value in os.environ.items() if name not in outer_make} | {
        "ARGS": "--customers 60",
        "TMPDIR": str(tmp_path),
        "TARGET_LEADSQUARED_SECRET_KEY": "not for the demo",
    }
    done = shell(DEMO, ROOT, environment)
    shown = next(block for block in re.findall(r"```text\n(.*?)```", README, re.DOTALL) if "meltano run" in block)
    for line in shown.splitlines():
        if line.startswith(("$", "Now", "The second", "Meltano")):
            assert line in done.out
    assert "60  customers read" in done.out
    assert "3  leads created\n        7  leads updated" in done.out
    # uv keeps a lock file of its own there when make first had to bring the environment up to date.
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith("uv-")] == []


@pytest.mark.usefixtures("hub")
def test_from_the_hub_to_the_second_run(newcomer: Project, sandbox: Sandbox) -> None:
    newcomer.env |= point_at(sandbox)
    shell(FROM_HUB, newcomer.folder, newcomer.env)
    newcomer.folder /= "leads"
    newcomer.meltano("add", "--no-install", "target-carecycle")
    keys = next(block for block in re.findall(r"```text\n(.*?)```", README, re.DOTALL) if "_API_KEY=" in block)
    (newcomer.folder / ".env").write_text(dotenv(keys), encoding="utf-8")
    del newcomer.env["MELTANO_HUB_URL"]  # lock files are enough from here on
    shell(AGAIN, newcomer.folder, newcomer.env)
    assert sandbox.leads()
    first = len(sandbox.history())
    assert (newcomer.folder / "ledger" / "dev" / "target-leadsquared.ledger").exists()
    done = newcomer.meltano(*JOB)
    assert len(sandbox.history()) == first
    assert "created=0" in done.all or "created=" not in done.all

    listing = newcomer.meltano("select", "tap-carecycle", "--list").out
    assert "customers.id" in listing
    assert "customer_dependents" not in listing


def test_from_this_repository(project: Project, sandbox: Sandbox) -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    example = re.sub("^TARGET_LEADSQUARED_API_URL=.*\n", "", example, flags=re.MULTILINE)
    (project.folder / ".env.example").write_text(dotenv(example), encoding="utf-8")
    shell(FROM_REPOSITORY, project.folder, project.env | point_at(sandbox))
    assert sandbox.leads()


def test_plain_pipes(tmp_path: Path, bare_repository: str, sandbox: Sandbox) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", bare_repository.removeprefix("git+"), str(clone)], check=True)
    subprocess.run([BIN / "uv", "venv", "--quiet", "--seed", tmp_path / "venv"], check=True)
    (clone / "tap.json").write_text(f'{{"api_key": "{CARECYCLE_KEY}", "api_url": "{sandbox.url}"}}')
    (clone / "target.json").write_text(
        f'{{"access_key": "{ACCESS_KEY}", "secret_key": "{SECRET_KEY}", "api_url": "{sandbox.url}"}}'
    )
    environment = clean_environment(tmp_path / "home")
    environment["PIP_NO_COMPILE"] = "1"  # a plugin compiles what it imports; pip would compile all
    environment["PATH"] = f"{tmp_path / 'venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    shell(PLAIN, clone, environment)
    assert sandbox.leads()
    assert "bookmarks" in json.loads((clone / "state.json").read_text(encoding="utf-8"))
    written = len(sandbox.history())
    shell(PLAIN.replace("pip install .\n", ""), clone, environment)
    assert len(sandbox.history()) <= written + 1
    assert "bookmarks" in json.loads((clone / "state.json").read_text(encoding="utf-8"))
