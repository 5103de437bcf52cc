"""Conforms an item of CareCycle's response to the published types (pure)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from tap_carecycle.timestamps import date_text, timestamp_text

BOOLEAN_WORDS = {"false": False, "true": True, "0": False, "1": True}


class Conformer:
    """Converts values to the types of one stream's schema.

    Args:
        schema: The stream's JSON Schema.

    Attributes:
        mistyped: Names of fields with a value that cannot be converted. The record has null in its place.
        unknown: Names of fields that the schema does not have.
        selected: Those unknown fields that are passed through all the same.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._converters = {name: _converter(definition) for name, definition in schema["properties"].items()}
        self._exact_types = {name: _EXACT_TYPES.get(converter) for name, converter in self._converters.items()}
        self.mistyped: set[str] = set()
        self.unknown: set[str] = set()
        self.selected: set[str] = set()

    def record(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """Return an item as a record of the published types."""
        record: dict[str, Any] = {}
        exact_types = self._exact_types
        for name, value in item.items():
            # Nearly all values already have their type. A big account spends most of its time in this loop.
            if name in exact_types and (value is None or type(value) is exact_types[name]):
                record[name] = value
            else:
                self._convert(record, name, value)
        return record

    def _convert(self, record: dict[str, Any], name: str, value: Any) -> None:
        converter = self._converters.get(name)
        if converter is None:
            self.unknown.add(name)
            if name in self.selected:
                record[name] = value
            return
        record[name] = converted = converter(value)
        if converted is None:
            self.mistyped.add(name)


def _converter(definition: Mapping[str, Any]) -> Callable[[Any], Any]:
    declared = definition.get("type", "string")
    types = {declared} if isinstance(declared, str) else set(declared)
    value_format = definition.get("format")
    if value_format == "date-time":
        return timestamp_text
    if value_format == "date":
        return date_text
    for name, converter in (("string", _text), ("integer", _integer), ("number", _number), ("boolean", _boolean)):
        if name in types:
            return converter
    return _object if "object" in types else _list


def _text(value: Any) -> str | None:
    if type(value) is str:
        return value
    return orjson.dumps(value).decode()


def _integer(value: Any) -> int | None:
    if type(value) is int:
        return value
    try:
        number = float(value) if isinstance(value, (str, float)) else None
        return int(number) if number is not None and number == int(number) else None
    except (ValueError, OverflowError):
        return None


def _number(value: Any) -> float | None:
    if type(value) in (int, float):
        return value  # type: ignore[no-any-return]
    try:
        return float(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _boolean(value: Any) -> bool | None:
    if type(value) is bool:
        return value
    return BOOLEAN_WORDS.get(str(value).lower())


def _object(value: Any) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None


def _list(value: Any) -> list[Any] | None:
    return value if isinstance(value, list) else None


_EXACT_TYPES: dict[Callable[[Any], Any], type] = {
    _text: str,
    _integer: int,
    _boolean: bool,
    _object: dict,
    _list: list,
}
"""Values of these types need no conversion."""
