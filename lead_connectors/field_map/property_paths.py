"""Where a property is in a stream's SCHEMA and in its records, and what the schema says about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

PropertyPath = tuple[str, ...]
"""Keys from the outermost object inwards."""

MISSING: Any = object()
"""Stands for a value that is not there at all, as opposed to null."""


class NotAnObjectError(Exception):
    """A path leads into a value that is not an object."""


def properties_of(schema: Any) -> dict[str, Any]:
    """Return the properties of an object's schema, those of its variants (`anyOf` and the like) included."""
    found: dict[str, Any] = {}
    for variant in _variants(schema):
        properties = variant.get("properties")
        for name, child in properties.items() if isinstance(properties, Mapping) else ():
            found.setdefault(name, child)
    return found


def json_types(schema: Any) -> frozenset[str]:
    """Return the JSON types that a schema allows, without ``null``; empty where it names none."""
    found: set[str] = set()
    for variant in _variants(schema):
        declared = variant.get("type")
        names = declared if isinstance(declared, list) else [declared]
        found.update(name for name in names if isinstance(name, str))
    return frozenset(found - {"null"})


def holds_single_value(schema: Any) -> bool:
    """Tell whether a schema allows anything but lists and objects."""
    types = json_types(schema)
    return not types or bool(types - {"array", "object"})


def format_of(schema: Any) -> str | None:
    """Return the `format` that a schema or one of its variants names."""
    return next((str(variant["format"]) for variant in _variants(schema) if variant.get("format")), None)


def find_property(schema: Any, name: str) -> tuple[PropertyPath, Any] | None:
    """Find a property by its name or by a dotted path into objects.

    A property whose own name has dots is found first. An object whose properties the schema does not list takes any
    path.

    Args:
        schema: The stream's schema, or the schema of an object in it.
        name: As a field map says it.

    Returns:
        The path to the property, and its schema; None where the schema has no such property.
    """
    known = properties_of(schema)
    if name in known:
        return (name,), known[name]
    if not known:
        return (name,), {}
    for dot in (place for place, character in enumerate(name) if character == "."):
        head, rest = name[:dot], name[dot + 1 :]
        if rest and head in known and "object" in (json_types(known[head]) or {"object"}):
            deeper = find_property(known[head], rest)
            if deeper is not None:
                return (head, *deeper[0]), deeper[1]
    return None


def read_property(record: Any, path: PropertyPath) -> Any:
    """Read a value from a record, which is not changed.

    Args:
        record: The record, or an object in it.
        path: As `find_property` returned it. Dots in its last key may still lead into objects.

    Returns:
        The value; None where it or an object around it is null, `MISSING` where a key is not there.

    Raises:
        NotAnObjectError: A text, a number or a list stands where the path goes on.
    """
    for position, key in enumerate(path):
        if record is None:
            return None
        if not isinstance(record, Mapping):
            raise NotAnObjectError
        if key in record:
            record = record[key]
            continue
        head, dot, rest = key.partition(".")
        if dot and head in record and position == len(path) - 1:
            return read_property(record[head], (rest,))
        return MISSING
    return record


def _variants(schema: Any) -> Iterator[Mapping[str, Any]]:
    if not isinstance(schema, Mapping):
        return
    yield schema
    for keyword in ("anyOf", "oneOf", "allOf"):
        variants = schema.get(keyword)
        for variant in variants if isinstance(variants, list) else ():
            yield from _variants(variant)
