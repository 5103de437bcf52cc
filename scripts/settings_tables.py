"""The settings of each plugin, as ``--about`` gives them, for meltano.yml, the Hub definitions and the docs."""

from __future__ import annotations

import io
import json
import subprocess
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import SingleQuotedScalarString

from scripts.marked_tables import with_table

ROOT = Path(__file__).resolve().parent.parent
PLUGINS = {"tap-carecycle": "extractors", "target-leadsquared": "loaders", "target-carecycle": "loaders"}

# Capabilities that the Hub knows and Meltano 4 rejects.
HUB_ONLY_CAPABILITIES = {"target-schema", "validate-records"}

# For an invalid integer or option Meltano prints a traceback, and it reads an invalid boolean as false. The plugins
# accept all of them as text and report an invalid one in a sentence, so for Meltano their kind is string.
MELTANO_KINDS = {"object": "object", "array": "array"}

# A user of the Hub gets a ledger by default. In plain pipes there is none unless a path is set.
HUB_DEFAULTS = {"ledger_path": "${MELTANO_PROJECT_ROOT}/ledger/${MELTANO_ENVIRONMENT}/${MELTANO_LOADER_NAME}.ledger"}

MARKDOWN = str.maketrans({"|": "\\|", "<": "&lt;", "*": "\\*"})

About = Mapping[str, Any]


@dataclass(frozen=True)
class Setting:
    """One setting, as the plugin's ``--about`` output describes it."""

    name: str
    schema: Mapping[str, Any]
    required: bool

    @property
    def secret(self) -> bool:
        """Whether its value is secret."""
        return bool(self.schema.get("secret"))

    @property
    def types(self) -> list[str]:
        """Its JSON types, without null."""
        found = self.schema.get("type", "string")
        return [name for name in ([found] if isinstance(found, str) else found) if name != "null"]

    @property
    def choices(self) -> list[str]:
        """The values that it accepts; empty where it is not an enum."""
        return [str(value) for value in self.schema.get("enum", []) if value is not None]

    @property
    def kind(self) -> str:
        """Its kind, one of Meltano's."""
        if self.schema.get("format") == "date-time":
            return "date_iso8601"
        return MELTANO_KINDS.get(self.types[0], "string")

    def definition(self, *, hub: bool) -> dict[str, Any]:
        """Return the setting's definition for Meltano.

        Args:
            hub: Whether it is for the Hub, where the kind of a secret is password.
        """
        default = HUB_DEFAULTS.get(self.name) if hub else None
        default = self.schema.get("default") if default is None else default
        found: dict[str, Any] = {"name": self.name}
        if "title" in self.schema:
            found["label"] = self.schema["title"]
        found["kind"] = "password" if hub and self.secret else self.kind
        if self.choices:
            found["options"] = [{"label": _quoted(choice), "value": _quoted(choice)} for choice in self.choices]
        # No defaults for arrays and objects: the plugin cannot tell a default that Meltano passes from a user's value.
        if isinstance(default, str | int | float | bool):
            found["value"] = _quoted(default) if isinstance(default, str) else default
        if self.secret:
            found["sensitive"] = True
        found["description"] = " ".join(str(self.schema.get("description", "")).split())
        return found


def _quoted(text: str) -> str:
    """Quote text that is a boolean in YAML 1.1, which the Hub's tools read."""
    return SingleQuotedScalarString(text) if text in {"on", "off", "yes", "no"} else text


def settings_of(about: About) -> Iterator[Setting]:
    """Yield the settings of a plugin, in the plugin's order."""
    schema = about["settings"]
    for name, definition in schema["properties"].items():
        yield Setting(name, definition, required=name in schema.get("required", []))


def read_about(name: str) -> About:
    """Run the installed plugin with ``--about`` and return its output."""
    command = [str(Path(sysconfig.get_path("scripts")) / name), "--about", "--format=json"]
    completed = subprocess.run(command, check=True, capture_output=True, text=True)
    found: About = json.loads(completed.stdout)
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


def updated_project(text: str, abouts: Mapping[str, About]) -> str:
    """Return meltano.yml with the settings and capabilities of all plugins."""

    def change(project: Any) -> Any:
        for name, kind in PLUGINS.items():
            plugin = next(entry for entry in project["plugins"][kind] if entry["name"] == name)
            plugin["capabilities"] = sorted(set(abouts[name]["capabilities"]) - HUB_ONLY_CAPABILITIES)
            plugin["settings"] = [setting.definition(hub=False) for setting in settings_of(abouts[name])]
        return project

    return _edit(text, change)


def updated_hub_definition(text: str, about: About) -> str:
    """Return a Hub definition with the plugin's settings and capabilities, its keys sorted as the Hub requires."""

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
        shown_default = "" if default is None else f"`{_as_text(default)}`"
        marks = [word for word, applies in (("required", setting.required), ("secret", setting.secret)) if applies]
        choices = " One of " + ", ".join(f"`{choice}`" for choice in setting.choices) + "." if setting.choices else ""
        meaning = " ".join(str(setting.schema.get("description", "")).split()).translate(MARKDOWN)
        rows.append(f"| `{setting.name}` | {', '.join([*marks, shown_default]).strip(', ')} | {meaning}{choices} |")
    return "\n".join(rows)


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def updated_markdown(text: str, abouts: Mapping[str, About]) -> str:
    """Return a page with a new table behind each ``<!-- settings of NAME -->``."""
    for name, about in abouts.items():
        text = with_table(text, f"settings of {name}", table(about))
    return text


def settings_pages() -> Iterator[tuple[Path, str]]:
    """Yield every file that contains settings, with its new content."""
    abouts = {name: read_about(name) for name in PLUGINS}
    path = ROOT / "meltano.yml"
    yield path, updated_project(path.read_text(encoding="utf-8"), abouts)
    for name, kind in PLUGINS.items():
        for path in sorted((ROOT / "hub" / "_data" / "meltano" / kind / name).glob("*.yml")):
            yield path, updated_hub_definition(path.read_text(encoding="utf-8"), abouts[name])
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        yield path, updated_markdown(path.read_text(encoding="utf-8"), abouts)
