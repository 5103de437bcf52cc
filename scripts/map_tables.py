"""The built-in maps, which are data, as tables for docs/mapping.md."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from scripts.marked_tables import with_table

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "mapping.md"
TARGETS = {"target-leadsquared": "target_leadsquared", "target-carecycle": "target_carecycle"}


def read(package: str, name: str) -> dict[str, Any]:
    """Read one of a target's maps."""
    content: dict[str, Any] = json.loads((ROOT / package / "mappings" / name).read_text(encoding="utf-8"))
    return content


def customers(package: str) -> Iterator[tuple[str, str]]:
    """Yield field and properties of the map for CareCycle customers."""
    data = read(package, "carecycle_customers.json")
    for field, source in data["fields"].items():
        if source is False:
            continue
        names = source["property"] if isinstance(source, dict) else source
        names = [names] if isinstance(names, str) else names
        mark = " (where the account has it)" if field in data.get("optional", ()) else ""
        yield f"`{field}`{mark}", ", else ".join(f"`{name}`" for name in names)


def spellings(package: str) -> Iterator[tuple[str, str]]:
    """Yield field and usual spellings."""
    data = read(package, "common.json")
    for field, forms in data["spellings"].items():
        mark = " (where the account has it)" if field in data.get("optional", ()) else ""
        yield f"`{field}`{mark}", ", ".join(f"`{form}`" for form in forms)


def table(head: tuple[str, str], rows: Iterator[tuple[str, str]]) -> str:
    """Lay out a Markdown table."""
    lines = [f"| {left} | {right} |" for left, right in rows]
    return "\n".join([f"| {head[0]} | {head[1]} |", "|---|---|", *lines])


def map_pages(pages: Mapping[Path, str]) -> Iterator[tuple[Path, str]]:
    """Yield the page of the built-in maps, with its new content.

    Args:
        pages: Pages that are generated already, by path.
    """
    text = pages[PAGE] if PAGE in pages else PAGE.read_text(encoding="utf-8")
    for target, package in TARGETS.items():
        vendor = "LeadSquared" if "leadsquared" in target else "CareCycle"
        text = with_table(text, f"customers to {target}", table((vendor, "customer"), customers(package)))
        text = with_table(text, f"spellings of {target}", table((vendor, "properties"), spellings(package)))
    yield PAGE, text
