"""The mapping held against an account, without a call."""

from __future__ import annotations

from typing import Any

import pytest

from lead_connectors.field_map.build import MapSettings, build_field_map
from lead_connectors.field_map.builtin import BuiltinMaps, load_builtin_maps
from lead_connectors.field_map.rules import FieldMap
from lead_connectors.plugin.errors import SettingsError
from lead_connectors.reject_codes import RejectCode
from target_carecycle.custom_fields import CustomFields, check_keys, mapped_keys, what_is_missing
from target_carecycle.upload_record import lead_fields as carecycle_fields
from target_leadsquared.attributes import lead_fields
from target_leadsquared.preflight import Findings, Wishes, hold_against_account


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
    return build_field_map("people", schema, api, maps, MapSettings({"people": own}, **settings))


def _properties(source: Any) -> list[str]:
    if isinstance(source, str):
        return [source]
    inside = source.get("fields", {}).values() if isinstance(source, dict) else []
    named = source.get("property", []) if isinstance(source, dict) else []
    return [*([named] if isinstance(named, str) else named), *(name for part in inside for name in _properties(part))]


def held(own: dict[str, Any], account: list[dict[str, Any]] | None = None, **wishes: Any) -> Findings:
    account = ACCOUNT if account is None else account
    return hold_against_account(build({"Phone": "tel", **own}, account=account), account, Wishes(**wishes))


def test_a_map_that_fits_leaves_nothing_to_say() -> None:
    assert held({"FirstName": "a", "mx_City": "b", "mx_DOB": "c", "Source": "d", "DoNotCall": "e"}) == Findings()


def test_an_unknown_attribute_is_left_out_with_the_nearest_name() -> None:
    found = held({"mx_Cty": "town", "mx_Nothing_Like_It": "x"})
    assert found.left_out == {"mx_Cty", "mx_Nothing_Like_It"}
    assert found.problems == [
        "field_map.people.mx_Cty: LeadSquared has no lead field mx_Cty; did you mean 'mx_City'?",
        "field_map.people.mx_Nothing_Like_It: LeadSquared has no lead field mx_Nothing_Like_It",
    ]
    assert found.stops == []


def test_another_case_is_corrected() -> None:
    (problem,) = held({"mx_city": "town"}).problems
    assert problem == "field_map.people.mx_city: LeadSquared spells this field 'mx_City'"


def test_an_opt_out_that_the_account_lacks_stops_in_every_mode() -> None:
    found = held({"DoNotSMS": "quiet"})
    assert len(found.stops) == 1
    assert "DoNotSMS" in found.stops[0]
    own = build({"Phone": "tel", "mx_Quiet": "q"}, opt_out_fields=["mx_Quiet"])
    wishes = Wishes(opt_out_fields=["mx_Quiet"])
    stops = hold_against_account(own, ACCOUNT, wishes).stops
    assert any(text.startswith("opt_out_fields: LeadSquared has no lead field mx_Quiet") for text in stops)


def test_default_opt_outs_that_nobody_maps_need_not_exist() -> None:
    assert held({}, opt_out_fields=["DoNotCall", "DoNotSMS", "DoNotEmail"]).stops == []


def test_an_opt_out_dropdown_must_offer_the_word_for_true() -> None:
    account = [*ACCOUNT, row("DoNotSMS", "Select", Options=[{"Value": "Yes"}, {"Value": "No"}])]
    assert len(held({"DoNotSMS": "q"}, account).stops) == 1
    assert held({"DoNotSMS": "q"}, account, boolean_values=["Yes", "No"]).stops == []


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
    assert held({}, search_by="mx_Cty").stops == [
        "search_by: LeadSquared has no lead field mx_Cty; did you mean 'mx_City'?"
    ]
    (problem,) = held({"mx_City": "c"}, search_by="mx_City").problems
    assert "does not identify" in problem
    (problem,) = held({}, search_by="EmailAddress").problems
    assert "nothing fills EmailAddress" in problem
    assert held({"ProspectID": "id"}, search_by="ProspectId").problems == []


def test_a_stream_without_identity_is_a_problem() -> None:
    found = hold_against_account(build({"FirstName": "a"}), ACCOUNT, Wishes())
    (problem,) = found.problems
    assert problem.startswith("Stream people: nothing fills a field that identifies a lead (EmailAddress, Phone)")


def test_lead_type_and_locked_fields_are_named() -> None:
    found = held({"LeadType": {"value": "OT_1"}, "mx_Called": "t"})
    assert len(found.warnings) == 2
    assert found.problems == []
    own = build({"Phone": "tel", "LeadType": {"value": "OT_1"}}, account=[])
    assert len(hold_against_account(own, [], Wishes()).warnings) == 1, "with preflight: off, too"


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
    assert kept.warnings == ["Source held a value that the account does not offer; it was sent as it is"]
    refused = build(own, unlisted="reject").apply({"s": "Moon"})
    assert refused.fields == {}
    assert [problem.code for problem in refused.problems] == [RejectCode.INVALID_VALUE]
    assert build(own, unlisted="reject").apply({"s": " tv "}).fields == {"Source": "TV"}
    by_hand = {"Source": {"property": "s", "convert": "text"}}
    assert build(by_hand, unlisted="reject").apply({"s": "Moon"}).problems, "whatever the converter"


def test_the_account_s_lengths_hold() -> None:
    assert build({"FirstName": "n"}).apply({"n": "x" * 11}).problems[0].code is RejectCode.TOO_LONG
    assert build({"FirstName": "n"}, on_too_long="cut").apply({"n": "x" * 11}).fields == {"FirstName": "x" * 10}


def test_optional_fields_of_the_built_in_map_are_left_out_without_a_warning() -> None:
    maps = load_builtin_maps("target_leadsquared")
    schema = a_schema(["id", "callerId", "lineType", "city", "state", "firstName"])
    field_map = build_field_map("x", schema, lead_fields(account=ACCOUNT), maps)
    found = hold_against_account(field_map, ACCOUNT, Wishes())
    assert found.left_out == {"mx_State", "mx_CareCycle_Id"}
    assert found.problems == found.warnings == found.stops == []
    assert found.notes == ["Left out, for this account has no such lead fields: mx_CareCycle_Id, mx_State"]
    off = hold_against_account(build_field_map("x", schema, lead_fields(), maps), [], Wishes())
    assert off.left_out == {"mx_State", "mx_CareCycle_Id", "mx_City"}
    assert len(off.notes) == 1


def carecycle_map(own: dict[str, Any]) -> FieldMap:
    names = [name for source in own.values() for name in _properties(source)]
    schema = a_schema(names)
    return build_field_map("people", schema, carecycle_fields(), BuiltinMaps(), MapSettings({"people": own}))


def test_custom_field_keys_are_held_against_the_account() -> None:
    own = carecycle_map({"customFields": {"fields": {"utm_campaign": "a", "utm_sorce": "b"}}})
    assert mapped_keys(own) == ["utm_campaign", "utm_sorce"]
    known: dict[str, dict[str, Any]] = {"utm_campaign": {}, "utm_source": {}}
    with pytest.raises(SettingsError, match=r"no custom field 'utm_sorce'; did you mean 'utm_source'\?$"):
        check_keys(own, CustomFields(known, complete=True))
    check_keys(own, CustomFields(known))
    check_keys(own, CustomFields())
    check_keys(own, CustomFields({**known, "utm_sorce": {}}, complete=True))


def test_carecycle_needs_phone_and_place() -> None:
    assert len(what_is_missing(carecycle_map({"firstName": "a"}))) == 2
    assert what_is_missing(carecycle_map({"phoneNumber": "a", "timezone": {"value": "EST"}})) == []


def test_custom_fields_of_all_layers_together_are_at_most_fifty() -> None:
    halves = [{f"k{half}{n}": "a" for n in range(26)} for half in "ab"]
    setting = {"*": {"customFields": {"fields": halves[0]}}, "people": {"customFields": {"fields": halves[1]}}}
    with pytest.raises(SettingsError, match="at most 50 fields"):
        build_field_map("people", {"properties": {"a": {}}}, carecycle_fields(), BuiltinMaps(), MapSettings(setting))


def test_a_path_leads_into_what_may_be_an_object() -> None:
    schema = {"properties": {"extra": {"type": ["string", "number", "array", "object", "null"]}}}
    setting = {"people": {"mx_City": "extra.town.name"}}
    own = build_field_map("people", schema, lead_fields(), BuiltinMaps(), MapSettings(setting))
    assert own.apply({"extra": {"town": {"name": "Bonn"}}}).fields == {"mx_City": "Bonn"}
    assert own.apply({"extra": "Bonn"}).problems[0].code is RejectCode.INVALID_VALUE


def test_custom_fields_write_dates_in_iso_form() -> None:
    schema = {"properties": {"d": {"type": "string", "format": "date"}}}
    own = {"people": {"customFields": {"fields": {"consent_date": "d"}}, "dateOfBirth": "d"}}
    mapped = build_field_map("people", schema, carecycle_fields(), BuiltinMaps(), MapSettings(own)).apply(
        {"d": "2026-03-04"}
    )
    assert mapped.fields == {"dateOfBirth": "03-04-2026", "customFields": {"consent_date": "2026-03-04"}}


def test_what_any_stream_s_map_reads_takes_nothing_from_a_stream_that_lacks_it() -> None:
    maps = load_builtin_maps("target_leadsquared")
    schema = a_schema(["id", "callerId", "lineType"])
    setting = {"*": {"Phone": "tel", "FirstName": {"property": "n", "default": "Friend"}}}
    found = build_field_map("x", schema, lead_fields(), maps, MapSettings(setting))
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
        build_field_map("people", schema, api, BuiltinMaps(), MapSettings({"people": {field: "a"}}))
    assert build_field_map("people", schema, api, BuiltinMaps(), MapSettings({"*": {field: "a"}})).rules == ()


def test_a_moment_raises_an_opt_out() -> None:
    schema = {"properties": {"left_at": {"type": ["string", "null"], "format": "date-time"}}}
    setting = {"people": {"DoNotEmail": "left_at"}}
    own = build_field_map("people", schema, lead_fields(), BuiltinMaps(), MapSettings(setting))
    assert own.apply({"left_at": "2026-01-01T00:00:00Z"}).opt_outs == {"DoNotEmail": True}
    assert own.apply({"left_at": None}).opt_outs == {}


def test_custom_fields_are_converted_by_the_account_s_types() -> None:
    kinds = {
        "day": "date",
        "score": "number",
        "carer": "boolean",
        "time": "select",
        "tags": "multi_select",
        "utm": "text",
    }
    times = ["Morning", "Evening"]
    definitions = {name: {"fieldType": kind, "options": times} for name, kind in kinds.items()}
    schema = a_schema(list(kinds))
    schema["properties"]["day"] = {"type": "string", "format": "date-time"}
    setting = {"people": {"customFields": {"fields": {name: name for name in kinds}}}}
    api = carecycle_fields("US", definitions)
    own = build_field_map("people", schema, api, BuiltinMaps(), MapSettings(setting))
    record = {"day": "2026-01-31T23:30:00Z", "score": 5.0, "carer": "yes", "time": "evening", "tags": "a", "utm": 7}
    assert own.apply(record).fields == {
        "customFields": {"day": "2026-01-31", "score": "5", "carer": True, "time": "Evening", "tags": "a", "utm": "7"}
    }
    found = own.apply({"score": "many", "time": "Noon"})
    assert [str(problem) for problem in found.problems] == ["customFields.score is no number"]
    assert len(found.warnings) == 1
