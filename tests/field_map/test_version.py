"""`FieldMap.version` stays the same from release to release: ledgers in the field compare it with what they hold."""

from __future__ import annotations

from typing import Any

import pytest

from lead_connectors.field_map.api_fields import ApiFields
from lead_connectors.field_map.build import MapBuilder
from lead_connectors.field_map.builtin import load_builtin_maps
from lead_connectors.field_map.config import MapSettings
from lead_connectors.field_map.field_map import FieldMap
from target_carecycle.api_fields import upload_fields as carecycle_fields
from target_leadsquared.lead_fields import lead_fields as leadsquared_fields

TEXT = {"type": ["string", "null"]}
ACCOUNT: list[dict[str, Any]] = [
    {"SchemaName": "EmailAddress", "DataType": "Email", "MaxLength": "200", "IsLeadIdentifier": True},
    {"SchemaName": "Phone", "DataType": "Phone", "IsLeadIdentifier": True},
    {"SchemaName": "FirstName", "DataType": "Text", "MaxLength": "100"},
    {"SchemaName": "mx_Called", "DataType": "Date", "RenderTypeTextValue": "DateTime"},
    {"SchemaName": "Source", "DataType": "Select", "Options": [{"Value": "Web"}, {"Value": "TV"}]},
    {"SchemaName": "mx_KYC", "DataType": "CustomObject", "CustomObjectMetaData": {"Fields": [
        {"SchemaName": "Status", "DataType": "Select", "Options": [{"Value": "Ok"}]}]}},
]  # fmt: skip
CUSTOM_FIELDS: dict[str, dict[str, Any]] = {
    "day": {"fieldType": "date"},
    "score": {"fieldType": "number"},
    "time": {"fieldType": "select", "options": ["Morning", "Evening"]},
}
CUSTOMERS = [
    "id", "callerId", "lineType", "clientCustomerId", "status", "firstName", "lastName", "email", "dateOfBirth",
    "language", "gender", "postalCode", "timezone", "state", "city", "county", "address", "address2", "doNotCall",
    "doNotSMS", "doNotEmail", "doNotMail", "mbiNumber", "medicaidNumber", "dependentCount", "householdIncome",
]  # fmt: skip
COMMON = [
    "id", "First Name", "surname", "EMAIL_ADDRESS", "cell", "phone", "zip", "dob", "sex", "do_not_contact", "Address1",
    "state_code", "email_opt_out", "unsubscribed", "company_name", "mx_Custom", "notes", "externalId",
]  # fmt: skip
TABLE: dict[str, Any] = {
    "a": TEXT,
    "b": TEXT,
    "c.d": TEXT,
    "n": {"type": ["integer", "null"]},
    "flag": {"type": "boolean"},
    "when": {"type": "string", "format": "date-time"},
    "day": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
    "tags": {"type": ["array", "null"]},
    "place": {"anyOf": [{"type": "object", "properties": {"city": TEXT}}, {"type": "null"}]},
}
FORMATS = {"formats": ["%d.%m.%Y", "%d %B %Y"]}
JOIN = {"property": "tags", "convert": {"join": {"separator": "; "}}}


def of(names: list[str]) -> dict[str, Any]:
    return dict.fromkeys(names, TEXT)


LEADSQUARED = "target_leadsquared"
APIS: dict[str, ApiFields] = {
    "leadsquared": leadsquared_fields(),
    "leadsquared in India": leadsquared_fields(phone_format="e164", default_country="IN"),
    "leadsquared account": leadsquared_fields(account=ACCOUNT),
    "leadsquared account, strict": leadsquared_fields(account=ACCOUNT, unlisted="reject"),
    "carecycle": carecycle_fields(),
    "carecycle account": carecycle_fields("US", CUSTOM_FIELDS),
}
Case = tuple[str, str, dict[str, Any], dict[str, Any] | None, dict[str, Any], str]
CASES: list[Case] = [
    ("leadsquared", "customers", of(CUSTOMERS), None, {}, "a5129eba58f56d08"),
    (
        "leadsquared account",
        "customers",
        of(CUSTOMERS),
        None,
        {"on_null": "clear", "on_too_long": "cut"},
        "8c2919cbc9d25f8a",
    ),
    ("carecycle", "customers", of(CUSTOMERS), None, {}, "d54a48ae945e0ee6"),
    ("carecycle", "customers", of(CUSTOMERS), None, {"on_null": "clear", "on_too_long": "cut"}, "ae14c45c474f8595"),
    ("leadsquared", "people", of(COMMON), None, {}, "39958bd7290fa7e2"),
    ("leadsquared in India", "people", of(COMMON), None, {}, "d6e83a69b3e9e83b"),
    ("carecycle", "people", of(COMMON), None, {}, "287d9d04da23046b"),
    (
        "leadsquared account, strict",
        "people",
        TABLE,
        {
            "FirstName": {"property": ["a", "b"]},
            "Phone": {"property": "c.d", "convert": {"phone": {"region": "DE", "format": "as_is"}}},
            "Source": {"value": "web"},
            "SourceCampaign": {"property": "a", "default": "none", "on_null": "clear"},
            "mx_Called": "when",
            "mx_KYC": {"fields": {"Status": "a", "mx_1": JOIN, "mx_2": {"value": 5}}},
        },
        {"opt_out_fields": ["DoNotCall", "mx_Quiet"]},
        "c20dda99bed1ef11",
    ),
    (
        "leadsquared",
        "people",
        TABLE,
        {
            "mx_DOB": {"property": "a", "convert": {"date": FORMATS}},
            "mx_Called": {"property": "b", "convert": {"datetime": {**FORMATS, "timezone": "America/Chicago"}}},
            "mx_When": "when",
            "mx_Day": "day",
            "mx_Number": {"property": "n", "convert": {"number": {"output": "json"}}},
            "mx_Fixed": {"value": 7.5},
            "mx_City": "place.city",
            "Notes": JOIN,
            "DoNotEmail": {"property": "flag", "convert": {"boolean": {"true": ["out"], "false": ["in"]}}},
            "DoNotSMS": {"value": True},
        },
        {},
        "e68f93bb26364a5c",
    ),
    (
        "leadsquared",
        "people",
        TABLE,
        {
            "mx_Plan": {"property": "a", "convert": {"choice": {"choices": ["A", "B"], "aliases": {"x": "A"}}}},
            "mx_Short": {"property": "b", "convert": {"text": {"max_length": 40}}},
            "mx_State": {"property": "a", "convert": {"us_state": {"other": "keep"}}},
            "mx_Zip": {"property": "a", "convert": {"postal_code": {"pad": True}}},
            "mx_Score": {"property": "n", "convert": {"integer": {"minimum": 0, "maximum": 100}}, "default": 50},
        },
        {"on_too_long": "cut"},
        "0034c73dc7b96b29",
    ),
    (
        "carecycle",
        "people",
        TABLE,
        {
            "phoneNumber": "a",
            "postalCode": {"value": 2134},
            "dateOfBirth": "day",
            "gender": {"property": "b", "default": "f"},
            "leadCost": {"value": "12.50"},
            "customFields": {"fields": {"utm": "a", "vip": "flag", "on": "day"}, "on_null": "clear"},
        },
        {},
        "52af8d4c3288a653",
    ),
    (
        "carecycle account",
        "people",
        TABLE,
        {"phoneNumber": "a", "customFields": {"fields": {"day": "when", "score": "n", "time": {"value": "evening"}}}},
        {"opt_out_fields": ["doNotCall"]},
        "4d26ead0be0b53b6",
    ),
    ("carecycle", "nothing", {}, None, {}, "4f53cda18c2baa0c"),
]


@pytest.mark.parametrize("case", CASES)
def test_a_version_stays_what_it_was(case: Case) -> None:
    api, stream, properties, own, settings, version = case
    maps = load_builtin_maps(f"target_{api.partition(' ')[0]}")
    setting = MapSettings(None if own is None else {stream: own}, **settings)
    found = MapBuilder(APIS[api], maps, setting).build(stream, {"properties": properties})
    assert found.former_version == version


def test_layers_of_star_and_stream_keep_their_version() -> None:
    setting = {
        "*": {"mx_KYC": {"fields": {"Status": "a", "Old": "b"}, "on_null": "clear"}, "Source": {"value": "Web"}},
        "people": {"mx_KYC": {"fields": {"Old": False, "New": "c.d"}}},
    }
    maps = load_builtin_maps(LEADSQUARED)
    found = MapBuilder(APIS["leadsquared"], maps, MapSettings(setting)).build("people", {"properties": TABLE})
    assert found.former_version == "9881cb8e754796dc"
    assert found.without(["mx_KYC.New"]).former_version == "adcf6eee9c49a172"


def build(api: ApiFields, own: dict[str, Any], **settings: Any) -> FieldMap:
    return MapBuilder(api, settings=MapSettings({"people": own}, **settings)).build("people", {"properties": TABLE})


OTHER_ACCOUNT: list[dict[str, Any]] = [
    {"SchemaName": "EmailAddress", "DataType": "Text", "MaxLength": "10", "IsLeadIdentifier": False},
    {"SchemaName": "Phone", "DataType": "Text"},
    {"SchemaName": "FirstName", "DataType": "TextArea", "IsLeadIdentifier": True},
    {"SchemaName": "mx_Called", "DataType": "Text"},
    {"SchemaName": "Source", "DataType": "Select", "Options": [{"Value": "web"}, {"Value": "TV"}, {"Value": "Radio"}]},
    {"SchemaName": "mx_KYC", "DataType": "CustomObject", "CustomObjectMetaData": {"Fields": [
        {"SchemaName": "Status", "DataType": "Number", "Options": []}]}},
]  # fmt: skip


@pytest.mark.parametrize("settings", [{}, {"on_null": "clear", "on_too_long": "cut"}])
def test_what_the_account_says_does_not_change_a_version(settings: dict[str, Any]) -> None:
    own = {
        "EmailAddress": "a",
        "Phone": "b",
        "FirstName": "a",
        "mx_Called": "b",
        "Source": {"value": "web"},
        "mx_KYC": {"fields": {"Status": "a"}},
    }
    accounts = [[], ACCOUNT, OTHER_ACCOUNT]
    maps = [build(leadsquared_fields(account=account), own, **settings) for account in accounts]
    assert len({found.version for found in maps}) == 1
    assert len({found.former_version for found in maps}) == 3
    custom = {"customFields": {"fields": {"day": "a", "score": "a", "time": "b"}}}
    options = {**CUSTOM_FIELDS, "time": {"fieldType": "select", "options": ["Noon"]}, "day": {"fieldType": "text"}}
    known: list[dict[str, dict[str, Any]]] = [{}, CUSTOM_FIELDS, options]
    assert len({build(carecycle_fields("US", fields), custom, **settings).version for fields in known}) == 1


def test_what_a_person_sets_changes_a_version() -> None:
    short = {"text": {"max_length": 5}}
    maps: list[FieldMap] = [
        build(leadsquared_fields(account=ACCOUNT), {"Phone": "a", "FirstName": "b"}),
        build(leadsquared_fields(account=ACCOUNT, phone_format="e164"), {"Phone": "a", "FirstName": "b"}),
        build(leadsquared_fields(account=ACCOUNT, default_country="IN"), {"Phone": "a", "FirstName": "b"}),
        build(leadsquared_fields(account=ACCOUNT), {"Phone": "a", "FirstName": "b"}, on_null="clear"),
        build(leadsquared_fields(account=ACCOUNT), {"Phone": "a", "FirstName": "b"}, on_too_long="cut"),
        build(leadsquared_fields(account=ACCOUNT), {"Phone": "a", "FirstName": "a"}),
        build(leadsquared_fields(account=ACCOUNT), {"Phone": "a", "FirstName": {"property": "b", "convert": short}}),
        build(leadsquared_fields(account=ACCOUNT), {"Phone": "a", "FirstName": {"property": "b", "default": "x"}}),
        build(leadsquared_fields(account=ACCOUNT), {"Phone": "a", "FirstName": {"value": "x"}}),
        build(leadsquared_fields(account=ACCOUNT), {"Phone": "a", "DoNotCall": "flag"}),
        build(leadsquared_fields(account=ACCOUNT), {"Phone": "a", "DoNotCall": "flag"}, opt_out_fields=[]),
    ]
    assert len({found.version for found in maps}) == len(maps)


def test_a_version_is_the_same_in_every_release() -> None:
    found = build(leadsquared_fields(account=ACCOUNT), {"Phone": "a", "mx_KYC": {"fields": {"Status": "b"}}})
    assert found.version == "520f1ac70a6df604"
    assert found.without(["mx_KYC"]).version == "761c4eef75b6df8a"
