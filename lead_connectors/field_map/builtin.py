"""Built-in maps, shipped as data: a target's folder `mappings` holds one JSON file a map.

A map with `recognise` is for streams of one schema, whatever their name. ``common.json`` lists the usual spellings of
each API field, compared without case and separators.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from lead_connectors.field_map.schema_paths import properties, types


@dataclass(frozen=True)
class BuiltinMap:
    """The map for streams of one schema.

    Attributes:
        name: The file's name without its ending.
        always: Properties that such a stream has.
        some: Properties of which it has at least `at_least`.
        at_least: See `some`.
        fields: A map as in the setting `field_map`.
        optional: Its API fields that not every account has.
    """

    name: str
    always: frozenset[str]
    some: frozenset[str]
    at_least: int
    fields: Mapping[str, Any]
    optional: frozenset[str]

    def recognises(self, schema: Any) -> bool:
        """Tell whether a stream's schema is the one that this map is for."""
        known = set(properties(schema))
        return self.always <= known and len(self.some & known) >= self.at_least


@dataclass(frozen=True)
class BuiltinMaps:
    """All built-in maps of a target.

    Attributes:
        recognised: Those for streams of one schema.
        spellings: For any other stream: API field to its usual spellings, the likeliest first, as `normalised`.
        optional: The API fields of `spellings` that not every account has.
    """

    recognised: tuple[BuiltinMap, ...] = ()
    spellings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    optional: frozenset[str] = frozenset()

    def recognise(self, schema: Any) -> BuiltinMap | None:
        """Return the built-in map for a stream's schema, None where it is none of them."""
        return next((builtin for builtin in self.recognised if builtin.recognises(schema)), None)

    def by_spelling(self, schema: Any) -> dict[str, list[str]]:
        """Return for each API field the stream's properties that are spelled like it; lists and objects aside."""
        by_form: dict[str, list[str]] = {}
        for name, child in properties(schema).items():
            if not types(child) or types(child) - {"array", "object"}:
                by_form.setdefault(normalised(name), []).append(name)
        found = {
            target: [name for form in forms for name in sorted(by_form.get(form, ()))]
            for target, forms in self.spellings.items()
        }
        return {target: names for target, names in found.items() if names}


def normalised(name: str) -> str:
    """Return a property's name without case and separators: ``First_Name`` is ``firstname``."""
    return re.sub(r"[^a-z0-9]", "", name.casefold())


@functools.lru_cache(maxsize=8)
def load_builtin_maps(package: str) -> BuiltinMaps:
    """Read a target's built-in maps.

    Args:
        package: The target's package, which has a folder `mappings`.

    Returns:
        Its maps.
    """
    recognised: list[BuiltinMap] = []
    spellings: dict[str, tuple[str, ...]] = {}
    optional: frozenset[str] = frozenset()
    for file in sorted(files(package).joinpath("mappings").iterdir(), key=lambda entry: entry.name):
        if not file.name.endswith(".json"):
            continue
        data = json.loads(file.read_text(encoding="utf-8"))
        if "recognise" in data:
            rule = data["recognise"]
            recognised.append(
                BuiltinMap(
                    file.name.removesuffix(".json"),
                    frozenset(rule["always"]),
                    frozenset(rule["some"]),
                    rule["at_least"],
                    data["fields"],
                    frozenset(data.get("optional", ())),
                )
            )
        elif "spellings" in data:
            spellings = {name: tuple(forms) for name, forms in data["spellings"].items()}
            optional = frozenset(data.get("optional", ()))
    return BuiltinMaps(tuple(recognised), spellings, optional)
