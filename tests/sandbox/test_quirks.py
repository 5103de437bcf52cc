from __future__ import annotations

import re
from typing import Any

import pytest

from tests.sandbox.client import KEY, SandboxClient


def quirk(sandbox: SandboxClient, **switches: Any) -> None:
    sandbox.post("quirks", switches)


@pytest.mark.parametrize(("form", "expected"), [("null", None), ("zero", 0), ("plus_one", 4), ("missing", "gone")])
def test_next_page_of_the_last_page(sandbox: SandboxClient, form: str, expected: Any) -> None:
    quirk(sandbox, next_page=form)
    assert sandbox.page(page=3, limit=100).json().get("nextPage", "gone") == expected
    assert sandbox.page(page=2, limit=100).json()["nextPage"] == 3


def test_over_the_end_may_be_not_found(sandbox: SandboxClient) -> None:
    quirk(sandbox, over_end="404")
    assert sandbox.page(page=3, limit=100).status_code == 200
    assert sandbox.page(page=4, limit=100).json()["code"] == "NOT_FOUND"


def test_parameters_may_be_ignored(sandbox: SandboxClient) -> None:
    first = sandbox.page(limit=10).json()["items"]
    quirk(sandbox, ignore_page=True)
    assert sandbox.page(limit=10, page=4).json()["items"] == first
    assert sandbox.page(limit=10, page=4).json()["currentPage"] == 1
    quirk(sandbox, ignore_page=False, ignore_limit=True)
    assert len(sandbox.page(limit=10).json()["items"]) == 50
    quirk(sandbox, ignore_limit=False, ignore_sort=True)
    assert sandbox.page(limit=10, sortBy="lastName", sortOrder="asc").json()["items"] == first
    quirk(sandbox, ignore_sort=False, page_size_cap=20)
    assert len(sandbox.page(limit=100).json()["items"]) == 20


def test_parameters_may_be_spelled_otherwise(sandbox: SandboxClient) -> None:
    quirk(sandbox, parameter_names={"page": "pageNumber"})
    assert sandbox.page(pageNumber=2).json()["currentPage"] == 2
    assert sandbox.page(page=2).json()["currentPage"] == 1
    assert sandbox.stats("carecycle")["unknown_parameters"] == {"page": 1}


def test_items_may_be_null_on_a_page(sandbox: SandboxClient) -> None:
    quirk(sandbox, null_items=2)
    assert sandbox.page(page=2).json()["items"] is None
    assert len(sandbox.page(page=1).json()["items"]) == 50


def test_rows_may_be_repeated_nameless_or_undated(sandbox: SandboxClient) -> None:
    usual = sandbox.items()
    quirk(sandbox, duplicate_ids=2)
    assert sandbox.items() == usual + usual[:2]
    quirk(sandbox, duplicate_ids=0, without_id=1)
    assert [("id" in row) for row in sandbox.items()[:3]] == [False, True, True]
    quirk(sandbox, without_id=0, null_updated_at=10)
    assert [place for place, row in enumerate(sandbox.items()) if row["updatedAt"] is None] == list(range(0, 100, 10))
    quirk(sandbox, null_updated_at=0, items_total_offset=-1, extra_fields={"mood": "good"})
    body = sandbox.page().json()
    assert body["itemsTotal"] == 299
    assert all(row["mood"] == "good" for row in body["items"])


@pytest.mark.parametrize(("form", "end"), [("postgres", r"\.\d{3}"), ("postgres_offset", r"\.\d{3}\+00")])
def test_moments_may_be_postgres_text(sandbox: SandboxClient, form: str, end: str) -> None:
    quirk(sandbox, timestamps=form)
    rows = sandbox.items()
    moments = [row["createdAt"] for row in rows] + [each["createdAt"] for row in rows for each in row["policies"]]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d" + end, moment) for moment in moments)
    one = sandbox.session.get(f"{sandbox.url}/v2/customers/{rows[0]['id']}", headers=KEY).json()
    assert one == rows[0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"nope": 1},
        {"next_page": "eleven"},
        {"shuffle_ties": 1},
        {"page_size_cap": "9"},
        {"lost_opt_outs": "all"},
        {"lost_opt_outs": [1]},
        {"duplicate_text": "other"},
    ],
)
def test_wrong_quirks_are_rejected(sandbox: SandboxClient, wrong: dict[str, Any]) -> None:
    response = sandbox.session.post(f"{sandbox.url}/__sandbox__/quirks", json=wrong)
    assert response.status_code == 400
    assert next(iter(wrong)) in response.json()["error"]


def test_quirks_are_taken_back(sandbox: SandboxClient) -> None:
    quirk(sandbox, next_page="zero")
    assert sandbox.delete("quirks")["next_page"] == "null"
    assert sandbox.page(page=3, limit=100).json()["nextPage"] is None
