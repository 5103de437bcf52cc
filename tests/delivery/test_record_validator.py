"""The quick check of plain types always agrees with jsonschema, and no sentence holds a value."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from lead_connectors.delivery.record_validator import RecordValidator

TYPES = st.sampled_from(["null", "boolean", "integer", "number", "string", "array", "object"])
PROPERTY = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"type": TYPES | st.lists(TYPES, min_size=1, max_size=3, unique=True)}),
    st.fixed_dictionaries({"type": st.just(["string", "null"]), "format": st.just("date-time")}),
    st.fixed_dictionaries({"type": st.just("string"), "maxLength": st.integers(0, 3)}),
    st.fixed_dictionaries({"anyOf": st.just([{"type": "string"}, {"type": "null"}])}),
    st.fixed_dictionaries(
        {"type": st.just(["object", "null"]), "properties": st.just({"id": {"type": "string"}})},
    ),
)
NAMES = st.sampled_from(["a", "b", "c", "d"])
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([1.0, 5.0]),
    st.text(max_size=5),
    st.lists(st.integers(), max_size=2),
    st.fixed_dictionaries({"id": st.text(max_size=2) | st.integers()}),
)


@given(
    properties=st.dictionaries(NAMES, PROPERTY),
    required=st.lists(NAMES, unique=True, max_size=2),
    more=st.sampled_from([{}, {"additionalProperties": False}, {"additionalProperties": True}, {"minProperties": 1}]),
    record=st.dictionaries(NAMES, VALUES),
)
def test_the_verdict_is_jsonschemas(
    properties: dict[str, Any], required: list[str], more: dict[str, Any], record: dict[str, Any]
) -> None:
    schema = {"type": "object", "properties": properties, "required": required, **more}
    assert (RecordValidator(schema).problem(record) is None) == Draft7Validator(schema).is_valid(record)


@given(value=st.text(min_size=6) | st.integers(100_000))
def test_the_sentence_names_the_property_and_not_the_value(value: Any) -> None:
    schema = {"type": "object", "properties": {"mbi": {"type": ["boolean", "null"]}}}
    problem = RecordValidator(schema).problem({"mbi": value})
    assert problem is not None
    assert problem.startswith("mbi: ")
    assert str(value) not in problem


@pytest.mark.parametrize(
    "part",
    [
        {"type": "uuid"},
        {"anyOf": [{"type": ["string", "uuid"]}]},
        {"$ref": "#/definitions/nowhere"},
        {"$ref": "http://127.0.0.1:9/schema"},
        {"$ref": "#/definitions/broken"},
        {"$ref": "#/properties/odd"},
        {"type": "string", "pattern": "("},
        {"type": "number", "exclusiveMinimum": True},
        {"multipleOf": 0},
        None,
        5,
    ],
)
def test_a_part_that_is_no_schema_is_named_and_the_rest_is_checked(part: Any) -> None:
    definitions = {"broken": {"items": {"pattern": "("}}, "good": {"type": "string"}}
    schema = {"properties": {"odd": part, "b": {"$ref": "#/definitions/good"}}, "definitions": definitions}
    validator = RecordValidator(schema)
    assert "odd" in validator.faults
    assert validator.problem({"odd": 5, "b": "x"}) is None
    assert validator.problem({"odd": [1], "b": 5}) == "b: breaks its SCHEMA (type string)"


@pytest.mark.parametrize("around", [{"required": 5}, {"type": "uuid"}, {"allOf": 5}, {"$ref": "#/nowhere"}])
def test_around_the_properties_a_fault_leaves_the_properties_checked(around: dict[str, Any]) -> None:
    validator = RecordValidator({"properties": {"b": {"type": "string"}}, **around})
    assert list(validator.faults) == [""]
    assert validator.problem({"b": 5}) == "b: breaks its SCHEMA (type string)"


@pytest.mark.parametrize(
    ("value", "is_multiple"),
    [
        (0.07, True),
        (Decimal("0.0700000000000000000001"), False),
        (12345678901234567890123, True),
        (0.001, False),
        (float("nan"), False),
        (float("inf"), False),
        (Decimal("1E+999999999"), False),
        (Decimal("1E-999999999"), False),
        (True, True),
        ("x", True),
    ],
)
def test_multiples_are_exact_and_odd_numbers_are_none(value: Any, *, is_multiple: bool) -> None:
    problem = RecordValidator({"properties": {"n": {"multipleOf": 0.01}}}).problem({"n": value})
    assert problem == (None if is_multiple else "n: breaks its SCHEMA (multipleOf)")


def test_a_decimal_is_a_number_and_without_a_fraction_an_integer() -> None:
    schema = {"properties": {"n": {"type": "number"}, "i": {"type": "integer"}}}
    validator = RecordValidator(schema)
    assert validator.problem({"n": Decimal("0.5"), "i": Decimal(10**30)}) is None
    assert validator.problem({"i": Decimal("0.5")}) == "i: breaks its SCHEMA (type integer)"


def test_a_value_that_cannot_be_checked_breaks_its_schema() -> None:
    deep: Any = 1
    for _ in range(5000):
        deep = [deep]
    schema = {"properties": {"a": {"items": {"$ref": "#/properties/a"}}}}
    assert RecordValidator(schema).problem({"a": deep}) == (
        "the record: cannot be checked against its SCHEMA (RecursionError)"
    )
