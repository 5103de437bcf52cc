"""Built-in maps, shipped as data: each JSON file in a target's folder `mappings` is one map.

A map with `recognise` is for the streams of one schema, whatever their name. ``common.json`` lists the usual names of
each API field, which are compared without case and separators.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from lead_connectors.field_map.property_paths import holds_single_value, properties_of


@dataclass(frozen=True)
class ChildStreams:
    """What tells the child streams of a built-in map's stream: their records are parts of a lead, not leads.

    Attributes:
        name_prefix: What their names start with.
        parent_property: The property that holds the parent's key.
    """

    name_prefix: str
    parent_property: str

    def include(self, stream: str, schema: Any) -> bool:
        """Tell whether a stream is one of them."""
        return stream.startswith(self.name_prefix) and self.parent_property in properties_of(schema)


@dataclass(frozen=True)
class BuiltinMap:
    """The map for the streams of one schema.

    Attributes:
        name: The file's name without its ending.
        title: What the records are, for people.
        stream: The usual name of such a stream, under which the setting `field_map` can add to the map.
        required: Properties that every such stream has.
        typical: Properties of which such a stream has at least `min_typical`.
        min_typical: See `typical`.
        fields: The map, in the form of the setting `field_map`.
        optional: Its API fields that not every account has.
        child_streams: What tells the child streams; None without any.
    """

    name: str
    title: str
    stream: str
    required: frozenset[str]
    typical: frozenset[str]
    min_typical: int
    fields: Mapping[str, Any]
    optional: frozenset[str] = frozenset()
    child_streams: ChildStreams | None = None

    def recognises(self, schema: Any) -> bool:
        """Tell whether a stream's schema is the one that this map is for."""
        known = set(properties_of(schema))
        return self.required <= known and len(self.typical & known) >= self.min_typical


@dataclass(frozen=True)
class BuiltinMaps:
    """All built-in maps of a target.

    Attributes:
        by_schema: The maps for the streams of one schema.
        spellings: For any other stream: API field to the usual names of its property, the likeliest first, in the form
            of `normalised`.
        optional: The API fields of `spellings` that not every account has.
    """

    by_schema: tuple[BuiltinMap, ...] = ()
    spellings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    optional: frozenset[str] = frozenset()

    def recognise(self, schema: Any) -> BuiltinMap | None:
        """Return the built-in map for a stream's schema; None where there is none."""
        return next((builtin for builtin in self.by_schema if builtin.recognises(schema)), None)

    def is_child_stream(self, stream: str, schema: Any) -> bool:
        """Tell whether a stream holds parts of the records that a built-in map is for, such as a lead's policies."""
        children = (builtin.child_streams for builtin in self.by_schema)
        return any(each is not None and each.include(stream, schema) for each in children)

    def by_spelling(self, schema: Any) -> dict[str, list[str]]:
        """Return for each API field the stream's properties that have one of its usual names.

        Properties that hold only lists or objects are left out.
        """
        by_form: dict[str, list[str]] = {}
        for name, child in properties_of(schema).items():
            if holds_single_value(child):
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
    folder = files(package).joinpath("mappings")
    names = sorted(file.name for file in folder.iterdir() if file.name.endswith(".json"))
    contents = {name: json.loads(folder.joinpath(name).read_text(encoding="utf-8")) for name in names}
    common = contents.get("common.json", {})
    return BuiltinMaps(
        tuple(_builtin_map(name, content) for name, content in contents.items() if "recognise" in content),
        {target: tuple(forms) for target, forms in common.get("spellings", {}).items()},
        _names(common.get("optional", ())),
    )


def _builtin_map(file_name: str, content: Mapping[str, Any]) -> BuiltinMap:
    recognise, children = content["recognise"], content.get("child_streams")
    return BuiltinMap(
        file_name.removesuffix(".json"),
        title=content["title"],
        stream=content["stream"],
        required=_names(recognise["required"]),
        typical=_names(recognise["typical"]),
        min_typical=recognise["min_typical"],
        fields=content["fields"],
        optional=_names(content.get("optional", ())),
        child_streams=ChildStreams(children["name_prefix"], children["parent_property"]) if children else None,
    )


def _names(names: Iterable[str]) -> frozenset[str]:
    return frozenset(names)
