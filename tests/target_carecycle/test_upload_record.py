"""CareCycle leads: the upload's contract, the built-in map, and that no map can make a lead that breaks it."""

from __future__ import annotations

import copy
import datetime as dt
import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from lead_connectors.field_map.build import MapBuilder
from lead_connectors.field_map.builtin import load_builtin_maps
from lead_connectors.field_map.config import MapSettings
from lead_connectors.field_map.field_map import FieldMap
from lead_connectors.reject_codes import RejectCode
from target_carecycle.api_fields import upload_fields
from target_carecycle.upload_record import build_record, check_fields, external_id, opt_out_fields, upload_schema

API = upload_fields()
MAPS = load_builtin_maps("target_carecycle")
TEXT = {"type": ["string", "null"]}
ANYTHING: dict[str, Any] = {}
FLAG = {"type": ["boolean", "null"]}

CUSTOMER: dict[str, Any] = {
    "id": "497f6eca-6276-4993-bfeb-53cbbbba6f08",
    "updatedAt": "2026-06-17T19:07:23.709Z",
    "clientCustomerId": None,
    "status": "Active",
    "lineType": "mobile",
    "isDecisionMaker": True,
    "firstName": "Zoë",
    "lastName": "Lee",
    "callerId": "+12127365000",
    "email": "zoe@example.com",
    "dateOfBirth": "1950-03-04",
    "language": "English",
    "gender": "Female",
    "maritalStatus": "Domestic Partnership",
    "postalCode": "02134",
    "timezone": "America/New_York",
    "state": "New York",
    "city": "New York",
    "county": "Kings",
    "address": "1 Main St",
    "address2": None,
    "mbiNumber": "1EG4TE5MK73",
    "medicaid": False,
    "householdIncome": 45000,
    "dependentCount": 2,
    "doNotCall": True,
    "doNotSMS": False,
    "doNotEmail": None,
    "doNotMail": False,
    "customFields": [],
    "policies": [],
    "source": {"id": "x", "name": "y", "sourceId": "z"},
}
TYPES = {str: "string", bool: "boolean", int: "integer", list: "array", dict: "object", type(None): "string"}
CUSTOMERS = {"properties": {name: {"type": [TYPES[type(value)], "null"]} for name, value in CUSTOMER.items()}}


def field_map(schema: dict[str, Any], stream: str = "customers", **settings: Any) -> FieldMap:
    return MapBuilder(API, MAPS, MapSettings(**settings)).build(stream, schema)


def test_a_carecycle_customer_as_a_lead() -> None:
    mapped = field_map(CUSTOMERS, "whatever_it_is_called").apply(CUSTOMER)
    assert mapped.problems == []
    lead = build_record(mapped.fields)
    assert lead == {
        "phoneNumber": "+12127365000",
        "postalCode": "02134",
        "firstName": "Zoë",
        "lastName": "Lee",
        "email": "zoe@example.com",
        "timezone": "America/New_York",
        "state": "NY",
        "city": "New York",
        "county": "Kings",
        "address": "1 Main St",
        "dateOfBirth": "03-04-1950",
        "language": "English",
        "gender": "Female",
        "maritalStatus": "Domestic Partnership",
        "dependentCount": 2,
        "householdIncome": 45000,
        "isDecisionMaker": True,
        "medicaid": False,
        "mbiNumber": "1EG4TE5MK73",
        "doNotCall": True,
        "externalId": "497f6eca-6276-4993-bfeb-53cbbbba6f08",
    }
    assert check_fields(lead) == []


def test_the_agencys_own_id_goes_before_carecycles() -> None:
    mapped = field_map(CUSTOMERS).apply({**CUSTOMER, "clientCustomerId": "A-1"})
    assert build_record(mapped.fields)["externalId"] == "A-1"


def test_what_could_start_or_cost_something_is_not_mapped_by_default() -> None:
    filled = field_map(CUSTOMERS).fields
    assert not filled & {"sourceId", "leadCost", "customFields"}
    asked = field_map(
        CUSTOMERS, field_map={"customers": {"sourceId": "source.sourceId", "leadCost": {"value": "12.50"}}}
    )
    fields = asked.apply(CUSTOMER).fields
    assert (fields["sourceId"], fields["leadCost"]) == ("z", 12.5)


@pytest.mark.parametrize(
    "names",
    [
        ["id", "email", "first_name", "last_name", "phone", "default_address"],
        ["id", "object", "email", "name", "phone", "address", "invoice_prefix"],
        ["id", "customerId", "policyType", "policyNumber"],
        ["id", "carrierAssignedCustomerId", "healthSherpaCustomerId", "doNotCall", "doNotSMS", "phoneNumber"],
    ],
    ids=["shopify", "stripe", "policies", "a list in the upload's own form"],
)
def test_other_streams_are_not_taken_for_carecycle_customers(names: list[str]) -> None:
    assert MAPS.recognise({"properties": dict.fromkeys(names, TEXT)}) is None


def test_carecycle_customers_are_known_by_few_properties() -> None:
    names = ["id", "callerId", "clientCustomerId", "doNotCall", "doNotSMS"]
    assert MAPS.recognise({"properties": dict.fromkeys(names, TEXT)}) is not None


def test_common_spellings_of_any_stream() -> None:
    record = {
        "ID": 7, "First Name": "A", "surname": "B", "EMAIL_ADDRESS": "a@b.de", "cell": "2127365000", "zip": 2134,
        "dob": "3/4/1950", "sex": "f", "do_not_contact": "yes", "Address1": "1 Main St",
        "state_code": "ny", "email_opt_out": False, "notes": "x",
    }  # fmt: skip
    schema = {"properties": dict.fromkeys(record, ANYTHING)}
    plan = field_map(schema, "people")
    mapped = plan.apply(record)
    assert mapped.problems == []
    assert build_record(mapped.fields) == {
        "phoneNumber": "+12127365000",
        "postalCode": "02134",
        "firstName": "A",
        "lastName": "B",
        "email": "a@b.de",
        "state": "NY",
        "address": "1 Main St",
        "dateOfBirth": "03-04-1950",
        "gender": "Female",
        "doNotCall": True,
        "doNotSMS": True,
        "doNotEmail": True,
        "doNotMail": True,
    }
    assert plan.unmapped == ("ID", "notes")


def test_custom_fields() -> None:
    own = {"customFields": {"fields": {"utm": "a", "vip": "flag", "gone": {"property": "b", "on_null": "clear"}}}}
    plan = field_map({"properties": {"a": TEXT, "b": TEXT, "flag": FLAG}}, "people", field_map={"people": own})
    fields = plan.apply({"a": "x", "b": None, "flag": True}).fields
    assert build_record(fields)["customFields"] == [
        {"fieldKey": "gone", "value": ""},
        {"fieldKey": "utm", "value": "x"},
        {"fieldKey": "vip", "value": "true"},
    ]


def test_clear_empties_what_may_be_empty() -> None:
    record = {**CUSTOMER, "firstName": None, "callerId": None, "timezone": None}
    lead = build_record(field_map(CUSTOMERS, on_null="clear").apply(record).fields)
    assert lead["firstName"] is None
    assert lead["timezone"] is None
    assert "phoneNumber" not in lead
    assert [problem.field for problem in check_fields(lead)] == ["phoneNumber"]


GOOD = {"phoneNumber": "+12127365000", "postalCode": "02134"}


@pytest.mark.parametrize(
    ("changes", "problems"),
    [
        ({}, []),
        ({"postalCode": None, "timezone": "EST"}, []),
        ({"postalCode": None}, [("postalCode", "required_missing")]),
        ({"phoneNumber": "2127365000"}, [("phoneNumber", "invalid_value")]),
        ({"firstName": "x" * 256}, [("firstName", "too_long")]),
        ({"dateOfBirth": "1950-03-04"}, [("dateOfBirth", "invalid_value")]),
        ({"gender": "male"}, [("gender", "invalid_value")]),
        ({"doNotCall": "true"}, [("doNotCall", "invalid_value")]),
        ({"dependentCount": 2**31}, [("dependentCount", "invalid_value")]),
        ({"status": "Lead", "intent": "High"}, [("intent", "unknown_field"), ("status", "unknown_field")]),
        ({"customFields": [{"fieldKey": "k", "value": "v"}] * 51}, [("customFields", "too_long")]),
        ({"customFields": [{"fieldKey": "k", "value": 5}]}, [("customFields", "invalid_value")]),
        ({"customFields": [{"fieldKey": "k" * 101, "value": ""}]}, [("customFields", "too_long")]),
        ({"leadCost": "5"}, [("leadCost", "invalid_value")]),
    ],
)
def test_the_contract(changes: dict[str, Any], problems: list[tuple[str, str]]) -> None:
    found = check_fields({**GOOD, **changes})
    assert [(problem.field, problem.code.value) for problem in found] == problems
    shown = " ".join(map(str, found))
    assert not any(str(value) in shown for value in changes.values() if isinstance(value, str))


def test_nothing_at_all() -> None:
    assert {problem.code for problem in check_fields({})} == {RejectCode.REQUIRED_MISSING}


def test_the_least_that_raises_an_opt_out() -> None:
    lead = {**GOOD, "externalId": "7", "firstName": "x" * 300, "doNotCall": True, "timezone": "nowhere", "gender": "?"}
    assert opt_out_fields({**lead, "timezone": None}, ["doNotSMS", "doNotCall"]) == {
        "phoneNumber": "+12127365000",
        "postalCode": "02134",
        "externalId": "7",
        "doNotCall": True,
        "doNotSMS": True,
    }
    assert opt_out_fields(lead, []) is None
    assert opt_out_fields({"postalCode": "02134"}, ["doNotCall"]) is None
    assert opt_out_fields({"phoneNumber": "12", "postalCode": "02134"}, ["doNotCall"]) is None
    assert opt_out_fields({"phoneNumber": "+12127365000"}, ["doNotCall"]) is None
    assert opt_out_fields({**GOOD, "externalId": "x" * 256}, ["doNotCall"]) == {**GOOD, "doNotCall": True}


def test_a_rejected_record_still_raises_its_opt_outs() -> None:
    mapped = field_map(CUSTOMERS).apply({**CUSTOMER, "dateOfBirth": "soon"})
    assert mapped.problems
    smallest = opt_out_fields(build_record(mapped.fields), mapped.opt_outs)
    assert smallest is not None
    assert set(smallest) == {"phoneNumber", "postalCode", "timezone", "externalId", "doNotCall"}


plain = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.decimals(), st.dates(), st.text(max_size=300),
    st.datetimes(timezones=st.just(dt.timezone.utc)), st.lists(st.text(max_size=3), max_size=2),
    st.sampled_from(["+12127365000", "02134", "1950-03-04", "f", "EST", "yes", "\ud800"]),
)  # fmt: skip
customers = st.fixed_dictionaries(dict.fromkeys(CUSTOMER, plain))


@given(record=customers, clear=st.sampled_from(["omit", "clear"]), cut=st.sampled_from(["reject", "cut"]))
def test_whatever_is_mapped_fits_the_contract_but_for_what_is_missing(
    record: dict[str, Any], clear: str, cut: str
) -> None:
    before = repr(copy.deepcopy(record))
    mapped = field_map(CUSTOMERS, on_null=clear, on_too_long=cut).apply(record)
    lead = build_record(mapped.fields)
    assert repr(record) == before
    assert {problem.code for problem in check_fields(lead)} <= {RejectCode.REQUIRED_MISSING}
    assert json.loads(orjson.dumps(lead)) == lead
    smallest = opt_out_fields(lead, mapped.opt_outs)
    assert smallest is None or check_fields(smallest) == []


converted = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=300),
    st.sampled_from(["+12127365000", "02134", "03-04-1950", "Female", "EST", ""]),
)  # fmt: skip


@given(
    fields=st.dictionaries(
        st.sampled_from([*upload_schema()["properties"], "status"]),
        converted | st.dictionaries(st.text(max_size=3), converted, max_size=2),
        max_size=6,
    ),
    good=st.booleans(),
)
def test_fields_without_a_problem_are_what_the_calls_schema_takes(fields: dict[str, Any], *, good: bool) -> None:
    fields = {**fields, **(GOOD if good else {})}
    is_valid = Draft202012Validator(upload_schema()).is_valid(build_record(fields))
    assert (check_fields({name: fields[name] for name in fields if name != "status"}) == []) == is_valid


def test_a_key_of_one_value_is_the_external_id_as_it_is() -> None:
    assert [external_id([value]) for value in (7, "a-b%", 1.5)] == ["7", "a-b%", "1.5"]
    assert external_id([]) == ""


def test_the_parts_of_a_key_are_joined_so_that_they_can_be_told_apart() -> None:
    assert external_id([7, "x"]) == "7-x"
    assert external_id(["a-b", "c"]) == "a%2Db-c"
    assert external_id(["a", "b-c"]) == "a-b%2Dc"
    assert external_id(["a%2Db", "c"]) == "a%252Db-c"


@given(st.lists(st.text("ab-%2D5", max_size=4), min_size=2, max_size=3), st.data())
def test_no_two_keys_give_the_same_external_id(first: list[str], data: st.DataObject) -> None:
    second = data.draw(st.lists(st.text("ab-%2D5", max_size=4), min_size=len(first), max_size=len(first)))
    assert (external_id(first) == external_id(second)) == (first == second)
