"""From a SCHEMA, the built-in maps and the setting to one stream's `FieldMap`.

Each layer adds to the one below it: properties named as the API's fields, the built-in map or the common spellings,
the setting's ``*``, the stream's own map. In the stream's own map every property must exist; in the others a property
that the stream lacks is normal.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from lead_connectors.field_map.api_fields import ApiField, ApiFields
from lead_connectors.field_map.builtin import BuiltinMaps
from lead_connectors.field_map.config import SETTING, Source, parse_map, parse_setting
from lead_connectors.field_map.converters.registry import CONVERTERS
from lead_connectors.field_map.converters.values import ValueRejected
from lead_connectors.field_map.rules import FieldMap, Rule
from lead_connectors.field_map.schema_paths import MISSING, Path, find, nearest, properties, types, written_form
from lead_connectors.plugin.errors import SettingsError

ANY_STREAM = "*"
_CUTTABLE = frozenset({"auto", "text", "join"})
_BY_FORM = {"date-time": "datetime", "date": "date"}
_NEVER_BOOLEAN = frozenset({"phone", "date", "datetime", "email", "integer", "number", "postal_code", "timezone"})
_NEVER_NUMBER = frozenset({"date", "datetime", "email", "timezone"})
_NEVER_MOMENT = frozenset({"boolean", "phone", "email", "integer", "number", "postal_code", "timezone"})


@dataclasses.dataclass(frozen=True)
class MapSettings:
    """The settings that a map depends on.

    Attributes:
        field_map: The setting of that name.
        on_null: ``omit`` or ``clear``.
        on_too_long: ``reject`` or ``cut``.
        opt_out_fields: API fields sent only when true; None for the API's own.
    """

    field_map: Mapping[str, Any] | None = None
    on_null: str = "omit"
    on_too_long: str = "reject"
    opt_out_fields: Iterable[str] | None = None


def build_field_map(
    stream: str, schema: Mapping[str, Any], api: ApiFields, maps: BuiltinMaps, settings: MapSettings | None = None
) -> FieldMap:
    """Build the map of one stream.

    Args:
        stream: The stream's name.
        schema: Its SCHEMA message's schema.
        api: The fields of the API's call.
        maps: The target's built-in maps.
        settings: The user's.

    Returns:
        The map, with the built-in one under the user's.

    Raises:
        SettingsError: The setting does not fit the schema or the API.
    """
    settings = settings or MapSettings()
    setting = parse_setting(settings.field_map, api)
    base, optional = _base(schema, api, maps)
    every = setting.get(ANY_STREAM, {})
    if stream != ANY_STREAM:
        # what `*` says of properties that this stream lacks takes nothing away from the layer below
        every = {name: source for name, source in every.items() if _applies(source, schema)}
    sources = _merged(base, every)
    if stream != ANY_STREAM:
        own = {name: _as_own(source) for name, source in setting.get(stream, {}).items()}
        sources = _merged(sources, own)
    opt_outs = opt_out_fields(settings.opt_out_fields, api)
    compiler = _Compiler(stream, schema, api, settings, opt_outs)
    rules = []
    for name, source in sources.items():
        rule = None if source.leave_out else compiler.rule(api.get(name), source)
        if rule is not None:
            rules.append(dataclasses.replace(rule, optional=name in optional and base.get(name) is source))
    places = {name: place for place, name in enumerate(api.fields)}
    rules.sort(key=lambda rule: (places.get(rule.field, len(places)), rule.field))
    return FieldMap(stream, tuple(rules), tuple(properties(schema)))


def opt_out_fields(setting: Iterable[str] | None, api: ApiFields) -> frozenset[str]:
    """Read the setting `opt_out_fields`; None stands for the API's own opt-out fields. Raises `SettingsError`."""
    if setting is None:
        return frozenset(api.opt_outs)
    if isinstance(setting, (str, Mapping)) or not all(isinstance(name, str) for name in setting):
        message = "opt_out_fields takes a list of API fields"
        raise SettingsError(message)
    names = frozenset(setting)
    for name in sorted(names - set(api.fields)):
        if api.closed:
            message = f"opt_out_fields: the API has no field '{name}'{nearest(name, api.fields)}"
            raise SettingsError(message)
    return names


def _base(schema: Mapping[str, Any], api: ApiFields, maps: BuiltinMaps) -> tuple[dict[str, Source], frozenset[str]]:
    """Return the map that holds without any setting, and which of its fields are optional."""
    named = {
        name: Source(name, properties=(name,))
        for name, child in properties(schema).items()
        if api.passes_by_name(name) and (not types(child) or types(child) - {"array", "object"})
    }
    builtin = maps.recognise(schema)
    if builtin is not None:
        return _merged(named, parse_map(f"the built-in map {builtin.name}", builtin.fields, api)), builtin.optional
    spelled = {}
    for target, names in maps.by_spelling(schema).items():
        taken = names
        if target in named:
            # one more spelling of an opt-out can only raise it; anything else is taken from its exact name alone
            taken = [target, *(name for name in names if name != target)] if target in api.opt_outs else [target]
        spelled[target] = Source(target, properties=tuple(taken))
    return {**named, **spelled}, maps.optional - set(named)


def _merged(lower: Mapping[str, Source], upper: Mapping[str, Source]) -> dict[str, Source]:
    """Lay one map over another; names are one where they differ only by case, named fields are added to those below."""
    merged = dict(lower)
    spelled = {name.casefold(): name for name in lower}
    for name, source in upper.items():
        below = merged.pop(spelled.get(name.casefold(), name), None)
        if below is not None and below.fields is not None and source.fields is not None:
            merged[name] = dataclasses.replace(
                source, fields=_merged(below.fields, source.fields), on_null=source.on_null or below.on_null
            )
        else:
            merged[name] = source
    return merged


def _applies(source: Source, schema: Mapping[str, Any]) -> bool:
    if source.leave_out or source.literal is not MISSING or source.default is not MISSING:
        return True
    parts = (source.fields or {"": source}).values()
    return any(
        part.leave_out or part.literal is not MISSING or any(find(schema, name) for name in part.properties)
        for part in parts
    )


def _as_own(source: Source) -> Source:
    fields = source.fields and {name: _as_own(inner) for name, inner in source.fields.items()}
    return dataclasses.replace(source, own=True, fields=fields)


@dataclasses.dataclass(frozen=True)
class _Compiler:
    """Settles a source's open questions against the schema and the API."""

    stream: str
    schema: Mapping[str, Any]
    api: ApiFields
    settings: MapSettings
    opt_outs: frozenset[str]

    def rule(self, target: ApiField, source: Source) -> Rule | None:
        """Return the rule for a field; None where the stream has nothing for it."""
        if source.fields is not None:
            return self._group(target, source)
        found = self._found(source)
        if not found and source.literal is MISSING and source.default is MISSING:
            return None
        opt_out = target.name in self.opt_outs
        convert = source.convert or ("boolean" if opt_out else target.convert)
        if convert == "auto":
            forms = {written_form(child) for _, child in found}
            convert = _BY_FORM.get(forms.pop() or "", "auto") if len(forms) == 1 else "auto"
        # whatever says neither true nor false raises an opt-out, so that for those no type is wrong
        found = self._fitting(source, "auto" if opt_out else convert, found)
        if not found and source.literal is MISSING and source.default is MISSING:
            return None
        options = self.api.converter_options(target, convert, source.options)
        complaint = CONVERTERS[convert].complaint(options)
        if complaint is not None:
            message = f"{source.where}.convert: {complaint}"
            raise SettingsError(message)
        lengths = [length for length in (target.max_length, options.pop("max_length", None)) if length is not None]
        clear = (source.on_null or self.settings.on_null) == "clear"
        rule = Rule(
            target.name,
            target.convert if target.max_length is None else f"{target.convert}, at most {target.max_length}",
            CONVERTERS[convert],
            options,
            paths=tuple(path for path, _ in found),
            max_length=min(lengths, default=None),
            cut=self.settings.on_too_long == "cut" and target.cut and convert in _CUTTABLE,
            clear=clear and target.clear and not opt_out,
            opt_out=opt_out,
            listed=frozenset() if opt_out else target.listed,
            keep_unlisted=target.unlisted == "keep",
        )
        return dataclasses.replace(
            rule,
            literal=_fixed(rule, f"{source.where}.value", source.literal),
            default=_fixed(rule, f"{source.where}.default", source.default),
        )

    def _group(self, target: ApiField, source: Source) -> Rule | None:
        defaults = {**self.api.defaults, **target.part_defaults}
        inside = dataclasses.replace(self, api=dataclasses.replace(self.api, defaults=defaults))
        inner = []
        for name, part in sorted((source.fields or {}).items()):
            if not part.leave_out:
                with_null = dataclasses.replace(part, on_null=part.on_null or source.on_null)
                inner.append(inside.rule(target.parts.get(name) or ApiField(name), with_null))
        rules = tuple(rule for rule in inner if rule is not None)
        if target.group_limit is not None and len(rules) > target.group_limit:
            message = f"{source.where} takes at most {target.group_limit} fields, those of `*` included"
            raise SettingsError(message)
        return Rule(target.name, "fields", CONVERTERS["auto"], {}, group=rules) if rules else None

    def _found(self, source: Source) -> list[tuple[Path, Any]]:
        found = []
        for name in source.properties:
            place = find(self.schema, name)
            if place is not None:
                found.append(place)
            elif source.own:
                hint = nearest(name, [*properties(self.schema), *_inside(self.schema)])
                message = f"{source.where} reads '{name}', which the stream '{self.stream}' does not have{hint}"
                raise SettingsError(message)
        return found

    def _fitting(self, source: Source, convert: str, found: list[tuple[Path, Any]]) -> list[tuple[Path, Any]]:
        """Keep the properties whose type the converter can take; in the stream's own map the others are errors."""
        fitting = []
        for path, child in found:
            complaint = _misfit(types(child), written_form(child), convert)
            if complaint is None:
                fitting.append((path, child))
            elif source.own:
                message = f"{source.where} reads '{'.'.join(path)}', which {complaint}"
                raise SettingsError(message)
        return fitting


def _misfit(kinds: frozenset[str], form: str | None, convert: str) -> str | None:
    if kinds == {"object"}:
        return "is an object; name the property inside it with a dotted path"
    if kinds and kinds <= {"array", "object"} and convert != "join":
        return 'is a list; name the separator that makes it text, as {"convert": {"join": {"separator": "; "}}}'
    if kinds == {"boolean"} and convert in _NEVER_BOOLEAN:
        return f"is true or false and never a {convert.replace('_', ' ')}"
    if kinds and kinds <= {"integer", "number"} and convert in _NEVER_NUMBER:
        return f"is a number and never a {convert.replace('_', ' ')}"
    if kinds == {"string"} and form in _BY_FORM and convert in _NEVER_MOMENT:
        return f"is a date and never a {convert.replace('_', ' ')}"
    return None


def _inside(schema: Any) -> list[str]:
    return [f"{name}.{inner}" for name, child in properties(schema).items() for inner in properties(child)]


def _fixed(rule: Rule, where: str, value: Any) -> Any:
    if value is MISSING:
        return MISSING
    try:
        return dataclasses.replace(rule, cut=False).converted(value)[0]
    except ValueRejected as rejection:
        message = f"{where} {rejection.reason}"
    raise SettingsError(message)


def check_setting(settings: MapSettings, api: ApiFields) -> None:
    """Hold all that can be held against the API alone, before any SCHEMA arrives. Raises `SettingsError`."""
    opt_out_fields(settings.opt_out_fields, api)
    for stream, sources in parse_setting(settings.field_map, api).items():
        where = f"{SETTING}.{stream}"
        for name, source in sources.items():
            for part in (source.fields or {name: source}).values():
                if part.convert is not None:
                    target = api.get(name) if source.fields is None else ApiField(name)
                    complaint = CONVERTERS[part.convert].complaint(
                        api.converter_options(target, part.convert, part.options)
                    )
                    if complaint is not None:
                        message = f"{part.where or where}.convert: {complaint}"
                        raise SettingsError(message)
