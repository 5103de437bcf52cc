"""A field map as a table for people: for `--check`, and with counts for `dry_run`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lead_connectors.field_map.field_map import FieldMap
from lead_connectors.field_map.mapped import Problem
from lead_connectors.field_map.rules import Rule


@dataclass(frozen=True)
class MapRow:
    """One line of the table.

    Attributes:
        source: The properties as dotted paths, or ``(fixed value)``.
        field: The API field; a named field of a group as ``group.name``.
        field_type: What the API takes there.
        converter: The converter's name.
    """

    source: str
    field: str
    field_type: str
    converter: str


HEAD = MapRow("your property", "API field", "type", "converter")


def map_rows(field_map: FieldMap) -> list[MapRow]:
    """Return the lines of a map's table, without its head."""
    return [
        _row(single, name)
        for rule in field_map.rules
        for name, single in ([(f"{rule.field}.{inner.field}", inner) for inner in rule.group] or [(rule.field, rule)])
    ]


def render(field_map: FieldMap, indent: str = "  ") -> str:
    """Return a map's table as text, in columns.

    Args:
        field_map: The map.
        indent: What each line starts with.
    """
    lines = [(row.source, "->", row.field, row.field_type, row.converter) for row in (HEAD, *map_rows(field_map))]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        indent + "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


class MapCounts:
    """How often each field of a stream's map was filled or rejected.

    Args:
        field_map: The stream's map.
    """

    def __init__(self, field_map: FieldMap) -> None:
        self._rows = map_rows(field_map)
        self._filled: Counter[str] = Counter()
        self._rejected: Counter[str] = Counter()

    def add_map(self, field_map: FieldMap) -> None:
        """Go on with the stream's map under another SCHEMA: what was counted stays."""
        rows = {(row.source, row.field): row for row in (*self._rows, *map_rows(field_map))}
        self._rows = list(rows.values())

    def count(self, fields: Mapping[str, Any], problems: Iterable[Problem]) -> None:
        """Count one record.

        Args:
            fields: API field to value, as in `Mapped.fields`.
            problems: Its problems, those that the target found included. A field counts once.
        """
        for name, value in fields.items():
            if isinstance(value, Mapping):
                self._filled.update(f"{name}.{inner}" for inner in value)
            else:
                self._filled[name] += 1
        self._rejected.update({problem.field for problem in problems})

    def lines(self) -> list[str]:
        """Return one line for each field: first those of the map, then those that only the target fills or rejects."""
        others = (self._filled.keys() | self._rejected.keys()) - {row.field for row in self._rows}
        return [
            *(
                f"{row.source} -> {row.field} ({row.field_type}; {row.converter}): {self._counts(row.field)}"
                for row in self._rows
            ),
            *(f"(not mapped) -> {name}: {self._counts(name)}" for name in sorted(others)),
        ]

    def _counts(self, name: str) -> str:
        return f"filled in {self._filled[name]}, rejected in {self._rejected[name]}"


def _row(rule: Rule, name: str) -> MapRow:
    source = ", ".join(".".join(path) for path in rule.paths) or "(fixed value)"
    return MapRow(source, name, rule.field_type, rule.converter.name)
