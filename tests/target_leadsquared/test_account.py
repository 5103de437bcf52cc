"""What LeadSquared says about the account: whose keys, which host, which organisation, which fields."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lead_connectors.http.errors import UnexpectedResponseError
from lead_connectors.http.quota import Quota
from lead_connectors.http.session import ApiSession
from lead_connectors.plugin.errors import SettingsError
from target_leadsquared.account import ask_whose_keys, fetch_metadata, organisation
from target_leadsquared.errors import ADVICE, ERRORS
from target_leadsquared.lead_fields import identifiers, lead_fields
from tests.http.loopback import Loopback, Scripted, loopback, scripted
from tests.json_values import json_with

UNAUTHORIZED = {"Status": "Error", "ExceptionType": "MXUnAuthorizedAccessException"}


@pytest.fixture(scope="module")
def api() -> Iterator[Loopback]:
    with loopback() as started:
        yield started


@pytest.fixture(scope="module")
def session(api: Loopback) -> Iterator[ApiSession]:
    quota = Quota([])
    made = ApiSession("LeadSquared", api.url, quota, headers={}, errors=ERRORS, advice=ADVICE, max_retry_seconds=0)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (scripted(200, {"OrgId": "{A1B2}", "OrgShortCode": "10001"}), "a1b2"),
        (scripted(200, {"OrgId": 77}), "77"),
        (scripted(200, {"OrgId": "", "OrgShortCode": "10001"}), "10001"),
        (scripted(200, {"OrgId": "00000000-0000-0000-0000-000000000000"}), None),
        (scripted(200, {"OrgId": ["odd"], "OrgShortCode": True}), None),
        (scripted(200, []), None),
        (scripted(403, {}), None),
        (Scripted(404, b"<html>"), None),
        (scripted(500, UNAUTHORIZED), None),
    ],
)
def test_the_organisation(api: Loopback, session: ApiSession, response: Scripted, expected: str | None) -> None:
    api.script, before = [response], len(api.requests)
    assert organisation(session) == expected
    assert len(api.requests) == before + 1


@pytest.mark.parametrize("ask", [organisation, ask_whose_keys, fetch_metadata])
def test_wrong_keys_are_told_with_all_that_can_be_wrong(
    api: Loopback, session: ApiSession, ask: Callable[[ApiSession], Any]
) -> None:
    api.script = [scripted(401, UNAUTHORIZED)] * 2
    with pytest.raises(SettingsError, match=r"rotated.*auth_in") as caught:
        ask(session)
    api.script = []
    assert "access_key" in str(caught.value)


@pytest.mark.parametrize("response", [scripted(403, {}), scripted(500, UNAUTHORIZED), scripted(404, UNAUTHORIZED)])
def test_fields_that_may_not_be_read_are_told_with_the_call(
    api: Loopback, session: ApiSession, response: Scripted
) -> None:
    api.script = [response]
    with pytest.raises(SettingsError, match=r"LeadsMetaData\.Get.*preflight: off"):
        fetch_metadata(session)


def test_keys_that_the_call_itself_rejects(api: Loopback, session: ApiSession) -> None:
    api.script = [scripted(200, UNAUTHORIZED)]
    with pytest.raises(SettingsError, match=r"UserByAccessKey\.Get.*access_key"):
        ask_whose_keys(session)


@pytest.mark.parametrize("mode", ["create", "upsert_single"])
def test_a_write_mode_that_the_account_does_not_have_is_named(api: Loopback, session: ApiSession, mode: str) -> None:
    call = {"create": "Lead/Bulk/Create", "upsert_single": "Lead.CreateOrUpdate"}[mode]
    api.script = [Scripted(404, b"<html>")]
    with pytest.raises(SettingsError, match=f"denied access to POST {call} .*write_mode: {mode}"):
        session.call("POST", f"/v2/LeadManagement.svc/{call}", json=[])


KEYS = [
    *("SchemaName", "DataType", "RenderTypeTextValue", "Options", "Value", "MaxLength", "AllowMultiple", "OrgId"),
    *("CustomObjectMetaData", "Fields", "IsLeadIdentifier", "OrgShortCode", "OrgDisplayName", "LSQCommonServiceURLs"),
    *("Status", "ExceptionType", "ExceptionMessage"),
]
VALUES = json_with(KEYS, ["Select", "Text", "mx_A", "Error", "MXOther", "https://api-in21.leadsquared.com/v2"])

FIELD = st.fixed_dictionaries(
    {"SchemaName": st.sampled_from(["mx_A", "mx_B", "Phone"])},
    optional={name: VALUES | st.sampled_from(["Select", "Text", "1"]) for name in KEYS[1:10]},
)
ANY = VALUES | st.lists(FIELD, max_size=3)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(ANY)
def test_no_json_breaks_a_reader(response: Any) -> None:
    class Answers:
        base_url = "https://api.leadsquared.com"

        def call(self, *_: Any) -> Any:
            return response

    session: Any = Answers()
    name = organisation(session)
    assert name is None or (isinstance(name, str) and name)
    for ask in (ask_whose_keys, fetch_metadata):
        try:
            found: Any = ask(session)
        except (UnexpectedResponseError, SettingsError):
            continue
        if isinstance(found, list):
            assert lead_fields(account=found)
            assert identifiers(found) is not None
