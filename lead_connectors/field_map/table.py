"""A map as a table for people: what `--check` shows, and a dry run with counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from lead_connectors.field_map.build import ANY_STREAM
from lead_connectors.field_map.builtin import BuiltinMap, BuiltinMaps
from lead_connectors.field_map.config import Source
from lead_connectors.field_map.rules import FieldMap, Mapped, MapRow, Problem

HEAD = MapRow("your property", "API field", "type", "converter")
CARECYCLE_STREAM = "customers"
"""As tap-carecycle calls it; a stream of this name is shown on top of the built-in map."""

JsonSchema = dict[str, dict[str, dict[str, object]]]


def render(rows: Sequence[MapRow], indent: str = "  ") -> str:
    """Lay out a table in columns of equal width."""
    lines = [(row.source, "->", row.field, row.kind, row.converter) for row in (HEAD, *rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        indent + "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _assumed_schema(sources: Iterable[Source], names: Iterable[str] = ()) -> JsonSchema:
    """The schema of a stream that has just what its map reads, for a look at the map before any SCHEMA arrives."""
    found = list(names)
    for source in sources:
        for part in (source.fields or {"": source}).values():
            found += part.properties
    return {"properties": {name: {} for name in found}}


def _recognised_schema(builtin: BuiltinMap, sources: Iterable[Source]) -> JsonSchema:
    return _assumed_schema(sources, sorted(builtin.always | builtin.some))


def streams_to_show(
    setting: Mapping[str, Mapping[str, Source]], builtin: Mapping[str, Mapping[str, Source]], maps: BuiltinMaps
) -> list[tuple[str, str, JsonSchema]]:
    """Choose what `--check` shows.

    Args:
        setting: The setting `field_map`, read.
        builtin: The sources of each built-in map.
        maps: The target's built-in maps.

    Returns:
        A heading, a stream's name and its schema; CareCycle customers and what the setting names.
    """
    every = list(setting.get(ANY_STREAM, {}).values())
    customers = list(setting.get(CARECYCLE_STREAM, {}).values())
    shown = []
    for recognised in maps.recognised:
        schema = _recognised_schema(recognised, [*builtin[recognised.name].values(), *customers])
        shown.append((f"CareCycle customers, by the built-in map {recognised.name}", CARECYCLE_STREAM, schema))
    for stream, sources in setting.items():
        if stream not in {ANY_STREAM, CARECYCLE_STREAM}:
            shown.append((f"Stream {stream}", stream, _assumed_schema([*sources.values(), *every])))
    if every:
        shown.append(("Any other stream (*)", ANY_STREAM, _assumed_schema(every)))
    return shown


class MapCounts:
    """How often each field of a stream's map was filled or refused.

    Args:
        field_map: The stream's map.
    """

    def __init__(self, field_map: FieldMap) -> None:
        self._map = field_map
        self._filled: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()

    def count(self, mapped: Mapped, problems: Iterable[Problem]) -> None:
        """Count one record."""
        for name, value in mapped.fields.items():
            if isinstance(value, Mapping):
                self._filled.update(f"{name}.{inner}" for inner in value)
            else:
                self._filled[name] += 1
        self._refused.update({problem.field for problem in problems})

    def lines(self) -> list[str]:
        """One line a field."""
        rows = self._map.rows()
        others = (self._filled.keys() | self._refused.keys()) - {row.field for row in rows}
        return [
            *(f"{row.source} -> {row.field} ({row.kind}; {row.converter}): {self._counts(row.field)}" for row in rows),
            *(f"(not mapped) -> {name}: {self._counts(name)}" for name in sorted(others)),
        ]

    def _counts(self, name: str) -> str:
        return f"filled in {self._filled[name]}, refused in {self._refused[name]}"
