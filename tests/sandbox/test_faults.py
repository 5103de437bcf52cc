from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest
import requests

from tests.sandbox.client import KEY, LEADS, SINGLE, UPSERT, SandboxClient, lead

PEOPLE = [lead(EmailAddress=f"p{n}@example.com") for n in range(3)]


def written(sandbox: SandboxClient) -> int:
    return len(sandbox.get("leads"))


@pytest.mark.parametrize(
    ("kind", "status", "text"),
    [
        ("limit_429", 429, "exceeded the limit of 25 in 5 second(s)"),
        ("limit_403", 403, "exceeded the limit of 25 in 5 second(s)"),
        ("limit_200", 200, "MXAPIRateLimitExceededException"),
        ("status_500", 500, "Internal Server Error"),
        ("status_503", 503, "Service Unavailable"),
        ("mx_500", 500, '"ExceptionType":"MXInvalidDataTypeException"'),
        ("html_502", 502, "<html>"),
        ("html_200", 200, "<html>"),
        ("empty_200", 200, ""),
        ("forbidden_403", 403, "MXUnauthorizedRequestException"),
        ("unauthorized_401", 401, "MXUnAuthorizedAccessException"),
        ("not_found_404", 404, "could not be found"),
        ("sink_call", 500, "MXInvalidDataTypeException"),
    ],
)
def test_responses_of_leadsquared(sandbox: SandboxClient, kind: str, status: int, text: str) -> None:
    for when, applied in (("before", 0), ("after", 3)):
        sandbox.fault(kind, when=when, times=1)
        response = sandbox.post_lsq(UPSERT, PEOPLE)
        assert response.status_code == status
        assert text in response.text
        assert written(sandbox) == applied
    assert sandbox.post_lsq(UPSERT, PEOPLE).status_code == 200
    assert sandbox.get("stats")["faults_fired"] == {kind: 2}


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("limit_429", 429, "RATE_LIMIT_EXCEEDED"),
        ("status_500", 500, "INTERNAL_ERROR"),
        ("mx_500", 500, "INTERNAL_ERROR"),
        ("forbidden_403", 403, "FORBIDDEN"),
        ("unauthorized_401", 401, "UNAUTHORIZED"),
        ("not_found_404", 404, "NOT_FOUND"),
    ],
)
def test_responses_of_carecycle(sandbox: SandboxClient, kind: str, status: int, code: str) -> None:
    sandbox.fault(kind, api="carecycle", retry_after=7)
    response = sandbox.page()
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.json().get("retryAfter") == (7 if status == 429 else None)
    assert sandbox.get_lsq(f"{LEADS}Leads.GetById", id="x").status_code == 200


def test_a_rejection_names_the_limit_it_is_told_to(sandbox: SandboxClient) -> None:
    sandbox.fault("limit_429", calls=5, window=10, retry_after=4)
    response = sandbox.post_lsq(UPSERT, PEOPLE)
    assert response.json()["ExceptionMessage"] == "API calls exceeded the limit of 5 in 10 second(s)"
    assert response.headers["Retry-After"] == "4"


@pytest.mark.parametrize(("when", "applied"), [("before", 0), ("after", 3)])
@pytest.mark.parametrize("kind", ["reset", "timeout"])
def test_connections_that_break(sandbox: SandboxClient, kind: str, when: str, applied: int) -> None:
    sandbox.fault(kind, when=when, seconds=0.1)
    with pytest.raises(requests.ConnectionError, match="ConnectionResetError"):
        sandbox.post_lsq(UPSERT, PEOPLE)
    assert written(sandbox) == applied


@pytest.mark.parametrize(("when", "applied"), [("before", 0), ("after", 3)])
def test_responses_that_break_off(sandbox: SandboxClient, when: str, applied: int) -> None:
    sandbox.fault("truncated", when=when, times=1)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        sandbox.post_lsq(UPSERT, PEOPLE)
    assert written(sandbox) == applied


def test_a_page_that_breaks_off(sandbox: SandboxClient) -> None:
    sandbox.fault("truncated", times=1)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        sandbox.page()
    sandbox.fault("cut_json")
    with pytest.raises(requests.JSONDecodeError):
        sandbox.page().json()


def test_a_held_response_holds_up_nobody_else(sandbox: SandboxClient) -> None:
    sandbox.fault("timeout", times=1)
    held = threading.Thread(target=held_call, args=(sandbox.url,))
    held.start()
    sandbox.wait_for_call("carecycle")
    started = time.monotonic()
    assert sandbox.page().status_code == 200
    assert time.monotonic() - started < 0.3
    held.join()
    assert sandbox.stats("carecycle")["in_flight"] == 0, "a client that left is let go"


def held_call(url: str) -> None:
    with pytest.raises(requests.ReadTimeout):
        requests.get(f"{url}/v2/customers", timeout=1)


def test_a_slow_response(sandbox: SandboxClient) -> None:
    sandbox.fault("slow", seconds=0.2)
    started = time.monotonic()
    assert len(sandbox.upsert(*PEOPLE)) == 3
    assert time.monotonic() - started >= 0.2


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_response_that_drips(sandbox: SandboxClient, when: str) -> None:
    """No pause is long enough for a limit of each read: only a limit of the whole response ends it."""
    sandbox.fault("drip", seconds=0.05, times=1, when=when)
    started = time.monotonic()
    with sandbox.post_lsq(UPSERT, PEOPLE[:1], stream=True) as response:
        pieces = [(time.monotonic() - started, piece) for piece in response.iter_content(1)]
    assert response.status_code == 200
    assert json.loads(b"".join(piece for _, piece in pieces))[0]["LeadCreated"] is True
    assert len(pieces) == int(response.headers["Content-Length"])
    assert pieces[-1][0] >= 0.05 * len(pieces)
    assert pieces[0][0] < pieces[-1][0] / 2, "the bytes come one by one"
    assert written(sandbox) == 1
    assert sandbox.get("stats")["faults_fired"] == {"drip": 1}


def test_who_leaves_a_dripping_response_is_let_go(sandbox: SandboxClient) -> None:
    sandbox.fault("drip", times=1)
    with sandbox.session.get(f"{sandbox.url}/v2/customers", headers=KEY, stream=True, timeout=10) as response:
        assert response.status_code == 200
        assert sandbox.stats("carecycle")["in_flight"] == 1
    sandbox.wait_until_idle("carecycle")
    assert sandbox.stats("carecycle")["answers_by_status"] == {"drip": 1}
    assert sandbox.page().status_code == 200


def test_one_record_sinks_its_call(sandbox: SandboxClient) -> None:
    sandbox.fault("sink_call", match={"field": "EmailAddress", "value": "p1@example.com"})
    assert sandbox.post_lsq(UPSERT, PEOPLE).status_code == 500
    assert written(sandbox) == 0
    assert sandbox.post_lsq(UPSERT, [PEOPLE[0], PEOPLE[2]]).status_code == 200
    assert sandbox.post_lsq(SINGLE, PEOPLE[1]).status_code == 500
    assert sandbox.get_lsq(f"{LEADS}Leads.GetByEmailaddress", emailaddress="p1@example.com").status_code == 200


def test_one_record_sinks_its_upload_named_or_not(sandbox: SandboxClient) -> None:
    records = [{"phoneNumber": "2125552345", "postalCode": "10001", "externalId": f"E{n}"} for n in range(3)]
    match = {"field": "externalId", "values": ["E1", "E2"]}
    sandbox.fault("sink_call", match=match, times=1)
    sandbox.fault("sink_call", match=match, named=True)
    unnamed, named = sandbox.upload(*records), sandbox.upload(*records)
    assert unnamed.status_code == named.status_code == 422
    assert [flaw["path"] for flaw in unnamed.json()["errors"]] == [["records"]]
    assert [flaw["path"] for flaw in named.json()["errors"]] == [["records", "1"], ["records", "2"]]
    assert sandbox.upload(records[0]).json()["succeeded"] == 1


def test_one_row_fails(sandbox: SandboxClient) -> None:
    sandbox.fault(
        "fail_row",
        match={"field": "EmailAddress", "value": "p1@example.com"},
        exception_type="MXOddException",
        message="odd",
    )
    rows = sandbox.upsert(*PEOPLE)
    assert [row["LeadCreated"] for row in rows] == [True, False, True]
    assert (rows[1]["LeadId"], rows[1]["ExceptionType"], rows[1]["ErrorMessage"]) == ("", "MXOddException", "odd")
    assert written(sandbox) == 2


def test_a_row_that_was_written_may_look_failed(sandbox: SandboxClient) -> None:
    sandbox.fault("fail_row", row=2, when="after")
    assert [row["LeadCreated"] for row in sandbox.upsert(*PEOPLE)] == [True, False, True]
    assert written(sandbox) == 3


@pytest.mark.parametrize(
    ("kind", "numbers"),
    [("drop_row", [1, 3]), ("repeat_row", [1, 2, 2, 3]), ("unknown_row", [1, 103, 3])],
)
@pytest.mark.parametrize(("when", "applied"), [("before", 2), ("after", 3)])
def test_rows_with_strange_responses(
    sandbox: SandboxClient, kind: str, numbers: list[int], when: str, applied: int
) -> None:
    sandbox.fault(kind, row=2, when=when)
    assert [row["RowNumber"] for row in sandbox.upsert(*PEOPLE)] == numbers
    assert written(sandbox) == applied


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("drop_row", (1, 0, [])),
        ("repeat_row", (3, 0, [])),
        ("unknown_row", (1, 1, ["nobody-sent-this"])),
        ("fail_row", (1, 1, ["E0"])),
    ],
)
def test_responses_that_do_not_add_up(sandbox: SandboxClient, kind: str, expected: tuple[int, int, list[str]]) -> None:
    records = [{"phoneNumber": "2125552345", "postalCode": "10001", "externalId": f"E{n}"} for n in range(2)]
    sandbox.fault(kind, match={"field": "externalId", "value": "E0"})
    body = sandbox.upload(*records).json()
    assert (body["succeeded"], body["failed"], [each["externalId"] for each in body["errors"]]) == expected


def test_list_pages_may_lose_a_row(sandbox: SandboxClient) -> None:
    sandbox.fault("drop_row", path="/v2/customers", times=1)
    assert [len(sandbox.items()) for _ in range(2)] == [99, 100]


def test_when_faults_fire(sandbox: SandboxClient) -> None:
    sandbox.fault("status_500", path="Bulk", after_calls=1, times=2)
    statuses = [sandbox.post_lsq(UPSERT, PEOPLE).status_code for _ in range(4)]
    assert statuses == [200, 500, 500, 200]
    assert sandbox.get("faults")[0]["fired"] == 2
    assert sandbox.delete("faults") == []


def test_chance_is_seeded(sandbox: SandboxClient) -> None:
    def run() -> list[int]:
        sandbox.post("reset")
        sandbox.fault("status_503", probability=0.5)
        return [sandbox.page(limit=1).status_code for _ in range(20)]

    first = run()
    assert set(first) == {200, 503}
    assert run() == first


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"kind": "flood"},
        {"kind": "reset", "whom": 1},
        {"kind": "reset", "api": "other"},
        {"kind": "reset", "when": "during"},
        {"kind": "fail_row", "match": {"value": 1}},
    ],
)
def test_wrong_faults_are_rejected(sandbox: SandboxClient, wrong: dict[str, Any]) -> None:
    assert sandbox.session.post(f"{sandbox.url}/__sandbox__/faults", json=[wrong]).status_code == 400
    assert sandbox.get("faults") == []
