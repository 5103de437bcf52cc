"""--check: an account and a mapping looked at without a record, and a dry run with counts."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.forked import run_forked
from tests.processes import carecycle, leadsquared, report, run, singer
from tests.sandbox_client import ACCESS_KEY, CARECYCLE_KEY, SECRET_KEY, Sandbox, running_sandbox

LEADSQUARED, CARECYCLE = "target-leadsquared", "target-carecycle"
MAP = {"people": {"EmailAddress": "mail", "FirstName": {"property": ["nick", "name"]}, "mx_DOB": "person.born"}}


def columns(text: str) -> set[tuple[str, ...]]:
    lines = (line.replace("->", "  ").split("  ") for line in text.splitlines())
    return {tuple(part.strip() for part in line if part.strip()) for line in lines}


def test_leadsquared_shows_account_and_mapping(sandbox: Sandbox, tmp_path: Path) -> None:
    started = time.monotonic()
    done = run(LEADSQUARED, leadsquared(sandbox, field_map=MAP), "--check", cwd=tmp_path)
    assert time.monotonic() - started < 5
    assert (done.code, done.out) == (0, ""), done.err
    table = columns(done.err)
    assert ("mail", "EmailAddress", "email, at most 200", "email") in table
    assert ("nick, name", "FirstName", "text, at most 100", "text") in table
    assert ("person.born", "mx_DOB", "date", "date") in table
    assert ("id", "mx_CareCycle_Id", "text, at most 256", "text") in table, "the built-in map, too"
    assert "25 calls in 5 s" in done.err
    assert sandbox.stats("leadsquared")["calls"] == 2
    assert not any(secret in done.err for secret in (ACCESS_KEY, SECRET_KEY))


def test_carecycle_says_that_an_upload_can_start_outreach(sandbox: Sandbox, tmp_path: Path) -> None:
    done = run_forked(CARECYCLE, carecycle(sandbox), "--check", cwd=tmp_path)
    assert (done.code, done.out) == (0, ""), done.err
    assert "An upload can start outreach" in done.err
    assert ("callerId", "phoneNumber", "phone", "phone") in columns(done.err)
    assert CARECYCLE_KEY not in done.err
    assert sandbox.stats("carecycle")["calls"] == 1


def test_settings_may_come_from_the_environment(sandbox: Sandbox, tmp_path: Path) -> None:
    env = {
        "TARGET_LEADSQUARED_API_URL": sandbox.url,
        "TARGET_LEADSQUARED_ACCESS_KEY": ACCESS_KEY,
        "TARGET_LEADSQUARED_SECRET_KEY": SECRET_KEY,
        # as Meltano writes objects for its plugins
        "TARGET_LEADSQUARED_FIELD_MAP": '{"people.EmailAddress": "mail", "people.mx_DOB.property": ["a", "b"]}',
    }
    done = run(LEADSQUARED, Path("ENV"), "--check", cwd=tmp_path, env=env)
    assert done.code == 0, done.err
    assert ("a, b", "mx_DOB", "date", "date") in columns(done.err)


def test_all_that_is_wrong_is_told_at_once(sandbox: Sandbox, tmp_path: Path) -> None:
    field_map = {"one": {"Phone": "tel", "mx_Cty": "a"}, "two": {"mx_Zipp": "b"}, "good": {"Phone": "tel"}}
    config = leadsquared(sandbox, field_map=field_map, preflight="strict")
    done = run_forked(LEADSQUARED, config, "--check", cwd=tmp_path)
    assert done.code == 2
    for sentence in ("mx_Cty; did you mean 'mx_City'?", "mx_Zipp; did you mean 'mx_Zip'?", "Stream good"):
        assert sentence in done.err


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"access_key": "u$wrong"}, "Check access_key and secret_key"),
        ({"boolean_values": ["1"]}, "boolean_values must be two different texts"),
        ({"rate_limit": {"calls": 0, "seconds": 5}}, "rate_limit.calls must be a whole number, 1 or more"),
        ({"batch_size_rows": 30}, "batch_size_rows must be at most 25"),
    ],
)
def test_what_is_wrong_ends_with_exit_code_2(
    sandbox: Sandbox, tmp_path: Path, more: dict[str, Any], sentence: str
) -> None:
    done = run_forked(LEADSQUARED, leadsquared(sandbox, **more), "--check", cwd=tmp_path)
    assert done.code == 2
    assert sentence in done.err
    assert "wrong" not in done.err


def test_a_wrong_key_of_carecycle(sandbox: Sandbox, tmp_path: Path) -> None:
    done = run_forked(CARECYCLE, carecycle(sandbox, api_key="cc_nobody"), "--check", cwd=tmp_path)
    assert done.code == 2
    assert "Check api_key" in done.err
    done = run_forked(CARECYCLE, carecycle(sandbox, api_key="cc_sandbox_without_permission"), "--check", cwd=tmp_path)
    assert done.code == 0, "a key that may upload and read nothing is good"


def test_the_wrong_region_names_the_right_host(tmp_path: Path) -> None:
    with running_sandbox("--customers", "5", "--account-host", "api-in21.leadsquared.com") as sandbox:
        done = run_forked(LEADSQUARED, leadsquared(sandbox), "--check", cwd=tmp_path)
        assert done.code == 2
        assert "set api_url to api-in21.leadsquared.com" in done.err


def test_check_and_replay_exclude_each_other(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "x.singer").touch()
    done = run_forked(LEADSQUARED, leadsquared(sandbox), "--check", "--replay", "x.singer", cwd=tmp_path)
    assert done.code == 2
    assert "--check reads and sends nothing" in done.err


def test_a_dry_run_counts_each_field(sandbox: Sandbox, tmp_path: Path) -> None:
    people = [
        {"id": 1, "mail": "a@example.com", "nick": None, "name": "Ann", "person": {"born": "1950-03-04"}},
        {"id": 2, "mail": "b@example.com", "nick": "Bo", "name": "Bob", "person": None},
        {"id": 3, "mail": "c.example.com", "nick": None, "name": None, "person": {"born": "1950-13-04"}},
    ]
    config = leadsquared(sandbox, field_map=MAP, dry_run=True, report_path="report.json")
    done = run_forked(LEADSQUARED, config, stdin=singer(people, state_every=1), cwd=tmp_path)
    assert (done.code, done.out) == (0, ""), done.err
    assert "mail -> EmailAddress (email, at most 200; email): filled in 2, rejected in 1" in done.err
    assert "nick, name -> FirstName (text, at most 100; text): filled in 2, rejected in 0" in done.err
    assert "person.born -> mx_DOB (date; date): filled in 1, rejected in 1" in done.err
    account = report(tmp_path)["streams"]["people"]
    assert (account["unsent"], account["rejected"]) == (2, {"invalid_value": 1})
    assert sandbox.leads() == []
    assert not (tmp_path / "rejects").exists()
    assert "example.com" not in done.err


def test_check_knows_common_names_and_the_streams_that_are_delivered(sandbox: Sandbox, tmp_path: Path) -> None:
    field_map = {"people": {"mx_City": "town"}, "customers": {"mx_Cty": "town"}}
    done = run_forked(
        LEADSQUARED, leadsquared(sandbox, field_map=field_map, preflight="strict"), "--check", cwd=tmp_path
    )
    assert done.code == 2, "the map of customers is wrong"
    config = leadsquared(sandbox, field_map=field_map, preflight="strict", streams=["people"])
    done = run_forked(LEADSQUARED, config, "--check", cwd=tmp_path)
    assert done.code == 0, done.err
    assert "nothing fills" not in done.err
    assert ("town", "mx_City", "text, at most 100", "text") in columns(done.err)
    assert "streams leaves customers out" in done.err


@pytest.mark.parametrize("name", [LEADSQUARED, CARECYCLE])
@pytest.mark.parametrize("arguments", [(), ("--check",)])
def test_an_unknown_setting_stops_before_the_first_call(
    sandbox: Sandbox, tmp_path: Path, name: str, arguments: tuple[str, ...]
) -> None:
    config = leadsquared if name == LEADSQUARED else carecycle
    people = singer([{"id": 1, "mail": "a@example.com"}], state_every=1)
    done = run_forked(name, config(sandbox, dryrun=True), *arguments, stdin=people, cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert "dryrun is not a setting; did you mean dry_run?" in done.err
    assert sandbox.stats("leadsquared")["calls"] == sandbox.stats("carecycle")["calls"] == 0
