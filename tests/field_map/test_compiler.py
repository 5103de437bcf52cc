"""From sources to rules: what the SCHEMA and the API decide."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from lead_connectors.field_map.build import MapBuilder
from lead_connectors.field_map.builtin import BuiltinMaps
from lead_connectors.field_map.config import MapSettings
from lead_connectors.reject_codes import RejectCode
from tests.field_map.mistakes import CLOSED, SCHEMA, error_of
from tests.field_map.people import mapped


def test_types_of_the_schema_decide_where_the_field_has_none() -> None:
    own = {"my_when": "when", "my_day": "day", "my_flag": "flag", "my_n": "n"}
    record = {"when": "2026-06-17T19:07:23+02:00", "day": "1950-03-04", "flag": True, "n": Decimal("5.10")}
    assert mapped(own, record).fields == {
        "my_when": "2026-06-17 17:07:23",
        "my_day": "03-04-1950",
        "my_flag": True,
        "my_n": "5.1",
    }


def test_a_converter_of_the_map_keeps_the_apis_form() -> None:
    own = {
        "Born": {"property": "a", "convert": {"date": {"formats": ["%d.%m.%Y"]}}},
        "my_b": {"property": "b", "convert": "date"},
    }
    assert mapped(own, {"a": "04.03.1950", "b": "1950-03-04"}).fields == {"Born": "03-04-1950", "my_b": "03-04-1950"}


def test_a_length_of_the_maps_own() -> None:
    own = {"my_a": {"property": "a", "convert": {"text": {"max_length": 3}}}}
    assert [problem.code for problem in mapped(own, {"a": "abcd"}).problems] == [RejectCode.TOO_LONG]
    assert mapped(own, {"a": "abcd"}, on_too_long="cut").fields == {"my_a": "abc"}


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
        ({"phoneNumber": {"value": "12"}}, "field_map.people.phoneNumber.value is not a valid phone number"),
        (
            {"phoneNumber": {"property": "callerId", "default": "none"}},
            "field_map.people.phoneNumber.default is not a phone number",
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
    ],
)
def test_a_source_that_does_not_fit_is_one_sentence(own: Any, sentence: str) -> None:
    assert error_of({"people": own}) == sentence


def test_the_star_leaves_a_property_of_the_wrong_type_unmapped() -> None:
    field_map = MapBuilder(CLOSED, BuiltinMaps(), MapSettings({"*": {"firstName": "tags"}})).build("people", SCHEMA)
    assert field_map.fields == frozenset()
    assert "tags" in field_map.unmapped


def test_a_stream_without_listed_properties_takes_any_path() -> None:
    setting = MapSettings({"people": {"firstName": "deep.name"}})
    field_map = MapBuilder(CLOSED, BuiltinMaps(), setting).build("people", {})
    assert field_map.apply({"deep": {"name": "A"}}).fields == {"firstName": "A"}
    assert field_map.apply({"deep.name": "B"}).fields == {"firstName": "B"}
