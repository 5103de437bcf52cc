"""The settings that a field map depends on, and the parser of `field_map`, which reads it into `Source`s.

Everything that needs no SCHEMA is checked here. Each mistake becomes a sentence that starts with its path in the
settings, as ``field_map.customers.Phone``, and one `SettingsError` tells them all.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from lead_connectors.field_map.api_fields import ApiField, ApiFields
from lead_connectors.field_map.converters.registry import CONVERTERS
from lead_connectors.field_map.messages import Mistakes, did_you_mean
from lead_connectors.field_map.property_paths import MISSING
from lead_connectors.plugin.errors import SettingsError

SETTING = "field_map"
ANY_STREAM = "*"
ON_NULL = ("omit", "clear")
_KEYS = ("property", "value", "default", "convert", "on_null", "fields")
_SOURCE_KEYS = ("property", "value", "fields")
_WITHOUT_EFFECT = {"value": ("default", "on_null"), "fields": ("default", "convert")}
_SOURCE_FORMS = "takes a property's name, false, or an object with property, value or fields"


@dataclass(frozen=True)
class MapSettings:
    """The settings that a field map depends on.

    Attributes:
        field_map: The setting of that name.
        on_null: ``omit`` or ``clear``.
        on_too_long: ``reject`` or ``cut``.
        opt_out_fields: The API fields that are sent only when true; None for the API's own.
    """

    field_map: Mapping[str, Any] | None = None
    on_null: str = "omit"
    on_too_long: str = "reject"
    opt_out_fields: Iterable[str] | None = None


@dataclass(frozen=True)
class Source:
    """Where the value of an API field comes from, as a map says it.

    Attributes:
        where: Its path in the settings, for error messages.
        is_left_out: `false`: the field is taken out of the map.
        properties: Names or dotted paths. The first that is not null counts.
        literal: The value itself; `MISSING` without one.
        default: The value where all properties are null; `MISSING` without one.
        convert: A converter's name; None for the field's own.
        options: All options of `convert`, the API's defaults included; empty where `convert` is None.
        given: Those of `options` that the map itself gives.
        on_null: ``omit`` or ``clear``; None for the setting's.
        fields: The named fields of a group; None for a field of one value.
        is_strict: Whether every property must exist and be of a type that fits: so in the stream's own map.
    """

    where: str
    is_left_out: bool = False
    properties: tuple[str, ...] = ()
    literal: Any = MISSING
    default: Any = MISSING
    convert: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    given: Mapping[str, Any] = field(default_factory=dict)
    on_null: str | None = None
    fields: Mapping[str, Source] | None = None
    is_strict: bool = False

    @property
    def has_fixed_value(self) -> bool:
        """Whether it gives a value without reading any property."""
        return self.literal is not MISSING or self.default is not MISSING

    def single_sources(self) -> Iterable[Source]:
        """Return the sources of single values: those of the named fields, or the source itself."""
        return (self,) if self.fields is None else self.fields.values()


Sources = dict[str, Source]
"""A map: API field to source."""


def parse_setting(setting: Any, api: ApiFields) -> dict[str, Sources]:
    """Read the setting `field_map`.

    Args:
        setting: ``{"<stream or *>": {"<API field>": SOURCE}}``; None for none.
        api: The fields of the API's call.

    Returns:
        For each stream (or ``*``) its map.

    Raises:
        SettingsError: It has a wrong form, or names a field or an option that does not exist.
    """
    if setting is None:
        return {}
    if not isinstance(setting, Mapping):
        message = f'{SETTING} takes an object of streams, as {{"customers": {{"firstName": "first_name"}}}}'
        raise SettingsError(message)
    mistakes = Mistakes()
    parsed: dict[str, Sources] = {}
    for stream, sources in setting.items():
        with mistakes.collect():
            parsed[str(stream)] = parse_map(f"{SETTING}.{stream}", sources, api)
    mistakes.raise_all()
    return parsed


def parse_map(where: str, sources: Any, api: ApiFields) -> Sources:
    """Read one stream's map.

    Args:
        where: Its path in the settings.
        sources: ``{"<API field>": SOURCE}``.
        api: The fields of the API's call.

    Returns:
        The map.

    Raises:
        SettingsError: As `parse_setting`.
    """
    if not isinstance(sources, Mapping):
        message = f'{where} takes an object of API fields, as {{"firstName": "first_name"}}'
        raise SettingsError(message)
    _check_names_differ(where, sources)
    mistakes = Mistakes()
    parsed: Sources = {}
    for name, source in sources.items():
        with mistakes.collect():
            _check_field_name(f"{where}.{name}", str(name), api)
            parsed[str(name)] = _parse_field(f"{where}.{name}", source, api.get(str(name)), api)
    mistakes.raise_all()
    return parsed


def parse_opt_out_fields(setting: Iterable[str] | None, api: ApiFields) -> frozenset[str]:
    """Read the setting `opt_out_fields`.

    Args:
        setting: Names of API fields; None for the API's own opt-outs.
        api: The fields of the API's call.

    Returns:
        The names.

    Raises:
        SettingsError: It is not a list of fields that the API has.
    """
    if setting is None:
        return frozenset(api.opt_outs)
    if isinstance(setting, (str, Mapping)) or not all(isinstance(name, str) for name in setting):
        message = "opt_out_fields takes a list of API fields"
        raise SettingsError(message)
    names = frozenset(setting)
    for name in sorted(names - set(api.fields)):
        if api.closed:
            message = f"opt_out_fields: the API has no field '{name}'{did_you_mean(name, api.fields)}"
            raise SettingsError(message)
    return names


def complete_options(
    where: str, api: ApiFields, target: ApiField, convert: str, given: Mapping[str, Any]
) -> dict[str, Any]:
    """Merge a converter's options and check them.

    Args:
        where: The source's path in the settings.
        api: The fields of the API's call.
        target: The field to fill.
        convert: The converter's name.
        given: The options in the map.

    Returns:
        The options, the API's defaults included.

    Raises:
        SettingsError: The converter does not take them.
    """
    options = api.converter_options(target, convert, given)
    error = CONVERTERS[convert].option_error(options)
    if error is not None:
        message = f"{where}.convert: {error}"
        raise SettingsError(message)
    return options


def _check_names_differ(where: str, names: Iterable[Any]) -> None:
    spelled: dict[str, str] = {}
    for name in map(str, names):
        first = spelled.setdefault(name.casefold(), name)
        if first != name:
            message = f"{where} has two sources for one field: '{first}' and '{name}' differ only by case"
            raise SettingsError(message)


def _check_field_name(where: str, name: str, api: ApiFields) -> None:
    by_case = {known.casefold(): known for known in api.fields}
    if name in api.fields:
        return
    if not name.strip():
        message = f"{where.rstrip('.')} names an empty API field"
    elif name in api.reserved:
        message = f"{where} {api.reserved[name]}"
    elif name.casefold() in by_case and not (api.open_prefix and name.startswith(api.open_prefix)):
        message = f"{where}: the API spells this field '{by_case[name.casefold()]}'"
    elif api.closed:
        message = f"{where}: the API has no field '{name}'{did_you_mean(name, api.fields)}"
    else:
        return
    raise SettingsError(message)


def _parse_field(where: str, value: Any, target: ApiField, api: ApiFields) -> Source:
    source = _parse_source(where, value, target, api)
    if source.fields is None:
        if target.is_group and not source.is_left_out:
            message = f'{where} takes named fields, as {{"fields": {{"<name>": "<property>"}}}}'
            raise SettingsError(message)
        return source
    if not target.is_group and (api.closed or target.name in api.fields):
        message = f"{where} takes one value and no fields of its own"
        raise SettingsError(message)
    if target.group_limit is not None and len(source.fields) > target.group_limit:
        message = f"{where} takes at most {target.group_limit} fields"
        raise SettingsError(message)
    return source


def _parse_source(where: str, value: Any, target: ApiField, api: ApiFields) -> Source:
    if value is False:
        return Source(where, is_left_out=True)
    if isinstance(value, str):
        return Source(where, properties=_parse_properties(where, value))
    if value is None:
        message = f"{where} is null; to leave the field out write false"
        raise SettingsError(message)
    if not isinstance(value, Mapping):
        message = f"{where} {_SOURCE_FORMS}"
        raise SettingsError(message)
    _check_keys(where, value)
    convert: str | None = None
    options: Mapping[str, Any] = {}
    given: Mapping[str, Any] = {}
    if "convert" in value:
        convert, given = _parse_convert(f"{where}.convert", value["convert"])
        options = complete_options(where, api, target, convert, given)
    return Source(
        where,
        properties=_parse_properties(f"{where}.property", value["property"]) if "property" in value else (),
        literal=_parse_literal(f"{where}.value", value["value"]) if "value" in value else MISSING,
        default=_parse_literal(f"{where}.default", value["default"]) if "default" in value else MISSING,
        convert=convert,
        options=options,
        given=given,
        on_null=value.get("on_null"),
        fields=_parse_group(f"{where}.fields", value["fields"], target, api) if "fields" in value else None,
    )


def _check_keys(where: str, value: Mapping[str, Any]) -> None:
    for key in value:
        if key not in _KEYS:
            hint = did_you_mean(str(key), _KEYS) or f" (it has: {', '.join(_KEYS)})"
            message = f"{where} has no '{key}'{hint}"
            raise SettingsError(message)
    given = [key for key in _SOURCE_KEYS if key in value]
    if not given:
        message = f"{where} {_SOURCE_FORMS}"
        raise SettingsError(message)
    if len(given) > 1:
        message = f"{where} has two sources for one field: '{given[0]}' and '{given[1]}'"
        raise SettingsError(message)
    for key in _WITHOUT_EFFECT.get(given[0], ()):
        if key in value:
            message = f"{where}: '{key}' has no effect beside '{given[0]}'"
            raise SettingsError(message)
    if value.get("on_null") not in (None, *ON_NULL):
        message = f"{where}.on_null takes omit or clear"
        raise SettingsError(message)


def _parse_properties(where: str, value: Any) -> tuple[str, ...]:
    names = value if isinstance(value, (list, tuple)) else [value]
    if not names or not all(isinstance(name, str) and name.strip() for name in names):
        message = f"{where} takes a property's name, or a list of names"
        raise SettingsError(message)
    return tuple(names)


def _parse_literal(where: str, value: Any) -> Any:
    if isinstance(value, (str, bool, int, float, Decimal, dt.date)):
        return value
    message = f"{where} takes a text, a number, true or false"
    raise SettingsError(message)


def _parse_group(where: str, value: Any, group: ApiField, api: ApiFields) -> Sources:
    if not isinstance(value, Mapping) or not value:
        message = f'{where} takes an object of named fields, as {{"Status": "status"}}'
        raise SettingsError(message)
    _check_names_differ(where, value)
    inner_api = api.inside(group)
    parsed: Sources = {}
    for name, inner in value.items():
        source = _parse_source(f"{where}.{name}", inner, inner_api.get(str(name)), inner_api)
        if source.fields is not None:
            message = f"{source.where}: fields cannot hold further fields"
            raise SettingsError(message)
        if not str(name).strip():
            message = f"{where} names an empty field"
            raise SettingsError(message)
        parsed[str(name)] = source
    return parsed


def _parse_convert(where: str, value: Any) -> tuple[str, Mapping[str, Any]]:
    name: Any = value
    options: Any = {}
    if isinstance(value, Mapping) and len(value) == 1:
        name, options = next(iter(value.items()))
    if not isinstance(name, str) or not isinstance(options, Mapping):
        message = (
            f'{where} takes a converter\'s name, or one name with its options, as {{"date": {{"formats": [...]}}}}'
        )
        raise SettingsError(message)
    if name not in CONVERTERS:
        known = ", ".join(sorted(CONVERTERS))
        message = f"{where}: there is no converter '{name}'{did_you_mean(name, CONVERTERS)} ({known})"
        raise SettingsError(message)
    return name, options
