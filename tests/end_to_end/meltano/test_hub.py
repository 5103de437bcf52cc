"""The Hub definitions as the Hub wants them; test_readme.py follows a user from the Hub to the second run."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from scripts.settings_tables import PLUGINS
from tests.end_to_end.meltano.hub import definitions, read
from tests.end_to_end.meltano.project import ROOT, Project, call
from tests.processes import BIN

VARIANT = "lead-connectors"


def test_each_plugin_has_a_definition_where_the_hub_looks_for_it() -> None:
    found = {(kind, path.parent.name, path.stem) for kind, path, _ in definitions()}
    assert found == {(kind, name, VARIANT) for name, kind in PLUGINS.items()}
    for kind, path, definition in definitions():
        assert (definition["name"], definition["variant"]) == (path.parent.name, path.stem)
        assert {"name", "namespace", "variant", "quality", "repo", "pip_url"} <= definition.keys()
        assert read("default_variants.yml")[kind][definition["name"]] == VARIANT
        assert (ROOT / "hub" / "static" / definition["logo_url"].lstrip("/")).read_text().startswith("<svg")
    maintainers = read("maintainers.yml")
    assert set(maintainers) == {VARIANT}
    assert maintainers[VARIANT].keys() == {"label", "name", "url"}


def test_keys_are_sorted_and_secrets_are_secret() -> None:
    def check(value: Any) -> None:
        if isinstance(value, Mapping):
            assert list(value) == sorted(value)
        for part in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
            check(part)

    secrets = set()
    for _, path, definition in definitions():
        assert not path.read_text(encoding="utf-8").startswith("---")
        check(definition)
        for setting in definition["settings"]:
            assert (setting["kind"] == "password") == bool(setting.get("sensitive"))
            assert setting["label"], setting
            assert setting["description"], setting
            if setting.get("sensitive"):
                secrets.add((definition["name"], setting["name"]))
    assert secrets == {
        ("tap-carecycle", "api_key"),
        ("target-carecycle", "api_key"),
        ("target-leadsquared", "access_key"),
        ("target-leadsquared", "secret_key"),
    }


def pythons() -> list[str]:
    """Return the oldest and the newest Python that the plugins support, of those on this machine."""
    done = subprocess.run(
        [BIN / "uv", "python", "list", "--only-installed", "--output-format=json"],
        capture_output=True,
        text=True,
        check=True,
    )
    paths = [row["path"] for row in json.loads(done.stdout) if row["implementation"] == "cpython"]
    # pyenv's versions are on PATH only as shims for those that are switched on.
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    paths += map(str, pyenv.glob("versions/*/bin/python"))
    found: dict[tuple[int, int], str] = {}
    for path in paths:
        asked = subprocess.run(
            [path, "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True, text=True, check=False
        )
        major, _, minor = asked.stdout.strip().partition(" ")
        if major == "3" and 10 <= int(minor) <= 14:
            found.setdefault((3, int(minor)), path)
    return [found[min(found)], found[max(found)]]


@pytest.mark.usefixtures("hub")
def test_unknown_variants_are_named(newcomer: Project) -> None:
    newcomer.meltano("init", "leads")
    newcomer.folder /= "leads"
    done = newcomer.meltano("add", "--no-install", "tap-carecycle", "--variant", "another", code=1)
    assert VARIANT in done.all


@pytest.mark.parametrize("what", ["wheel, oldest Python", "git, newest Python"])
def test_plugins_install_from_a_definition_in_a_file(
    newcomer: Project, wheel: Path, bare_repository: str, what: str
) -> None:
    pip_url, python = (str(wheel), pythons()[0]) if what.startswith("wheel") else (bare_repository, pythons()[1])
    newcomer.meltano("init", "leads")
    newcomer.folder /= "leads"
    for kind, path, definition in definitions():
        if definition["name"] == "target-carecycle":
            continue
        local = newcomer.folder / path.name
        text = path.read_text(encoding="utf-8").replace(f"pip_url: {definition['pip_url']}", f"pip_url: {pip_url}")
        local.write_text(text, encoding="utf-8")
        name = definition["name"]
        newcomer.meltano("add", "--plugin-type", kind[:-1], "--from-ref", str(local), "--python", python, name)
        venv = newcomer.folder / ".meltano" / kind / name / "venv"
        version = call([str(venv / "bin" / "python"), "--version"], cwd=newcomer.folder, env=newcomer.env).out
        wanted = call([python, "--version"], cwd=newcomer.folder, env=newcomer.env).out
        assert version == wanted
        done = call([str(venv / "bin" / name), "--version"], cwd=newcomer.folder, env=newcomer.env)
        assert done.out.startswith(f"{name} v")
    newcomer.meltano("compile", "--lint")
