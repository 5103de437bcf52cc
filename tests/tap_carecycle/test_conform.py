"""Values get the published types."""

from __future__ import annotations

from typing import Any

from tap_carecycle.conform import Conformer


def test_values_get_the_published_type_or_are_null() -> None:
    kinds = ("string", "integer", "number", "boolean", "object", "array")
    schema: dict[str, Any] = {"properties": {kind: {"type": [kind, "null"]} for kind in kinds}}
    conformer = Conformer(schema)
    good = {"string": "x", "integer": 4, "number": 0.5, "boolean": False, "object": {"a": 1}, "array": []}
    assert conformer.record(good) == good
    other = {"string": 5, "integer": "4", "number": "0.5", "boolean": "true", "object": None, "array": None}
    assert conformer.record(other) == {
        "string": "5",
        "integer": 4,
        "number": 0.5,
        "boolean": True,
        "object": None,
        "array": None,
    }
    assert conformer.mistyped == set()
    wrong = {"integer": "four", "number": [], "boolean": "perhaps", "object": "x", "array": {}}
    assert set(conformer.record(wrong).values()) == {None}
    assert conformer.mistyped == set(wrong)


def test_unknown_fields_pass_only_if_selected() -> None:
    conformer = Conformer({"properties": {"id": {"type": "string"}}})
    item = {"id": "a", "shoeSize": 44, "tea": {"kind": "green"}}
    assert conformer.record(item) == {"id": "a"}
    assert conformer.unknown == {"shoeSize", "tea"}
    conformer.selected.add("tea")
    assert conformer.record(item) == {"id": "a", "tea": {"kind": "green"}}


def test_times_and_dates_are_converted_at_every_form() -> None:
    text = {"type": ["string", "null"]}
    schema = {"properties": {"at": {**text, "format": "date-time"}, "born": {**text, "format": "date"}}}
    conformer = Conformer(schema)
    item = {"at": "2026-06-17 19:07:23.709", "born": "03-09-1961"}
    assert conformer.record(item) == {"at": "2026-06-17T19:07:23.709000Z", "born": "1961-03-09"}
    assert conformer.record({"at": "soon", "born": "later"}) == {"at": None, "born": None}
    assert conformer.mistyped == {"at", "born"}
