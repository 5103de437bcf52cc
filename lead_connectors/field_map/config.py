"""The setting `field_map`: what it may say, and how it is read into `Source`s before any record arrives.

Every mistake is a `SettingsError` whose sentence starts with the setting's path, as ``field_map.customers.Phone``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from lead_connectors.field_map.api_fields import ApiField, ApiFields
from lead_connectors.field_map.converters.registry import CONVERTERS
from lead_connectors.field_map.schema_paths import MISSING, nearest
from lead_connectors.plugin.errors import SettingsError

SETTING = "field_map"
ON_NULL = ("omit", "clear")
_KEYS = ("property", "value", "default", "convert", "on_null", "fields")
_SOURCE_FORMS = "takes a property's name, false, or an object with property, value or fields"


@dataclass(frozen=True)
class Source:
    """Where an API field's value comes from, as a map says it.

    Attributes:
        where: The setting's path, for messages.
        leave_out: `false`: the field is taken out of the map.
        properties: Names or dotted paths; the first that is not null.
        literal: The value itself; `MISSING` without one.
        default: Where all properties are null; `MISSING` without one.
        convert: A converter's name; None for the field's own.
        options: The converter's options.
        on_null: ``omit``, ``clear`` or None for the setting's.
        fields: Named fields of a group.
        own: It stands in the stream's own map, where every property it names must exist.
    """

    where: str
    leave_out: bool = False
    properties: tuple[str, ...] = ()
    literal: Any = MISSING
    default: Any = MISSING
    convert: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    on_null: str | None = None
    fields: Mapping[str, Source] | None = None
    own: bool = False


def parse_setting(setting: Any, api: ApiFields) -> dict[str, dict[str, Source]]:
    """Read the whole setting.

    Args:
        setting: ``{"<stream or *>": {"<API field>": SOURCE}}``; None for none.
        api: The call's fields.

    Returns:
        For each stream (or ``*``) its sources by API field.

    Raises:
        SettingsError: It says something that cannot be, or a field that the call does not have.
    """
    if setting is None:
        return {}
    if not isinstance(setting, Mapping):
        message = f'{SETTING} takes an object of streams, as {{"customers": {{"firstName": "first_name"}}}}'
        raise SettingsError(message)
    return {str(stream): parse_map(f"{SETTING}.{stream}", sources, api) for stream, sources in setting.items()}


def parse_map(where: str, sources: Any, api: ApiFields) -> dict[str, Source]:
    """Read one stream's map.

    Args:
        where: Its path in the settings.
        sources: ``{"<API field>": SOURCE}``.
        api: The call's fields.

    Returns:
        The sources by API field.

    Raises:
        SettingsError: As `parse_setting`.
    """
    if not isinstance(sources, Mapping):
        message = f'{where} takes an object of API fields, as {{"firstName": "first_name"}}'
        raise SettingsError(message)
    _no_twins(where, sources)
    return {
        _known(f"{where}.{name}", str(name), api): _parse_field(f"{where}.{name}", raw, api.get(str(name)), api)
        for name, raw in sources.items()
    }


def _no_twins(where: str, names: Iterable[Any]) -> None:
    seen: dict[str, str] = {}
    for name in map(str, names):
        twin = seen.setdefault(name.casefold(), name)
        if twin != name:
            message = f"{where} has two sources for one field: '{twin}' and '{name}' differ only by case"
            raise SettingsError(message)


def _known(where: str, name: str, api: ApiFields) -> str:
    if name in api.fields:
        return name
    by_case = {known.casefold(): known for known in api.fields}
    if not name.strip():
        message = f"{where.rstrip('.')} names an empty API field"
    elif name in api.reserved:
        message = f"{where} {api.reserved[name]}"
    elif name.casefold() in by_case and not (api.open_prefix and name.startswith(api.open_prefix)):
        message = f"{where}: the API spells this field '{by_case[name.casefold()]}'"
    elif api.closed:
        message = f"{where}: the API has no field '{name}'{nearest(name, api.fields)}"
    else:
        return name
    raise SettingsError(message)


def _parse_field(where: str, raw: Any, target: ApiField, api: ApiFields) -> Source:
    source = parse_source(where, raw)
    if source.fields is None:
        if target.group and not source.leave_out:
            message = f'{where} takes named fields, as {{"fields": {{"<name>": "<property>"}}}}'
            raise SettingsError(message)
        return source
    if not target.group and (api.closed or target.name in api.fields):
        message = f"{where} takes one value and no fields of its own"
        raise SettingsError(message)
    if target.group_limit is not None and len(source.fields) > target.group_limit:
        message = f"{where} takes at most {target.group_limit} fields"
        raise SettingsError(message)
    return source


def parse_source(where: str, raw: Any) -> Source:
    """Read one SOURCE.

    Args:
        where: Its path in the settings.
        raw: A property's name, false, or an object with `property`, `value` or `fields`.

    Returns:
        What it says.

    Raises:
        SettingsError: It is none of these, or says two things at once.
    """
    if raw is False:
        return Source(where, leave_out=True)
    if isinstance(raw, str):
        return Source(where, properties=_properties(where, raw))
    if raw is None:
        message = f"{where} is null; to leave the field out write false"
        raise SettingsError(message)
    if not isinstance(raw, Mapping):
        message = f"{where} {_SOURCE_FORMS}"
        raise SettingsError(message)
    return _parse_object(where, raw)


def _parse_object(where: str, raw: Mapping[str, Any]) -> Source:
    for key in raw:
        if key not in _KEYS:
            known = nearest(str(key), _KEYS) or f" (it has: {', '.join(_KEYS)})"
            message = f"{where} has no '{key}'{known}"
            raise SettingsError(message)
    given = [key for key in ("property", "value", "fields") if key in raw]
    if not given:
        message = f"{where} {_SOURCE_FORMS}"
        raise SettingsError(message)
    if len(given) > 1:
        message = f"{where} has two sources for one field: '{given[0]}' and '{given[1]}'"
        raise SettingsError(message)
    idle = {"value": ("default", "on_null"), "fields": ("default", "convert")}.get(given[0], ())
    for key in idle:
        if key in raw:
            message = f"{where}: '{key}' has no effect beside '{given[0]}'"
            raise SettingsError(message)
    on_null = raw.get("on_null")
    if on_null is not None and on_null not in ON_NULL:
        message = f"{where}.on_null takes omit or clear"
        raise SettingsError(message)
    convert, options = _convert(f"{where}.convert", raw["convert"]) if "convert" in raw else (None, {})
    return Source(
        where,
        properties=_properties(f"{where}.property", raw["property"]) if "property" in raw else (),
        literal=_scalar(f"{where}.value", raw["value"]) if "value" in raw else MISSING,
        default=_scalar(f"{where}.default", raw["default"]) if "default" in raw else MISSING,
        convert=convert,
        options=options,
        on_null=on_null,
        fields=_inner(f"{where}.fields", raw["fields"]) if "fields" in raw else None,
    )


def _properties(where: str, raw: Any) -> tuple[str, ...]:
    names = raw if isinstance(raw, (list, tuple)) else [raw]
    if not names or not all(isinstance(name, str) and name.strip() for name in names):
        message = f"{where} takes a property's name, or a list of names"
        raise SettingsError(message)
    return tuple(names)


def _scalar(where: str, raw: Any) -> Any:
    if isinstance(raw, (str, bool, int, float, Decimal, dt.date)):
        return raw
    message = f"{where} takes a text, a number, true or false"
    raise SettingsError(message)


def _inner(where: str, raw: Any) -> dict[str, Source]:
    if not isinstance(raw, Mapping) or not raw:
        message = f'{where} takes an object of named fields, as {{"Status": "status"}}'
        raise SettingsError(message)
    _no_twins(where, raw)
    found = {str(name): parse_source(f"{where}.{name}", source) for name, source in raw.items()}
    for source in found.values():
        if source.fields is not None:
            message = f"{source.where}: fields cannot hold further fields"
            raise SettingsError(message)
    return found


def _convert(where: str, raw: Any) -> tuple[str, dict[str, Any]]:
    name: str
    options: Any
    if isinstance(raw, str):
        name, options = raw, {}
    elif isinstance(raw, Mapping) and len(raw) == 1:
        name, options = next((str(name), value) for name, value in raw.items())
    else:
        name, options = "", None
    if not isinstance(options, Mapping):
        message = (
            f'{where} takes a converter\'s name, or one name with its options, as {{"date": {{"formats": [...]}}}}'
        )
        raise SettingsError(message)
    if name not in CONVERTERS:
        message = (
            f"{where}: there is no converter '{name}'{nearest(name, CONVERTERS)} ({', '.join(sorted(CONVERTERS))})"
        )
        raise SettingsError(message)
    return name, dict(options)
