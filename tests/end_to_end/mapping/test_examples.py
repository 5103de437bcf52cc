"""The examples of docs/mapping.md, with settings, records and results read from the page itself."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from lead_connectors.field_map.converters.registry import CONVERTERS
from tests.forked import run_forked
from tests.processes import carecycle, leadsquared, report, singer
from tests.sandbox_client import Sandbox

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "mapping.md"
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


@dataclasses.dataclass(frozen=True)
class Example:
    """One example of the page."""

    heading: str
    settings: dict[str, Any]
    records: list[dict[str, Any]]
    results: list[dict[str, Any]]

    @property
    def stream(self) -> str:
        """The stream that its map names; CareCycle's own without one."""
        return str(next(iter(self.settings.get("field_map", {"customers": {}}))))


def examples() -> list[Example]:
    _, _, text = PAGE.read_text(encoding="utf-8").partition("## Five examples")
    found = []
    for section in text.split("\n### ")[1:]:
        heading, _, body = section.partition("\n")
        blocks = BLOCK.findall(body)
        assert [kind for kind, _ in blocks] == ["yaml", "json", "json"], heading
        settings, records, results = (content for _, content in blocks)
        found.append(Example(heading, YAML(typ="safe").load(settings), _lines(records), _lines(results)))
    return found


def _lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_there_are_five() -> None:
    assert len(examples()) == 5


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.heading)
def test_an_example_does_what_the_page_says(example: Example, sandbox: Sandbox, tmp_path: Path) -> None:
    uploads = example.heading.endswith("to CareCycle")
    command = "target-carecycle" if uploads else "target-leadsquared"
    config = (carecycle if uploads else leadsquared)(sandbox, **example.settings, report_path="report.json")
    (key,) = {"id", "No"} & example.records[0].keys()
    known = {row["id"] for row in sandbox.customers()}
    done = run_forked(command, config, stdin=singer(example.records, stream=example.stream, keys=[key]), cwd=tmp_path)
    assert done.code == 0, done.err

    arrived = [row for row in sandbox.customers() if row["id"] not in known] if uploads else sandbox.leads()
    expected = [result for result in example.results if "rejected" not in result]
    assert len(arrived) == len(expected)
    same = "clientCustomerId" if uploads else "FirstName"
    by_name = {row[same]: row for row in arrived}
    for result in expected:
        row = by_name[result[same]]
        for name, value in result.items():
            assert _plain(row.get(name)) == _plain(value), name

    rejected = [result for result in example.results if "rejected" in result]
    assert sum(report(tmp_path)["streams"][example.stream]["rejected"].values()) == len(rejected)
    kept = [json.loads(line) for path in (tmp_path / "rejects").rglob("*.singer") for line in path.open()]
    rejects = [message for message in kept if message["type"] == "RECORD"]
    for message, result in zip(rejects, rejected, strict=True):
        assert message["_sdc_reject_code"] == result["rejected"]
        assert result["reason"] in message["_sdc_reject_reason"]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items() if part not in (None, "")}
    text = str(value)
    return {"true": "1", "false": "0"}.get(text.lower(), text.removesuffix(".000"))


def test_the_page_repeats_the_built_in_maps_as_they_are() -> None:
    command = [sys.executable, "-m", "scripts.generate", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_page_names_every_converter_and_every_option() -> None:
    rows = {line.split("|")[1].strip(" `"): line for line in PAGE.read_text().splitlines() if line.startswith("| `")}
    for name, converter in CONVERTERS.items():
        assert name in rows
        if name != "auto":
            for option in converter.options:
                assert f"`{option}`" in rows[name].replace('"', ""), f"{name}: {option}"
