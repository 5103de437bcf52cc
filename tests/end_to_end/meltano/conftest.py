"""Fixtures: this project's own meltano.yml in a fresh folder, with the plugins installed once for all tests."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.end_to_end.meltano.hub import running_hub
from tests.end_to_end.meltano.project import ROOT, Project, clean_environment
from tests.processes import BIN
from tests.sandbox_client import Sandbox

SANDBOX_IN_PROJECT = "http://127.0.0.1:8765"
BuildOnce = Callable[[str, Callable[[Path], None]], Path]
PIP_URL = "pip_url: -e ${MELTANO_PROJECT_ROOT}"


def _copy(folder: Path) -> Project:
    text = (ROOT / "meltano.yml").read_text(encoding="utf-8")
    assert text.count(PIP_URL) == 3
    folder.mkdir(parents=True)
    (folder / "meltano.yml").write_text(text.replace(PIP_URL, f'pip_url: -e "{ROOT}"'), encoding="utf-8")
    return Project(folder, clean_environment(folder / "home"))


def _install(folder: Path) -> None:
    _copy(folder).meltano("install")


@pytest.fixture(scope="session")
def _installed(build_once: BuildOnce) -> Path:
    return build_once("installed", lambda folder: _install(folder / "project")) / "project" / ".meltano"


@pytest.fixture
def project(tmp_path: Path, sandbox: Sandbox, _installed: Path) -> Project:
    """A copy of this project whose environment `sandbox` is the running sandbox."""
    project = _copy(tmp_path / "project")
    path = project.folder / "meltano.yml"
    text = path.read_text(encoding="utf-8")
    assert text.count(SANDBOX_IN_PROJECT) == 3
    path.write_text(text.replace(SANDBOX_IN_PROJECT, sandbox.url), encoding="utf-8")
    (project.folder / ".meltano").mkdir()
    for kind in ("extractors", "loaders"):
        (project.folder / ".meltano" / kind).symlink_to(_installed / kind)
    return project


@pytest.fixture(scope="session")
def wheel(build_once: BuildOnce) -> Path:
    """The plugins' wheel."""
    return next(build_once("wheel", _build_wheel).glob("*.whl"))


def _build_wheel(folder: Path) -> None:
    subprocess.run([BIN / "uv", "build", "--quiet", "--wheel", "--out-dir", folder], cwd=ROOT, check=True)


@pytest.fixture(scope="session")
def bare_repository(build_once: BuildOnce) -> str:
    """The plugins as a git address: the files as they are now, in a repository of their own."""
    return f"git+{(build_once('git', _commit_all) / 'lead-connectors.git').as_uri()}"


def _commit_all(folder: Path) -> None:
    work = folder / "work"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (work / name).parent.mkdir(parents=True, exist_ok=True)
            (work / name).write_bytes((ROOT / name).read_bytes())
    who = ["-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]
    for command in (
        ["git", "init", "--quiet", "--initial-branch=main"],
        ["git", "add", "."],
        ["git", *who, "commit", "--quiet", "--no-verify", "--message=As it is"],
        ["git", "clone", "--quiet", "--bare", ".", str(folder / "lead-connectors.git")],
    ):
        subprocess.run(command, cwd=work, check=True)


@pytest.fixture
def newcomer(tmp_path: Path) -> Project:
    """A user's home, without a project."""
    home = tmp_path / "home"
    home.mkdir()
    return Project(home, clean_environment(home))


@pytest.fixture
def hub(newcomer: Project, wheel: Path, tmp_path: Path) -> Iterator[None]:
    """Meltano Hub, as far as the newcomer can tell; its plugins install from the wheel."""
    with running_hub(tmp_path / "hub", str(wheel)) as address:
        newcomer.env["MELTANO_HUB_URL"] = address
        yield
