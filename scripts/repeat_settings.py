"""Writes what ``--about`` says of each plugin wherever it is repeated: meltano.yml, the Hub definitions, the docs.

``python -m scripts.repeat_settings`` writes, ``--check`` only says what is out of date (exit code 1).
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import SingleQuotedScalarString

ROOT = Path(__file__).resolve().parent.parent
PLUGINS = {"tap-carecycle": "extractors", "target-leadsquared": "loaders", "target-carecycle": "loaders"}

# Meltano 4 refuses capabilities that it does not know; the Hub knows these, too.
HUB_ONLY_CAPABILITIES = {"target-schema", "validate-records"}

# Meltano answers a wrong integer or choice with a traceback, and takes a mistyped boolean for false. The plugins read
# all of them from text and say in a sentence what is wrong, so Meltano is told that they are text.
KINDS = {"object": "object", "array": "array"}

# Whoever installs from the Hub gets a ledger without asking; in plain pipes there is none unless a path is set.
HUB_DEFAULTS = {"ledger_path": "${MELTANO_PROJECT_ROOT}/ledger/${MELTANO_ENVIRONMENT}/${MELTANO_LOADER_NAME}.ledger"}

MARKDOWN = str.maketrans({"|": "\\|", "<": "&lt;", "*": "\\*"})

About = Mapping[str, Any]


@dataclass(frozen=True)
class Setting:
    """One setting as a plugin describes it."""

    name: str
    schema: Mapping[str, Any]
    required: bool

    @property
    def secret(self) -> bool:
        """Whether its value must never be shown."""
        return bool(self.schema.get("secret"))

    @property
    def types(self) -> list[str]:
        """Its JSON types, without null."""
        found = self.schema.get("type", "string")
        return [name for name in ([found] if isinstance(found, str) else found) if name != "null"]

    @property
    def choices(self) -> list[str]:
        """The values that it accepts, if they are few."""
        return [str(value) for value in self.schema.get("enum", []) if value is not None]

    @property
    def kind(self) -> str:
        """Its kind in Meltano's words."""
        if self.schema.get("format") == "date-time":
            return "date_iso8601"
        return KINDS.get(self.types[0], "string")

    def definition(self, *, hub: bool) -> dict[str, Any]:
        """Describe it to Meltano.

        Args:
            hub: In the Hub's dialect, which calls a secret's kind password.
        """
        default = HUB_DEFAULTS.get(self.name) if hub else None
        default = self.schema.get("default") if default is None else default
        found: dict[str, Any] = {"name": self.name}
        if "title" in self.schema:
            found["label"] = self.schema["title"]
        found["kind"] = "password" if hub and self.secret else self.kind
        if self.choices:
            found["options"] = [{"label": _word(choice), "value": _word(choice)} for choice in self.choices]
        # Lists and objects are left to the plugin: a default that Meltano repeats cannot be told from a user's wish.
        if isinstance(default, str | int | float | bool):
            found["value"] = _word(default) if isinstance(default, str) else default
        if self.secret:
            found["sensitive"] = True
        found["description"] = " ".join(str(self.schema.get("description", "")).split())
        return found


def _word(text: str) -> str:
    """Quote what YAML 1.1, which the Hub's tools read, would take for a boolean."""
    return SingleQuotedScalarString(text) if text in {"on", "off", "yes", "no"} else text


def settings_of(about: About) -> Iterator[Setting]:
    """Yield the settings of a plugin, in its own order."""
    schema = about["settings"]
    for name, definition in schema["properties"].items():
        yield Setting(name, definition, required=name in schema.get("required", []))


def ask(name: str) -> About:
    """Run the installed plugin with ``--about``."""
    command = [str(Path(sysconfig.get_path("scripts")) / name), "--about", "--format=json"]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    found: About = json.loads(answer.stdout)
    return found


def _yaml() -> YAML:
    yaml = YAML()
    yaml.width = 120
    yaml.preserve_quotes = True
    return yaml


def _edit(text: str, change: Callable[[Any], Any]) -> str:
    yaml = _yaml()
    document = change(yaml.load(text))
    written = io.StringIO()
    yaml.dump(document, written)
    return "\n".join(line.rstrip() for line in written.getvalue().splitlines()) + "\n"


def into_project(text: str, abouts: Mapping[str, About]) -> str:
    """Return meltano.yml with every plugin's settings and capabilities."""

    def change(project: Any) -> Any:
        for name, kind in PLUGINS.items():
            plugin = next(entry for entry in project["plugins"][kind] if entry["name"] == name)
            plugin["capabilities"] = sorted(set(abouts[name]["capabilities"]) - HUB_ONLY_CAPABILITIES)
            plugin["settings"] = [setting.definition(hub=False) for setting in settings_of(abouts[name])]
        return project

    return _edit(text, change)


def into_hub_definition(text: str, about: About) -> str:
    """Return a Hub definition with the plugin's settings and capabilities, its keys sorted as the Hub wants them."""

    def change(definition: Any) -> Any:
        definition["capabilities"] = sorted(about["capabilities"])
        definition["settings"] = [setting.definition(hub=True) for setting in settings_of(about)]
        definition["supported_python_versions"] = list(about["supported_python_versions"])
        return _sorted_keys(definition)

    return _edit(text, change)


def _sorted_keys(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _sorted_keys(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_sorted_keys(item) for item in value]
    return value


def table(about: About) -> str:
    """Return a plugin's settings as a Markdown table."""
    rows = ["| setting | default | meaning |", "|---|---|---|"]
    for setting in settings_of(about):
        default = setting.schema.get("default")
        words = "" if default is None else f"`{_code(default)}`"
        marks = [word for word, holds in (("required", setting.required), ("secret", setting.secret)) if holds]
        choices = " One of " + ", ".join(f"`{choice}`" for choice in setting.choices) + "." if setting.choices else ""
        meaning = " ".join(str(setting.schema.get("description", "")).split()).translate(MARKDOWN)
        rows.append(f"| `{setting.name}` | {', '.join([*marks, words]).strip(', ')} | {meaning}{choices} |")
    return "\n".join(rows)


def _code(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def into_markdown(text: str, abouts: Mapping[str, About]) -> str:
    """Return a page with each table between ``<!-- settings of NAME -->`` and ``<!-- end -->`` rewritten."""
    for name, about in abouts.items():
        begin, end = f"<!-- settings of {name} -->\n", "<!-- end -->"
        if begin in text:
            before, rest = text.split(begin, 1)
            text = before + begin + "\n" + table(about) + "\n\n" + end + rest.split(end, 1)[1]
    return text


def pages(abouts: Mapping[str, About]) -> Iterator[tuple[Path, str]]:
    """Yield every file that repeats settings, with what it should hold."""
    path = ROOT / "meltano.yml"
    yield path, into_project(path.read_text(encoding="utf-8"), abouts)
    for name, kind in PLUGINS.items():
        for path in sorted((ROOT / "hub" / "_data" / "meltano" / kind / name).glob("*.yml")):
            yield path, into_hub_definition(path.read_text(encoding="utf-8"), abouts[name])
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        yield path, into_markdown(path.read_text(encoding="utf-8"), abouts)


def main(argv: list[str] | None = None) -> int:
    """Write, or check, every page.

    Args:
        argv: Arguments; those of the process without it.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(description="Repeats each plugin's settings in meltano.yml, hub/ and the docs.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if a file is out of date")
    only_check = parser.parse_args(argv).check
    abouts = {name: ask(name) for name in PLUGINS}
    stale = [(path, text) for path, text in pages(abouts) if path.read_text(encoding="utf-8") != text]
    for path, text in stale:
        print(f"{path.relative_to(ROOT)} {'is out of date' if only_check else 'written'}")
        if not only_check:
            path.write_text(text, encoding="utf-8")
    if stale and only_check:
        print("Run: python -m scripts.repeat_settings")
    return 1 if stale and only_check else 0


if __name__ == "__main__":
    sys.exit(main())
