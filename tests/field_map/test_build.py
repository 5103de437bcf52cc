"""`MapBuilder`: layers of maps, what it rejects, and what `--check` shows."""

from __future__ import annotations

import dataclasses

import pytest

from lead_connectors.field_map.api_fields import ApiField, ApiFields
from lead_connectors.field_map.build import MapBuilder
from lead_connectors.field_map.builtin import BuiltinMap, BuiltinMaps
from lead_connectors.field_map.config import MapSettings
from lead_connectors.plugin.errors import SettingsError
from tests.field_map.mistakes import CLOSED, SCHEMA, error_of
from tests.field_map.people import API, COMMON, TEXT, build, mapped


def test_false_takes_a_field_out() -> None:
    schema = {"properties": {"name": TEXT, "my_x": TEXT}}
    field_map = build({"Name": False, "my_x": False}, schema, maps=COMMON)
    assert field_map.apply({"name": "A", "my_x": "x"}).fields == {}
    assert field_map.unmapped == ("name", "my_x")


def test_layers_add_up() -> None:
    schema = {"properties": {"full_name": TEXT, "ID": TEXT, "a": TEXT, "b": TEXT, "my_b": TEXT}}
    others = {"*": {"my_star": "a", "my_lost": "not there", "my_b": "a"}}
    field_map = build({"Name": "b"}, schema, maps=COMMON, others=others)
    record = {"full_name": "F", "ID": "1", "a": "A", "b": "B", "my_b": "mine"}
    assert field_map.apply(record).fields == {"Name": "B", "Key": "1", "my_star": "A", "my_b": "A"}
    assert field_map.unmapped == ("full_name", "my_b")


def test_a_property_named_as_a_field_passes_and_beats_other_spellings() -> None:
    schema = {
        "properties": {"Name": TEXT, "full_name": TEXT, "Quiet": TEXT, "my_x": TEXT, "my_list": {"type": "array"}}
    }
    field_map = build({}, schema, maps=COMMON)
    assert field_map.apply({"Name": None, "full_name": "F", "my_x": "x"}).fields == {"my_x": "x"}
    assert field_map.unmapped == ("full_name", "Quiet", "my_list")


def test_opt_out_fields_can_be_others() -> None:
    own = {"Stop": "a", "Quiet": "b", "my_stop": "flag"}
    result = mapped(own, {"a": "no", "b": "no", "flag": True}, opt_out_fields=["Quiet", "my_stop"])
    assert result.fields == {"Stop": False, "my_stop": True}
    assert result.opt_outs == {"my_stop": True}


def test_groups_of_two_layers_add_up() -> None:
    others = {"*": {"my_KYC": {"fields": {"Status": "a", "Old": "b"}, "on_null": "clear"}}}
    own = {"my_KYC": {"fields": {"Old": False, "New": "c.d"}}}
    assert mapped(own, {"a": "A", "b": "B", "c.d": None}, others=others).fields == {
        "my_KYC": {"Status": "A", "New": None}
    }


def test_the_star_and_other_streams_may_name_what_a_stream_lacks() -> None:
    setting = {
        "*": {"firstName": {"property": ["nothing", "first"]}, "phoneNumber": "nothing"},
        "others": {"firstName": "x"},
    }
    field_map = MapBuilder(CLOSED, BuiltinMaps(), MapSettings(setting)).build("people", SCHEMA)
    assert field_map.fields == {"firstName"}


def test_settings_are_checked_before_any_schema() -> None:
    MapBuilder(
        CLOSED,
        settings=MapSettings({"people": {"firstName": "whatever", "customFields": {"fields": {"a": "b"}}}}),
    )
    for setting in (
        {"others": {"frstName": "x"}},
        {"others": {"firstName": {"property": "x", "convert": {"text": {"max": 1}}}}},
        {"others": {"customFields": {"fields": {"a": {"property": "x", "convert": "join"}}}}},
    ):
        with pytest.raises(SettingsError):
            MapBuilder(CLOSED, settings=MapSettings(setting))
    with pytest.raises(SettingsError):
        MapBuilder(CLOSED, settings=MapSettings(None, opt_out_fields=["x"]))


def test_every_mistake_of_the_settings_is_told_at_once() -> None:
    setting = {
        "one": {"frstName": "x", "firstName": None},
        "two": {"phoneNumber": {"property": "x", "convert": "phon"}},
        "three": [],
    }
    with pytest.raises(SettingsError) as caught:
        MapBuilder(CLOSED, settings=MapSettings(setting, opt_out_fields=["doNotCal"]))
    text = str(caught.value)
    assert text.startswith(
        "opt_out_fields: the API has no field 'doNotCal'; did you mean 'doNotCall'? "
        "field_map.one.frstName: the API has no field 'frstName'; did you mean 'firstName'? "
        "field_map.one.firstName is null; to leave the field out write false. "
        "field_map.two.phoneNumber.convert: there is no converter 'phon'; did you mean 'phone'? (auto,"
    )
    assert text.endswith('field_map.three takes an object of API fields, as {"firstName": "first_name"}.')


def test_every_mistake_of_a_stream_is_told_at_once() -> None:
    assert error_of({"people": {"firstName": "frist", "phoneNumber": "flag"}}) == (
        "field_map.people.firstName reads 'frist', which the stream 'people' does not have; did you mean 'first'? "
        "field_map.people.phoneNumber reads 'flag', which is true or false and never a phone."
    )


def test_one_builder_builds_the_maps_of_many_streams() -> None:
    builder = MapBuilder(API, COMMON, MapSettings({"people": {"Name": "a"}, "*": {"Key": "b"}}))
    schema = {"properties": {"a": TEXT, "b": TEXT, "name": TEXT}}
    assert builder.build("people", schema).apply({"a": "A", "b": "B", "name": "N"}).fields == {"Name": "A", "Key": "B"}
    assert builder.build("others", schema).apply({"a": "A", "b": "B", "name": "N"}).fields == {"Name": "N", "Key": "B"}


def test_a_default_option_of_the_api_that_is_wrong_is_an_error_of_the_field() -> None:
    api = ApiFields({"tel": ApiField("tel", "phone")}, closed=True, defaults={"phone": {"region": "Mars"}})
    with pytest.raises(SettingsError, match=r"^field_map\.s\.tel\.convert: the option 'region' of the converter phone"):
        MapBuilder(api, settings=MapSettings({"s": {"tel": "a"}})).build("s", {})


BOOKS = BuiltinMap(
    "books",
    title="Library books",
    stream="shelf",
    required=frozenset({"isbn"}),
    typical=frozenset({"author", "pages"}),
    min_typical=1,
    fields={"Name": "author", "Key": "isbn"},
)


def test_previews_are_the_built_in_maps_then_what_the_setting_names() -> None:
    setting = {
        "*": {"my_star": "everywhere"},
        "people": {"Name": {"property": ["a", "b"]}, "my_kyc": {"fields": {"s": "c", "t": {"value": 1}}}, "Key": False},
        "shelf": {"my_shelf": "place"},
    }
    builder = MapBuilder(API, BuiltinMaps((BOOKS,)), MapSettings(setting))
    previews = builder.previews()
    assert [(preview.heading, preview.stream, list(preview.schema["properties"])) for preview in previews] == [
        ("Library books, by the built-in map books", "shelf", ["author", "isbn", "pages", "place"]),
        ("Stream people", "people", ["a", "b", "c", "everywhere"]),
        ("Any other stream (*)", "*", ["everywhere"]),
    ]
    shown = [builder.build(preview.stream, preview.schema).fields for preview in previews]
    assert shown == [{"Name", "Key", "my_shelf"}, {"Name", "my_kyc", "my_star"}, {"my_star"}]


def test_without_settings_only_the_built_in_maps_are_shown() -> None:
    assert [preview.stream for preview in MapBuilder(API, BuiltinMaps((BOOKS,))).previews()] == ["shelf"]
    assert MapBuilder(API).previews() == []


def test_a_mistake_in_a_built_in_map_names_the_map() -> None:
    wrong = dataclasses.replace(BOOKS, fields={"NAME": "author"})
    builder = MapBuilder(API, BuiltinMaps((wrong,)))
    with pytest.raises(SettingsError, match=r"^the built-in map books\.NAME: the API spells this field 'Name'$"):
        builder.build("shelf", {"properties": {"isbn": {}, "pages": {}}})
    assert builder.build("others", {"properties": {"isbn": {}}}).rules == (), "other streams do not need it"
