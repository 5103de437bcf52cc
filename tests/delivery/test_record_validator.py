"""The quick check of plain types always agrees with jsonschema, and no sentence holds a value."""

from __future__ import annotations

from typing import Any

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
