from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.client import KEY, SandboxClient


def person(**fields: Any) -> dict[str, Any]:
    return {"phoneNumber": "+12125552345", "postalCode": "10001", "externalId": "X-1", **fields}


def find(sandbox: SandboxClient, name: str, value: str) -> dict[str, Any]:
    (row,) = [row for row in sandbox.get("customers") if row[name] == value]
    return dict(row)


def rejected_paths(response: Any) -> list[list[str]]:
    assert response.status_code == 422, response.text
    assert response.json()["code"] == "VALIDATION_ERROR"
    return [flaw["path"] for flaw in response.json()["errors"]]


def only_error(response: Any) -> str:
    assert response.status_code == 200, response.text
    body = response.json()
    assert (body["succeeded"], body["failed"], len(body["errors"])) == (0, 1, 1)
    return str(body["errors"][0]["error"])


def test_a_new_lead_appears_among_the_customers(sandbox: SandboxClient) -> None:
    full = person(
        firstName="Zoë",
        email="zoe@example.com",
        dateOfBirth="01/31/1950",
        gender="Female",
        maritalStatus="Widowed",
        timezone="EST",
        householdIncome=-5,
        doNotCall=True,
        sourceId="radio-24",
        leadCost=1.5,
        customFields=[{"fieldKey": "best_time", "value": "Morning"}, {"fieldKey": "has_caregiver", "value": "true"}],
    )
    assert sandbox.upload(full).json() == {"succeeded": 1, "failed": 0, "errors": []}
    row = find(sandbox, "clientCustomerId", "X-1")
    assert (row["status"], row["callerId"], row["dateOfBirth"]) == ("Lead", "+12125552345", "1950-01-31")
    assert (row["firstName"], row["doNotCall"], row["householdIncome"]) == ("Zoë", True, -5)
    assert row["source"]["sourceId"] == "radio-24"
    assert [(each["selectValue"], each["booleanValue"]) for each in row["customFields"]] == [
        ("Morning", None),
        (None, True),
    ]
    assert list(row) == list(sandbox.items()[0])
    assert sandbox.items()[0]["id"] == row["id"], "the newest comes first"


def test_external_id_means_the_agencys_id_or_carecycles(sandbox: SandboxClient) -> None:
    rows = sandbox.get("customers")
    by_agency = next(row for row in rows if row["clientCustomerId"])
    by_id = next(row for row in rows if not row["clientCustomerId"])
    sandbox.upload(person(externalId=by_agency["clientCustomerId"], city="A"), person(externalId=by_id["id"], city="B"))
    first, second = find(sandbox, "id", by_agency["id"]), find(sandbox, "id", by_id["id"])
    assert (first["city"], second["city"], second["clientCustomerId"]) == ("A", "B", None)
    assert first["updatedAt"] > by_agency["updatedAt"]
    assert first["createdAt"] == by_agency["createdAt"]
    assert len(sandbox.get("customers")) == len(rows)


def test_without_external_id_every_upload_is_somebody_new(sandbox: SandboxClient) -> None:
    before = len(sandbox.get("customers"))
    for _ in range(2):
        sandbox.upload({"phoneNumber": "2125552345", "timezone": "America/New_York"})
    assert len(sandbox.get("customers")) == before + 2


@pytest.mark.parametrize(
    ("match", "same"),
    [
        ("phone", {"phoneNumber": "(212) 555-2345"}),
        ("email", {"phoneNumber": "2125552399", "email": "ANA@example.com"}),
    ],
)
def test_who_is_unknown_by_id_is_matched_by_phone_or_email(
    sandbox: SandboxClient, match: str, same: dict[str, Any]
) -> None:
    """The mix-up that "flexible identification" may bring: two people in one customer, and the first has no id left."""
    sandbox.upload(person(firstName="Ana", email="ana@example.com"))
    before = sandbox.get("customers")
    sandbox.quirks(upload_match=match, upload_results=True)
    ben = {**person(externalId="X-2", firstName="Ben"), **same}
    (result,) = sandbox.upload(ben).json()["results"]
    assert (result["id"], result["externalId"], result["firstName"]) == (before[-1]["id"], "X-2", "Ben")
    assert len(sandbox.get("customers")) == len(before)
    assert [entry["id"] for entry in sandbox.get("history")] == [before[-1]["id"]] * 2
    # The first one's id finds nobody, so he comes back by the same phone or e-mail.
    sandbox.upload(person(firstName="Ana", email="ana@example.com"))
    assert find(sandbox, "id", before[-1]["id"])["clientCustomerId"] == "X-1"


def test_an_external_id_comes_before_phone_and_email(sandbox: SandboxClient) -> None:
    sandbox.upload(person(), person(externalId="X-2", phoneNumber="2125552346"))
    sandbox.quirks(upload_match="phone")
    sandbox.upload(person(phoneNumber="2125552346", firstName="Ana"))
    assert find(sandbox, "clientCustomerId", "X-1")["firstName"] == "Ana"
    assert find(sandbox, "clientCustomerId", "X-2")["firstName"] is None


def test_without_external_id_a_match_keeps_the_customers_own(sandbox: SandboxClient) -> None:
    sandbox.upload(person())
    sandbox.quirks(upload_match="phone")
    sandbox.upload({"phoneNumber": "2125552345", "timezone": "EST", "city": "Reno"})
    assert find(sandbox, "clientCustomerId", "X-1")["city"] == "Reno"


def test_who_has_no_email_is_matched_with_nobody(sandbox: SandboxClient) -> None:
    sandbox.quirks(upload_match="email")
    before = len(sandbox.get("customers"))
    sandbox.upload(person(email=None), person(externalId="X-2"), person(externalId="X-3", email=""))
    assert len(sandbox.get("customers")) == before + 3


@pytest.mark.parametrize(("form", "shown"), [("list", []), ("null", None), ("missing", "gone")])
def test_errors_of_an_upload_without_any(sandbox: SandboxClient, form: str, shown: Any) -> None:
    sandbox.quirks(errors_when_none=form)
    body = sandbox.upload(person()).json()
    assert (body["succeeded"], body["failed"], body.get("errors", "gone")) == (1, 0, shown)
    assert only_error(sandbox.upload(person(phoneNumber="911"))) == "Invalid phone number"
    sandbox.fault("fail_row", match={"field": "externalId", "value": "X-1"}, when="after", message="odd")
    assert only_error(sandbox.upload(person())) == "odd"


@pytest.mark.parametrize("number", ["+12125552345", "2125552345", "(212) 555-2345"])
def test_phone_forms_of_the_page(sandbox: SandboxClient, number: str) -> None:
    assert sandbox.upload(person(phoneNumber=number)).json()["succeeded"] == 1
    assert find(sandbox, "clientCustomerId", "X-1")["callerId"] == "+12125552345"


@pytest.mark.parametrize(
    "number", ["12125552345", "212-555-2345", "+1-2125552345", "1125552345", "2120552345", "911", "+442071234567"]
)
def test_other_phones_fail_alone(sandbox: SandboxClient, number: str) -> None:
    assert only_error(sandbox.upload(person(phoneNumber=number))) == "Invalid phone number"


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"sourceId": "nobody"}, "Source not found"),
        ({"customFields": [{"fieldKey": "nope", "value": "1"}]}, "Custom field not found: nope"),
        ({"customFields": [{"fieldKey": "lead_score", "value": "many"}]}, "Invalid value for custom field: lead_score"),
        ({"customFields": [{"fieldKey": "best_time", "value": "Night"}]}, "Invalid value for custom field: best_time"),
        ({"dateOfBirth": "02-30-1950"}, "Invalid date of birth"),
    ],
)
def test_what_only_the_agencys_data_can_tell_fails_alone(
    sandbox: SandboxClient, fields: dict[str, Any], error: str
) -> None:
    good = person(externalId="good")
    body = sandbox.upload(person(**fields), good).json()
    assert (body["succeeded"], body["failed"]) == (1, 1)
    assert body["errors"] == [{"id": None, "externalId": "X-1", "error": error}]
    assert find(sandbox, "clientCustomerId", "good")


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"phoneNumber": None}, "phoneNumber"),
        ({"phoneNumber": 2125552345}, "phoneNumber"),
        ({"firstName": "x" * 256}, "firstName"),
        ({"state": "x" * 51}, "state"),
        ({"postalCode": "1234"}, "postalCode"),
        ({"postalCode": "12345-6789"}, "postalCode"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"dateOfBirth": "1950-01-31"}, "dateOfBirth"),
        ({"gender": "female"}, "gender"),
        ({"maritalStatus": "Engaged"}, "maritalStatus"),
        ({"dependentCount": 2**31}, "dependentCount"),
        ({"dependentCount": 1.5}, "dependentCount"),
        ({"dependentCount": True}, "dependentCount"),
        ({"doNotCall": "true"}, "doNotCall"),
        ({"externalId": "x" * 256}, "externalId"),
        ({"sourceId": None}, "sourceId"),
        ({"leadCost": "5"}, "leadCost"),
        ({"customFields": {"a": 1}}, "customFields"),
        ({"customFields": [{"fieldKey": "utm_source", "value": "x"}] * 51}, "customFields"),
    ],
)
def test_schema_flaws_reject_the_whole_request(sandbox: SandboxClient, fields: dict[str, Any], path: str) -> None:
    good = person(externalId="good")
    response = sandbox.upload(good, good | {"externalId": "good-2"}, person(**fields))
    assert rejected_paths(response)[0] == ["records", "2", path]
    assert response.json()["failedRecords"][0]["index"] == 2
    assert sandbox.get("stats")["writes"] == 0


def test_custom_field_values_are_text(sandbox: SandboxClient) -> None:
    response = sandbox.upload(person(customFields=[{"fieldKey": "lead_score", "value": 5}]))
    assert rejected_paths(response) == [["records", "0", "customFields", "0", "value"]]


def test_nulls_are_taken_and_empty_a_field(sandbox: SandboxClient) -> None:
    sandbox.upload(person(firstName="Ana", city="Reno"))
    assert sandbox.upload(person(firstName=None, gender=None)).json()["succeeded"] == 1
    row = find(sandbox, "clientCustomerId", "X-1")
    assert (row["firstName"], row["city"]) == (None, "Reno")


def test_an_unknown_field_is_rejected_unlike_in_the_real_api(sandbox: SandboxClient) -> None:
    response = sandbox.upload(person(nickname="Z"))
    assert rejected_paths(response) == [["records", "0"]]
    assert "nickname" in response.json()["errors"][0]["message"]
    sandbox.post("quirks", {"unknown_fields": "drop"})
    assert sandbox.upload(person(nickname="Z")).json()["succeeded"] == 1


def test_postal_code_or_timezone_is_needed(sandbox: SandboxClient) -> None:
    nowhere = person()
    del nowhere["postalCode"]
    assert rejected_paths(sandbox.upload(nowhere)) == [["records", "0", "postalCode"]]
    assert sandbox.upload(nowhere | {"timezone": "PST"}).json()["succeeded"] == 1
    sandbox.post("quirks", {"postal_or_timezone": "record"})
    assert only_error(sandbox.upload(nowhere)) == "Either postalCode or timezone is required"


def test_the_same_external_id_twice_fails_both(sandbox: SandboxClient) -> None:
    body = sandbox.upload(person(), person(externalId="other"), person()).json()
    assert (body["succeeded"], body["failed"]) == (1, 2)
    assert {each["externalId"] for each in body["errors"]} == {"X-1"}


def test_the_size_of_a_request(sandbox: SandboxClient) -> None:
    many = [person(externalId=str(number)) for number in range(201)]
    assert rejected_paths(sandbox.upload(*many[:101])) == [["records"]]
    assert rejected_paths(sandbox.upload()) == [["records"]]
    assert sandbox.upload(*many[:100]).json()["succeeded"] == 100
    sandbox.post("quirks", {"upload_max": 200})
    assert sandbox.upload(*many[:200]).json()["succeeded"] == 200
    assert rejected_paths(sandbox.upload(*many)) == [["records"]]


def test_a_body_over_100_kb(sandbox: SandboxClient) -> None:
    heavy = [
        person(externalId=str(number), address="x" * 250, address2="y" * 250, city="z" * 250, county="c" * 250)
        for number in range(100)
    ]
    response = sandbox.upload(*heavy)
    assert (response.status_code, response.json()["code"]) == (413, "PAYLOAD_TOO_LARGE")
    sandbox.post("quirks", {"body_limit": 0})
    assert sandbox.upload(*heavy).json()["succeeded"] == 100


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b'{"records": [', "application/json", 400),
        ('{"records": ["é"]}'.encode("latin-1"), "application/json", 400),
        (b'{"records": NaN}', "application/json", 400),
        (b"[]", "application/json", 422),
        (b'{"records": {}}', "application/json", 422),
        (b'{"records": ["x"]}', "application/json", 422),
        (b'{"records": [], "more": 1}', "application/json", 422),
        (b'{"records": []}', "text/plain", 422),
    ],
)
def test_bodies_that_are_no_upload(sandbox: SandboxClient, body: bytes, kind: str, status: int) -> None:
    response = sandbox.upload(data=body, json=None, headers={"Content-Type": kind})
    assert response.status_code == status
    assert set(response.json()) >= {"message", "code"}


def test_older_and_newer_forms(sandbox: SandboxClient) -> None:
    sandbox.post("quirks", {"failed_records": False, "upload_results": True})
    assert "failedRecords" not in sandbox.upload(person(gender="x")).json()
    (result,) = sandbox.upload(person()).json()["results"]
    assert (result["phoneNumber"], result["externalId"]) == ("+12125552345", "X-1")
    assert "policies" not in result


@pytest.mark.parametrize("lower", [{"doNotCall": False}, {"doNotCall": None}])
def test_a_lowered_opt_out_is_recorded(sandbox: SandboxClient, lower: dict[str, Any]) -> None:
    sandbox.upload(person(doNotCall=True, doNotSMS=True))
    assert sandbox.get("stats")["opt_outs_lowered"] == []
    sandbox.upload(person(**lower, doNotEmail=False))
    row = find(sandbox, "clientCustomerId", "X-1")
    assert sandbox.get("stats")["opt_outs_lowered"] == [
        {"api": "carecycle", "call": 2, "id": row["id"], "field": "doNotCall"}
    ]


def test_accounts_of_uploads(sandbox: SandboxClient) -> None:
    sandbox.upload(person(), person(externalId="X-2", phoneNumber="1"))
    stats = sandbox.get("stats")
    assert stats["uploads"] == [{"call": 1, "records": 2, "succeeded": 1, "failed": 1}]
    assert stats["apis"]["carecycle"]["rows_per_call"] == [2]
    (entry,) = sandbox.get("history")
    assert (entry["seq"], entry["api"], entry["call"]) == (1, "carecycle", 1)
    assert entry["identity"] == {"externalId": "X-1", "phoneNumber": "+12125552345"}
    assert entry["payload"] == person()


def test_the_powerless_key_may_not_upload(sandbox: SandboxClient) -> None:
    response = sandbox.upload(person(), headers={**KEY, "x-api-key": "cc_sandbox_without_permission"})
    assert (response.status_code, response.json()["code"]) == (403, "FORBIDDEN")
