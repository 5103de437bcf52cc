from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.sandbox.client import BY_IDS, LEADS, LSQ_KEYS, SandboxClient, by_ids, lead

WHO_AM_I = "/v2/Authentication.svc/UserByAccessKey.Get"


@pytest.fixture
def lead_id(sandbox: SandboxClient) -> str:
    row = lead(EmailAddress="ana@example.com", Phone="+1-2125552345", Mobile="2125552346", DoNotCall="true")
    return str(sandbox.upsert(row)[0]["LeadId"])


def ids(rows: Any) -> list[str]:
    return [row["ProspectID"] for row in rows.json()]


def test_by_id_email_and_phone(sandbox: SandboxClient, lead_id: str) -> None:
    assert ids(sandbox.get_lsq(f"{LEADS}Leads.GetById", id=lead_id)) == [lead_id]
    assert ids(sandbox.get_lsq(f"{LEADS}Leads.GetByEmailaddress", emailaddress="ANA@example.com")) == [lead_id]
    for phone in ("2125552345", "+12125552345", "+1-2125552346"):
        assert ids(sandbox.get_lsq(f"{LEADS}RetrieveLeadByPhoneNumber", phone=phone)) == [lead_id]
    assert sandbox.get_lsq(f"{LEADS}Leads.GetById", id="x").json() == []
    assert sandbox.get_lsq(f"{LEADS}Leads.GetByEmailaddress", emailaddress="x@example.com").json() == []
    assert sandbox.get_lsq(f"{LEADS}Leads.GetById").status_code == 500
    assert sandbox.get_lsq(f"{LEADS}Leads.GetByMobileNumber", phone="2125552345").status_code == 404


def test_by_ids(sandbox: SandboxClient, lead_id: str) -> None:
    other = sandbox.upsert(lead(EmailAddress="b@example.com"))[0]["LeadId"]
    body = sandbox.post_lsq(BY_IDS, by_ids([lead_id, "gone", other])).json()
    assert body["RecordCount"] == 2
    assert {row["ProspectID"]: row["DoNotCall"] for row in body["Leads"]} == {lead_id: "1", other: "0"}
    assert sandbox.post_lsq(BY_IDS, by_ids([lead_id], "DoNotCall")).json()["Leads"] == [{"DoNotCall": "1"}]
    assert len(sandbox.post_lsq(BY_IDS, by_ids([lead_id, other], page=2, size=1)).json()["Leads"]) == 1


@pytest.mark.parametrize("missing", ["SearchParameters", "Columns", "Paging"])
def test_by_ids_needs_all_three_parts(sandbox: SandboxClient, missing: str) -> None:
    body = by_ids(["x"])
    del body[missing]
    assert sandbox.post_lsq(BY_IDS, body).status_code == 400


def test_by_ids_limits(sandbox: SandboxClient) -> None:
    assert sandbox.post_lsq(BY_IDS, by_ids([])).status_code == 400
    assert sandbox.post_lsq(BY_IDS, by_ids(["x"], size=1001)).status_code == 400
    assert sandbox.post_lsq(BY_IDS, by_ids(["x"], "")).status_code == 400
    assert sandbox.post_lsq(BY_IDS, by_ids(["x"], "Nope")).json()["ExceptionType"] == "MXUnknownAttributeException"


def test_metadata(sandbox: SandboxClient) -> None:
    fields = {row["SchemaName"]: row for row in sandbox.get_lsq(f"{LEADS}LeadsMetaData.Get").json()}
    assert len(fields) == 64
    identifiers = {name for name, row in fields.items() if row["IsLeadIdentifier"]}
    assert identifiers == {"EmailAddress", "Phone", "Mobile", "mx_CareCycle_Id"}
    assert (fields["mx_DOB"]["DataType"], fields["mx_Zip"]["MaxLength"]) == ("Date", "10")
    assert {"Value": "CareCycle"} in fields["Source"]["Options"]
    assert fields["LeadType"]["DefaultValue"] == "OT_0"
    short = sandbox.get_lsq(f"{LEADS}LeadsMetaData.Get", excludeOptionSets="1", schemaName="Source").json()
    assert [("Options" in row, row["SchemaName"]) for row in short] == [(False, "Source")]
    assert sandbox.get_lsq(f"{LEADS}LeadsMetaData.Get", schemaName="source").json() == []


def test_keys_in_headers_or_query(sandbox: SandboxClient) -> None:
    query = {"accessKey": LSQ_KEYS["x-LSQ-AccessKey"], "secretKey": LSQ_KEYS["x-LSQ-SecretKey"]}
    assert requests.get(f"{sandbox.url}{WHO_AM_I}", params=query).status_code == 200
    for wrong in ({}, {"x-LSQ-AccessKey": LSQ_KEYS["x-LSQ-AccessKey"]}, {**LSQ_KEYS, "x-LSQ-AccessKey": "u"}):
        response = requests.get(f"{sandbox.url}{WHO_AM_I}", headers=wrong)
        assert (response.status_code, response.json()["ExceptionType"]) == (401, "MXUnAuthorizedAccessException")


def test_who_am_i_names_the_host(sandbox: SandboxClient) -> None:
    assert sandbox.get_lsq(WHO_AM_I).json()["LSQCommonServiceURLs"]["api"] == sandbox.url.removeprefix("http://")


def test_unknown_calls(sandbox: SandboxClient) -> None:
    assert sandbox.get_lsq(f"{LEADS}Lead.Nope").status_code == 404
    assert sandbox.get_lsq(f"{LEADS}Lead/Bulk/Create").status_code == 404
