"""Field maps at work: what a record becomes, and what holds for every record and every map."""

from __future__ import annotations

import copy
import datetime as dt
import random
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lead_connectors.field_map.api_fields import ApiField, ApiFields
from lead_connectors.field_map.build import MapSettings, build_field_map
from lead_connectors.field_map.builtin import BuiltinMaps, load_builtin_maps
from lead_connectors.field_map.rules import FieldMap, Mapped
from lead_connectors.reject_codes import RejectCode

API = ApiFields(
    {
        "Name": ApiField("Name", "text", max_length=10, by_name=True),
        "Key": ApiField("Key", "text", max_length=5, cut=False, clear=False, by_name=True),
        "Born": ApiField("Born", "date", by_name=True),
        "Stop": ApiField("Stop", "boolean", by_name=True),
        "Quiet": ApiField("Quiet", "boolean"),
        "Amount": ApiField("Amount", "integer"),
    },
    closed=False,
    opt_outs=("Stop",),
    open_prefix="my_",
    defaults={"date": {"output": "%m-%d-%Y"}, "datetime": {"output": "%Y-%m-%d %H:%M:%S"}},
)
COMMON = BuiltinMaps(spellings={"Name": ("name", "fullname"), "Stop": ("stop", "unsubscribed"), "Key": ("key", "id")})
TEXT = {"type": ["string", "null"]}
SCHEMA = {
    "properties": {
        "a": TEXT,
        "b": TEXT,
        "c.d": TEXT,
        "n": {"type": ["integer", "null"]},
        "flag": {"type": "boolean"},
        "when": {"type": "string", "format": "date-time"},
        "day": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
        "tags": {"type": ["array", "null"]},
        "place": {"anyOf": [{"type": "object", "properties": {"city": TEXT}}, {"type": "null"}]},
        "open": {"type": "object"},
    }
}


def build(own: dict[str, Any] | None = None, schema: dict[str, Any] | None = None, **settings: Any) -> FieldMap:
    maps = settings.pop("maps", BuiltinMaps())
    field_map = {"people": own or {}, **settings.pop("others", {})}
    return build_field_map("people", schema or SCHEMA, API, maps, MapSettings(field_map, **settings))


def mapped(own: dict[str, Any], record: dict[str, Any], **settings: Any) -> Mapped:
    return build(own, **settings).apply(record)


def test_a_property_a_path_a_literal_and_the_first_that_is_not_null() -> None:
    own = {
        "Name": {"property": ["a", "b"]},
        "Key": "c.d",
        "my_city": "place.city",
        "my_deep": "open.x.y",
        "my_fixed": {"value": "Web"},
        "my_default": {"property": "n", "default": 7},
    }
    record = {"a": None, "b": " B ", "c.d": "k", "place": {"city": "Bonn"}, "open": {"x": {"y": 5.0}}, "n": None}
    assert mapped(own, record).fields == {
        "Name": "B",
        "Key": "k",
        "my_city": "Bonn",
        "my_deep": "5",
        "my_default": "7",
        "my_fixed": "Web",
    }


def test_a_name_with_a_dot_goes_before_a_path() -> None:
    schema = {"properties": {"x.y": TEXT, "x": {"type": "object", "properties": {"y": TEXT, "z.w": TEXT}}}}
    record = {"x.y": "name", "x": {"y": "path", "z.w": "both"}}
    assert mapped({"Name": "x.y", "my_z": "x.z.w"}, record, schema=schema).fields == {"Name": "name", "my_z": "both"}


def test_blank_text_is_null_and_a_missing_property_is_neither() -> None:
    own = {"Name": "a", "my_b": "b"}
    assert mapped(own, {"a": "  ", "b": None}).fields == {}
    assert mapped(own, {"a": "  ", "b": None}, on_null="clear").fields == {"Name": None, "my_b": None}
    assert mapped(own, {}, on_null="clear").fields == {}


def test_on_null_of_a_field_goes_before_the_setting_and_never_empties_what_identifies() -> None:
    own = {"Name": {"property": "a", "on_null": "clear"}, "my_b": "b", "Key": {"property": "c.d", "on_null": "clear"}}
    assert mapped(own, {"a": None, "b": None, "c.d": None}).fields == {"Name": None}
    keep = {"Name": {"property": "a", "on_null": "omit"}}
    assert mapped(keep, {"a": None}, on_null="clear").fields == {}


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


def test_any_spelling_of_an_opt_out_raises_it() -> None:
    schema = {"properties": {"Stop": TEXT, "unsubscribed": TEXT}}
    field_map = build({}, schema, maps=COMMON)
    assert field_map.apply({"Stop": "false", "unsubscribed": "yes"}).opt_outs == {"Stop": True}
    assert field_map.apply({"Stop": "false", "unsubscribed": None}).opt_outs == {}


@pytest.mark.parametrize("value", [True, "yes", 1, "T"])
def test_an_opt_out_that_is_true_is_sent(value: Any) -> None:
    result = mapped({"Stop": "a"}, {"a": value})
    assert (result.fields, result.opt_outs, result.warnings) == ({"Stop": True}, {"Stop": True}, [])


SAYS_NOTHING: tuple[Any, ...] = (None, False, "no", 0, "", "  ", [], {})


@pytest.mark.parametrize("record", [{}, *({"a": value} for value in SAYS_NOTHING)])
def test_an_opt_out_is_never_lowered(record: dict[str, Any]) -> None:
    result = mapped({"Stop": {"property": "a", "on_null": "clear"}}, record, on_null="clear")
    assert (result.fields, result.opt_outs, result.warnings) == ({}, {}, [])


@pytest.mark.parametrize("value", ["perhaps", 2, ["x"], {"x": 1}, dt.date(2026, 1, 2)])
def test_an_unclear_opt_out_counts_as_one_with_a_warning(value: Any) -> None:
    result = mapped({"Stop": "a"}, {"a": value})
    assert result.opt_outs == {"Stop": True}
    assert result.problems == []
    assert result.warnings == ["Stop held a value that is neither true nor false; it was taken as an opt-out"]


def test_an_opt_out_inside_something_that_is_no_object_counts_as_one() -> None:
    assert mapped({"Stop": "open.stop"}, {"open": "everything"}).opt_outs == {"Stop": True}


def test_opt_out_literal_default_and_words() -> None:
    assert mapped({"Stop": {"value": True}}, {}).opt_outs == {"Stop": True}
    assert mapped({"Stop": {"value": False}}, {}).fields == {}
    assert mapped({"Stop": {"property": "a", "default": True}}, {"a": None}).opt_outs == {"Stop": True}
    assert mapped({"Stop": {"property": "a", "default": True}}, {"a": "no"}).opt_outs == {}
    words = {"Stop": {"property": "flag", "convert": {"boolean": {"true": ["false"], "false": ["true"]}}}}
    assert mapped(words, {"flag": False}).opt_outs == {"Stop": True}


def test_opt_out_fields_can_be_others() -> None:
    own = {"Stop": "a", "Quiet": "b", "my_stop": "flag"}
    result = mapped(own, {"a": "no", "b": "no", "flag": True}, opt_out_fields=["Quiet", "my_stop"])
    assert result.fields == {"Stop": False, "my_stop": True}
    assert result.opt_outs == {"my_stop": True}


def test_a_refused_record_still_has_its_opt_outs_and_its_good_fields() -> None:
    result = mapped(
        {"Name": "a", "Born": "b", "Amount": "n", "Stop": "flag"}, {"a": "A", "b": "soon", "n": 1, "flag": True}
    )
    assert result.fields == {"Name": "A", "Stop": True, "Amount": 1}
    assert [(problem.field, problem.code) for problem in result.problems] == [("Born", RejectCode.INVALID_VALUE)]
    assert str(result.problems[0]) == "Born is no date in a form that the field takes"


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


def test_too_long_is_refused_or_cut_and_told() -> None:
    own = {"Name": "a", "Key": "b"}
    record = {"a": "x" * 11, "b": "y" * 6}
    refused = mapped(own, record)
    assert [(problem.field, problem.code) for problem in refused.problems] == [
        ("Name", RejectCode.TOO_LONG),
        ("Key", RejectCode.TOO_LONG),
    ]
    cut = mapped(own, record, on_too_long="cut")
    assert cut.fields == {"Name": "x" * 10}
    assert cut.cut == ["Name"]
    assert [problem.field for problem in cut.problems] == ["Key"]


def test_a_length_of_the_maps_own() -> None:
    own = {"my_a": {"property": "a", "convert": {"text": {"max_length": 3}}}}
    assert [problem.code for problem in mapped(own, {"a": "abcd"}).problems] == [RejectCode.TOO_LONG]
    assert mapped(own, {"a": "abcd"}, on_too_long="cut").fields == {"my_a": "abc"}


def test_named_fields_of_a_group() -> None:
    own = {"my_KYC": {"fields": {"Status": "a", "Tags": {"property": "tags", "convert": {"join": {"separator": "|"}}}}}}
    assert mapped(own, {"a": "ok", "tags": ["x", "y"]}).fields == {"my_KYC": {"Status": "ok", "Tags": "x|y"}}
    assert mapped(own, {}).fields == {}
    wrong = mapped(own, {"a": "ok", "tags": [["x"]]})
    assert [problem.field for problem in wrong.problems] == ["my_KYC.Tags"]


def test_groups_of_two_layers_add_up() -> None:
    others = {"*": {"my_KYC": {"fields": {"Status": "a", "Old": "b"}, "on_null": "clear"}}}
    own = {"my_KYC": {"fields": {"Old": False, "New": "c.d"}}}
    assert mapped(own, {"a": "A", "b": "B", "c.d": None}, others=others).fields == {
        "my_KYC": {"Status": "A", "New": None}
    }


def test_something_that_is_no_object_on_the_way_is_a_problem() -> None:
    result = mapped({"my_x": "open.x"}, {"open": "text"})
    assert [(problem.field, problem.code) for problem in result.problems] == [("my_x", RejectCode.INVALID_VALUE)]
    assert mapped({"my_x": "open.x"}, {"open": None}).problems == []


def test_one_pass_without_chaining() -> None:
    schema = {"properties": {"Name": TEXT, "Key": TEXT}}
    assert mapped({"Name": "Key", "Key": "Name"}, {"Name": "n", "Key": "k"}, schema=schema).fields == {
        "Name": "k",
        "Key": "n",
    }


def test_without_and_rows() -> None:
    field_map = build({"Name": {"property": ["a", "b"]}, "my_x": {"value": 1}, "my_k": {"fields": {"s": "place.city"}}})
    assert field_map.fields == {"Name", "my_x", "my_k"}
    assert field_map.without(["my_x"]).fields == {"Name", "my_k"}
    assert [(row.source, row.field, row.kind, row.converter) for row in field_map.rows()] == [
        ("a, b", "Name", "text, at most 10", "text"),
        ("place.city", "my_k.s", "auto", "auto"),
        ("(fixed value)", "my_x", "auto", "auto"),
    ]


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


@pytest.mark.parametrize("package", ["target_carecycle", "target_leadsquared"])
def test_built_in_maps_are_read_from_data(package: str) -> None:
    loaded = load_builtin_maps(package)
    assert [builtin.name for builtin in loaded.recognised] == ["carecycle_customers"]
    assert loaded.spellings
    for forms in loaded.spellings.values():
        assert all(form.isalnum() and form == form.lower() for form in forms)
        assert len(set(forms)) == len(forms)
