"""A map as a table for people, with counts in a dry run."""

from __future__ import annotations

from typing import Any

from lead_connectors.field_map.mapped import Problem
from lead_connectors.field_map.table import MapCounts, map_rows, render
from lead_connectors.reject_codes import RejectCode
from tests.field_map.people import build

OWN: dict[str, Any] = {
    "Name": {"property": ["a", "b"]},
    "my_x": {"value": 1},
    "my_k": {"fields": {"s": "place.city"}},
}


def test_rows_tell_property_field_type_and_converter() -> None:
    assert [(row.source, row.field, row.field_type, row.converter) for row in map_rows(build(OWN))] == [
        ("a, b", "Name", "text, at most 10", "text"),
        ("place.city", "my_k.s", "auto", "auto"),
        ("(fixed value)", "my_x", "auto", "auto"),
    ]


def test_render_aligns_the_columns() -> None:
    assert render(build(OWN)).splitlines() == [
        "  your property  ->  API field  type              converter",
        "  a, b           ->  Name       text, at most 10  text",
        "  place.city     ->  my_k.s     auto              auto",
        "  (fixed value)  ->  my_x       auto              auto",
    ]
    assert render(build(), indent="").split() == ["your", "property", "->", "API", "field", "type", "converter"]


def test_counts_tell_how_often_each_field_was_filled_and_rejected() -> None:
    field_map = build({**OWN, "Born": "day"})
    counts = MapCounts(field_map)
    records: list[dict[str, Any]] = [
        {"a": "Ann", "place": {"city": "Bonn"}, "day": "1950-03-04"},
        {"a": "x" * 11, "place": None, "day": "soon"},
        {"a": None, "b": None},
    ]
    for record in records:
        mapped = field_map.apply(record)
        counts.count(mapped.fields, mapped.problems)
    assert counts.lines() == [
        "a, b -> Name (text, at most 10; text): filled in 1, rejected in 1",
        "day -> Born (date; date): filled in 1, rejected in 1",
        "place.city -> my_k.s (auto; auto): filled in 1, rejected in 0",
        "(fixed value) -> my_x (auto; auto): filled in 3, rejected in 0",
    ]


def test_counts_name_fields_that_the_target_alone_fills_or_misses() -> None:
    counts = MapCounts(build())
    missing = Problem("phone", RejectCode.REQUIRED_MISSING, "is required")
    counts.count({"externalId": "7"}, [missing, missing])
    assert counts.lines() == [
        "(not mapped) -> externalId: filled in 1, rejected in 0",
        "(not mapped) -> phone: filled in 0, rejected in 1",
    ]


def test_no_count_shows_a_value() -> None:
    field_map = build(OWN)
    counts = MapCounts(field_map)
    mapped = field_map.apply({"a": "zq71", "place": "zq71"})
    counts.count(mapped.fields, mapped.problems)
    assert "zq71" not in " ".join(counts.lines())
