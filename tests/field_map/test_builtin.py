"""Built-in maps."""

from __future__ import annotations

import pytest

from lead_connectors.field_map.builtin import BuiltinMap, BuiltinMaps, ChildStreams, load_builtin_maps
from tests.field_map.people import TEXT


@pytest.mark.parametrize("package", ["target_carecycle", "target_leadsquared"])
def test_built_in_maps_are_read_from_data(package: str) -> None:
    loaded = load_builtin_maps(package)
    assert [builtin.name for builtin in loaded.by_schema] == ["carecycle_customers"]
    assert loaded.spellings
    for forms in loaded.spellings.values():
        assert all(form.isalnum() and form == form.lower() for form in forms)
        assert len(set(forms)) == len(forms)


@pytest.mark.parametrize("package", ["target_carecycle", "target_leadsquared"])
def test_carecycle_customers_are_described_by_data_alone(package: str) -> None:
    (customers,) = load_builtin_maps(package).by_schema
    assert (customers.title, customers.stream) == ("CareCycle customers", "customers")
    assert {"id", "callerId", "lineType"} <= customers.required | customers.typical
    assert customers.optional <= set(customers.fields)


@pytest.mark.parametrize("package", ["target_carecycle", "target_leadsquared"])
def test_child_streams_have_the_prefix_and_the_parents_key(package: str) -> None:
    maps = load_builtin_maps(package)
    child = {"properties": {"id": TEXT, "customer_id": TEXT}}
    assert maps.is_child_stream("customer_policies", child)
    assert not maps.is_child_stream("customer_policies", {"properties": {"id": TEXT}})
    assert not maps.is_child_stream("policies", child)
    assert not maps.is_child_stream("customers", {"properties": {"id": TEXT, "callerId": TEXT}})


def test_a_map_without_child_streams_has_none() -> None:
    builtin = BuiltinMap("x", "X", "x", frozenset({"id"}), frozenset(), 0, {})
    assert not BuiltinMaps((builtin,)).is_child_stream("x_y", {"properties": {"x_id": TEXT}})
    assert not BuiltinMaps().is_child_stream("customer_policies", {"properties": {"customer_id": TEXT}})
    children = ChildStreams("x_", "x_id")
    assert children.include("x_y", {"anyOf": [{"properties": {"x_id": TEXT}}, {"type": "null"}]})


def test_a_schema_is_recognised_by_its_required_and_enough_typical_properties() -> None:
    builtin = BuiltinMap("x", "X", "x", frozenset({"id"}), frozenset({"a", "b", "c"}), 2, {})
    maps = BuiltinMaps((builtin,))
    for names, is_known in ((["id", "a", "b"], True), (["id", "a", "z"], False), (["a", "b", "c"], False)):
        assert (maps.recognise({"properties": dict.fromkeys(names, TEXT)}) is builtin) == is_known


def test_spellings_are_compared_without_case_and_separators_the_likeliest_first() -> None:
    maps = BuiltinMaps(spellings={"Phone": ("mobile", "phonenumber")})
    schema = {"properties": {"Phone-Number": TEXT, "MOBILE": {"type": "array"}, "mo bile": {}, "other": TEXT}}
    assert maps.by_spelling(schema) == {"Phone": ["mo bile", "Phone-Number"]}
    assert maps.by_spelling({}) == {}
