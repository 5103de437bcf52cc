"""Fixtures: this project's own meltano.yml in a fresh folder, with the plugins installed once for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.meltano.project import ROOT, Project, clean_environment
from tests.processes import Sandbox

SANDBOX_IN_PROJECT = "http://127.0.0.1:8765"
PIP_URL = "pip_url: -e ${MELTANO_PROJECT_ROOT}"


def _copy(folder: Path) -> Project:
    text = (ROOT / "meltano.yml").read_text(encoding="utf-8")
    assert text.count(PIP_URL) == 3
    folder.mkdir(parents=True)
    (folder / "meltano.yml").write_text(text.replace(PIP_URL, f'pip_url: -e "{ROOT}"'), encoding="utf-8")
    return Project(folder, clean_environment(folder / "home"))


@pytest.fixture(scope="session")
def _installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = _copy(tmp_path_factory.mktemp("installed") / "project")
    project.meltano("install")
    return project.folder / ".meltano"


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
