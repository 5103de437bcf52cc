"""The mapping checked against an account, without a call."""

from __future__ import annotations

from typing import Any

import pytest

from lead_connectors.field_map.build import MapBuilder
from lead_connectors.field_map.builtin import BuiltinMaps, load_builtin_maps
from lead_connectors.field_map.config import MapSettings
from lead_connectors.field_map.field_map import FieldMap
from lead_connectors.plugin.errors import SettingsError
from lead_connectors.reject_codes import RejectCode
from target_leadsquared.lead_fields import lead_fields
from target_leadsquared.preflight import Findings, PreflightSettings, check_against_account


def row(name: str, kind: str = "Text", **more: Any) -> dict[str, Any]:
    return {"SchemaName": name, "DataType": kind, "RenderTypeTextValue": "Textbox", **more}


def a_schema(names: list[str]) -> dict[str, Any]:
    return {"properties": {name: {} for name in names}}


STATUS = row("Status", "Select", Options=[{"Value": "Ok"}])
ACCOUNT = [
    row("EmailAddress", "Email", MaxLength="200", IsLeadIdentifier=True),
    row("Phone", "Phone", IsLeadIdentifier=True),
    row("FirstName", MaxLength="10"),
    row("DoNotCall", "Boolean"),
    row("mx_City"),
    row("mx_DOB", "Date"),
    row("mx_Income", "Number"),
    row("mx_Called", "Date", RenderTypeTextValue="DateTime", LockAfterCreate=1),
    row("Source", "Select", Options=[{"Value": "Web"}, {"Value": "TV"}]),
    row("LeadType", "Select", IsMandatory=True, DefaultValue="OT_0", Options=[{"Value": "OT_0"}, {"Value": "OT_1"}]),
    row("mx_KYC", "CustomObject", CustomObjectMetaData={"Fields": [STATUS]}),
]


def build(
    own: dict[str, Any], *, account: list[dict[str, Any]] | None = None, unlisted: str = "keep", **settings: Any
) -> FieldMap:
    names = [name for source in own.values() for name in _properties(source)]
    schema = a_schema(names)
    api = lead_fields(account=ACCOUNT if account is None else account, unlisted=unlisted)
    maps = settings.pop("maps", BuiltinMaps())
    return MapBuilder(api, maps, MapSettings({"people": own}, **settings)).build("people", schema)


def _properties(source: Any) -> list[str]:
    if isinstance(source, str):
        return [source]
    inside = source.get("fields", {}).values() if isinstance(source, dict) else []
    named = source.get("property", []) if isinstance(source, dict) else []
    return [*([named] if isinstance(named, str) else named), *(name for part in inside for name in _properties(part))]


def held(own: dict[str, Any], account: list[dict[str, Any]] | None = None, **wishes: Any) -> Findings:
    account = ACCOUNT if account is None else account
    return check_against_account(build({"Phone": "tel", **own}, account=account), account, PreflightSettings(**wishes))


def test_a_map_that_fits_leaves_nothing_to_say() -> None:
    assert held({"FirstName": "a", "mx_City": "b", "mx_DOB": "c", "Source": "d", "DoNotCall": "e"}) == Findings()


def test_an_unknown_attribute_is_left_out_with_the_nearest_name() -> None:
    found = held({"mx_Cty": "town", "mx_Nothing_Like_It": "x"})
    assert found.left_out == {"mx_Cty", "mx_Nothing_Like_It"}
    assert found.problems == [
        "field_map.people.mx_Cty: LeadSquared has no lead field mx_Cty; did you mean 'mx_City'?",
        "field_map.people.mx_Nothing_Like_It: LeadSquared has no lead field mx_Nothing_Like_It",
    ]
    assert found.errors == []


def test_another_case_is_corrected() -> None:
    (problem,) = held({"mx_city": "town"}).problems
    assert problem == "field_map.people.mx_city: LeadSquared spells this field 'mx_City'"


def test_an_opt_out_that_the_account_lacks_stops_in_every_mode() -> None:
    found = held({"DoNotSMS": "quiet"})
    assert len(found.errors) == 1
    assert "DoNotSMS" in found.errors[0]
    own = build({"Phone": "tel", "mx_Quiet": "q"}, opt_out_fields=["mx_Quiet"])
    wishes = PreflightSettings(opt_out_fields=["mx_Quiet"])
    stops = check_against_account(own, ACCOUNT, wishes).errors
    assert any(text.startswith("opt_out_fields: LeadSquared has no lead field mx_Quiet") for text in stops)


def test_default_opt_outs_that_nobody_maps_need_not_exist() -> None:
    assert held({}, opt_out_fields=["DoNotCall", "DoNotSMS", "DoNotEmail"]).errors == []


def test_an_opt_out_dropdown_must_offer_the_word_for_true() -> None:
    account = [*ACCOUNT, row("DoNotSMS", "Select", Options=[{"Value": "Yes"}, {"Value": "No"}])]
    assert len(held({"DoNotSMS": "q"}, account).errors) == 1
    assert held({"DoNotSMS": "q"}, account, boolean_values=["Yes", "No"]).errors == []


@pytest.mark.parametrize(
    ("field", "convert"),
    [("mx_DOB", "phone"), ("mx_Called", "integer"), ("mx_Income", "date"), ("EmailAddress", "boolean")],
)
def test_a_converter_that_never_makes_the_type_is_a_problem(field: str, convert: str) -> None:
    (problem,) = held({field: {"property": "a", "convert": convert}}).problems
    assert f"the converter {convert} never makes" in problem


@pytest.mark.parametrize(
    ("field", "convert"),
    [("mx_DOB", "text"), ("mx_Called", "date"), ("mx_Income", "integer"), ("mx_City", "date"), ("Phone", "text")],
)
def test_a_converter_that_may_make_the_type_is_none(field: str, convert: str) -> None:
    assert held({field: {"property": "a", "convert": convert}}).problems == []


def test_a_fixed_value_that_the_account_does_not_offer_is_a_problem() -> None:
    assert held({"Source": {"value": "web"}}).problems == [], "spelled as the account does"
    assert len(held({"Source": {"value": "Moon"}}).problems) == 1
    assert len(held({"Source": {"property": "a", "default": "Moon"}}).problems) == 1


def test_what_new_leads_must_have_is_to_be_mapped() -> None:
    account = [*ACCOUNT, row("mx_Region", IsMandatory=True), row("Given", IsMandatory=True, DefaultValue="x")]
    (problem,) = held({}, account).problems
    assert problem.startswith("Stream people: the account demands mx_Region of new leads")
    assert held({"mx_Region": "r"}, account).problems == []


def test_search_by_must_exist_and_should_identify() -> None:
    assert held({}, search_by="mx_Cty").errors == [
        "search_by: LeadSquared has no lead field mx_Cty; did you mean 'mx_City'?"
    ]
    (problem,) = held({"mx_City": "c"}, search_by="mx_City").problems
    assert "does not identify" in problem
    (problem,) = held({}, search_by="EmailAddress").problems
    assert "nothing fills EmailAddress" in problem
    assert held({"ProspectID": "id"}, search_by="ProspectId").problems == []


def test_a_stream_without_identity_is_a_problem() -> None:
    found = check_against_account(build({"FirstName": "a"}), ACCOUNT, PreflightSettings())
    (problem,) = found.problems
    assert problem.startswith("Stream people: nothing fills a field that identifies a lead (EmailAddress, Phone)")


def test_lead_type_and_locked_fields_are_named() -> None:
    found = held({"LeadType": {"value": "OT_1"}, "mx_Called": "t"})
    assert len(found.warnings) == 2
    assert found.problems == []
    own = build({"Phone": "tel", "LeadType": {"value": "OT_1"}}, account=[])
    assert len(check_against_account(own, [], PreflightSettings()).warnings) == 1, "with preflight: off, too"


def test_custom_field_sets_are_held_against_their_own_fields() -> None:
    found = held({"mx_KYC": {"fields": {"Status": "a", "Sttus": "b"}}})
    assert found.left_out == {"mx_KYC.Sttus"}
    assert found.problems == ["field_map.people.mx_KYC.fields: mx_KYC has no field Sttus; did you mean 'Status'?"]
    own = build({"Phone": "tel", "mx_KYC": {"fields": {"Status": "a", "Sttus": "b"}}}).without(found.left_out)
    assert own.apply({"a": "OK", "b": "x", "tel": None}).fields == {"mx_KYC": {"Status": "Ok"}}
    assert held({"mx_KYZ": {"fields": {"Status": "a"}}}).left_out == {"mx_KYZ"}
    with pytest.raises(SettingsError, match="takes named fields"):
        build({"mx_KYC": "a"})
    with pytest.raises(SettingsError, match="no fields of its own"):
        build({"mx_City": {"fields": {"x": "a"}}})


def test_dropdowns_take_listed_options_only_or_say_so() -> None:
    own = {"Source": "s"}
    kept = build(own).apply({"s": "Moon"})
    assert kept.fields == {"Source": "Moon"}
    assert kept.warnings == ["Source had a value that the account does not offer; it was sent as it is"]
    rejected = build(own, unlisted="reject").apply({"s": "Moon"})
    assert rejected.fields == {}
    assert [problem.code for problem in rejected.problems] == [RejectCode.INVALID_VALUE]
    assert build(own, unlisted="reject").apply({"s": " tv "}).fields == {"Source": "TV"}
    by_hand = {"Source": {"property": "s", "convert": "text"}}
    assert build(by_hand, unlisted="reject").apply({"s": "Moon"}).problems, "whatever the converter"


def test_the_account_s_lengths_hold() -> None:
    assert build({"FirstName": "n"}).apply({"n": "x" * 11}).problems[0].code is RejectCode.TOO_LONG
    assert build({"FirstName": "n"}, on_too_long="cut").apply({"n": "x" * 11}).fields == {"FirstName": "x" * 10}


def test_optional_fields_of_the_built_in_map_are_left_out_without_a_warning() -> None:
    maps = load_builtin_maps("target_leadsquared")
    schema = a_schema(["id", "callerId", "lineType", "city", "state", "firstName"])
    field_map = MapBuilder(lead_fields(account=ACCOUNT), maps).build("x", schema)
    found = check_against_account(field_map, ACCOUNT, PreflightSettings())
    assert found.left_out == {"mx_State", "mx_CareCycle_Id"}
    assert found.problems == found.warnings == found.errors == []
    assert found.notes == ["Left out, for this account has no such lead fields: mx_CareCycle_Id, mx_State"]
    off = check_against_account(MapBuilder(lead_fields(), maps).build("x", schema), [], PreflightSettings())
    assert off.left_out == {"mx_State", "mx_CareCycle_Id", "mx_City"}
    assert len(off.notes) == 1


def test_a_path_leads_into_what_may_be_an_object() -> None:
    schema = {"properties": {"extra": {"type": ["string", "number", "array", "object", "null"]}}}
    setting = {"people": {"mx_City": "extra.town.name"}}
    own = MapBuilder(lead_fields(), BuiltinMaps(), MapSettings(setting)).build("people", schema)
    assert own.apply({"extra": {"town": {"name": "Bonn"}}}).fields == {"mx_City": "Bonn"}
    assert own.apply({"extra": "Bonn"}).problems[0].code is RejectCode.INVALID_VALUE


def test_what_any_stream_s_map_reads_takes_nothing_from_a_stream_that_lacks_it() -> None:
    maps = load_builtin_maps("target_leadsquared")
    schema = a_schema(["id", "callerId", "lineType"])
    setting = {"*": {"Phone": "tel", "FirstName": {"property": "n", "default": "Friend"}}}
    found = MapBuilder(lead_fields(), maps, MapSettings(setting)).build("x", schema)
    assert found.apply({"callerId": "+12125550123"}).fields["Phone"] == "+1-2125550123"
    assert found.apply({}).fields == {"FirstName": "Friend"}


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ({"type": "integer"}, "mx_DOB"),
        ({"type": ["number", "null"]}, "EmailAddress"),
        ({"type": "string", "format": "date-time"}, "Phone"),
        ({"type": "boolean"}, "mx_Income"),
    ],
)
def test_a_property_of_a_type_that_never_fits_is_an_error(kind: dict[str, Any], field: str) -> None:
    api = lead_fields(account=ACCOUNT)
    schema = {"properties": {"a": kind}}
    with pytest.raises(SettingsError, match=f"field_map.people.{field} reads 'a', which is "):
        MapBuilder(api, BuiltinMaps(), MapSettings({"people": {field: "a"}})).build("people", schema)
    assert MapBuilder(api, BuiltinMaps(), MapSettings({"*": {field: "a"}})).build("people", schema).rules == ()


def test_a_moment_raises_an_opt_out() -> None:
    schema = {"properties": {"left_at": {"type": ["string", "null"], "format": "date-time"}}}
    setting = {"people": {"DoNotEmail": "left_at"}}
    own = MapBuilder(lead_fields(), BuiltinMaps(), MapSettings(setting)).build("people", schema)
    assert own.apply({"left_at": "2026-01-01T00:00:00Z"}).opt_outs == {"DoNotEmail": True}
    assert own.apply({"left_at": None}).opt_outs == {}
