"""People are looked up by e-mail and phone, and who is found has the value that was looked for."""

from __future__ import annotations

from typing import Any

import pytest

from lead_connectors.delivery.plan import Find
from lead_connectors.http.errors import CallRejectedError, TransientError
from lead_connectors.plugin.errors import ConnectorError
from tests.delivery.leads import a_lead
from tests.scripted_session import ScriptedSession
from tests.target_leadsquared.scripted_account import (
    ANN,
    BY_EMAIL,
    BY_PHONE,
    LEAD_ID,
    OTHER_ID,
    calls,
    destination,
    failure,
)


def look_up(*script: Any, left_out: frozenset[str] = frozenset(), **settings: Any) -> tuple[str | None, list[str]]:
    fields = {**ANN, "Mobile": "+1-3335550123", "mx_Policy": "P-7"}
    found, session = destination(*script, **settings)
    lead_id = found.find(Find(a_lead(0, "ann", fields=fields), left_out))
    assert session.script == []
    return lead_id, looked_for(session)


def looked_for(session: ScriptedSession) -> list[str]:
    calls_made = calls(session)
    keys = {BY_EMAIL: "emailaddress", BY_PHONE: "phone"}
    assert set(calls_made) <= keys.keys()
    return [(call.params or {})[keys[name]] for name, call in zip(calls_made, session.made, strict=True)]


def lead(lead_id: str = LEAD_ID, **fields: Any) -> dict[str, Any]:
    return {"ProspectID": lead_id, **fields}


EMAIL, PHONE, MOBILE = "ann@example.com", "+1-2125550123", "+1-3335550123"
BOB = lead(OTHER_ID, EmailAddress="bob@example.com", Phone="12125550199")


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ([[lead(EmailAddress="ANN@example.com ")]], LEAD_ID),
        ([[BOB, lead(EmailAddress=EMAIL)]], LEAD_ID),
        ([[BOB]], None),
        ([[lead(EmailAddress=None, Phone=PHONE)]], None),
        ([[]], None),
        ([None], None),
        ([[{"EmailAddress": EMAIL}, None, lead("", EmailAddress=EMAIL)]], None),
    ],
    ids=["in any case", "second", "another", "without it", "nobody", "no list", "without id"],
)
def test_who_is_found_by_email_has_it(script: list[Any], expected: str | None) -> None:
    assert look_up(*script) == (expected, [EMAIL])


@pytest.mark.parametrize(
    ("settings", "left_out", "field", "value"),
    [
        ({"search_by": "Phone"}, frozenset(), "Phone", PHONE),
        ({"search_by": "Mobile"}, frozenset(), "Mobile", MOBILE),
        ({}, frozenset({"EmailAddress"}), "Phone", PHONE),
        ({}, frozenset({"EmailAddress", "Phone"}), "Mobile", MOBILE),
    ],
)
def test_who_is_found_by_phone_has_it_in_that_field(
    settings: dict[str, Any], left_out: frozenset[str], field: str, value: str
) -> None:
    digits = value.replace("+", "").replace("-", "")
    other = {"Phone": "Mobile", "Mobile": "Phone"}[field]
    assert look_up([lead(**{field: digits})], left_out=left_out, **settings) == (LEAD_ID, [value])
    assert look_up([lead(**{other: value})], left_out=left_out, **settings) == (None, [value])
    assert look_up([BOB], left_out=left_out, **settings) == (None, [value])


def test_who_is_found_by_a_field_of_the_account_is_looked_up_by_email_and_phones_and_has_it() -> None:
    spouse, ann = lead(OTHER_ID, mx_Policy="P-8", Phone=PHONE), lead(mx_Policy="p-7")
    assert look_up([spouse], [spouse], [ann], search_by="mx_Policy") == (LEAD_ID, [EMAIL, PHONE, MOBILE])
    assert look_up([ann], search_by="mx_Policy") == (LEAD_ID, [EMAIL])
    assert look_up([spouse], [], [BOB], search_by="mx_Policy") == (None, [EMAIL, PHONE, MOBILE])


def test_with_search_by_none_who_has_the_email_or_a_phone_is_found() -> None:
    assert look_up([], [lead(Mobile=PHONE)], search_by="none") == (LEAD_ID, [EMAIL, PHONE])


def test_nobody_is_found_by_what_belongs_to_another_record() -> None:
    nothing = frozenset({"EmailAddress", "Phone", "Mobile"})
    assert look_up(left_out=nothing) == (None, [])


def test_a_look_up_that_is_rejected_proves_nothing_and_is_that_leads_own_fault() -> None:
    rejection = failure(500, "MXInvalidInputException", "not an e-mail")
    assert look_up(rejection, [lead(Phone=PHONE)], search_by="none") == (LEAD_ID, [EMAIL, PHONE])
    for error in (rejection, failure(403)):
        with pytest.raises(CallRejectedError):
            look_up(error)


@pytest.mark.parametrize("error", [failure(401), TransientError("later")])
def test_a_look_up_that_would_fail_for_every_lead_ends_the_run(error: Exception) -> None:
    with pytest.raises(ConnectorError) as raised:
        look_up(error)
    assert raised.value is error
