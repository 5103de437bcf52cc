"""From a `Source` to a `Rule`: the questions that a map leaves open are decided by the SCHEMA and the API."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from lead_connectors.field_map.api_fields import ApiField, ApiFields
from lead_connectors.field_map.config import MapSettings, Source, complete_options
from lead_connectors.field_map.converters.base import ValueRejected
from lead_connectors.field_map.converters.registry import CONVERTERS
from lead_connectors.field_map.messages import did_you_mean
from lead_connectors.field_map.property_paths import (
    MISSING,
    PropertyPath,
    find_property,
    format_of,
    json_types,
    properties_of,
)
from lead_connectors.field_map.rules import Rule
from lead_connectors.plugin.errors import SettingsError

_CUTTABLE = frozenset({"auto", "text", "join"})
_CONVERTER_BY_FORMAT = {"date-time": "datetime", "date": "date"}
_NEVER_BOOLEAN = frozenset({"phone", "date", "datetime", "email", "integer", "number", "postal_code", "timezone"})
_NEVER_NUMBER = frozenset({"date", "datetime", "email", "timezone"})
_NEVER_DATE = frozenset({"boolean", "phone", "email", "integer", "number", "postal_code", "timezone"})

Found = list[tuple[PropertyPath, Any]]
"""Properties of the SCHEMA: path and schema of each."""


@dataclasses.dataclass(frozen=True)
class RuleCompiler:
    """Compiles the sources of one stream.

    Attributes:
        stream: The stream's name.
        schema: Its SCHEMA message's schema.
        api: The fields of the API's call.
        settings: The user's settings.
        opt_outs: The API fields that are sent only when true.
    """

    stream: str
    schema: Mapping[str, Any]
    api: ApiFields
    settings: MapSettings
    opt_outs: frozenset[str]

    def compile(self, target: ApiField, source: Source) -> Rule | None:
        """Compile the source of one API field.

        Args:
            target: The field.
            source: As the layers of maps give it.

        Returns:
            The rule; None where the stream has nothing for the field.

        Raises:
            SettingsError: The source does not fit the schema or the field.
        """
        if source.is_left_out:
            return None
        if source.fields is not None:
            return self._group(target, source)
        found = self._find(source)
        is_opt_out = target.name in self.opt_outs
        convert = _converter_name(target, source, found, is_opt_out=is_opt_out)
        # Any value that is neither true nor false raises an opt-out, so no type is wrong for one.
        found = self._keep_matching(source, "auto" if is_opt_out else convert, found)
        if not found and not source.has_fixed_value:
            return None
        options = dict(
            source.options
            if convert == source.convert
            else complete_options(source.where, self.api, target, convert, {})
        )
        lengths = [length for length in (target.max_length, options.pop("max_length", None)) if length is not None]
        clears = (source.on_null or self.settings.on_null) == "clear"
        rule = Rule(
            target.name,
            target.convert if target.max_length is None else f"{target.convert}, at most {target.max_length}",
            CONVERTERS[convert],
            options,
            paths=tuple(path for path, _ in found),
            max_length=min(lengths, default=None),
            cuts=self.settings.on_too_long == "cut" and target.can_cut and convert in _CUTTABLE,
            clears=clears and target.can_clear and not is_opt_out,
            is_opt_out=is_opt_out,
            allowed_values=frozenset() if is_opt_out else target.allowed_values,
            keeps_other_values=target.on_other_value == "keep",
            setting=self._setting_of(target.documented or target, source, found, is_opt_out=is_opt_out),
        )
        return dataclasses.replace(
            rule,
            literal=_convert_fixed(rule, f"{source.where}.value", source.literal),
            default=_convert_fixed(rule, f"{source.where}.default", source.default),
        )

    def _setting_of(self, documented: ApiField, source: Source, found: Found, *, is_opt_out: bool) -> tuple[Any, ...]:
        """Return what a person set for a field and the API documents, and nothing that the account says."""
        convert = _converter_name(documented, source, found, is_opt_out=is_opt_out)
        options = self.api.converter_options(documented, convert, source.given if convert == source.convert else {})
        clears = (source.on_null or self.settings.on_null) == "clear" and documented.can_clear
        cuts = self.settings.on_too_long == "cut" and documented.can_cut
        return (
            convert,
            json.dumps(options, sort_keys=True, default=repr),
            *(None if value is MISSING else repr(value) for value in (source.literal, source.default)),
            [documented.max_length, cuts, clears, is_opt_out],
        )

    def _group(self, target: ApiField, source: Source) -> Rule | None:
        inside = dataclasses.replace(self, api=self.api.inside(target))
        rules = []
        for name, inner in sorted((source.fields or {}).items()):
            with_null = dataclasses.replace(inner, on_null=inner.on_null or source.on_null)
            rule = inside.compile(inside.api.get(name), with_null)
            if rule is not None:
                rules.append(rule)
        if target.group_limit is not None and len(rules) > target.group_limit:
            message = f"{source.where} takes at most {target.group_limit} fields, those of `*` included"
            raise SettingsError(message)
        return Rule(target.name, "fields", CONVERTERS["auto"], {}, group=tuple(rules)) if rules else None

    def _find(self, source: Source) -> Found:
        found = []
        for name in source.properties:
            place = find_property(self.schema, name)
            if place is not None:
                found.append(place)
            elif source.is_strict:
                hint = did_you_mean(name, _property_names(self.schema))
                message = f"{source.where} reads '{name}', which the stream '{self.stream}' does not have{hint}"
                raise SettingsError(message)
        return found

    def _keep_matching(self, source: Source, convert: str, found: Found) -> Found:
        """Leave out the properties whose type the converter never takes. In the stream's own map they are errors."""
        matching = []
        for path, schema in found:
            mismatch = _type_mismatch(schema, convert)
            if mismatch is None:
                matching.append((path, schema))
            elif source.is_strict:
                message = f"{source.where} reads '{'.'.join(path)}', which {mismatch}"
                raise SettingsError(message)
        return matching


def _converter_name(target: ApiField, source: Source, found: Found, *, is_opt_out: bool) -> str:
    convert = source.convert or ("boolean" if is_opt_out else target.convert)
    if convert != "auto":
        return convert
    formats = {format_of(schema) for _, schema in found}
    return _CONVERTER_BY_FORMAT.get(formats.pop() or "", "auto") if len(formats) == 1 else "auto"


def _type_mismatch(schema: Any, convert: str) -> str | None:
    """Return why a converter takes no value of a property, as the rest of a sentence; None where it may."""
    types = json_types(schema)
    result = convert.replace("_", " ")
    if types == {"object"}:
        return "is an object; name the property inside it with a dotted path"
    if types and types <= {"array", "object"} and convert != "join":
        return 'is a list; name the separator that makes it text, as {"convert": {"join": {"separator": "; "}}}'
    if types == {"boolean"} and convert in _NEVER_BOOLEAN:
        return f"is true or false and never a {result}"
    if types and types <= {"integer", "number"} and convert in _NEVER_NUMBER:
        return f"is a number and never a {result}"
    if types == {"string"} and format_of(schema) in _CONVERTER_BY_FORMAT and convert in _NEVER_DATE:
        return f"is a date and never a {result}"
    return None


def _property_names(schema: Any) -> list[str]:
    """Return the names of a schema's properties, and of those one level deeper as dotted paths."""
    known = properties_of(schema)
    return [*known, *(f"{name}.{inner}" for name, child in known.items() for inner in properties_of(child))]


def _convert_fixed(rule: Rule, where: str, value: Any) -> Any:
    """Convert a literal or a default, which is never cut."""
    if value is MISSING:
        return MISSING
    try:
        return dataclasses.replace(rule, cuts=False).convert(value)[0]
    except ValueRejected as rejection:
        message = f"{where} {rejection.reason}"
    raise SettingsError(message)
