"""A whole map at work: what holds for every record and every map."""

from __future__ import annotations

import copy
import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lead_connectors.field_map.field_map import FieldMap
from tests.field_map.people import SCHEMA, TEXT, build, mapped


def test_one_pass_without_chaining() -> None:
    schema = {"properties": {"Name": TEXT, "Key": TEXT}}
    assert mapped({"Name": "Key", "Key": "Name"}, {"Name": "n", "Key": "k"}, schema=schema).fields == {
        "Name": "k",
        "Key": "n",
    }


def test_without_some_fields() -> None:
    field_map = build({"Name": {"property": ["a", "b"]}, "my_x": {"value": 1}, "my_k": {"fields": {"s": "place.city"}}})
    assert field_map.fields == {"Name", "my_x", "my_k"}
    assert field_map.without(["my_x"]).fields == {"Name", "my_k"}
    assert field_map.without(["my_k.s"]).fields == {"Name", "my_x"}, "a group without fields goes with the last one"


def test_version_changes_with_what_is_sent_and_with_nothing_else() -> None:
    version = build({"Name": "a"}).version
    assert version == build({"Name": {"property": ["a"]}}).version
    assert version == build({"Name": "a"}, {"properties": {**SCHEMA["properties"], "new": TEXT}}).version
    others: list[FieldMap] = [
        build({"Name": "b"}),
        build({"Name": {"property": "a", "default": "x"}}),
        build({"Name": {"property": "a", "on_null": "clear"}}),
        build({"Name": "a"}, on_too_long="cut"),
        build({"Name": "a", "my_x": {"value": 1}}),
        build({"Name": {"property": "a", "convert": "email"}}),
    ]
    assert len({version, *(field_map.version for field_map in others)}) == 7


def test_unmapped_leaves_singers_own_properties_out() -> None:
    schema = {"properties": {"a": TEXT, "b": TEXT, "_sdc_batched_at": TEXT}}
    assert build({"Name": "a"}, schema).unmapped == ("b",)


# For every record and every map

plain = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12), st.dates(), st.decimals())
anything = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2)
)
names = st.sampled_from(list(SCHEMA["properties"]))
records = st.dictionaries(names, anything) | st.fixed_dictionaries(
    {},
    optional={
        "place": st.fixed_dictionaries({"city": anything}),
        "open": st.fixed_dictionaries({"x": anything}),
        "a": anything,
    },
)
sources = st.one_of(
    st.sampled_from(["a", "b", "c.d", "n", "place.city", "open.x", "flag"]),
    st.just(False),  # noqa: FBT003
    st.fixed_dictionaries({"property": st.lists(st.sampled_from(["a", "b", "n"]), min_size=1)}),
    st.fixed_dictionaries({"property": st.just("a"), "on_null": st.sampled_from(["omit", "clear"])}),
    st.fixed_dictionaries({"property": st.just("tags"), "convert": st.just({"join": {"separator": ","}})}),
    st.fixed_dictionaries({"fields": st.dictionaries(st.sampled_from(["s", "t"]), st.just("a"), min_size=1)}),
)
maps = st.dictionaries(st.sampled_from(["my_a", "my_b", "my_c"]), sources).flatmap(
    lambda own: st.fixed_dictionaries({name: st.just(source) for name, source in own.items()}, optional={
        "Name": st.sampled_from(["a", "n", "c.d"]), "Stop": st.sampled_from(["a", "flag"]), "Key": st.just("b")
    })
)  # fmt: skip


@given(own=maps, record=records, clear=st.sampled_from(["omit", "clear"]), cut=st.sampled_from(["reject", "cut"]))
def test_a_record_is_never_changed_and_never_raises(
    own: dict[str, Any], record: dict[str, Any], clear: str, cut: str
) -> None:
    field_map = build(own, on_null=clear, on_too_long=cut)
    before = repr(record)
    deep = copy.deepcopy(record)
    result = field_map.apply(record)
    assert repr(record) == before == repr(deep)
    assert all(isinstance(value, (str, bool, int, float, dict, type(None))) for value in result.fields.values())
    assert set(result.fields) <= field_map.fields
    assert all(result.fields[name] is True for name in result.opt_outs)
    assert "Stop" not in result.fields or result.fields["Stop"] is True


@given(own=maps, record=records, seed=st.randoms(use_true_random=False))
def test_no_order_matters(own: dict[str, Any], record: dict[str, Any], seed: random.Random) -> None:
    def shuffled(data: dict[str, Any]) -> dict[str, Any]:
        items = list(data.items())
        seed.shuffle(items)
        return dict(items)

    one, other = build(own), build(shuffled(own), {"properties": shuffled(SCHEMA["properties"])})
    assert one.version == other.version
    first, second = one.apply(record), other.apply(shuffled(record))
    assert repr(first.fields) == repr(second.fields)
    assert first.problems == second.problems


@given(record=st.dictionaries(names, st.text(min_size=12, max_size=30).map(lambda tail: f"zq71{tail}")))
def test_no_problem_and_no_warning_shows_a_value(record: dict[str, Any]) -> None:
    own = {
        "Name": "a",
        "Born": "b",
        "Amount": "n",
        "Stop": "flag",
        "my_x": "open.x",
        "my_t": {"property": "tags", "convert": "email"},
    }
    schema = {"properties": {**SCHEMA["properties"], "tags": TEXT}}
    result = mapped(own, record, schema=schema)
    assert "zq71" not in " ".join(map(str, [*result.problems, *result.warnings, *result.cut]))
    assert "zq71" not in repr(result)
