"""From the setting, the built-in maps and a SCHEMA to the `FieldMap` of a stream.

Each layer adds to the one below it: properties named as the API's fields, then the built-in map or the common names,
then the setting's ``*``, then the stream's own map. In the stream's own map every property must exist. In the other
layers a property that the stream does not have changes nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from lead_connectors.field_map.api_fields import ApiFields
from lead_connectors.field_map.builtin import BuiltinMap, BuiltinMaps
from lead_connectors.field_map.compiler import RuleCompiler
from lead_connectors.field_map.config import (
    ANY_STREAM,
    MapSettings,
    Source,
    Sources,
    parse_map,
    parse_opt_out_fields,
    parse_setting,
)
from lead_connectors.field_map.field_map import FieldMap
from lead_connectors.field_map.messages import Mistakes
from lead_connectors.field_map.property_paths import MISSING, find_property, holds_single_value, properties_of


@dataclasses.dataclass(frozen=True)
class Preview:
    """A stream to show before any SCHEMA arrives.

    Attributes:
        heading: For people.
        stream: The stream's name.
        schema: A schema with the properties that its map reads, and those of `common`.
        common: Properties that stand for the usual names, by which a stream's others are mapped where it has them.
    """

    heading: str
    stream: str
    schema: dict[str, Any]
    common: frozenset[str] = frozenset()


class MapBuilder:
    """Builds the field map of each stream. The settings are parsed once, and all of them are checked.

    Args:
        api: The fields of the API's call.
        builtin_maps: The target's built-in maps.
        settings: The user's settings.

    Raises:
        SettingsError: A setting is wrong, whatever the SCHEMA. The message tells every mistake.
    """

    def __init__(
        self, api: ApiFields, builtin_maps: BuiltinMaps | None = None, settings: MapSettings | None = None
    ) -> None:
        self._api = api
        self._builtin_maps = builtin_maps or BuiltinMaps()
        self._settings = settings or MapSettings()
        self._setting: dict[str, Sources] = {}
        self._opt_outs: frozenset[str] = frozenset()
        self._builtin_sources: dict[str, Sources] = {}
        mistakes = Mistakes()
        with mistakes.collect():
            self._opt_outs = parse_opt_out_fields(self._settings.opt_out_fields, api)
        with mistakes.collect():
            self._setting = parse_setting(self._settings.field_map, api)
        mistakes.raise_all()

    def build(self, stream: str, schema: Mapping[str, Any]) -> FieldMap:
        """Build the map of one stream.

        Args:
            stream: The stream's name.
            schema: Its SCHEMA message's schema.

        Returns:
            The map of all layers.

        Raises:
            SettingsError: The setting does not fit the schema. The message tells every mistake.
        """
        base, optional = self._base(schema)
        sources = _merge(base, self._star(stream, schema))
        if stream != ANY_STREAM:
            own = {name: _strict(source) for name, source in self._setting.get(stream, {}).items()}
            sources = _merge(sources, own)
        compiler = RuleCompiler(stream, schema, self._api, self._settings, self._opt_outs)
        mistakes = Mistakes()
        rules = []
        for name, source in sources.items():
            with mistakes.collect():
                rule = compiler.compile(self._api.get(name), source)
                if rule is not None:
                    is_optional = name in optional and base.get(name) is source
                    rules.append(dataclasses.replace(rule, is_optional=is_optional))
        mistakes.raise_all()
        places = {name: place for place, name in enumerate(self._api.fields)}
        rules.sort(key=lambda rule: (places.get(rule.field, len(places)), rule.field))
        return FieldMap(stream, tuple(rules), tuple(properties_of(schema)))

    def previews(self) -> list[Preview]:
        """List the streams that `--check` shows: those of the built-in maps, then those that the setting names."""
        star = self._setting.get(ANY_STREAM, {})
        previews = []
        for builtin in self._builtin_maps.by_schema:
            heading = f"{builtin.title}, by the built-in map {builtin.name}"
            read = _properties_read(self._sources_of(builtin), self._setting.get(builtin.stream, {}))
            schema = _schema_of([*sorted(builtin.required | builtin.typical), *read])
            previews.append(Preview(heading, builtin.stream, schema))
        shown = {ANY_STREAM, *(builtin.stream for builtin in self._builtin_maps.by_schema)}
        for stream, sources in self._setting.items():
            if stream not in shown:
                previews.append(self._preview(f"Stream {stream}", stream, sources, star))
        if star:
            previews.append(self._preview("Any other stream (*)", ANY_STREAM, star))
        return previews

    def _preview(self, heading: str, stream: str, *maps: Sources) -> Preview:
        read = _properties_read(*maps)
        always = {name: forms[0] for name, forms in self._builtin_maps.spellings.items()}
        common = {form for name, form in always.items() if name not in self._builtin_maps.optional}.difference(read)
        return Preview(heading, stream, _schema_of([*read, *sorted(common)]), frozenset(common))

    def _base(self, schema: Mapping[str, Any]) -> tuple[Sources, frozenset[str]]:
        """Return the map that holds without any setting, and which of its fields are optional."""
        by_name = {
            name: Source(name, properties=(name,))
            for name, child in properties_of(schema).items()
            if self._api.passes_by_name(name) and holds_single_value(child)
        }
        builtin = self._builtin_maps.recognise(schema)
        if builtin is not None:
            return _merge(by_name, self._sources_of(builtin)), builtin.optional
        by_spelling = {}
        for target, names in self._builtin_maps.by_spelling(schema).items():
            properties = names
            if target in by_name:
                # Another spelling of an opt-out can only raise it. Any other field is read from its exact name alone.
                others = [name for name in names if name != target] if target in self._api.opt_outs else []
                properties = [target, *others]
            by_spelling[target] = Source(target, properties=tuple(properties))
        return {**by_name, **by_spelling}, self._builtin_maps.optional - set(by_name)

    def _sources_of(self, builtin: BuiltinMap) -> Sources:
        if builtin.name not in self._builtin_sources:
            sources = parse_map(f"the built-in map {builtin.name}", builtin.fields, self._api)
            self._builtin_sources[builtin.name] = sources
        return self._builtin_sources[builtin.name]

    def _star(self, stream: str, schema: Mapping[str, Any]) -> Sources:
        """Return the layer of ``*``, without what reads only properties that the stream does not have."""
        star = self._setting.get(ANY_STREAM, {})
        if stream == ANY_STREAM:
            return star
        return {name: source for name, source in star.items() if _has_effect(source, schema)}


def _merge(lower: Mapping[str, Source], upper: Mapping[str, Source]) -> Sources:
    """Lay one map over another. Case does not tell names apart; named fields are added to those below."""
    merged = dict(lower)
    spelled = {name.casefold(): name for name in lower}
    for name, source in upper.items():
        below = merged.pop(spelled.get(name.casefold(), name), None)
        if below is not None and below.fields is not None and source.fields is not None:
            merged[name] = dataclasses.replace(
                source, fields=_merge(below.fields, source.fields), on_null=source.on_null or below.on_null
            )
        else:
            merged[name] = source
    return merged


def _has_effect(source: Source, schema: Mapping[str, Any]) -> bool:
    if source.is_left_out or source.has_fixed_value:
        return True
    return any(
        single.is_left_out or single.literal is not MISSING or any(find_property(schema, n) for n in single.properties)
        for single in source.single_sources()
    )


def _strict(source: Source) -> Source:
    fields = source.fields and {name: _strict(inner) for name, inner in source.fields.items()}
    return dataclasses.replace(source, is_strict=True, fields=fields)


def _properties_read(*maps: Sources) -> list[str]:
    return [
        name
        for sources in maps
        for source in sources.values()
        for single in source.single_sources()
        for name in single.properties
    ]


def _schema_of(names: Iterable[str]) -> dict[str, Any]:
    return {"properties": {name: {} for name in names}}
