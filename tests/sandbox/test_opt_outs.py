"""Opt-outs that do not stay, booleans in the account's own words, and read-backs that fail."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.client import BY_IDS, LEADS, SINGLE, UPDATE, SandboxClient, by_ids, lead, update

ANA = {"EmailAddress": "ana@example.com", "Phone": "+1-2125552345"}
BEN = {"EmailAddress": "ben@example.com", "Phone": "+1-2125552346"}
FLAGS = ("DoNotCall", "DoNotEmail", "DoNotSMS", "DoNotTrack", "mx_Do_Not_Mail")


def raised(sandbox: SandboxClient) -> dict[str, list[str]]:
    """The opt-outs of each lead, by e-mail."""
    return {row["EmailAddress"]: [name for name in FLAGS if row[name] == "1"] for row in sandbox.get("leads")}


def test_all_opt_outs_are_lost_and_the_rest_of_the_lead_is_kept(sandbox: SandboxClient) -> None:
    sandbox.quirks(lost_opt_outs=["all"])
    (row,) = sandbox.upsert(lead(**ANA, FirstName="Ana", **dict.fromkeys(FLAGS, "true")))
    assert (row["LeadCreated"], row["AffectedRows"]) == (True, 1)
    (kept,) = sandbox.get("leads")
    assert (kept["FirstName"], [kept[name] for name in FLAGS]) == ("Ana", ["0"] * 5)
    assert sandbox.post_lsq(SINGLE, lead(**ANA, DoNotCall="true")).json()["Status"] == "Success"
    response = sandbox.post_lsq(UPDATE, update(lead(ProspectId=row["LeadId"], DoNotCall="true"))).json()
    assert response["Status"]["SuccessCount"] == 1
    assert raised(sandbox) == {"ana@example.com": []}
    sandbox.quirks(lost_opt_outs=[])
    sandbox.upsert(lead(**ANA, DoNotCall="true"))
    assert raised(sandbox) == {"ana@example.com": ["DoNotCall"]}


@pytest.mark.parametrize("name", ["ANA@example.com", "+12125552345", "2125552345", "id", "ID"])
def test_only_the_opt_outs_of_a_named_lead_are_lost(sandbox: SandboxClient, name: str) -> None:
    ana, _ = sandbox.upsert(lead(**ANA), lead(**BEN))
    lead_id = {"id": ana["LeadId"], "ID": ana["LeadId"].upper()}
    sandbox.quirks(lost_opt_outs=[lead_id.get(name, name), "somebody@example.com"])
    rows = sandbox.upsert(lead(**ANA, DoNotCall="true"), lead(**BEN, DoNotCall="true"))
    assert [row["LeadUpdated"] for row in rows] == [True, True]
    assert raised(sandbox) == {"ana@example.com": [], "ben@example.com": ["DoNotCall"]}


def test_an_opt_out_that_stands_is_not_lost_with_a_later_write(sandbox: SandboxClient) -> None:
    sandbox.upsert(lead(**ANA, DoNotCall="true"))
    sandbox.quirks(lost_opt_outs=["all"])
    sandbox.upsert(lead(**ANA, DoNotCall="false", DoNotSMS="true"))
    assert raised(sandbox) == {"ana@example.com": ["DoNotCall"]}


@pytest.mark.parametrize(
    ("form", "yes", "no", "wrong"),
    [
        ("true_false", "true", "false", ("1", "0", "Yes", "True", "TRUE")),
        ("one_zero", "1", "0", ("true", "Yes", "2")),
        ("yes_no", "Yes", "No", ("yes", "YES", "Y", "true", "1")),
    ],
)
def test_booleans_are_written_in_the_accounts_own_words(
    sandbox: SandboxClient, form: str, yes: str, no: str, wrong: tuple[str, ...]
) -> None:
    sandbox.quirks(boolean_form=form)
    assert sandbox.upsert(lead(**ANA, DoNotCall=yes, mx_Veteran=no))[0]["LeadCreated"]
    (kept,) = sandbox.get("leads")
    assert (kept["DoNotCall"], kept["mx_Veteran"]) == ("1", "0")
    for word in wrong:
        (row,) = sandbox.upsert(lead(**ANA, DoNotCall=word))
        assert row["ErrorMessage"] == "Invalid data: DoNotCall expects a boolean"


@pytest.mark.parametrize(
    ("form", "yes", "no"), [("one_zero", "1", "0"), ("true_false", "true", "false"), ("yes_no", "Yes", "No")]
)
def test_every_read_shows_booleans_in_the_accounts_own_words(
    sandbox: SandboxClient, form: str, yes: str, no: str
) -> None:
    # Texts and numbers that look like a boolean are none.
    texts = {"FirstName": "1", "mx_Dependent_Count": "1"}
    lead_id = sandbox.upsert(lead(**ANA, **texts, DoNotCall="true", mx_Veteran=""))[0]["LeadId"]
    sandbox.quirks(boolean_reads=form)
    columns = "DoNotCall,DoNotSMS,mx_Veteran,FirstName,mx_Dependent_Count"
    reads = [
        sandbox.post_lsq(BY_IDS, by_ids([lead_id], columns)).json()["Leads"],
        sandbox.get_lsq(f"{LEADS}Leads.GetById", id=lead_id).json(),
        sandbox.get_lsq(f"{LEADS}Leads.GetByEmailaddress", emailaddress="ana@example.com").json(),
        sandbox.get_lsq(f"{LEADS}RetrieveLeadByPhoneNumber", phone="2125552345").json(),
    ]
    shown = [[row[name] for name in columns.split(",")] for (row,) in reads]
    assert shown == [[yes, no, None, "1", "1"]] * 4


@pytest.mark.parametrize(
    ("fault", "status", "text"),
    [
        ({"kind": "status_400"}, 400, "Bad Request"),
        ({"kind": "mx_500", "status": 400, "exception_type": "MXInvalidInputException"}, 400, "MXInvalidInput"),
        ({"kind": "forbidden_403"}, 403, "MXUnauthorizedRequestException"),
        ({"kind": "not_found_404"}, 404, "could not be found"),
        ({"kind": "status_500"}, 500, "Internal Server Error"),
        ({"kind": "mx_500"}, 500, "MXInvalidDataTypeException"),
    ],
)
def test_a_read_back_fails_and_nothing_else_does(
    sandbox: SandboxClient, fault: dict[str, Any], status: int, text: str
) -> None:
    sandbox.fault(**fault, path="Leads/Retrieve/ByIds")
    lead_id = sandbox.upsert(lead(**ANA, DoNotCall="true"))[0]["LeadId"]
    assert sandbox.get_lsq(f"{LEADS}Leads.GetById", id=lead_id).status_code == 200
    response = sandbox.post_lsq(BY_IDS, by_ids([lead_id]))
    assert (response.status_code, text in response.text) == (status, True)
    assert sandbox.delete("faults") == []
    assert sandbox.post_lsq(BY_IDS, by_ids([lead_id])).json()["Leads"][0]["DoNotCall"] == "1"


@pytest.mark.parametrize(
    ("kind", "expected"), [("drop_row", ["0"]), ("repeat_row", ["0", "1", "1"]), ("unknown_row", ["0", "other"])]
)
def test_a_read_back_leaves_a_lead_out_or_shows_another(sandbox: SandboxClient, kind: str, expected: list[str]) -> None:
    ids = [row["LeadId"] for row in sandbox.upsert(lead(**ANA), lead(**BEN))]
    sandbox.fault(kind, path="Leads/Retrieve/ByIds", row=2)
    rows = sandbox.post_lsq(BY_IDS, by_ids(ids)).json()["Leads"]
    places = {lead_id: str(place) for place, lead_id in enumerate(ids)}
    assert [places.get(row["ProspectID"], "other") for row in rows] == expected
