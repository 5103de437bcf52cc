"""An account without Lead/Bulk/UpdateV2: known leads are upserted by their id, in the spelling that it knows."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from lead_connectors.http.errors import CallRejectedError, StoppedError, TransientError
from lead_connectors.plugin.errors import ConnectorError
from tests.target_leadsquared.scripted_account import (
    ID_LAST,
    LACKS_UPDATE,
    LEAD_ID,
    OTHER_ID,
    READ,
    UPDATE,
    UPSERT,
    bad_row,
    calls,
    codes,
    destination,
    failure,
    known,
    leads_read,
    plan,
    row,
    send,
    single,
    updated,
    written,
)

OTHER_SPELLING_LAST = [("ProspectID", LEAD_ID), ("SearchBy", "ProspectID")]


@pytest.mark.parametrize(
    "error",
    [
        failure(404),
        failure(405),
        failure(403),
        failure(403, "MXUnAuthorizedAccessException", "no access"),
        failure(200, "MXUnauthorizedRequestException", "not allowed"),
        failure(200, "MXUnAuthorizedAccessException", "not allowed"),
        failure(404, "MXInvalidEntityReferenceException", "no such method"),
    ],
    ids=["404", "405", "403", "403 MX", "200 MX", "200 MX, other name", "404 MX"],
)
def test_without_the_call_known_leads_are_upserted_by_id_for_the_rest_of_the_run(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [row(1, created=False), row(2, created=False, lead_id=OTHER_ID)]
    found, session = destination(error, rows, rows)
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            assert codes(send(found, known(Phone="+1-2"), known(OTHER_ID))) == ["updated", "updated"]
    assert calls(session) == [UPDATE, UPSERT, UPSERT], "it is tried once a run"
    assert written(session.made[1]) == [("FirstName", "Ann"), ("Phone", "+1-2"), *ID_LAST]
    assert session.made[1].json == session.made[2].json
    assert len(caplog.messages) == 1, "and said once"
    assert "Lead/Bulk/UpdateV2" in caplog.text
    assert LEAD_ID not in caplog.text


def test_opt_outs_are_raised_without_the_call_too() -> None:
    found, session = destination(LACKS_UPDATE, leads_read(LEAD_ID), [row(1, created=False)])
    found.raise_opt_outs({LEAD_ID: frozenset({"DoNotCall"})})
    assert calls(session) == [UPDATE, READ, UPSERT]
    assert written(session.made[2]) == [("DoNotCall", "true"), *ID_LAST]


def test_opt_outs_of_a_lead_that_is_gone_create_none() -> None:
    found, session = destination(LACKS_UPDATE, leads_read())
    found.raise_opt_outs({LEAD_ID: frozenset({"DoNotCall"})})
    assert calls(session) == [UPDATE, READ]


def test_update_creates_nobody_by_an_id_that_is_gone() -> None:
    found, session = destination(LACKS_UPDATE, leads_read(), write_mode="update")
    assert codes(send(found, known())) == ["not_found"]
    assert calls(session) == [UPDATE, READ]


@pytest.mark.parametrize(
    "error",
    [
        failure(401),
        failure(401, "MXUnAuthorizedAccessException", "wrong keys"),
        failure(400),
        failure(500, "MXInvalidInputException", "bad date"),
        TransientError("later"),
        StoppedError("stopped"),
    ],
    ids=["401", "401 MX", "400", "500 MX", "transient", "stopped"],
)
def test_what_does_not_say_that_the_call_is_lacking_is_passed_on(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    found, session = destination(error, updated(2))
    with pytest.raises(ConnectorError) as raised:
        send(found, known(), known(OTHER_ID))
    assert raised.value is error
    assert codes(send(found, known(), known(OTHER_ID))) == ["updated", "updated"], "the account still has the call"
    assert calls(session) == [UPDATE, UPDATE]
    assert caplog.messages == []


# How SearchBy spells the id

BAD_ROW = [bad_row(1, "MXInvalidInputException", "Invalid SearchBy value provided")]
BAD_CALL = failure(500, "MXInvalidInputException", "Invalid SearchBy value provided")


@pytest.mark.parametrize("fault", [BAD_ROW, BAD_CALL], ids=["row", "call"])
def test_the_other_spelling_of_the_id_is_tried_once_and_kept(fault: Any) -> None:
    good = [row(1, created=False)]
    found, session = destination(LACKS_UPDATE, fault, good, good)
    assert codes([*send(found, known()), *send(found, known())]) == ["updated", "updated"]
    assert calls(session) == [UPDATE, UPSERT, UPSERT, UPSERT]
    ends = [written(call)[-2:] for call in session.made[1:]]
    assert ends == [ID_LAST, OTHER_SPELLING_LAST, OTHER_SPELLING_LAST]


def test_a_single_upsert_tries_the_other_spelling_too() -> None:
    found, session = destination(BAD_CALL, single(), single(), write_mode="upsert_single")
    assert codes([*send(found, known()), *send(found, known())]) == ["accepted", "accepted"]
    assert [written(call)[-1][1] for call in session.made] == ["ProspectId", "ProspectID", "ProspectID"]


@pytest.mark.parametrize("fault", [BAD_ROW, BAD_CALL], ids=["row", "call"])
def test_an_account_that_knows_neither_spelling_rejects_its_leads_after_one_try_of_each(fault: Any) -> None:
    found, session = destination(LACKS_UPDATE, fault, fault, fault)
    for _ in range(2):
        try:
            outcomes = send(found, known())
        except CallRejectedError as error:
            outcomes = [found.rejection(error)]
        assert codes(outcomes) == ["invalid_value"]
    assert calls(session) == [UPDATE, UPSERT, UPSERT, UPSERT]


def test_another_fault_of_a_row_or_a_call_says_nothing_about_the_spelling() -> None:
    bad = [bad_row(1, "MXInvalidInputException", "Invalid date")]
    found, session = destination(LACKS_UPDATE, bad, failure(500, "MXInvalidInputException", "Invalid date"))
    assert codes(send(found, known())) == ["invalid_value"]
    with pytest.raises(CallRejectedError):
        send(found, known())
    assert [written(call)[-2:] for call in session.made[1:]] == [ID_LAST, ID_LAST]


@pytest.mark.parametrize(("setting", "spelling"), [("ProspectId", "ProspectId"), ("ProspectID", "ProspectID")])
@pytest.mark.parametrize("mode", ["upsert", "upsert_single"])
def test_the_setting_says_which_spelling_goes_first(mode: str, setting: str, spelling: str) -> None:
    script: list[Any] = [single()] * 2 if mode == "upsert_single" else [LACKS_UPDATE, *[[row(1, created=False)]] * 2]
    found, session = destination(*script, write_mode=mode, search_by=setting)
    send(found, known())
    send(found, plan({"ProspectID": LEAD_ID, "FirstName": "Ann"}))
    writes = [call for call in session.made if not call.path.endswith(UPDATE)]
    assert [dict(written(call)) for call in writes] == [
        {"FirstName": "Ann", "ProspectID": LEAD_ID, "SearchBy": spelling}
    ] * 2
    assert all(written(call)[-1] == ("SearchBy", spelling) for call in writes)


def test_the_other_of_the_two_is_tried_where_the_setting_is_wrong() -> None:
    found, session = destination(BAD_CALL, single(), write_mode="upsert_single", search_by="ProspectID")
    assert codes(send(found, known())) == ["accepted"]
    assert [written(call)[-1][1] for call in session.made] == ["ProspectID", "ProspectId"]
