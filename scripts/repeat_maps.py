"""Writes the built-in maps, which are data, into docs/mapping.md as tables.

``python -m scripts.repeat_maps`` writes, ``--check`` only says whether the page is out of date (exit code 1).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "mapping.md"
TARGETS = {"target-leadsquared": "target_leadsquared", "target-carecycle": "target_carecycle"}
END = "<!-- end -->"


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


def into_page(text: str) -> str:
    """Return the page with the table after each ``<!-- ... -->`` rewritten."""
    for target, package in TARGETS.items():
        vendor = "LeadSquared" if "leadsquared" in target else "CareCycle"
        tables = {
            f"<!-- customers to {target} -->\n": table((vendor, "customer"), customers(package)),
            f"<!-- spellings of {target} -->\n": table((vendor, "properties"), spellings(package)),
        }
        for begin, content in tables.items():
            before, rest = text.split(begin, 1)
            text = f"{before}{begin}\n{content}\n\n{END}{rest.split(END, 1)[1]}"
    return text


def main(argv: list[str] | None = None) -> int:
    """Write, or check, the page.

    Args:
        argv: Arguments; those of the process without it.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(description="Repeats the built-in maps in docs/mapping.md.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if the page is out of date")
    only_check = parser.parse_args(argv).check
    text = PAGE.read_text(encoding="utf-8")
    stale = into_page(text) != text
    if stale and only_check:
        print("docs/mapping.md is out of date. Run: python -m scripts.repeat_maps")
    elif stale:
        PAGE.write_text(into_page(text), encoding="utf-8")
        print("docs/mapping.md written")
    return 1 if stale and only_check else 0


if __name__ == "__main__":
    raise SystemExit(main())
