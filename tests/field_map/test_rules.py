"""How one field is filled: values, nulls, lengths, groups and opt-outs."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from lead_connectors.reject_codes import RejectCode
from tests.field_map.people import COMMON, TEXT, build, mapped


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
    assert result.warnings == ["Stop had a value that is neither true nor false; it was treated as an opt-out"]


def test_an_opt_out_inside_something_that_is_not_an_object_counts_as_one() -> None:
    assert mapped({"Stop": "open.stop"}, {"open": "everything"}).opt_outs == {"Stop": True}


def test_opt_out_literal_default_and_words() -> None:
    assert mapped({"Stop": {"value": True}}, {}).opt_outs == {"Stop": True}
    assert mapped({"Stop": {"value": False}}, {}).fields == {}
    assert mapped({"Stop": {"property": "a", "default": True}}, {"a": None}).opt_outs == {"Stop": True}
    assert mapped({"Stop": {"property": "a", "default": True}}, {"a": "no"}).opt_outs == {}
    words = {"Stop": {"property": "flag", "convert": {"boolean": {"true": ["false"], "false": ["true"]}}}}
    assert mapped(words, {"flag": False}).opt_outs == {"Stop": True}


def test_a_rejected_record_still_has_its_opt_outs_and_its_good_fields() -> None:
    result = mapped(
        {"Name": "a", "Born": "b", "Amount": "n", "Stop": "flag"}, {"a": "A", "b": "soon", "n": 1, "flag": True}
    )
    assert result.fields == {"Name": "A", "Stop": True, "Amount": 1}
    assert [(problem.field, problem.code) for problem in result.problems] == [("Born", RejectCode.INVALID_VALUE)]
    assert str(result.problems[0]) == "Born is not a date in a format that the field takes"


def test_too_long_is_rejected_or_cut_and_told() -> None:
    own = {"Name": "a", "Key": "b"}
    record = {"a": "x" * 11, "b": "y" * 6}
    rejected = mapped(own, record)
    assert [(problem.field, problem.code) for problem in rejected.problems] == [
        ("Name", RejectCode.TOO_LONG),
        ("Key", RejectCode.TOO_LONG),
    ]
    cut = mapped(own, record, on_too_long="cut")
    assert cut.fields == {"Name": "x" * 10}
    assert cut.cut == ["Name"]
    assert [problem.field for problem in cut.problems] == ["Key"]


def test_named_fields_of_a_group() -> None:
    own = {"my_KYC": {"fields": {"Status": "a", "Tags": {"property": "tags", "convert": {"join": {"separator": "|"}}}}}}
    assert mapped(own, {"a": "ok", "tags": ["x", "y"]}).fields == {"my_KYC": {"Status": "ok", "Tags": "x|y"}}
    assert mapped(own, {}).fields == {}
    wrong = mapped(own, {"a": "ok", "tags": [["x"]]})
    assert [problem.field for problem in wrong.problems] == ["my_KYC.Tags"]


def test_something_that_is_not_an_object_on_the_way_is_a_problem() -> None:
    result = mapped({"my_x": "open.x"}, {"open": "text"})
    assert [(problem.field, problem.code) for problem in result.problems] == [("my_x", RejectCode.INVALID_VALUE)]
    assert mapped({"my_x": "open.x"}, {"open": None}).problems == []
