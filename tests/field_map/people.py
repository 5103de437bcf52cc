"""A made-up API and a made-up stream, and the map between them."""

from __future__ import annotations

from typing import Any

from lead_connectors.field_map.api_fields import ApiField, ApiFields
from lead_connectors.field_map.build import MapBuilder
from lead_connectors.field_map.builtin import BuiltinMaps
from lead_connectors.field_map.config import MapSettings
from lead_connectors.field_map.field_map import FieldMap
from lead_connectors.field_map.mapped import Mapped

API = ApiFields(
    {
        "Name": ApiField("Name", "text", max_length=10, by_name=True),
        "Key": ApiField("Key", "text", max_length=5, can_cut=False, can_clear=False, by_name=True),
        "Born": ApiField("Born", "date", by_name=True),
        "Stop": ApiField("Stop", "boolean", by_name=True),
        "Quiet": ApiField("Quiet", "boolean"),
        "Amount": ApiField("Amount", "integer"),
    },
    closed=False,
    opt_outs=("Stop",),
    open_prefix="my_",
    defaults={"date": {"output": "%m-%d-%Y"}, "datetime": {"output": "%Y-%m-%d %H:%M:%S"}},
)
COMMON = BuiltinMaps(spellings={"Name": ("name", "fullname"), "Stop": ("stop", "unsubscribed"), "Key": ("key", "id")})
TEXT = {"type": ["string", "null"]}
SCHEMA = {
    "properties": {
        "a": TEXT,
        "b": TEXT,
        "c.d": TEXT,
        "n": {"type": ["integer", "null"]},
        "flag": {"type": "boolean"},
        "when": {"type": "string", "format": "date-time"},
        "day": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
        "tags": {"type": ["array", "null"]},
        "place": {"anyOf": [{"type": "object", "properties": {"city": TEXT}}, {"type": "null"}]},
        "open": {"type": "object"},
    }
}


def build(own: dict[str, Any] | None = None, schema: dict[str, Any] | None = None, **settings: Any) -> FieldMap:
    maps = settings.pop("maps", BuiltinMaps())
    field_map = {"people": own or {}, **settings.pop("others", {})}
    return MapBuilder(API, maps, MapSettings(field_map, **settings)).build("people", schema or SCHEMA)


def mapped(own: dict[str, Any], record: dict[str, Any], **settings: Any) -> Mapped:
    return build(own, **settings).apply(record)
