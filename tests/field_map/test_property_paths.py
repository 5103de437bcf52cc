"""Properties in a schema and in a record."""

from __future__ import annotations

from typing import Any

import pytest

from lead_connectors.field_map.property_paths import (
    MISSING,
    NotAnObjectError,
    find_property,
    format_of,
    holds_single_value,
    json_types,
    properties_of,
    read_property,
)

TEXT = {"type": ["string", "null"]}
DAY = {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]}
NESTED: dict[str, Any] = {
    "properties": {
        "a.b": TEXT,
        "a": {"oneOf": [{"type": "null"}, {"type": "object", "properties": {"c": DAY, "d.e": TEXT}}]},
        "free": {"type": "object"},
        "list": {"type": "array"},
    }
}


def test_variants_of_a_schema_count() -> None:
    assert set(properties_of(NESTED["properties"]["a"])) == {"c", "d.e"}
    assert json_types(DAY) == {"string"}
    assert format_of(DAY) == "date"
    assert format_of(TEXT) is None
    assert json_types({}) == frozenset()
    assert properties_of(True) == {}  # noqa: FBT003


@pytest.mark.parametrize(
    ("schema", "holds"),
    [({}, True), (TEXT, True), ({"type": ["array", "string"]}, True), ({"type": ["array", "object", "null"]}, False)],
)
def test_holds_single_value(schema: Any, holds: bool) -> None:  # noqa: FBT001
    assert holds_single_value(schema) is holds


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a.b", ("a.b",)),
        ("a.c", ("a", "c")),
        ("a.d.e", ("a", "d.e")),
        ("free.x.y", ("free", "x.y")),
        ("a.x", None),
        ("list.x", None),
        ("x", None),
    ],
)
def test_find_property(name: str, path: tuple[str, ...] | None) -> None:
    found = find_property(NESTED, name)
    assert (found and found[0]) == path


def test_read_property() -> None:
    record = {"a.b": 1, "a": {"c": None, "d.e": 2}, "free": {"x": {"y": 3}}, "list": [4]}
    assert read_property(record, ("a.b",)) == 1
    assert read_property(record, ("a", "c")) is None
    assert read_property(record, ("a", "c", "z")) is None, "null stands for all that is inside"
    assert read_property(record, ("a", "d.e")) == 2
    assert read_property(record, ("free", "x.y")) == 3
    assert read_property(record, ("free", "z")) is MISSING
    with pytest.raises(NotAnObjectError):
        read_property(record, ("list", "x"))


@pytest.mark.parametrize("odd", [5, None, {"a": 1}, [5, "string"], "string"])
def test_a_type_that_json_schema_does_not_know_allows_anything(odd: Any) -> None:
    assert json_types({"type": odd}) == ({"string"} if "string" in str(odd) else set())
