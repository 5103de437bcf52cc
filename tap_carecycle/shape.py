"""A customer as the API gives it, turned into a record of the published types (pure)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from tap_carecycle.timestamps import day_text, moment_text

FALSE_WORDS = {"false": False, "true": True, "0": False, "1": True}


class Shape:
    """Gives values the types of one stream's schema.

    Args:
        schema: The stream's JSON Schema.

    Attributes:
        misfits: Names of fields with a value of another type than published; such a value is left out.
        strangers: Names of fields that the schema does not know.
        welcome: Those of them that are passed through.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._readers = {name: _reader(definition) for name, definition in schema["properties"].items()}
        self._types = {name: _TYPES.get(reader) for name, reader in self._readers.items()}
        self.misfits: set[str] = set()
        self.strangers: set[str] = set()
        self.welcome: set[str] = set()

    def record(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """Make a record of what the API gave."""
        record: dict[str, Any] = {}
        types = self._types
        for name, value in item.items():
            # Nearly all values are of their type: this is the loop that a big account spends its time in.
            if name in types and (value is None or type(value) is types[name]):
                record[name] = value
            else:
                self._read(record, name, value)
        return record

    def _read(self, record: dict[str, Any], name: str, value: Any) -> None:
        reader = self._readers.get(name)
        if reader is None:
            self.strangers.add(name)
            if name in self.welcome:
                record[name] = value
            return
        record[name] = read = reader(value)
        if read is None:
            self.misfits.add(name)


def _reader(definition: Mapping[str, Any]) -> Callable[[Any], Any]:
    kind = definition.get("type", "string")
    kinds = {kind} if isinstance(kind, str) else set(kind)
    form = definition.get("format")
    if form == "date-time":
        return moment_text
    if form == "date":
        return day_text
    for name, reader in (("string", _text), ("integer", _whole), ("number", _number), ("boolean", _flag)):
        if name in kinds:
            return reader
    return _object if "object" in kinds else _list


def _text(value: Any) -> str | None:
    if type(value) is str:
        return value
    return orjson.dumps(value).decode()


def _whole(value: Any) -> int | None:
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


def _flag(value: Any) -> bool | None:
    if type(value) is bool:
        return value
    return FALSE_WORDS.get(str(value).lower())


def _object(value: Any) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None


def _list(value: Any) -> list[Any] | None:
    return value if isinstance(value, list) else None


_TYPES: dict[Callable[[Any], Any], type] = {_text: str, _whole: int, _flag: bool, _object: dict, _list: list}
"""Values of these types are taken as they are."""
