"""Where a property is in a stream's SCHEMA, and what the schema says about it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Path = tuple[str, ...]
JsonObject = Mapping[str, Any]

MISSING: Any = object()
"""What `read` returns where the record does not have the property at all."""


class NotAnObjectError(Exception):
    """A path leads into a value that is no object."""


def _variants(schema: Any) -> Iterator[JsonObject]:
    if not isinstance(schema, Mapping):
        return
    yield schema
    for keyword in ("anyOf", "oneOf", "allOf"):
        for variant in schema.get(keyword) or ():
            yield from _variants(variant)


def properties(schema: Any) -> dict[str, Any]:
    """Return the properties of an object's schema, those of its variants (`anyOf` and the like) included."""
    found: dict[str, Any] = {}
    for variant in _variants(schema):
        for name, child in (variant.get("properties") or {}).items():
            found.setdefault(name, child)
    return found


def types(schema: Any) -> frozenset[str]:
    """Return the JSON types a schema allows, ``null`` aside; empty where it does not say."""
    found: set[str] = set()
    for variant in _variants(schema):
        declared = variant.get("type") or ()
        found.update([declared] if isinstance(declared, str) else declared)
    return frozenset(found - {"null"})


def written_form(schema: Any) -> str | None:
    """Return the `format` that a schema names, in itself or in a variant."""
    return next((str(variant["format"]) for variant in _variants(schema) if variant.get("format")), None)


def find(schema: Any, name: str) -> tuple[Path, Any] | None:
    """Find a property by its name or by a dotted path into objects.

    A property whose own name holds dots is found first. Into an object whose properties the schema does not list, any
    path leads.

    Args:
        schema: The stream's schema, or an object's inside it.
        name: As a field map says it.

    Returns:
        The keys that lead to it and its schema; None where the schema has no such property.
    """
    known = properties(schema)
    if name in known:
        return (name,), known[name]
    if not known:
        return (name,), {}
    for dot in (place for place, character in enumerate(name) if character == "."):
        head, rest = name[:dot], name[dot + 1 :]
        if rest and head in known and "object" in (types(known[head]) or {"object"}):
            deeper = find(known[head], rest)
            if deeper is not None:
                return (head, *deeper[0]), deeper[1]
    return None


def read(record: Any, path: Path) -> Any:
    """Read a value from a record, which is not changed.

    Args:
        record: The record, or an object inside it.
        path: Keys from outside in, as `find` returned them; in the last one dots may still lead into objects.

    Returns:
        The value; None where it or an object around it is null, `MISSING` where a key is not there.

    Raises:
        NotAnObjectError: Something on the way is text, a number or a list.
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
            return read(record[head], (rest,))
        return MISSING
    return record


def sentence(text: str) -> str:
    """Return a text with a full stop, unless it ends with a question."""
    return text if text.endswith("?") else f"{text}."


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the end of a sentence that suggests the nearest known name, or nothing where none is near."""
    by_case = {candidate.casefold(): candidate for candidate in sorted(known)}
    close = difflib.get_close_matches(name.casefold(), by_case, n=1, cutoff=0.6)
    return f"; did you mean '{by_case[close[0]]}'?" if close else ""
