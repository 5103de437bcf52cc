"""Customers are looked up by phone, then by e-mail; only the one with the lead's own external id is the same person."""

from __future__ import annotations

from typing import Any

import pytest

from lead_connectors.http.errors import CallRejectedError, DeniedError, TransientError
from target_carecycle.customers import find_customer
from tests.scripted_session import ScriptedSession

ANN = {"externalId": "1", "phoneNumber": "+12125550123", "email": "ann@example.com", "firstName": "Ann"}
NOBODY: dict[str, Any] = {"items": []}


def customers(*external_ids: Any) -> dict[str, Any]:
    return {"items": [{"id": f"c{place}", "clientCustomerId": name} for place, name in enumerate(external_ids)]}


def searched(session: ScriptedSession) -> list[str]:
    assert {(call.method, call.path, call.json) for call in session.made} <= {("GET", "/v2/customers", None)}
    assert all(call.params and call.params["limit"] == "100" for call in session.made)
    return [call.params["search"] for call in session.made if call.params]


@pytest.mark.parametrize(
    ("script", "expected", "searches"),
    [
        ([customers("1")], "c0", 1),
        ([customers("2", None, "1")], "c2", 1),
        ([NOBODY, customers("1")], "c0", 2),
        ([customers("2"), customers("1")], "c0", 2),
        ([customers("2"), customers(None)], None, 2),
        ([NOBODY, NOBODY], None, 2),
    ],
    ids=["by phone", "with spouses", "by e-mail", "whose phone is another's", "only others", "nobody"],
)
def test_a_customer_is_found_by_phone_then_by_email(script: list[Any], expected: str | None, searches: int) -> None:
    session = ScriptedSession(*script)
    assert find_customer(session, ANN) == expected
    assert searched(session) == ["+12125550123", "ann@example.com"][:searches]


def test_who_has_no_external_id_is_not_looked_for() -> None:
    session = ScriptedSession()
    assert find_customer(session, {**ANN, "externalId": None}) is None
    assert session.made == []


def test_who_has_neither_phone_nor_email_is_not_looked_for() -> None:
    session = ScriptedSession()
    assert find_customer(session, {"externalId": "1", "phoneNumber": "", "email": None}) is None
    assert session.made == []


@pytest.mark.parametrize(
    "error",
    [
        DeniedError("no", status=403),
        DeniedError("no", status=404),
        CallRejectedError(status=400, code="VALIDATION_ERROR"),
    ],
)
def test_a_key_that_may_not_list_customers_finds_nobody(error: Exception) -> None:
    assert find_customer(ScriptedSession(error, error), ANN) is None
    assert find_customer(ScriptedSession(error, customers("1")), ANN) == "c0"


@pytest.mark.parametrize("error", [DeniedError("no", status=401), TransientError("later")])
def test_what_would_fail_for_every_lead_ends_the_run(error: Exception) -> None:
    with pytest.raises(type(error)):
        find_customer(ScriptedSession(error), ANN)


@pytest.mark.parametrize(
    "page",
    [
        None, [], "odd", {}, {"items": None}, {"items": {"id": "c0", "clientCustomerId": "1"}}, {"items": ["1", None]},
        {"items": [{"clientCustomerId": "1"}]}, {"items": [{"id": None, "clientCustomerId": "1"}]},
        {"items": [{"id": "", "clientCustomerId": "1"}]},
    ],
)  # fmt: skip
def test_a_page_that_is_none_finds_nobody(page: Any) -> None:
    assert find_customer(ScriptedSession(page, NOBODY), ANN) is None
