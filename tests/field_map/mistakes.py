"""A made-up API, and the error that a wrong setting makes."""

from __future__ import annotations

from typing import Any

import pytest

from lead_connectors.field_map.api_fields import ApiField, ApiFields
from lead_connectors.field_map.build import MapBuilder
from lead_connectors.field_map.builtin import BuiltinMaps
from lead_connectors.field_map.config import MapSettings
from lead_connectors.plugin.errors import SettingsError

FIELDS = {
    "firstName": ApiField("firstName", "text"),
    "phoneNumber": ApiField("phoneNumber", "phone"),
    "doNotCall": ApiField("doNotCall", "boolean"),
    "customFields": ApiField("customFields", is_group=True, group_limit=2),
}
CLOSED = ApiFields(FIELDS, closed=True, opt_outs=("doNotCall",))
OPEN = ApiFields(FIELDS, closed=False, open_prefix="mx_")
TEXT = {"type": ["string", "null"]}
SCHEMA = {
    "properties": {
        "first": TEXT,
        "callerId": TEXT,
        "flag": {"type": "boolean"},
        "tags": {"type": ["array", "null"]},
        "address": {"type": "object", "properties": {"city": TEXT}},
    }
}


def error_of(setting: Any, api: ApiFields = CLOSED, **settings: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        MapBuilder(api, BuiltinMaps(), MapSettings(setting, **settings)).build("people", SCHEMA)
    assert caught.value.exit_code == 2
    return str(caught.value)
