"""The setting `field_map`: every mistake in it is one sentence that names its path."""

from __future__ import annotations

from typing import Any

import pytest

from lead_connectors.field_map.build import MapBuilder
from lead_connectors.field_map.builtin import BuiltinMaps
from lead_connectors.field_map.config import MapSettings
from tests.field_map.mistakes import OPEN, SCHEMA, error_of


@pytest.mark.parametrize(
    ("own", "sentence"),
    [
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
            {"customFields": {"fields": {" ": "first"}}},
            "field_map.people.customFields.fields names an empty field",
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
        ({"firstName": {"value": [1]}}, "field_map.people.firstName.value takes a text, a number, true or false"),
        (
            {"firstName": {"property": []}},
            "field_map.people.firstName.property takes a property's name, or a list of names",
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
    assert error_of({"people": own}) == sentence


@pytest.mark.parametrize("source", [5, True, [], ["first"], {}])
def test_a_source_of_the_wrong_type(source: Any) -> None:
    assert error_of({"people": {"firstName": source}}).startswith(
        "field_map.people.firstName takes a property's name, false, or an object"
    )


def test_an_unknown_converter_is_named_with_all_there_are() -> None:
    text = error_of({"people": {"firstName": {"property": "first", "convert": "txet"}}})
    assert text.startswith(
        "field_map.people.firstName.convert: there is no converter 'txet'; did you mean 'text'? (auto,"
    )


@pytest.mark.parametrize("setting", [[], "text", 5])
def test_the_setting_itself_of_the_wrong_type(setting: Any) -> None:
    assert error_of(setting).startswith("field_map takes an object of streams")


def test_an_open_call_takes_any_name_but_not_another_case_of_a_known_one() -> None:
    field_map = MapBuilder(OPEN, BuiltinMaps(), MapSettings({"people": {"Anything": "first"}})).build("people", SCHEMA)
    assert field_map.fields == {"Anything"}
    assert error_of({"people": {"firstname": "first"}}, OPEN).endswith("the API spells this field 'firstName'")


def test_opt_out_fields() -> None:
    assert error_of(None, opt_out_fields=["doNotCal"]) == (
        "opt_out_fields: the API has no field 'doNotCal'; did you mean 'doNotCall'?"
    )
    for wrong in ("doNotCall", {"doNotCall": True}, [5]):
        assert error_of(None, opt_out_fields=wrong) == "opt_out_fields takes a list of API fields"
