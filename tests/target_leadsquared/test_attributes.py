"""LeadSquared attributes: values as text, SearchBy last, who is found by what; all fits the calls' schemas."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lead_connectors.field_map.build import MapBuilder
from lead_connectors.field_map.builtin import load_builtin_maps
from lead_connectors.field_map.config import MapSettings
from lead_connectors.field_map.field_map import FieldMap
from lead_connectors.plugin.errors import SettingsError
from lead_connectors.reject_codes import RejectCode
from target_leadsquared.attributes import build_attributes, by_id, check_identity, choose_search_by, is_same
from target_leadsquared.lead_fields import identifiers, lead_fields
from tests.target_leadsquared.call_schemas import fits, lead_fits

API = lead_fields()
MAPS = load_builtin_maps("target_leadsquared")
TEXT = {"type": ["string", "null"]}
CUSTOMER: dict[str, Any] = {
    "id": "497f6eca",
    "clientCustomerId": None,
    "status": "Lead",
    "firstName": "Zoë",
    "lastName": "Lee",
    "callerId": "+12127365000",
    "email": "Zoe@Example.com",
    "dateOfBirth": "1950-03-04",
    "language": "English",
    "gender": "Female",
    "postalCode": "02134",
    "timezone": "America/New_York",
    "state": "NY",
    "city": "New York",
    "county": "Kings",
    "address": "1 Main St",
    "address2": "Apt 2",
    "mbiNumber": "1EG4TE5MK73",
    "medicaidNumber": "M1",
    "doNotCall": True,
    "doNotSMS": False,
    "doNotEmail": None,
    "policies": [],
}
ANYTHING: dict[str, Any] = {}
CUSTOMERS: dict[str, Any] = {"properties": dict.fromkeys(CUSTOMER, ANYTHING)}


def field_map(schema: dict[str, Any], own: dict[str, Any] | None = None, **settings: Any) -> FieldMap:
    return MapBuilder(API, MAPS, MapSettings({"customers": own or {}}, **settings)).build("customers", schema)


def test_a_carecycle_customer_as_a_lead() -> None:
    plan = field_map(CUSTOMERS)
    mapped = plan.apply(CUSTOMER)
    assert mapped.problems == []
    attributes = build_attributes(mapped.fields, search_by=choose_search_by(mapped.fields))
    assert [(pair["Attribute"], pair["Value"]) for pair in attributes] == [
        ("FirstName", "Zoë"),
        ("LastName", "Lee"),
        ("EmailAddress", "Zoe@example.com"),
        ("Phone", "+1-2127365000"),
        ("DoNotCall", "true"),
        ("mx_Street1", "1 Main St"),
        ("mx_Street2", "Apt 2"),
        ("mx_City", "New York"),
        ("mx_State", "NY"),
        ("mx_Zip", "02134"),
        ("mx_DOB", "1950-03-04 00:00:00"),
        ("mx_CareCycle_Id", "497f6eca"),
        ("mx_CareCycle_Status", "Lead"),
        ("mx_County", "Kings"),
        ("mx_Gender", "Female"),
        ("mx_Language", "English"),
        ("SearchBy", "EmailAddress"),
    ]
    assert lead_fits(attributes)
    assert {"mbiNumber", "medicaidNumber"} <= set(plan.unmapped)


def test_only_fields_that_every_account_has_are_not_optional() -> None:
    plan = field_map(CUSTOMERS, {"mx_City": "city"})
    assert plan.fields - plan.optional == {
        "FirstName", "LastName", "EmailAddress", "Phone", "DoNotCall", "DoNotSMS", "DoNotEmail", "mx_City"
    }  # fmt: skip


def test_common_spellings_and_names_of_the_account() -> None:
    record = {
        "given_name": "A", "last-name": "B", "phone": None, "phone_number": "(212) 736-5000", "mobile": "+12127365001",
        "HasOptedOutOfEmail": True, "mx_Custom": 5.0, "Source": "Web", "OwnerId": "005x", "CreatedOn": "2026-01-02",
        "LeadType": "OT_1", "company_name": "Acme",
    }  # fmt: skip
    plan = field_map({"properties": dict.fromkeys(record, ANYTHING)})
    assert plan.apply(record).fields == {
        "FirstName": "A",
        "LastName": "B",
        "Phone": "+1-2127365000",
        "Mobile": "+1-2127365001",
        "Company": "Acme",
        "Source": "Web",
        "DoNotEmail": True,
        "mx_Custom": "5",
    }
    assert plan.unmapped == ("OwnerId", "CreatedOn", "LeadType")
    asked = field_map({"properties": dict.fromkeys(record, ANYTHING)}, {"LeadType": "LeadType"})
    assert asked.apply(record).fields["LeadType"] == "OT_1"


def test_values_are_text_and_a_field_set_has_fields() -> None:
    fields = {"FirstName": None, "Score": 5, "IsLead": False, "mx_KYC": {"Status": "ok", "mx_1": True, "mx_2": None}}
    assert build_attributes(fields, search_by=None, boolean_values=("1", "0")) == [
        {"Attribute": "FirstName", "Value": ""},
        {"Attribute": "Score", "Value": "5"},
        {"Attribute": "IsLead", "Value": "0"},
        {
            "Attribute": "mx_KYC",
            "Value": "",
            "Fields": [
                {"Attribute": "Status", "Value": "ok"},
                {"Attribute": "mx_1", "Value": "1"},
                {"Attribute": "mx_2", "Value": ""},
            ],
        },
    ]


def test_the_id_has_two_spellings() -> None:
    attributes = build_attributes({"ProspectID": "x"}, search_by=choose_search_by({"ProspectID": "x"}, "ProspectId"))
    assert attributes == [{"Attribute": "ProspectID", "Value": "x"}, {"Attribute": "SearchBy", "Value": "ProspectId"}]
    other = build_attributes({"ProspectID": "x"}, search_by="ProspectID", id_key="ProspectID")
    assert other[-1] == {"Attribute": "SearchBy", "Value": "ProspectID"}


def test_a_lead_that_is_found_by_its_id_is_named_once() -> None:
    attributes = build_attributes({"ProspectID": "old", "FirstName": "Ann"}, search_by=None)
    assert by_id(attributes, "new", "ProspectId") == [
        {"Attribute": "FirstName", "Value": "Ann"},
        {"Attribute": "ProspectID", "Value": "new"},
        {"Attribute": "SearchBy", "Value": "ProspectId"},
    ]
    assert lead_fits(by_id([], "new", "ProspectID"))


def test_search_by_is_a_setting_and_no_field() -> None:
    with pytest.raises(
        SettingsError, match=r"field_map\.customers\.SearchBy is no lead field; the setting search_by says"
    ):
        field_map(CUSTOMERS, {"SearchBy": {"value": "Phone"}})


EMAIL, PHONE, BOTH = {"EmailAddress": "a@b.de"}, {"Phone": "+1-2127365000"}, {"EmailAddress": "a@b.de", "Phone": "+1-2"}


@pytest.mark.parametrize(
    ("fields", "setting", "known", "chosen"),
    [
        (BOTH, "auto", (), "EmailAddress"),
        (PHONE, "auto", (), "Phone"),
        ({**BOTH, "EmailAddress": None}, "auto", (), "Phone"),
        ({**BOTH, "mx_CareCycle_Id": "7"}, "auto", ("mx_CareCycle_Id", "Phone"), "mx_CareCycle_Id"),
        ({**BOTH, "mx_CareCycle_Id": "7"}, "auto", ("Phone",), "EmailAddress"),
        (BOTH, "auto", ("mx_CareCycle_Id",), "EmailAddress"),
        ({"Mobile": "+1-2"}, "auto", (), "Mobile"),
        ({"mx_Policy": "1"}, "auto", ("mx_Policy",), "mx_Policy"),
        ({"FirstName": "A"}, "auto", (), None),
        (BOTH, "none", (), None),
        (BOTH, "Phone", (), "Phone"),
        (EMAIL, "Phone", (), None),
    ],
)
def test_search_by(fields: dict[str, Any], setting: str, known: tuple[str, ...], chosen: str | None) -> None:
    assert choose_search_by(fields, setting, known) == chosen


@pytest.mark.parametrize(
    ("fields", "setting", "known", "codes"),
    [
        (EMAIL, "auto", (), []),
        ({"Mobile": "+1-2"}, "none", (), []),
        ({"ProspectID": "x"}, "auto", (), []),
        ({"mx_Policy": "1"}, "auto", ("mx_Policy",), []),
        (EMAIL, "auto", ("mx_Policy",), [RejectCode.REQUIRED_MISSING]),
        ({"FirstName": "A"}, "auto", (), [RejectCode.REQUIRED_MISSING]),
        ({"EmailAddress": None}, "none", (), [RejectCode.REQUIRED_MISSING]),
        (EMAIL, "Phone", (), [RejectCode.KEY_MISSING]),
    ],
)
def test_identity(fields: dict[str, Any], setting: str, known: tuple[str, ...], codes: list[RejectCode]) -> None:
    assert [problem.code for problem in check_identity(fields, setting, known)] == codes


@pytest.mark.parametrize(
    ("field", "one", "other", "expected"),
    [
        ("EmailAddress", "Ann@Example.com", " ann@example.com", True),
        ("EmailAddress", "ann@example.com", "bob@example.com", False),
        ("Phone", "+1-2125550123", "12125550123", True),
        ("Mobile", "(212) 555-0123", 2125550123, True),
        ("Phone", "+1-2125550123", "2125550123", False),
        ("mx_Policy", "p-7", "P-7", True),
        ("mx_Policy", 7, "7", True),
        ("EmailAddress", None, None, False),
        ("EmailAddress", "", "", False),
        ("Phone", "none", "unknown", False),
    ],
)
def test_whether_two_values_name_one_person(field: str, one: Any, other: Any, *, expected: bool) -> None:
    assert is_same(field, one, other) is is_same(field, other, one) is expected


ROWS: list[dict[str, Any]] = [
    {"SchemaName": "mx_DOB", "DataType": "Date", "RenderTypeTextValue": "DateTime"},
    {
        "SchemaName": "mx_Plan",
        "DataType": "Select",
        "Options": [{"Value": "Gold"}, {"Value": "Silver"}],
        "AllowMultiple": False,
    },
    {"SchemaName": "mx_Many", "DataType": "Select", "Options": [{"Value": "A"}], "AllowMultiple": True},
    {"SchemaName": "mx_City", "DataType": "Text", "MaxLength": "5"},
    {"SchemaName": "Phone", "DataType": "Phone", "MaxLength": "10", "IsLeadIdentifier": True},
    {"SchemaName": "mx_CareCycle_Id", "DataType": "Text", "MaxLength": "200", "IsLeadIdentifier": "1"},
    {"SchemaName": "mx_Ok", "DataType": "Boolean", "MaxLength": "none"},
    {"SchemaName": "mx_Odd", "DataType": "Geography"},
]


def test_the_accounts_own_types_go_before_the_shipped_ones() -> None:
    api = lead_fields(account=ROWS, phone_format="e164", unlisted="reject")
    own = dict.fromkeys(("mx_Plan", "mx_Many", "mx_City", "Phone", "mx_Ok", "mx_Odd"), "a")
    schema = {"properties": {"a": TEXT}}

    def apply(name: str, value: Any) -> Any:
        plan = MapBuilder(api, MAPS, MapSettings({"s": {name: own[name]}})).build("s", schema)
        mapped = plan.apply({"a": value})
        return mapped.fields.get(name) or mapped.problems[0].code

    assert apply("mx_Plan", "gold") == "Gold"
    assert apply("mx_Plan", "iron") is RejectCode.INVALID_VALUE
    assert apply("mx_Many", "A;B") == "A;B"
    assert apply("mx_City", "Springfield") is RejectCode.TOO_LONG
    assert apply("Phone", "212 736 5000") == "+12127365000"
    assert apply("mx_Ok", "yes") is True
    assert apply("mx_Odd", "x") == "x"
    assert api.get("mx_DOB").convert == "datetime"
    assert identifiers(ROWS) == {"Phone", "mx_CareCycle_Id"}
    assert not api.get("mx_CareCycle_Id").can_cut
    kept = MapBuilder(lead_fields(account=ROWS), MAPS, MapSettings({"s": {"mx_Plan": "a"}})).build("s", schema)
    assert kept.apply({"a": "iron"}).fields == {"mx_Plan": "iron"}


def lead(*names: str) -> list[dict[str, Any]]:
    return [{"Attribute": name, "Value": "x"} for name in names]


def test_the_calls_schemas() -> None:
    found = lead("Phone", "SearchBy")
    assert fits([found] * 25)
    assert not fits([found] * 26)
    assert not fits([])
    assert not fits(found)
    assert fits([lead("Phone")] * 50, "create")
    assert not fits([lead("Phone")] * 51, "create")
    assert not fits([found], "create")
    assert fits(found, "upsert_single")
    assert not fits([found], "upsert_single")


def update(*leads: Any, **more: Any) -> dict[str, Any]:
    return {"Options": {"PushNonExistentLeadsToUnProcessedList": True}, "LeadPropertiesList": list(leads), **more}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (update({"Fields": lead("ProspectId", "Phone")}), True),
        (update(*[{"Fields": lead("ProspectId", "Phone")}] * 25), True),
        (update({"Fields": lead("EmailAddress", "Phone")}, SearchByKey="EmailAddress"), True),
        (update(*[{"Fields": lead("ProspectId", "Phone")}] * 26), False),
        (update(), False),
        (update(lead("ProspectId", "Phone")), False),
        (update(*lead("ProspectId", "Phone")), False),
        (update({"Fields": []}), False),
        (update({"Fields": lead("ProspectID", "Phone")}), False),
        (update({"Fields": lead("Phone", "ProspectId")}), False),
        (update({"Fields": lead("ProspectId", "Phone", "ProspectID")}), False),
        (update({"Fields": lead("ProspectId", "Phone", "SearchBy")}), False),
        (update({"Fields": [{"Attribute": "ProspectId", "Value": ""}, *lead("Phone")]}), False),
        (update({"Fields": [*lead("ProspectId"), {"Attribute": "Phone", "Value": None}]}), False),
        (update({"Fields": lead("ProspectId", "Phone")}, SearchByKey="ProspectId"), False),
        (update({"Fields": lead("ProspectId", "Phone")}, SearchBy="Phone"), False),
        ({"LeadPropertiesList": [{"Fields": lead("ProspectId", "Phone")}]}, False),
    ],
)
def test_the_schema_of_an_update(body: Any, *, expected: bool) -> None:
    assert fits(body, "update") is expected


@pytest.mark.parametrize(
    "attributes",
    [
        [],
        lead("SearchBy"),
        lead("Phone", "SearchBy", "SearchBy"),
        [{"Attribute": "Phone", "Value": 5}],
        [{"Attribute": "Phone", "Value": None}],
        [{"Attribute": "", "Value": "x"}],
        [{"Attribute": "Phone"}],
        [{"Attribute": "Phone", "Value": "x", "Extra": 1}],
        [{"Attribute": "mx_KYC", "Value": "x", "Fields": lead("Status")}],
        [{"Attribute": "mx_KYC", "Value": "", "Fields": []}],
        [*lead("Phone"), {"Attribute": "SearchBy", "Value": ""}],
    ],
)
def test_a_lead_that_breaks_its_schema(attributes: list[dict[str, Any]]) -> None:
    assert not lead_fits(attributes)


def test_the_vendors_own_sample_fits() -> None:
    sample = [
        {"Attribute": "EmailAddress", "Value": "john.smith@acmeconsulting.co"},
        {
            "Attribute": "mx_KYC",
            "Value": "",
            "Fields": [
                {"Attribute": "Status", "Value": "Pending"},
                {"Attribute": "mx_CustomObject_1", "Value": "X.png"},
            ],
        },
        {"Attribute": "SearchBy", "Value": "EmailAddress"},
    ]
    assert fits(sample, "upsert_single")
    assert fits([sample])


def test_the_shipped_fields_of_the_built_in_maps_are_known() -> None:
    folder = Path(__file__).parents[2] / "target_leadsquared" / "mappings"
    for name in ("carecycle_customers", "common"):
        data = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        filled = set(data.get("fields", data.get("spellings")))
        system = {field for field in filled if not field.startswith("mx_")}
        assert system <= set(API.fields)
        assert set(data["optional"]) == filled - system


plain = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.decimals(), st.dates(), st.text(max_size=20),
    st.lists(st.text(max_size=3), max_size=2),
    st.sampled_from(["+12127365000", "a@b.de", "1950-03-04", "yes", "\ud800"]),
)  # fmt: skip
records = st.fixed_dictionaries(dict.fromkeys(CUSTOMER, plain) | {"kyc": plain})


@given(record=records, clear=st.sampled_from(["omit", "clear"]), setting=st.sampled_from(["auto", "none", "Phone"]))
def test_whatever_is_mapped_makes_a_body_that_fits(record: dict[str, Any], clear: str, setting: str) -> None:
    own = {"mx_KYC": {"fields": {"Status": "kyc", "mx_1": "status"}}}
    mapped = field_map({"properties": dict.fromkeys(record, ANYTHING)}, own, on_null=clear).apply(record)
    if check_identity(mapped.fields, setting):
        return
    search_by = choose_search_by(mapped.fields, setting)
    attributes = build_attributes(mapped.fields, search_by=search_by)
    assert lead_fits(attributes)
    assert orjson.loads(orjson.dumps(attributes)) == attributes
    assert (attributes[-1]["Attribute"] == "SearchBy") == (search_by is not None)
    if search_by is not None:
        assert any(pair["Attribute"] == search_by and pair["Value"] for pair in attributes)
    assert lead_fits(by_id(attributes[:-1] if search_by else attributes, "a4f3", "ProspectId"))
    named = {"Attribute": "ProspectId", "Value": "a4f3"}
    written = [pair for pair in attributes if pair["Attribute"] not in {"SearchBy", "ProspectID"}]
    assert lead_fits({"Fields": [named, *written]}, "update")
