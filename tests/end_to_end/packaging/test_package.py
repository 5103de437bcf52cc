"""What is published: a source archive, and a wheel that works on its own."""

from __future__ import annotations

import json
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.processes import BIN

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("lead_connectors", "tap_carecycle", "target_carecycle", "target_leadsquared")
COMMANDS = ("tap-carecycle", "target-carecycle", "target-leadsquared")


def uv(*arguments: str | Path, cwd: Path = ROOT) -> None:
    """Run uv."""
    done = subprocess.run([BIN / "uv", *arguments], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def output(venv: Path, command: str, *arguments: str, code: int = 0) -> str:
    """Run a command of a venv and return its stdout."""
    done = subprocess.run([venv / "bin" / command, *arguments], cwd=venv, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with both archives; the wheel is built from the source archive, as on a stranger's machine."""
    folder = tmp_path_factory.mktemp("dist")
    uv("build", "--quiet", "--out-dir", folder)
    return folder


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    """The wheel."""
    (found,) = dist.glob("*.whl")
    return found


def test_the_wheel_holds_the_packages_with_their_data_and_nothing_else(wheel: Path) -> None:
    names = [name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name]
    tracked = subprocess.run(["git", "ls-files", *PACKAGES], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {name.split("/")[0] for name in names} == set(PACKAGES)
    assert set(tracked.stdout.split()) <= set(names)
    assert any(name.endswith(".json") for name in names)
    assert not any("__pycache__" in name or name.endswith(".singer") for name in names)


def test_the_source_archive_holds_what_the_wheel_needs(dist: Path) -> None:
    (path,) = dist.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        tops = {name.split("/")[1] for name in archive.getnames() if "/" in name}
    assert tops >= {*PACKAGES, "README.md", "CHANGELOG.md", "LICENSE", "pyproject.toml"}
    assert not tops & {"sandbox", "tests", "scripts", ".env", "rejects", "ledger"}


def test_the_wheel_works_on_its_own(wheel: Path, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    uv("venv", "--quiet", venv)
    uv("pip", "install", "--quiet", "--python", venv / "bin" / "python", wheel)
    version = wheel.name.split("-")[1]
    for command in COMMANDS:
        assert output(venv, command, "--version").startswith(f"{command} v{version}")
        assert json.loads(output(venv, command, "--about", "--format=json"))["version"] == version
        assert output(venv, command, "--config", "no-such-file.json", code=2) == ""
