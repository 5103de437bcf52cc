"""Custom fields: their keys and types by the account's own definitions."""

from __future__ import annotations

from typing import Any

import pytest

from lead_connectors.field_map.build import MapSettings, build_field_map
from lead_connectors.field_map.builtin import BuiltinMaps
from lead_connectors.field_map.rules import FieldMap
from lead_connectors.plugin.errors import SettingsError
from target_carecycle.api_fields import upload_fields
from target_carecycle.custom_fields import CustomFields, check_keys, mapped_keys, what_is_missing


def schema_of(names: list[str]) -> dict[str, Any]:
    return {"properties": {name: {} for name in names}}


def _properties(source: Any) -> list[str]:
    if isinstance(source, str):
        return [source]
    inside = source.get("fields", {}).values() if isinstance(source, dict) else []
    named = source.get("property", []) if isinstance(source, dict) else []
    return [*([named] if isinstance(named, str) else named), *(name for part in inside for name in _properties(part))]


def carecycle_map(own: dict[str, Any]) -> FieldMap:
    names = [name for source in own.values() for name in _properties(source)]
    schema = schema_of(names)
    return build_field_map("people", schema, upload_fields(), BuiltinMaps(), MapSettings({"people": own}))


def test_custom_field_keys_are_checked_against_the_account() -> None:
    own = carecycle_map({"customFields": {"fields": {"utm_campaign": "a", "utm_sorce": "b"}}})
    assert mapped_keys(own) == ["utm_campaign", "utm_sorce"]
    known: dict[str, dict[str, Any]] = {"utm_campaign": {}, "utm_source": {}}
    with pytest.raises(SettingsError, match=r"no custom field 'utm_sorce'; did you mean 'utm_source'\?$"):
        check_keys(own, CustomFields(known, is_complete=True))
    check_keys(own, CustomFields(known))
    check_keys(own, CustomFields())
    check_keys(own, CustomFields({**known, "utm_sorce": {}}, is_complete=True))


def test_carecycle_needs_phone_and_place() -> None:
    assert len(what_is_missing(carecycle_map({"firstName": "a"}))) == 2
    assert what_is_missing(carecycle_map({"phoneNumber": "a", "timezone": {"value": "EST"}})) == []


def test_custom_fields_of_all_layers_together_are_at_most_fifty() -> None:
    halves = [{f"k{half}{n}": "a" for n in range(26)} for half in "ab"]
    setting = {"*": {"customFields": {"fields": halves[0]}}, "people": {"customFields": {"fields": halves[1]}}}
    with pytest.raises(SettingsError, match="at most 50 fields"):
        build_field_map("people", {"properties": {"a": {}}}, upload_fields(), BuiltinMaps(), MapSettings(setting))


def test_custom_fields_write_dates_in_iso_form() -> None:
    schema = {"properties": {"d": {"type": "string", "format": "date"}}}
    own = {"people": {"customFields": {"fields": {"consent_date": "d"}}, "dateOfBirth": "d"}}
    mapped = build_field_map("people", schema, upload_fields(), BuiltinMaps(), MapSettings(own)).apply(
        {"d": "2026-03-04"}
    )
    assert mapped.fields == {"dateOfBirth": "03-04-2026", "customFields": {"consent_date": "2026-03-04"}}


def test_custom_fields_are_converted_by_the_account_s_types() -> None:
    kinds = {
        "day": "date",
        "score": "number",
        "carer": "boolean",
        "time": "select",
        "tags": "multi_select",
        "utm": "text",
    }
    times = ["Morning", "Evening"]
    definitions = {name: {"fieldType": kind, "options": times} for name, kind in kinds.items()}
    schema = schema_of(list(kinds))
    schema["properties"]["day"] = {"type": "string", "format": "date-time"}
    setting = {"people": {"customFields": {"fields": {name: name for name in kinds}}}}
    api = upload_fields("US", definitions)
    own = build_field_map("people", schema, api, BuiltinMaps(), MapSettings(setting))
    record = {"day": "2026-01-31T23:30:00Z", "score": 5.0, "carer": "yes", "time": "evening", "tags": "a", "utm": 7}
    assert own.apply(record).fields == {
        "customFields": {"day": "2026-01-31", "score": "5", "carer": True, "time": "Evening", "tags": "a", "utm": "7"}
    }
    found = own.apply({"score": "many", "time": "Noon"})
    assert [str(problem) for problem in found.problems] == ["customFields.score is no number"]
    assert len(found.warnings) == 1
