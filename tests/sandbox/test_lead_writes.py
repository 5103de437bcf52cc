from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.client import (
    BY_IDS,
    CREATE,
    LEADS,
    LSQ_KEYS,
    SINGLE,
    UPDATE,
    UPSERT,
    SandboxClient,
    by_ids,
    lead,
    started,
    update,
)

ANA = {"EmailAddress": "ana@example.com", "FirstName": "Ana"}


def leads(sandbox: SandboxClient) -> list[dict[str, Any]]:
    return list(sandbox.get("leads"))


def rejection(sandbox: SandboxClient, **values: str) -> tuple[str, str]:
    """Send one lead beside a good one, which must arrive, and return why it was rejected."""
    bad, good = sandbox.upsert(lead(**values), lead(EmailAddress="neighbour@example.com"))
    assert (bad["RowNumber"], bad["LeadId"], bad["LeadCreated"], bad["LeadUpdated"]) == (1, "", False, False)
    assert good["LeadId"], good
    return bad["ExceptionType"], bad["ErrorMessage"]


def test_create_then_update(sandbox: SandboxClient) -> None:
    (made,) = sandbox.upsert(lead(**ANA, mx_DOB="1950-01-31 00:00:00", DoNotCall="true", SearchBy="EmailAddress"))
    assert made == {
        "RowNumber": 1,
        "LeadId": made["LeadId"],
        "LeadCreated": True,
        "LeadUpdated": False,
        "AffectedRows": 1,
    }
    (changed,) = sandbox.upsert(lead(EmailAddress="ANA@example.com", mx_City="Reno", SearchBy="EmailAddress"))
    assert changed == {**made, "LeadCreated": False, "LeadUpdated": True}
    (kept,) = leads(sandbox)
    assert (kept["FirstName"], kept["mx_City"], kept["EmailAddress"]) == ("Ana", "Reno", "ANA@example.com")
    assert (kept["mx_DOB"], kept["DoNotCall"], kept["DoNotSMS"]) == ("1950-01-31 00:00:00.000", "1", "0")
    assert (kept["LeadType"], kept["ProspectStage"], kept["ProspectAutoId"]) == ("OT_0", "New", "1")


@pytest.mark.parametrize(
    ("values", "kind", "text"),
    [
        (
            {**ANA, "Nope": "1", "mx_city": "x"},
            "MXUnknownAttributeException",
            "Attribute(s) does not exist - Nope,mx_city",
        ),
        ({**ANA, "emailaddress": "x@example.com"}, "MXUnknownAttributeException", "emailaddress"),
        ({**ANA, "mx_Zip": "12345678901"}, "MXInvalidInputException", "mx_Zip exceeds"),
        ({**ANA, "mx_Household_Income": "much"}, "MXInvalidDataTypeException", "mx_Household_Income"),
        ({**ANA, "mx_DOB": "1950-01-31"}, "MXInvalidInputException", "mx_DOB expects"),
        ({**ANA, "mx_DOB": "1950-02-30 00:00:00"}, "MXInvalidInputException", "mx_DOB expects"),
        ({**ANA, "mx_DOB": "1950-01-31T00:00:00"}, "MXInvalidInputException", "mx_DOB expects"),
        ({**ANA, "DoNotCall": "True"}, "MXInvalidDataTypeException", "DoNotCall expects a boolean"),
        ({**ANA, "DoNotCall": "1"}, "MXInvalidDataTypeException", "DoNotCall expects a boolean"),
        ({**ANA, "Source": "Moon"}, "MXInvalidInputException", "Source has no such option"),
        ({**ANA, "Score": "5"}, "MXInvalidInputException", "Score is read only"),
        ({**ANA, "ProspectID": "x"}, "MXInvalidInputException", "ProspectID is read only"),
        ({**ANA, "Notes": "<b>hi</b>"}, "MXXSSException", "Notes"),
        ({**ANA, "Phone": "2125552345 "}, "MXInvalidInputException", "Invalid Phone format"),
        ({**ANA, "Phone": "+1-1125552345"}, "MXInvalidInputException", "Invalid Phone format"),
        ({**ANA, "Phone": "+1-212555234"}, "MXInvalidInputException", "Invalid Phone format"),
        ({"EmailAddress": "ana at example.com"}, "MXInvalidInputException", "not a valid email"),
        ({"FirstName": "Ana"}, "MXMandatoryAttributeMissingException", "At least one unique field"),
        ({"SearchBy": "EmailAddress", **ANA}, "MXInvalidInputException", "SearchBy must be the last attribute"),
        ({**ANA, "SearchBy": "FirstName"}, "MXInvalidInputException", "Invalid SearchBy value provided"),
        ({**ANA, "SearchBy": "emailaddress"}, "MXInvalidInputException", "Invalid SearchBy value provided"),
        ({**ANA, "SearchBy": "ProspectID"}, "MXInvalidInputException", "Invalid SearchBy value provided"),
        ({**ANA, "SearchBy": "Phone"}, "MXInvalidInputException", "SearchBy attribute Phone is missing"),
        ({**ANA, "Phone": "", "SearchBy": "Phone"}, "MXInvalidInputException", "SearchBy attribute Phone is missing"),
        ({**ANA, "ProspectID": "x", "SearchBy": "ProspectId"}, "MXInvalidEntityReferenceException", "Lead not found"),
        ({**ANA, "OwnerId": "nobody"}, "MXInvalidEntityReferenceException", "OwnerId does not exist"),
        ({**ANA, "mx_KYC": "x"}, "MXInvalidInputException", "mx_KYC takes an empty Value and Fields"),
    ],
)
def test_a_bad_row_is_rejected_alone(sandbox: SandboxClient, values: dict[str, str], kind: str, text: str) -> None:
    got_kind, got_text = rejection(sandbox, **values)
    assert got_kind == kind
    assert text in got_text
    assert len(leads(sandbox)) == 1


@pytest.mark.parametrize("phone", ["+1-2125552345", "+12125552345", "2125552345", "+91-9045454045"])
def test_phones_that_are_taken(sandbox: SandboxClient, phone: str) -> None:
    assert sandbox.upsert(lead(Phone=phone, SearchBy="Phone"))[0]["LeadCreated"] is True


def test_other_phones_on_demand(sandbox: SandboxClient) -> None:
    assert rejection(sandbox, Phone="+1 212-555-2345")[1] == "Invalid Phone format for Phone"
    sandbox.post("quirks", {"phone_forms": "any"})
    assert sandbox.upsert(lead(Phone="+1 212-555-2345", SearchBy="Phone"))[0]["LeadCreated"] is True


def test_an_unknown_attribute_may_sink_the_call(sandbox: SandboxClient) -> None:
    sandbox.post("quirks", {"unknown_attribute": "call"})
    response = sandbox.post_lsq(UPSERT, [lead(**ANA), lead(EmailAddress="b@example.com", Nope="1")])
    assert response.status_code == 500
    assert response.json() == {
        "Status": "Error",
        "ExceptionType": "MXUnknownAttributeException",
        "ExceptionMessage": "Attribute(s) does not exist - Nope",
    }
    assert leads(sandbox) == []


def test_unlisted_options_and_other_booleans_on_demand(sandbox: SandboxClient) -> None:
    sandbox.post("quirks", {"unlisted_options": "store", "boolean_form": "one_zero"})
    sandbox.upsert(lead(**ANA, Source="Moon", DoNotCall="1"))
    assert (leads(sandbox)[0]["Source"], leads(sandbox)[0]["DoNotCall"]) == ("Moon", "1")


def test_phone_is_matched_as_stored_but_unique_by_digits(sandbox: SandboxClient) -> None:
    sandbox.upsert(lead(**ANA, Phone="+1-2125552345"))
    assert sandbox.upsert(lead(Phone="+1-2125552345", mx_City="Reno", SearchBy="Phone"))[0]["LeadUpdated"]
    for other in ("+12125552345", "2125552345"):
        kind, text = rejection(sandbox, Phone=other, SearchBy="Phone")
        assert (kind, text) == ("MXDuplicateEntryException", "A Lead with same Phone Number already exists.")


def test_unique_fields_are_unique(sandbox: SandboxClient) -> None:
    sandbox.upsert(lead(**ANA, Phone="+1-2125552345", Mobile="+1-2125552346", mx_CareCycle_Id="C1"))
    conflicts = {
        "EmailAddress": ("Ana@Example.com", "A Lead with same Email already exists."),
        "Phone": ("+1-2125552345", "A Lead with same Phone Number already exists."),
        "Mobile": ("+1-2125552346", "A Lead with same Mobile Number already exists."),
    }
    for name, (value, text) in conflicts.items():
        got = rejection(sandbox, **{name: value}, mx_CareCycle_Id="C2", SearchBy="mx_CareCycle_Id")
        assert got == ("MXDuplicateEntryException", text)
    assert rejection(sandbox, EmailAddress="b@example.com", mx_CareCycle_Id="C1", SearchBy="EmailAddress") == (
        "MXDuplicateEntryException",
        "A Lead with same CareCycle Id already exists.",
    )


@pytest.mark.parametrize(
    ("form", "email", "phone"),
    [
        ("same", "A Lead with same Email already exists.", "A Lead with same Phone Number already exists."),
        (
            "constraint",
            "Duplicate entry 'ANA@example.com' for key 'UQ_Prospect_Base_EmailAddress'",
            "Duplicate entry '2125552345' for key 'UQ_Prospect_Base_Phone'",
        ),
        (
            "attribute",
            "A lead with EmailAddress ANA@example.com already exists",
            "A lead with Phone 2125552345 already exists",
        ),
    ],
)
def test_texts_of_a_duplicate(sandbox: SandboxClient, form: str, email: str, phone: str) -> None:
    sandbox.upsert(lead(**ANA, Phone="+1-2125552345"))
    sandbox.quirks(duplicate_text=form)
    kind = "MXDuplicateEntryException"
    other = lead(EmailAddress="ANA@example.com", mx_CareCycle_Id="C2", SearchBy="mx_CareCycle_Id")
    assert [(row["ExceptionType"], row["ErrorMessage"]) for row in sandbox.upsert(other)] == [(kind, email)]
    single = sandbox.post_lsq(SINGLE, lead(Phone="2125552345", SearchBy="Phone"))
    assert (single.status_code, single.json()["ExceptionMessage"]) == (500, phone)
    (row,) = sandbox.post_lsq(CREATE, [lead(EmailAddress="ANA@example.com")]).json()
    assert row["ErrorMessage"] == (email if form == "constraint" else f"Duplicate: {email}")


def test_a_success_may_show_in_affected_rows_only(sandbox: SandboxClient) -> None:
    sandbox.quirks(row_success="affected_rows")
    for _ in range(2):
        row, bad = sandbox.upsert(lead(**ANA), lead(EmailAddress="b@example.com", Nope="1"))
        lead_id = leads(sandbox)[0]["ProspectID"]
        flags = {"LeadCreated": False, "LeadUpdated": False}
        assert row == {"RowNumber": 1, "LeadId": lead_id, **flags, "AffectedRows": 1}
        assert (bad["LeadId"], bad["AffectedRows"], bad["ExceptionType"]) == ("", 0, "MXUnknownAttributeException")


def test_the_owner_is_a_user_of_the_account(sandbox: SandboxClient) -> None:
    administrator, agent = sandbox.get("reference")["owners"]
    sandbox.upsert(lead(**ANA))
    owner = ("OwnerId", "OwnerIdName", "OwnerIdEmailAddress")
    assert [leads(sandbox)[0][name] for name in owner][:2] == [administrator, "Sandbox Administrator"]
    sandbox.upsert(lead(**ANA, OwnerId=agent.upper()))
    assert [leads(sandbox)[0][name] for name in owner] == [agent, "Sandbox Agent", "agent@agency.example.com"]


def test_a_changed_email_frees_the_old_one(sandbox: SandboxClient) -> None:
    sandbox.upsert(lead(**ANA, mx_CareCycle_Id="C1"))
    sandbox.upsert(lead(EmailAddress="new@example.com", mx_CareCycle_Id="C1", SearchBy="mx_CareCycle_Id"))
    assert sandbox.upsert(lead(EmailAddress="ana@example.com"))[0]["LeadCreated"] is True


def test_without_search_by_only_the_email_is_looked_at(sandbox: SandboxClient) -> None:
    sandbox.upsert(lead(**ANA, Phone="+1-2125552345"))
    assert sandbox.upsert(lead(EmailAddress="ana@example.com", mx_City="Reno"))[0]["LeadUpdated"] is True
    assert rejection(sandbox, EmailAddress="new@example.com", Phone="+1-2125552345")[0] == "MXDuplicateEntryException"


def test_search_by_id(sandbox: SandboxClient) -> None:
    lead_id = sandbox.upsert(lead(**ANA))[0]["LeadId"]
    (row,) = sandbox.upsert(lead(ProspectID=lead_id, mx_City="Reno", SearchBy="ProspectId"))
    assert (row["LeadId"], row["LeadUpdated"]) == (lead_id, True)


@pytest.mark.parametrize("upper", [False, True])
def test_the_case_of_an_id_does_not_matter(sandbox: SandboxClient, upper: bool) -> None:  # noqa: FBT001
    sandbox.quirks(upper_case_ids=upper)
    lead_id = sandbox.upsert(lead(**ANA, mx_CareCycle_Id="c0ffee00-0000-4000-8000-000000000000"))[0]["LeadId"]
    assert lead_id == (lead_id.upper() if upper else lead_id.lower())
    for spelling in (lead_id.upper(), lead_id.lower()):
        (row,) = sandbox.upsert(lead(ProspectID=spelling, mx_City="Reno", SearchBy="ProspectId"))
        assert (row["LeadId"], row["LeadUpdated"]) == (lead_id, True)
        assert sandbox.post_lsq(UPDATE, update(lead(ProspectId=spelling, mx_City="Elko"))).json()["Status"] == {
            "TotalCount": 1,
            "SuccessCount": 1,
            "FailureCount": 0,
            "Message": "Success",
        }
        (found,) = sandbox.get_lsq(f"{LEADS}Leads.GetById", id=spelling).json()
        assert (found["ProspectID"], found["OwnerId"].isupper()) == (lead_id, upper)
        assert found["mx_CareCycle_Id"] == "c0ffee00-0000-4000-8000-000000000000", "a text, not an id"
        read = sandbox.post_lsq(BY_IDS, by_ids([spelling, lead_id])).json()
        assert (read["RecordCount"], read["Leads"][0]["ProspectID"]) == (1, lead_id)
    single = sandbox.post_lsq(SINGLE, lead(**ANA)).json()
    assert single["Message"]["Id"] == lead_id
    both = [lead(ProspectID=each, mx_City="Reno", SearchBy="ProspectId") for each in (lead_id.upper(), lead_id.lower())]
    assert [row["ErrorMessage"] for row in sandbox.upsert(*both)] == ["2 Duplicate Lead(s) provided"] * 2


def test_the_same_lead_twice_in_a_call_fails_both(sandbox: SandboxClient) -> None:
    rows = sandbox.upsert(lead(**ANA), lead(EmailAddress="b@example.com"), lead(EmailAddress="ANA@example.com"))
    assert [row["LeadCreated"] for row in rows] == [False, True, False]
    assert {rows[0]["ErrorMessage"], rows[2]["ErrorMessage"]} == {"2 Duplicate Lead(s) provided"}
    sandbox.upsert(lead(**ANA, Phone="+1-2125552345"))
    rows = sandbox.upsert(lead(**ANA, SearchBy="EmailAddress"), lead(Phone="+1-2125552345", SearchBy="Phone"))
    assert [row["LeadUpdated"] for row in rows] == [False, False], "one lead under two names"


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        "x",
        lead(**ANA),
        [{"Fields": lead(**ANA)}],
        [[]],
        [[{"Attribute": "EmailAddress"}]],
        [[{"Attribute": "EmailAddress", "Value": None}]],
        [[{"Attribute": "Score", "Value": 5}]],
        [[{"Attribute": "DoNotCall", "Value": True}]],
        [[{"Attribute": "EmailAddress", "Value": "a@example.com", "More": 1}]],
        [lead(EmailAddress=f"p{n}@example.com") for n in range(26)],
    ],
)
def test_wrong_shapes_write_nothing(sandbox: SandboxClient, body: Any) -> None:
    good_then_bad = [lead(EmailAddress="good@example.com"), *body] if isinstance(body, list) and body else body
    response = sandbox.post_lsq(UPSERT, good_then_bad)
    assert (response.status_code, response.json()["ExceptionType"]) == (400, "MXInvalidInputException")
    assert leads(sandbox) == []


def test_only_utf8_json_is_read(sandbox: SandboxClient) -> None:
    text = '[[{"Attribute": "EmailAddress", "Value": "josé@example.com"}]]'
    headers = {**LSQ_KEYS, "Content-Type": "application/json"}
    post = sandbox.session.post
    assert post(f"{sandbox.url}{UPSERT}", data=text.encode("latin-1"), headers=headers).status_code == 400
    assert post(f"{sandbox.url}{UPSERT}", data=text.encode(), headers=LSQ_KEYS).status_code == 400
    assert post(f"{sandbox.url}{UPSERT}", data=text.encode(), headers=headers).status_code == 200


def test_a_custom_field_set(sandbox: SandboxClient) -> None:
    def with_set(**parts: str) -> list[dict[str, Any]]:
        return [*lead(**ANA), {"Attribute": "mx_KYC", "Value": "", "Fields": lead(**parts)}]

    sandbox.upsert(with_set(Status="Pending", mx_CustomObject_1="a.png"))
    sandbox.upsert(with_set(mx_CustomObject_2="77"))
    assert leads(sandbox)[0]["mx_KYC"] == {"Status": "Pending", "mx_CustomObject_1": "a.png", "mx_CustomObject_2": "77"}
    assert sandbox.upsert(with_set(Status="Perhaps"))[0]["ExceptionType"] == "MXInvalidInputException"
    assert sandbox.upsert(with_set(mx_CustomObject_9="x"))[0]["ExceptionType"] == "MXUnknownAttributeException"
    wrong = [*lead(**ANA), {"Attribute": "mx_City", "Value": "", "Fields": lead(Status="Pending")}]
    assert "takes no Fields" in sandbox.upsert(wrong)[0]["ErrorMessage"]


def test_lead_type_changes_once(sandbox: SandboxClient) -> None:
    sandbox.upsert(lead(**ANA))
    assert sandbox.upsert(lead(**ANA, LeadType="OT_1"))[0]["LeadUpdated"] is True
    assert sandbox.upsert(lead(**ANA, LeadType="OT_1"))[0]["LeadUpdated"] is True
    assert "only once" in sandbox.upsert(lead(**ANA, LeadType="OT_2"))[0]["ErrorMessage"]


def test_an_empty_value_clears_but_not_the_last_identity(sandbox: SandboxClient) -> None:
    lead_id = sandbox.upsert(lead(**ANA, Phone="+1-2125552345"))[0]["LeadId"]
    sandbox.upsert(lead(EmailAddress="ana@example.com", FirstName="", Phone=""))
    assert (leads(sandbox)[0]["FirstName"], leads(sandbox)[0]["Phone"]) == (None, None)
    (row,) = sandbox.upsert(lead(ProspectID=lead_id, EmailAddress="", SearchBy="ProspectId"))
    assert row["ExceptionType"] == "MXMandatoryAttributeMissingException"


@pytest.mark.parametrize("lower", ["false", ""])
def test_a_lowered_opt_out_is_recorded(sandbox: SandboxClient, lower: str) -> None:
    sandbox.upsert(lead(**ANA, DoNotSMS="true"))
    (row,) = sandbox.upsert(lead(**ANA, DoNotSMS=lower, DoNotCall="false"))
    assert sandbox.get("stats")["opt_outs_lowered"] == [
        {"api": "leadsquared", "call": 2, "id": row["LeadId"], "field": "DoNotSMS"}
    ]


def test_bulk_create(sandbox: SandboxClient) -> None:
    made = sandbox.post_lsq(CREATE, [lead(EmailAddress=f"p{n}@example.com") for n in range(50)]).json()
    assert [(row["RowNumber"], row["LeadCreated"]) for row in made] == [(n, True) for n in range(1, 51)]
    assert set(made[0]) == {"RowNumber", "LeadId", "LeadCreated"}
    rows = sandbox.post_lsq(
        CREATE,
        [
            lead(EmailAddress="P1@example.com"),
            lead(EmailAddress="x@example.com", SearchBy="EmailAddress"),
            lead(Phone="1"),
            lead(Phone="+1-2125552345"),
            lead(Phone="2125552345"),
            lead(EmailAddress="fine@example.com"),
        ],
    ).json()
    assert [row.get("ErrorMessage") for row in rows] == [
        "Duplicate: A Lead with same Email already exists.",
        "Attribute(s) does not exist - SearchBy",
        "Invalid Phone format for Phone",
        "2 Duplicate Lead(s) provided",
        "2 Duplicate Lead(s) provided",
        None,
    ]
    assert sandbox.post_lsq(CREATE, [lead(EmailAddress=f"q{n}@example.com") for n in range(51)]).status_code == 400


def test_single_upsert(sandbox: SandboxClient) -> None:
    made = sandbox.post_lsq(SINGLE, lead(**ANA), params={"postUpdatedLead": "true"})
    assert made.json() == {"Status": "Success", "Message": {"Id": leads(sandbox)[0]["ProspectID"], "AffectedRows": 1}}
    assert sandbox.get("stats")["automations_fired"] == [
        {"call": 1, "id": leads(sandbox)[0]["ProspectID"], "created": True}
    ]
    bad = sandbox.post_lsq(SINGLE, lead(**ANA, Nope="x"))
    assert (bad.status_code, bad.json()["ExceptionType"]) == (500, "MXUnknownAttributeException")
    assert sandbox.post_lsq(SINGLE, [lead(**ANA)]).status_code == 400
    assert sandbox.post_lsq(SINGLE, lead(**ANA), params={"postUpdatedLead": "maybe"}).status_code == 400
    sandbox.post("quirks", {"related_id": True})
    assert set(sandbox.post_lsq(SINGLE, lead(**ANA)).json()["Message"]) == {"RelatedID", "AffectedRows"}


def test_accounts_of_writes(sandbox: SandboxClient) -> None:
    (row,) = sandbox.upsert(lead(**ANA, SearchBy="EmailAddress"))
    (entry,) = sandbox.get("history")
    assert entry == {
        "seq": 1,
        "api": "leadsquared",
        "call": 1,
        "id": row["LeadId"],
        "identity": {"EmailAddress": "ana@example.com", "SearchBy": "EmailAddress"},
        "payload": ANA,
    }
    assert sandbox.stats("leadsquared")["rows_per_call"] == [1]


def test_accounts_that_differ() -> None:
    arguments = ("--customers", "0", "--no-carecycle-id", "--without-field", "mx_City", "--mandatory-field", "LastName")
    with started(*arguments) as sandbox:
        assert rejection_of(sandbox, lead(**ANA, LastName="B", mx_CareCycle_Id="1")) == "MXUnknownAttributeException"
        assert rejection_of(sandbox, lead(**ANA, LastName="B", mx_City="Reno")) == "MXUnknownAttributeException"
        assert rejection_of(sandbox, lead(**ANA)) == "MXMandatoryAttributeMissingException"
        assert rejection_of(sandbox, lead(**ANA, LastName="B")) is None
        assert rejection_of(sandbox, lead(**ANA)) is None, "an update need not repeat it"
        assert rejection_of(sandbox, lead(**ANA, LastName="")) == "MXMandatoryAttributeMissingException"


def rejection_of(sandbox: SandboxClient, row: list[dict[str, Any]]) -> str | None:
    return sandbox.upsert(row)[0].get("ExceptionType")
