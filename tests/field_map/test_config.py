"""The setting `field_map`: every mistake in it is one sentence that names its path."""

from __future__ import annotations

from typing import Any

import pytest

from lead_connectors.field_map.api_fields import ApiField, ApiFields
from lead_connectors.field_map.build import MapSettings, build_field_map, check_setting
from lead_connectors.field_map.builtin import BuiltinMaps
from lead_connectors.plugin.errors import SettingsError

FIELDS = {
    "firstName": ApiField("firstName", "text"),
    "phoneNumber": ApiField("phoneNumber", "phone"),
    "doNotCall": ApiField("doNotCall", "boolean"),
    "customFields": ApiField("customFields", group=True, group_limit=2),
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


def complaint(setting: Any, api: ApiFields = CLOSED, **settings: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        build_field_map("people", SCHEMA, api, BuiltinMaps(), MapSettings(setting, **settings))
    assert caught.value.exit_code == 2
    return str(caught.value)


@pytest.mark.parametrize(
    ("own", "sentence"),
    [
        (
            {"phoneNumber": "calerId"},
            (
                "field_map.people.phoneNumber reads 'calerId', which the stream 'people' does not have; "
                "did you mean 'callerId'?"
            ),
        ),
        (
            {"firstName": "address.town"},
            (
                "field_map.people.firstName reads 'address.town', which the stream 'people' does not have; "
                "did you mean 'address.city'?"
            ),
        ),
        (
            {"firstName": {"property": ["first", "xyzzy"]}},
            "field_map.people.firstName reads 'xyzzy', which the stream 'people' does not have",
        ),
        (
            {"phoneNumbr": "callerId"},
            "field_map.people.phoneNumbr: the API has no field 'phoneNumbr'; did you mean 'phoneNumber'?",
        ),
        ({"FirstName": "first"}, "field_map.people.FirstName: the API spells this field 'firstName'"),
        (
            {"firstName": "first", "FIRSTNAME": "first"},
            "field_map.people has two sources for one field: 'firstName' and 'FIRSTNAME' differ only by case",
        ),
        (
            {"firstName": {"property": "first", "value": "x"}},
            "field_map.people.firstName has two sources for one field: 'property' and 'value'",
        ),
        (
            {"customFields": {"fields": {"a": "first"}, "property": "first"}},
            "field_map.people.customFields has two sources for one field: 'property' and 'fields'",
        ),
        (
            {"customFields": "first"},
            'field_map.people.customFields takes named fields, as {"fields": {"<name>": "<property>"}}',
        ),
        (
            {"customFields": {"fields": {"a": "first", "b": "first", "c": "first"}}},
            "field_map.people.customFields takes at most 2 fields",
        ),
        (
            {"customFields": {"fields": {"a": {"fields": {"b": "first"}}}}},
            "field_map.people.customFields.fields.a: fields cannot hold further fields",
        ),
        (
            {"firstName": {"fields": {"a": "first"}}},
            "field_map.people.firstName takes one value and no fields of its own",
        ),
        ({"firstName": None}, "field_map.people.firstName is null; to leave the field out write false"),
        ({"firstName": {"proprty": "first"}}, "field_map.people.firstName has no 'proprty'; did you mean 'property'?"),
        (
            {"firstName": {"property": "first", "on_null": "drop"}},
            "field_map.people.firstName.on_null takes omit or clear",
        ),
        (
            {"firstName": {"value": "x", "default": "y"}},
            "field_map.people.firstName: 'default' has no effect beside 'value'",
        ),
        ({"phoneNumber": {"value": "12"}}, "field_map.people.phoneNumber.value is no valid phone number"),
        (
            {"phoneNumber": {"property": "callerId", "default": "none"}},
            "field_map.people.phoneNumber.default is no phone number",
        ),
        ({"firstName": {"value": [1]}}, "field_map.people.firstName.value takes a text, a number, true or false"),
        (
            {"firstName": {"property": []}},
            "field_map.people.firstName.property takes a property's name, or a list of names",
        ),
        (
            {"firstName": "address"},
            (
                "field_map.people.firstName reads 'address', which is an object; "
                "name the property inside it with a dotted path"
            ),
        ),
        (
            {"firstName": "tags"},
            (
                "field_map.people.firstName reads 'tags', which is a list; name the separator that makes it text, "
                'as {"convert": {"join": {"separator": "; "}}}'
            ),
        ),
        (
            {"phoneNumber": "flag"},
            "field_map.people.phoneNumber reads 'flag', which is true or false and never a phone",
        ),
        (
            {"firstName": {"property": "first", "convert": {"text": {"max": 5}}}},
            "field_map.people.firstName.convert: the converter text has no option 'max' (it has: max_length)",
        ),
        (
            {"firstName": {"property": "first", "convert": ["text"]}},
            (
                "field_map.people.firstName.convert takes a converter's name, or one name with its options, "
                'as {"date": {"formats": [...]}}'
            ),
        ),
        (
            {"firstName": {"property": "tags", "convert": "join"}},
            "field_map.people.firstName.convert: the converter join needs the option 'separator'",
        ),
        ({"": "first"}, "field_map.people names an empty API field"),
        ([], 'field_map.people takes an object of API fields, as {"firstName": "first_name"}'),
    ],
)
def test_a_mistake_is_one_sentence(own: Any, sentence: str) -> None:
    assert complaint({"people": own}) == sentence


@pytest.mark.parametrize("source", [5, True, [], ["first"], {}])
def test_a_source_of_the_wrong_type(source: Any) -> None:
    assert complaint({"people": {"firstName": source}}).startswith(
        "field_map.people.firstName takes a property's name, false, or an object"
    )


def test_an_unknown_converter_is_named_with_all_there_are() -> None:
    text = complaint({"people": {"firstName": {"property": "first", "convert": "txet"}}})
    assert text.startswith(
        "field_map.people.firstName.convert: there is no converter 'txet'; did you mean 'text'? (auto,"
    )


@pytest.mark.parametrize("setting", [[], "text", 5])
def test_the_setting_itself_of_the_wrong_type(setting: Any) -> None:
    assert complaint(setting).startswith("field_map takes an object of streams")


def test_the_star_and_other_streams_may_name_what_a_stream_lacks() -> None:
    setting = {
        "*": {"firstName": {"property": ["nothing", "first"]}, "phoneNumber": "nothing"},
        "others": {"firstName": "x"},
    }
    field_map = build_field_map("people", SCHEMA, CLOSED, BuiltinMaps(), MapSettings(setting))
    assert field_map.fields == {"firstName"}


def test_the_star_leaves_a_property_of_the_wrong_type_unmapped() -> None:
    field_map = build_field_map("people", SCHEMA, CLOSED, BuiltinMaps(), MapSettings({"*": {"firstName": "tags"}}))
    assert field_map.fields == frozenset()
    assert "tags" in field_map.unmapped


def test_an_open_call_takes_any_name_but_not_another_case_of_a_known_one() -> None:
    field_map = build_field_map("people", SCHEMA, OPEN, BuiltinMaps(), MapSettings({"people": {"Anything": "first"}}))
    assert field_map.fields == {"Anything"}
    assert complaint({"people": {"firstname": "first"}}, OPEN).endswith("the API spells this field 'firstName'")


def test_a_stream_without_listed_properties_takes_any_path() -> None:
    setting = MapSettings({"people": {"firstName": "deep.name"}})
    field_map = build_field_map("people", {}, CLOSED, BuiltinMaps(), setting)
    assert field_map.apply({"deep": {"name": "A"}}).fields == {"firstName": "A"}
    assert field_map.apply({"deep.name": "B"}).fields == {"firstName": "B"}


def test_opt_out_fields() -> None:
    assert complaint(None, opt_out_fields=["doNotCal"]) == (
        "opt_out_fields: the API has no field 'doNotCal'; did you mean 'doNotCall'?"
    )
    for wrong in ("doNotCall", {"doNotCall": True}, [5]):
        assert complaint(None, opt_out_fields=wrong) == "opt_out_fields takes a list of API fields"


def test_check_setting_needs_no_schema() -> None:
    check_setting(MapSettings({"people": {"firstName": "whatever", "customFields": {"fields": {"a": "b"}}}}), CLOSED)
    for setting in (
        {"others": {"frstName": "x"}},
        {"others": {"firstName": {"property": "x", "convert": {"text": {"max": 1}}}}},
        {"others": {"customFields": {"fields": {"a": {"property": "x", "convert": "join"}}}}},
    ):
        with pytest.raises(SettingsError):
            check_setting(MapSettings(setting), CLOSED)
    with pytest.raises(SettingsError):
        check_setting(MapSettings(None, opt_out_fields=["x"]), CLOSED)
