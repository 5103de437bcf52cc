"""Preflight before real writes: what stops a  what is left out, what it costs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.forked import run_forked
from tests.processes import Run, carecycle, leadsquared, report, singer
from tests.sandbox_client import Sandbox, running_sandbox

LEADSQUARED, CARECYCLE = "target-leadsquared", "target-carecycle"
METADATA = "/v2/LeadManagement.svc/LeadsMetaData.Get"
CUSTOM_FIELDS = "/v2/custom-fields"
PEOPLE = [{"id": n, "mail": f"p{n}@example.com", "town": "Albany", "kind": "Web", "off": n == 1} for n in range(4)]
TO_UPLOAD = [{"id": n, "tel": f"+1212555012{n}", "zip": "10001", "utm": "spring"} for n in range(3)]


def write(sandbox: Sandbox, folder: Path, own: dict[str, Any], **more: Any) -> Run:
    settings = {"report_path": "report.json", "max_reject_percent": 100, **more}
    config = leadsquared(sandbox, field_map={"people": {"EmailAddress": "mail", **own}}, **settings)
    return run_forked(LEADSQUARED, config, stdin=singer(PEOPLE), cwd=folder)


def upload(sandbox: Sandbox, folder: Path, custom: dict[str, str], **more: Any) -> Run:
    own = {"phoneNumber": "tel", "postalCode": "zip", "customFields": {"fields": custom}}
    config = carecycle(sandbox, field_map={"people": own}, **more)
    return run_forked(CARECYCLE, config, stdin=singer(TO_UPLOAD), cwd=folder)


def calls(sandbox: Sandbox, api: str) -> dict[str, int]:
    counted: dict[str, int] = sandbox.stats(api)["calls_by_path"]
    return {path.split(" ")[-1]: number for path, number in counted.items()}


def said_once(done: Run, text: str) -> bool:
    return done.err.count(text) == 1


def test_warn_leaves_an_unknown_attribute_out_and_says_so_once(sandbox: Sandbox, tmp_path: Path) -> None:
    done = write(sandbox, tmp_path, {"mx_Cty": "town", "mx_city": "kind"})
    assert done.code == 0, done.err
    assert said_once(done, "LeadSquared has no lead field mx_Cty; did you mean 'mx_City'?")
    assert said_once(done, "field_map.people.mx_city: LeadSquared spells this field 'mx_City'")
    assert len(sandbox.leads()) == len(PEOPLE)
    assert calls(sandbox, "leadsquared")[METADATA] == 1
    assert said_once(done, "not mapped and not sent: id, off")


@pytest.mark.parametrize(
    ("own", "more", "sentence"),
    [
        ({"mx_Cty": "town"}, {"preflight": "strict"}, "did you mean 'mx_City'?"),
        ({"mx_DOB": {"property": "town", "convert": "phone"}}, {"preflight": "strict"}, "never makes"),
        ({}, {"preflight": "strict", "search_by": "mx_City"}, "search_by: mx_City does not identify a lead"),
        ({}, {"search_by": "EmailAdress"}, "search_by: LeadSquared has no lead field EmailAdress; did you mean 'Email"),
        ({"mx_No_Calls": "off"}, {"opt_out_fields": ["mx_No_Calls"]}, "LeadSquared has no lead field mx_No_Calls"),
    ],
)
def test_what_stops_a_run_stops_it_before_the_first_write(
    sandbox: Sandbox, tmp_path: Path, own: dict[str, Any], more: dict[str, Any], sentence: str
) -> None:
    done = write(sandbox, tmp_path, own, **more)
    assert done.code == 2
    assert sentence in done.err
    assert sandbox.leads() == []
    assert set(calls(sandbox, "leadsquared")) == {METADATA}
    assert done.out == ""


def test_an_account_without_an_opt_out_field_stops_the_run(tmp_path: Path) -> None:
    with running_sandbox("--customers", "5", "--without-field", "DoNotCall") as sandbox:
        done = write(sandbox, tmp_path, {"DoNotCall": "off"})
        assert done.code == 2
        assert "LeadSquared has no lead field DoNotCall" in done.err
        assert sandbox.leads() == []
        assert write(sandbox, tmp_path, {"DoNotCall": False}).code == 0


def test_mandatory_fields_are_named_and_stop_a_strict_run(tmp_path: Path) -> None:
    with running_sandbox("--customers", "5", "--mandatory-field", "mx_City", "--no-carecycle-id") as sandbox:
        own = {"mx_City": False}
        done = write(sandbox, tmp_path, own, preflight="strict")
        assert done.code == 2
        assert "the account demands mx_City of new leads" in done.err
        done = write(sandbox, tmp_path, own)
        assert said_once(done, "the account demands mx_City of new leads")
        done = write(sandbox, tmp_path, {"mx_City": "town"}, preflight="strict")
        assert done.code == 0, done.err


def test_dropdowns_in_strict_and_in_warn(sandbox: Sandbox, tmp_path: Path) -> None:
    done = write(sandbox, tmp_path, {"Source": "kind"}, preflight="strict")
    assert done.code == 0, done.err
    assert report(tmp_path)["streams"]["people"]["rejected"] == {"invalid_value": 4}
    sandbox.post("quirks", {"unlisted_options": "store"})
    done = write(sandbox, tmp_path, {"Source": "kind"})
    assert done.code == 0, done.err
    assert said_once(done, "4 records: Source had a value that the account does not offer; it was sent as it is.")
    assert {lead["Source"] for lead in sandbox.leads()} == {"Web"}


def test_keys_that_may_not_read_the_fields_are_told_of_preflight_off(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.post("faults", {"kind": "forbidden_403", "api": "leadsquared", "path": "LeadsMetaData"})
    done = write(sandbox, tmp_path, {"mx_City": "town"})
    assert done.code == 2
    assert "may not read the account's lead fields" in done.err
    assert "preflight: off" in done.err
    done = write(sandbox, tmp_path, {"mx_City": "town"}, preflight="off")
    assert done.code == 0, done.err
    assert {lead["mx_City"] for lead in sandbox.leads()} == {"Albany"}
    assert calls(sandbox, "leadsquared")[METADATA] == 1


def test_the_wrong_region_names_the_right_host(tmp_path: Path) -> None:
    with running_sandbox("--customers", "5", "--account-host", "api-us11.leadsquared.com") as sandbox:
        done = write(sandbox, tmp_path, {})
        assert done.code == 2
        assert "set api_url to api-us11.leadsquared.com" in done.err


def test_customers_pass_strict_with_the_built_in_map(sandbox: Sandbox, tmp_path: Path) -> None:
    customer = {**sandbox.customers()[0], "email": "c@example.com", "callerId": "+12125550199"}
    config = leadsquared(sandbox, preflight="strict", report_path="report.json")
    done = run_forked(LEADSQUARED, config, stdin=singer([customer], stream="whoever"), cwd=tmp_path)
    assert done.code == 0, done.err
    assert report(tmp_path)["streams"]["whoever"]["created"] == 1
    assert sandbox.leads()[0]["mx_CareCycle_Id"] == customer["id"]


def test_an_unknown_custom_field_stops_an_upload_with_the_nearest_key(sandbox: Sandbox, tmp_path: Path) -> None:
    done = upload(sandbox, tmp_path, {"utm_campain": "utm"})
    assert done.code == 2
    assert "CareCycle has no custom field 'utm_campain'; did you mean 'utm_campaign'?" in done.err
    assert calls(sandbox, "carecycle") == {CUSTOM_FIELDS: 1}


def test_custom_fields_cost_one_call_and_only_where_they_are_mapped(sandbox: Sandbox, tmp_path: Path) -> None:
    before = len(sandbox.customers())
    done = upload(sandbox, tmp_path, {"utm_campaign": "utm"})
    assert done.code == 0, done.err
    assert calls(sandbox, "carecycle")[CUSTOM_FIELDS] == 1
    assert len(sandbox.customers()) == before + 3
    own = {"phoneNumber": "tel", "postalCode": "zip"}
    done = run_forked(CARECYCLE, carecycle(sandbox, field_map={"people": own}), stdin=singer(TO_UPLOAD), cwd=tmp_path)
    assert done.code == 0, done.err
    assert calls(sandbox, "carecycle")[CUSTOM_FIELDS] == 1, "no call where no custom field is mapped"


def test_a_key_that_may_not_read_custom_fields_only_gets_a_warning(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.post("faults", {"kind": "forbidden_403", "api": "carecycle", "path": "custom-fields"})
    done = upload(sandbox, tmp_path, {"utm_campaign": "utm"})
    assert done.code == 0, done.err
    assert said_once(done, "cannot read the account's custom fields (HTTP 403)")
