from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any

import pytest

from tests.sandbox.client import KEY, SandboxClient

ENVELOPE = ["itemsTotal", "currentPage", "nextPage", "prevPage", "items"]


def everyone(sandbox: SandboxClient) -> list[dict[str, Any]]:
    return [row for row in sandbox.get("customers") if not row["testCustomer"]]


def flaw_paths(response: Any) -> list[list[str]]:
    assert response.status_code == 422
    assert response.json()["code"] == "VALIDATION_ERROR"
    return [flaw["path"] for flaw in response.json()["errors"]]


def test_pages_are_complete_and_in_order(sandbox: SandboxClient) -> None:
    pages = [sandbox.page(page=page, limit=100, sortOrder="asc").json() for page in (1, 2, 3)]
    assert all(list(page) == ENVELOPE for page in pages)
    assert [page["nextPage"] for page in pages] == [2, 3, None]
    assert [page["prevPage"] for page in pages] == [None, 1, 2]
    rows = [row for page in pages for row in page["items"]]
    assert rows == sorted(everyone(sandbox), key=lambda row: str(row["createdAt"]))
    assert pages[0]["itemsTotal"] == len(rows) == 300


def test_defaults_are_fifty_newest_first(sandbox: SandboxClient) -> None:
    body = sandbox.page().json()
    created = [row["createdAt"] for row in body["items"]]
    assert len(created) == 50
    assert created == sorted(created, reverse=True)


def test_behind_the_end_is_an_empty_page(sandbox: SandboxClient) -> None:
    body = sandbox.page(page=9, limit=100).json()
    assert (body["items"], body["nextPage"], body["currentPage"]) == ([], None, 9)


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 101}, "limit"),
        ({"limit": "ten"}, "limit"),
        ({"page": 0}, "page"),
        ({"page": "1.5"}, "page"),
        ({"sortBy": "updatedAt"}, "sortBy"),
        ({"sortOrder": "up"}, "sortOrder"),
        ({"status": "Lead,Gone"}, "status"),
        ({"policyStatus": "active"}, "policyStatus"),
        ({"policyTypes": "MAPD,XX"}, "policyTypes"),
        ({"startDate": "2026-01-01T00:00:00+00:00"}, "startDate"),
        ({"startDate": "2026-02-30"}, "startDate"),
        ({"endDate": "01/31/2026"}, "endDate"),
        ({"lastCallStartDate": "yesterday"}, "lastCallStartDate"),
        ({"dateField": "updatedAt"}, "dateField"),
        ({"agingIn": "4"}, "agingIn"),
        ({"hasAttempts": "yes"}, "hasAttempts"),
    ],
)
def test_wrong_parameters_are_rejected_by_name(sandbox: SandboxClient, query: dict[str, Any], path: str) -> None:
    assert flaw_paths(sandbox.page(**query)) == [[path]]


def test_unknown_parameters_are_ignored_and_counted(sandbox: SandboxClient) -> None:
    assert sandbox.page(pageSize=5).json()["itemsTotal"] == 300
    assert sandbox.stats("carecycle")["unknown_parameters"] == {"pageSize": 1}


def test_filters_pick_what_they_say(sandbox: SandboxClient) -> None:
    rows = everyone(sandbox)

    def check(name: str, value: str, test: Any) -> None:
        expected = {row["id"] for row in rows if test(row)}
        assert 0 < len(expected) < len(rows), name
        got: set[str] = set()
        for page in range(1, 4):
            got |= {row["id"] for row in sandbox.items(page=page, **{name: value})}
        assert got == expected, name

    some = rows[0]
    check("status", "Active,Inactive", lambda row: row["status"] in ("Active", "Inactive"))
    check("states", "FL,TX", lambda row: row["state"] in ("FL", "TX"))
    check("county", "Cook", lambda row: row["county"] == "Cook")
    check("policyTypes", "MA,PDP", lambda row: any(p["policyType"] in ("MA", "PDP") for p in row["policies"]))
    check("policyStatus", "Pending", lambda row: any(p["status"] == "Pending" for p in row["policies"]))
    check("sourceIds", "radio-24", lambda row: (row["source"] or {}).get("sourceId") == "radio-24")
    check("assignedMemberIds", "unassigned", lambda row: row["memberId"] is None)
    check("campaignStatus", "failed", lambda row: any(c["status"] == "failed" for c in row["campaigns"]))
    check("hasAttempts", "true", lambda row: any(c["attempts"] for c in row["campaigns"]))
    check("startDate", "2026-01-01", lambda row: row["createdAt"] >= "2026-01-01")
    check("endDate", some["createdAt"][:10], lambda row: row["createdAt"][:10] <= some["createdAt"][:10])
    check("startDate", rows[9]["createdAt"], lambda row: row["createdAt"] >= rows[9]["createdAt"])
    check("lastCallStartDate", "2026-06-01", lambda row: (row["lastCallDate"] or "") >= "2026-06-01")
    check("search", "miami", lambda row: "miami" in f"{row['city']} {row['county']}".lower())


def test_search_finds_a_customer_by_phone_and_email(sandbox: SandboxClient) -> None:
    rows = sandbox.get("customers")
    phones = Counter(row["callerId"] for row in rows)
    some = next(row for row in rows if row["email"] and phones[row["callerId"]] == 1 and not row["testCustomer"])
    local = some["callerId"].removeprefix("+1")
    for text in (some["callerId"], local, some["email"], some["email"].upper()):
        assert [row["id"] for row in sandbox.items(search=text)] == [some["id"]], text
    sandbox.upload({"phoneNumber": f"({local[:3]}) {local[3:6]}-{local[6:]}", "timezone": "EST", "externalId": "X"})
    sandbox.upload({"phoneNumber": "2125552345", "timezone": "EST", "email": f"x{some['email']}", "externalId": "Y"})
    assert {row["clientCustomerId"] for row in sandbox.items(search=local)} == {some["clientCustomerId"], "X"}
    assert {row["clientCustomerId"] for row in sandbox.items(search=some["email"])} == {some["clientCustomerId"], "Y"}
    assert sandbox.items(search="nobody@example.com") == []


def test_search_needs_its_plus_sign_encoded(sandbox: SandboxClient) -> None:
    phone = sandbox.items()[0]["callerId"]
    raw = sandbox.session.get(f"{sandbox.url}/v2/customers?search={phone}", headers=KEY).json()
    assert raw["itemsTotal"] == 0
    assert sandbox.page(search=" ").json()["itemsTotal"] == 300


def test_dates_can_be_those_of_policies(sandbox: SandboxClient) -> None:
    found = sandbox.items(dateField="effectiveDate", startDate="2026-06-01")
    assert found
    assert all(any(policy["effectiveDate"] >= "2026-06-01" for policy in row["policies"]) for row in found)


def test_aging_in_means_turning_65_soon(sandbox: SandboxClient) -> None:
    today = dt.datetime.now(dt.timezone.utc).date()
    for row in sandbox.items(agingIn="12"):
        born = dt.date.fromisoformat(row["dateOfBirth"])
        assert 0 <= (born.year + 65 - today.year) * 12 + born.month - today.month <= 12


def test_test_customers_are_shown_on_demand(sandbox: SandboxClient) -> None:
    assert sandbox.page(includeTestNumbers="true").json()["itemsTotal"] == 303


def test_ties_keep_their_order_unless_shuffled(sandbox: SandboxClient) -> None:
    query: dict[str, Any] = {"sortBy": "createdAt", "sortOrder": "asc", "limit": 100}
    first = sandbox.page(**query).json()
    assert sandbox.page(**query).json() == first
    sandbox.post("quirks", {"shuffle_ties": True})
    shuffled = [sandbox.page(**query, page=2).json()["items"] for _ in range(4)]
    orders = {tuple(row["id"] for row in page) for page in shuffled}
    assert len(orders) > 1
    assert len({tuple(row["createdAt"] for row in page) for page in shuffled}) == 1


def test_nulls_come_last_going_up(sandbox: SandboxClient) -> None:
    rows = [row for page in (1, 2, 3) for row in sandbox.items(page=page, sortBy="firstName", sortOrder="asc")]
    names = [row["firstName"] for row in rows]
    assert None in names
    assert names == sorted(names, key=lambda name: (name is None, name or ""))


@pytest.mark.parametrize(
    ("key", "status", "code"),
    [
        (None, 401, "UNAUTHORIZED"),
        ("cc_wrong", 401, "UNAUTHORIZED"),
        ("cc_sandbox_without_permission", 403, "FORBIDDEN"),
    ],
)
def test_keys(sandbox: SandboxClient, key: str | None, status: int, code: str) -> None:
    headers = {"x-api-key": key} if key else {}
    response = sandbox.session.get(f"{sandbox.url}/v2/customers", headers=headers)
    assert (response.status_code, response.json()["code"]) == (status, code)


def test_unknown_paths_and_methods_are_not_found(sandbox: SandboxClient) -> None:
    for method, path in (("GET", "/v2/members"), ("POST", "/v2/customers"), ("GET", "/"), ("GET", "/v2/leads/upload")):
        response = sandbox.session.request(method, f"{sandbox.url}{path}", headers=KEY)
        assert (response.status_code, response.json()["code"]) == (404, "NOT_FOUND")


def test_one_customer(sandbox: SandboxClient) -> None:
    row = sandbox.items()[0]
    get = sandbox.session.get
    assert get(f"{sandbox.url}/v2/customers/{row['id']}", headers=KEY).json() == row
    missing = get(f"{sandbox.url}/v2/customers/00000000-0000-4000-8000-000000000000", headers=KEY)
    assert (missing.status_code, missing.json()["code"]) == (404, "NOT_FOUND")
    assert flaw_paths(get(f"{sandbox.url}/v2/customers/7", headers=KEY)) == [["id"]]


def test_custom_field_definitions_are_paged(sandbox: SandboxClient) -> None:
    get = sandbox.session.get
    url = f"{sandbox.url}/v2/custom-fields"
    body = get(url, headers=KEY, params={"limit": "3", "sortBy": "fieldLabel", "sortOrder": "asc"}).json()
    assert list(body) == ENVELOPE
    assert (body["itemsTotal"], body["nextPage"], len(body["items"])) == (8, 2, 3)
    assert body["items"][0]["fieldKey"] == "best_time"
    assert flaw_paths(get(url, headers=KEY, params={"sortBy": "fieldKey"})) == [["sortBy"]]
