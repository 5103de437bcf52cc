"""Keys that are rotated in a running sandbox, keys of few rights, and keys in a query."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.sandbox.client import CREATE, KEY, LSQ_KEYS, SINGLE, UPDATE, UPSERT, SandboxClient, lead, update

WHO_AM_I = "/v2/Authentication.svc/UserByAccessKey.Get"
FIRST = {"access_key": "u$rfirst", "secret_key": "one"}
SECOND = {"access_key": "u$rsecond", "secret_key": "two"}
ANA = lead(EmailAddress="ana@example.com")
ENCODED = "accessKey=u%24rsandbox0123456789abcdef&secretKey=sandboxsecret%240123456789abcdef"


def whose(sandbox: SandboxClient, access_key: str, secret_key: str) -> Any:
    """The organisation of these keys; the status where they are not valid."""
    headers = {"x-LSQ-AccessKey": access_key, "x-LSQ-SecretKey": secret_key}
    response = requests.get(f"{sandbox.url}{WHO_AM_I}", headers=headers, timeout=10)
    return response.json()["OrgId"] if response.status_code == 200 else response.status_code


def list_status(sandbox: SandboxClient, key: str) -> int:
    return requests.get(f"{sandbox.url}/v2/customers", headers={"x-api-key": key}, timeout=10).status_code


def test_leadsquareds_keys_are_rotated_and_the_organisation_stays(sandbox: SandboxClient) -> None:
    before = sandbox.get_lsq(WHO_AM_I).json()
    assert sandbox.post("keys", {"leadsquared": [FIRST, SECOND]}) == {"leadsquared": [FIRST, SECOND]}
    assert whose(sandbox, **FIRST) == whose(sandbox, **SECOND) == before["OrgId"]
    assert whose(sandbox, FIRST["access_key"], SECOND["secret_key"]) == 401, "a pair belongs together"
    assert sandbox.get_lsq(WHO_AM_I).status_code == 401
    assert sandbox.page().status_code == 200, "CareCycle's keys stay"
    sandbox.post("keys", {"leadsquared": [SECOND]})
    assert whose(sandbox, **FIRST) == 401


def test_carecycles_keys_are_rotated_and_the_customers_stay(sandbox: SandboxClient) -> None:
    clients = {row["clientId"] for row in sandbox.items()}
    sandbox.post("keys", {"carecycle": ["cc_a", "cc_b"]})
    assert [list_status(sandbox, key) for key in ("cc_a", "cc_b", KEY["x-api-key"])] == [200, 200, 401]
    assert sandbox.get_lsq(WHO_AM_I).status_code == 200, "LeadSquared's keys stay"
    record = {"phoneNumber": "2125552345", "postalCode": "10001"}
    sandbox.upload(record, headers={"x-api-key": "cc_b"})
    assert {row["clientId"] for row in sandbox.get("customers")} == clients


def test_reset_brings_the_first_keys_back(sandbox: SandboxClient) -> None:
    sandbox.post("keys", {"carecycle": [], "leadsquared": []})
    assert (sandbox.page().status_code, sandbox.get_lsq(WHO_AM_I).status_code) == (401, 401)
    sandbox.post("reset")
    assert (sandbox.page().status_code, sandbox.get_lsq(WHO_AM_I).status_code) == (200, 200)


@pytest.mark.parametrize(
    "wrong",
    [
        {"carecycle": "cc_a"},
        {"carecycle": [""]},
        {"leadsquared": ["u$r"]},
        {"leadsquared": FIRST},
        {"leadsquared": [{"access_key": "u$r"}]},
        {"leadsquared": [{**FIRST, "organisation": "x"}]},
        {"other": []},
    ],
)
def test_wrong_keys_change_nothing(sandbox: SandboxClient, wrong: Any) -> None:
    body = {"carecycle": ["cc_a"], **wrong}
    assert sandbox.session.post(f"{sandbox.url}/__sandbox__/keys", json=body).status_code == 400
    assert (sandbox.page().status_code, sandbox.get_lsq(WHO_AM_I).status_code) == (200, 200)


def test_keys_that_may_write_and_do_not_say_whose_they_are(sandbox: SandboxClient) -> None:
    sandbox.quirks(organisation_hidden=True)
    assert sandbox.get_lsq(WHO_AM_I).json()["ExceptionType"] == "MXUnauthorizedRequestException"
    assert sandbox.upsert(ANA)[0]["LeadCreated"]
    for path in ("/v2/customers", "/v2/custom-fields"):
        response = sandbox.session.get(f"{sandbox.url}{path}", headers=KEY)
        assert (response.status_code, response.json()["code"]) == (403, "FORBIDDEN")
    assert sandbox.upload({"phoneNumber": "2125552345", "postalCode": "10001"}).json()["succeeded"] == 1


def post(sandbox: SandboxClient, path: str, query: str, body: Any, **headers: str) -> Any:
    """A call whose query goes out as it stands here."""
    request = requests.Request("POST", f"{sandbox.url}{path}", json=body, headers=headers).prepare()
    request.url = f"{sandbox.url}{path}?{query}"
    response = sandbox.session.send(request, timeout=10)
    assert response.status_code == 200, response.text
    return response.json()


@pytest.mark.parametrize("query", [ENCODED.replace("%24", "$"), ENCODED.replace("%24", "$", 1)])
def test_a_key_whose_dollar_is_not_encoded_loses_the_payload_silently(sandbox: SandboxClient, query: str) -> None:
    upserted = post(sandbox, UPSERT, query, [ANA, ANA])
    created = post(sandbox, CREATE, query, [ANA])
    single = post(sandbox, SINGLE, query, ANA)
    updated = post(sandbox, UPDATE, query, update(ANA))
    assert [(row["RowNumber"], row["LeadCreated"]) for row in upserted] == [(1, True), (2, True)]
    assert created[0]["LeadId"]
    assert (single["Status"], single["Message"]["AffectedRows"]) == ("Success", 1)
    assert updated["Status"]["SuccessCount"] == 1
    assert sandbox.get("leads") == sandbox.get("history") == []
    assert sandbox.get("stats")["payloads_lost"] == [1, 2, 3, 4]


def test_encoded_keys_and_keys_in_headers_lose_nothing(sandbox: SandboxClient) -> None:
    (row,) = post(sandbox, UPSERT, ENCODED, [ANA])
    assert post(sandbox, UPSERT, ENCODED.replace("%24", "$"), [ANA], **LSQ_KEYS)[0]["LeadId"] == row["LeadId"]
    response = sandbox.session.get(f"{sandbox.url}{WHO_AM_I}?{ENCODED.replace('%24', '$')}")
    assert response.status_code == 200, "a call without a payload has nothing to lose"
    assert sandbox.get("stats")["payloads_lost"] == []
