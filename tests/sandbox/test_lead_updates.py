"""Lead/Bulk/UpdateV2, and what a person does in LeadSquared meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.client import UPDATE, SandboxClient, lead, update

ANA = {"EmailAddress": "ana@example.com", "Phone": "+1-2125552345"}
BEN = {"EmailAddress": "ben@example.com", "Phone": "+1-2125552346"}
NOBODY = "00000000-0000-4000-8000-000000000000"
MISSING = "Lead does not exist in the system or You do not have permission to update the lead"
UNPROCESSED = {"Options": {"PushNonExistentLeadsToUnProcessedList": True}}


def ids(sandbox: SandboxClient) -> list[str]:
    """The ids of two new leads, Ana's and Ben's."""
    return [row["LeadId"] for row in sandbox.upsert(lead(**ANA), lead(**BEN))]


def respond(sandbox: SandboxClient, body: dict[str, Any]) -> dict[str, Any]:
    response = sandbox.post_lsq(UPDATE, body)
    assert response.status_code == 200, response.text
    return dict(response.json())


def kept(sandbox: SandboxClient) -> dict[str, dict[str, Any]]:
    return {row["ProspectID"]: row for row in sandbox.get("leads")}


@pytest.mark.parametrize("name", ["ProspectId", "ProspectID"])
def test_leads_are_updated_by_id_whatever_their_email(sandbox: SandboxClient, name: str) -> None:
    ana, _ = ids(sandbox)
    response = respond(sandbox, update(lead(**{name: ana}, EmailAddress="new@example.com", Phone="")))
    assert response == {
        "Status": {"TotalCount": 1, "SuccessCount": 1, "FailureCount": 0, "Message": "Success"},
        "Details": {},
    }
    assert (kept(sandbox)[ana]["EmailAddress"], kept(sandbox)[ana]["Phone"]) == ("new@example.com", None)
    assert sandbox.get("history")[-1]["id"] == ana


def test_who_does_not_exist_is_never_created(sandbox: SandboxClient) -> None:
    ana, _ = ids(sandbox)
    leads = update(lead(ProspectId=NOBODY, EmailAddress="c@example.com"), lead(ProspectId=ana, mx_City="X"))
    entry = {"Identifier": "ProspectId", "IdentifierValue": NOBODY, "Reason": MISSING}
    failed = respond(sandbox, leads)
    assert failed["Status"] == {"TotalCount": 2, "SuccessCount": 1, "FailureCount": 1, "Message": "Error"}
    assert failed["Details"] == {"FailedLeads": [entry]}
    unprocessed = respond(sandbox, {**leads, **UNPROCESSED})
    assert unprocessed["Status"] == {
        "TotalCount": 2,
        "SuccessCount": 1,
        "FailureCount": 0,
        "UnProcessedCount": 1,
        "Message": "Error",
    }
    assert unprocessed["Details"] == {"UnProcessedLeads": [entry]}
    assert len(kept(sandbox)) == 2


def test_a_unique_field_finds_the_lead(sandbox: SandboxClient) -> None:
    ana, _ = ids(sandbox)
    leads = update(lead(EmailAddress="ANA@example.com", mx_City="Reno"))
    assert respond(sandbox, {"SearchByKey": "EmailAddress", **leads})["Status"]["SuccessCount"] == 1
    assert kept(sandbox)[ana]["mx_City"] == "Reno"
    response = respond(sandbox, {"SearchByKey": "FirstName", **update(lead(FirstName="A", mx_City="Elko"))})
    assert response["Details"]["FailedLeads"][0]["Reason"] == "SearchByKey FirstName is not unique in this account"


def test_bad_leads_are_rejected_alone(sandbox: SandboxClient) -> None:
    ana, ben = ids(sandbox)
    taken = lead(ProspectId=ana, EmailAddress=BEN["EmailAddress"])
    unknown = lead(ProspectId=ana, Nope="1")
    for bad, reason in (
        (taken, "A Lead with same Email already exists."),
        (unknown, "Attribute(s) does not exist - Nope"),
    ):
        response = respond(sandbox, update(bad, lead(ProspectId=ben, mx_City="Reno")))
        assert response["Status"]["SuccessCount"] == 1
        assert [entry["Reason"] for entry in response["Details"]["FailedLeads"]] == [reason]
    (empty,) = respond(sandbox, {"LeadPropertiesList": lead(EmailAddress="a@example.com")})["Details"]["FailedLeads"]
    assert empty["Reason"] == "Lead fields are empty"


def test_the_same_lead_twice_fails_both(sandbox: SandboxClient) -> None:
    ana, ben = ids(sandbox)
    both = [lead(ProspectId=ana.upper(), mx_City="A"), lead(ProspectId=ana, mx_City="B")]
    response = respond(sandbox, update(*both, lead(ProspectId=ben, mx_City="C")))
    reasons = [entry["Reason"] for entry in response["Details"]["FailedLeads"]]
    assert (response["Status"]["SuccessCount"], reasons) == (1, ["2 Duplicate Lead(s) provided"] * 2)


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"LeadPropertiesList": []},
        {"LeadPropertiesList": [lead(**ANA)]},
        {**update(lead(**ANA)), "SearchBy": "EmailAddress"},
        {**update(lead(**ANA)), "Options": {"Other": True}},
        update(*[lead(ProspectId=NOBODY, mx_City="X")] * 26),
    ],
)
def test_wrong_shapes_write_nothing(sandbox: SandboxClient, body: Any) -> None:
    response = sandbox.post_lsq(UPDATE, body)
    assert (response.status_code, response.json()["ExceptionType"]) == (400, "MXInvalidInputException")


@pytest.mark.parametrize(
    ("form", "status", "kind"),
    [
        ("missing", 404, "MXInvalidRequestException"),
        ("denied", 403, "MXUnauthorizedRequestException"),
        ("denied_200", 200, "MXUnauthorizedRequestException"),
    ],
)
def test_accounts_without_the_call(sandbox: SandboxClient, form: str, status: int, kind: str) -> None:
    sandbox.quirks(update_v2=form)
    response = sandbox.post_lsq(UPDATE, update(lead(ProspectId=NOBODY, mx_City="X")))
    assert (response.status_code, response.json()["ExceptionType"]) == (status, kind)


def test_faults_find_the_leads_of_an_update(sandbox: SandboxClient) -> None:
    ana, ben = ids(sandbox)
    sandbox.fault("fail_row", match={"field": "mx_City", "value": "Reno"}, message="odd")
    response = respond(sandbox, update(lead(ProspectId=ana, mx_City="Reno"), lead(ProspectId=ben, mx_City="Elko")))
    assert [(entry["IdentifierValue"], entry["Reason"]) for entry in response["Details"]["FailedLeads"]] == [
        (ana, "odd")
    ]
    assert (kept(sandbox)[ana]["mx_City"], kept(sandbox)[ben]["mx_City"]) == (None, "Elko")


def test_searching_by_an_id_in_other_ways(sandbox: SandboxClient) -> None:
    ana, _ = ids(sandbox)
    sandbox.quirks(search_by_spelling="ProspectID")
    (row,) = sandbox.upsert(lead(ProspectID=ana, mx_City="X", SearchBy="ProspectId"))
    assert row["ErrorMessage"] == "Invalid SearchBy value provided"
    assert sandbox.upsert(lead(ProspectID=ana, mx_City="X", SearchBy="ProspectID"))[0]["LeadUpdated"]
    sandbox.quirks(search_by_gone_id="create")
    (row,) = sandbox.upsert(lead(ProspectID=NOBODY, EmailAddress="c@example.com", SearchBy="ProspectID"))
    assert row["LeadCreated"]
    assert row["LeadId"] not in (NOBODY, "")


def test_a_deleted_lead_frees_its_email(sandbox: SandboxClient) -> None:
    ana, _ = ids(sandbox)
    assert ana not in [row["ProspectID"] for row in sandbox.post("crm", {"delete": ana})]
    assert respond(sandbox, update(lead(ProspectId=ana, mx_City="X")))["Status"]["FailureCount"] == 1
    (row,) = sandbox.upsert(lead(**ANA))
    assert row["LeadCreated"]
    assert row["LeadId"] != ana


def test_a_merged_lead_leaves_its_values_and_opt_outs_behind(sandbox: SandboxClient) -> None:
    ana, ben = ids(sandbox)
    sandbox.upsert(lead(**ANA, DoNotCall="true", mx_City="Reno", FirstName="Ana"), lead(**BEN, FirstName="Ben"))
    (left,) = sandbox.post("crm", {"merge": ana, "into": ben})
    assert (left["ProspectID"], left["EmailAddress"], left["FirstName"]) == (ben, BEN["EmailAddress"], "Ben")
    assert (left["mx_City"], left["DoNotCall"]) == ("Reno", "1")
    assert sandbox.upsert(lead(EmailAddress=ANA["EmailAddress"]))[0]["LeadCreated"], "her e-mail is nobody's now"


def test_an_edit_keeps_unique_fields_unique(sandbox: SandboxClient) -> None:
    ana, ben = ids(sandbox)
    sandbox.post("crm", {"edit": ana, "fields": {"EmailAddress": "new@example.com"}})
    assert sandbox.upsert(lead(EmailAddress="new@example.com", mx_City="X"))[0]["LeadId"] == ana
    wrong: list[dict[str, Any]] = [
        {"edit": ben, "fields": {"EmailAddress": "NEW@example.com"}},
        {"delete": NOBODY},
        {"merge": ana, "into": NOBODY},
        {"rename": ana},
    ]
    before = sandbox.get("leads")
    for body in wrong:
        assert sandbox.session.post(f"{sandbox.url}/__sandbox__/crm", json=body).status_code == 400
    assert sandbox.get("leads") == before
