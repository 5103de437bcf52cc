"""Rejects are sent again with --replay: what is taken leaves its file, what is rejected again stays there only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.forked import run_forked
from tests.processes import assert_balanced, carecycle, kill, leadsquared, report, singer, start
from tests.sandbox_client import Sandbox

TARGET = "target-leadsquared"
PHONES = ["+12125550123", "+12125550124", "+12125550125", "+12125550126"]
MAP = {"people": {"FirstName": "name", "EmailAddress": "mail", "Phone": "phone", "DoNotCall": "no_calls"}}


def settings(sandbox: Sandbox, **more: Any) -> dict[str, Any]:
    return leadsquared(sandbox, **{"field_map": MAP, "report_path": "report.json", "max_reject_percent": 100, **more})


def person(number: int, **values: Any) -> dict[str, Any]:
    return {
        "id": number,
        "name": f"Name{number}",
        "mail": f"p{number}@example.com",
        "phone": PHONES[number % 4],
        "no_calls": None,
        **values,
    }


def reject_file(folder: Path) -> Path:
    (path,) = (folder / "rejects" / TARGET).glob("*.singer")
    return path


def records(path: Path) -> list[dict[str, Any]]:
    messages = [json.loads(line) for line in path.read_text().splitlines()]
    return [message for message in messages if message["type"] == "RECORD"]


def rejected_once(sandbox: Sandbox, folder: Path, **more: Any) -> Path:
    """Two of four people are rejected: one for a bad phone, one because LeadSquared rejects the row."""
    fault = {"api": "leadsquared", "kind": "fail_row", "match": {"field": "FirstName", "value": "Name2"}}
    sandbox.post(
        "faults", [{**fault, "exception_type": "MXInvalidEntityReferenceException", "message": "Lead not found"}]
    )
    people = [person(0), person(1, phone="12"), person(2), person(3)]
    done = run_forked(TARGET, settings(sandbox, **more), stdin=singer(people), cwd=folder)
    assert done.code == 0, done.err
    assert len(records(reject_file(folder))) == 2
    sandbox.delete("faults")
    return reject_file(folder)


def replay(sandbox: Sandbox, folder: Path, path: Path, *options: str, **more: Any) -> dict[str, Any]:
    done = run_forked(TARGET, settings(sandbox, **more), *options, "--replay", str(path), cwd=folder)
    assert done.code == 0, done.err
    assert done.out == "", "a replay has no STATE"
    assert_balanced(report(folder))
    people: dict[str, Any] = report(folder)["streams"]["people"]
    return people


def names(sandbox: Sandbox) -> list[str]:
    return sorted(lead["FirstName"] for lead in sandbox.leads())


def test_what_is_taken_leaves_the_file_and_the_rest_stays_there_only(sandbox: Sandbox, tmp_path: Path) -> None:
    path = rejected_once(sandbox, tmp_path)
    account = replay(sandbox, tmp_path, path)
    assert (account["created"], account["rejected"]) == (1, {"invalid_value": 1})
    assert names(sandbox) == ["Name0", "Name2", "Name3"]
    assert [message["record"]["id"] for message in records(path)] == [1]
    assert reject_file(tmp_path) == path, "no other file was written"
    assert path.stat().st_mode & 0o777 == 0o600


def test_only_one_code(sandbox: Sandbox, tmp_path: Path) -> None:
    path = rejected_once(sandbox, tmp_path)
    account = replay(sandbox, tmp_path, path, "--only", "invalid_value")
    assert account["read"] == 1
    assert names(sandbox) == ["Name0", "Name3"]
    assert [message["record"]["id"] for message in records(path)] == [1, 2]


def test_the_file_goes_when_all_is_taken(sandbox: Sandbox, tmp_path: Path) -> None:
    path = rejected_once(sandbox, tmp_path)
    replay(sandbox, tmp_path, path, field_map={"people": {**MAP["people"], "Phone": False}})
    assert names(sandbox) == ["Name0", "Name1", "Name2", "Name3"]
    assert not path.exists()


def test_the_file_in_a_plain_pipe_does_the_same_as_a_run(sandbox: Sandbox, tmp_path: Path) -> None:
    path = rejected_once(sandbox, tmp_path)
    done = run_forked(TARGET, settings(sandbox), stdin=path.read_bytes(), cwd=tmp_path)
    assert done.code == 0, done.err
    assert names(sandbox) == ["Name0", "Name2", "Name3"]


@pytest.mark.parametrize("how", ["replay", "pipe"])
def test_an_older_version_never_overwrites_a_newer_one(sandbox: Sandbox, tmp_path: Path, how: str) -> None:
    path = rejected_once(sandbox, tmp_path, ledger_path="people.ledger")
    newer = singer([person(2, name="Newer2")])
    assert run_forked(TARGET, settings(sandbox, ledger_path="people.ledger"), stdin=newer, cwd=tmp_path).code == 0
    if how == "replay":
        account = replay(sandbox, tmp_path, path, ledger_path="people.ledger")
        assert [message["record"]["id"] for message in records(path)] == [1]
    else:
        again = run_forked(
            TARGET, settings(sandbox, ledger_path="people.ledger"), stdin=path.read_bytes(), cwd=tmp_path
        )
        assert again.code == 0, again.err
        account = report(tmp_path)["streams"]["people"]
    assert account["collapsed"] == 1
    assert names(sandbox) == ["Name0", "Name3", "Newer2"]


def test_an_older_version_may_still_raise_an_opt_out(sandbox: Sandbox, tmp_path: Path) -> None:
    config = settings(sandbox, ledger_path="people.ledger")
    sandbox.post(
        "faults", [{"api": "leadsquared", "kind": "fail_row", "match": {"field": "FirstName", "value": "Name0"}}]
    )
    # Her first version is rejected, and so is the minimal write: the API is out of order for her.
    sandbox.post(
        "faults",
        [{"api": "leadsquared", "kind": "fail_row", "match": {"field": "EmailAddress", "value": "p0@example.com"}}],
    )
    first = run_forked(TARGET, config, stdin=singer([person(0, no_calls=True)]), cwd=tmp_path)
    assert first.code == 3, first.err
    path = reject_file(tmp_path)
    sandbox.delete("faults")
    assert run_forked(TARGET, config, stdin=singer([person(0, name="Newer0")]), cwd=tmp_path).code == 0
    replay(sandbox, tmp_path, path, ledger_path="people.ledger")
    (lead,) = sandbox.leads()
    assert (lead["FirstName"], lead["DoNotCall"]) == ("Newer0", "1")
    assert not path.exists()


def test_without_a_ledger_it_warns(sandbox: Sandbox, tmp_path: Path) -> None:
    path = rejected_once(sandbox, tmp_path)
    done = run_forked(TARGET, settings(sandbox), "--replay", str(path), cwd=tmp_path)
    assert "ledger_path" in done.err


def test_a_dry_run_changes_no_file(sandbox: Sandbox, tmp_path: Path) -> None:
    path = rejected_once(sandbox, tmp_path)
    before = path.read_bytes()
    account = replay(sandbox, tmp_path, path, dry_run=True)
    assert (account["unsent"], account["rejected"]) == (1, {"invalid_value": 1})
    assert path.read_bytes() == before


def test_a_fault_leaves_what_was_not_sent_in_the_file(sandbox: Sandbox, tmp_path: Path) -> None:
    path = rejected_once(sandbox, tmp_path)
    sandbox.post("faults", [{"api": "leadsquared", "path": "Bulk", "kind": "status_500", "when": "before"}])
    done = run_forked(TARGET, settings(sandbox, max_retry_seconds=1), "--replay", str(path), cwd=tmp_path)
    assert done.code == 1
    assert [message["record"]["id"] for message in records(path)] == [1, 2]


@pytest.mark.parametrize("arguments", [["--replay"], ["somefile.singer"], ["--replay", "missing.singer"]])
def test_a_replay_needs_files_that_are_there(sandbox: Sandbox, tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "somefile.singer").write_text("")
    assert run_forked(TARGET, settings(sandbox), *arguments, cwd=tmp_path).code == 2


def test_a_replay_that_cannot_start_does_not_wait_for_a_tap(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "x.singer").write_text(singer([person(1)]))
    wrong = settings(sandbox, field_map={"people": {"EmailAddress": None}})
    process = start(TARGET, wrong, "--replay", "x.singer", cwd=tmp_path)
    try:
        assert process.wait(timeout=30) == 2, "its stdin is open, and nothing comes"
    finally:
        kill(process)


def test_another_targets_rejects_are_not_sent(sandbox: Sandbox, tmp_path: Path) -> None:
    bad = singer([person(1, phone="12", mail="none"), person(2)])
    fields = {"firstName": "name", "email": "mail", "phoneNumber": "phone"}
    upload = carecycle(sandbox, field_map={"people": fields}, report_path="report.json", max_reject_percent=100)
    assert run_forked("target-carecycle", upload, stdin=bad, cwd=tmp_path).code == 0
    (path,) = (tmp_path / "rejects").rglob("*.singer")
    before = path.read_bytes()
    done = run_forked(TARGET, settings(sandbox), "--replay", str(path), cwd=tmp_path)
    assert done.code == 2
    assert "holds rejects of another target (target-carecycle)" in done.err.splitlines()[-1]
    assert sandbox.leads() == []
    assert path.read_bytes() == before


def rejects_of(sandbox: Sandbox, folder: Path, *versions: dict[str, Any]) -> list[Path]:
    """One run, and one file, for each version, which LeadSquared rejects."""
    known = set((folder / "rejects").rglob("*.singer"))
    fault = {"api": "leadsquared", "kind": "fail_row", "match": {"field": "Company", "value": "No"}}
    sandbox.post("faults", [fault])
    fields = {"people": {**MAP["people"], "Company": {"value": "No"}}}
    paths = []
    for version in versions:
        done = run_forked(TARGET, settings(sandbox, field_map=fields), stdin=singer([version]), cwd=folder)
        assert done.code == 0, done.err
        (path,) = set((folder / "rejects").rglob("*.singer")) - known
        known.add(path)
        paths.append(path)
    sandbox.delete("faults")
    return paths


@pytest.mark.parametrize("batch_size_rows", [1, 25])
@pytest.mark.parametrize("turned", [False, True])
def test_the_newest_version_wins_in_any_order_of_the_files(
    sandbox: Sandbox, tmp_path: Path, *, turned: bool, batch_size_rows: int
) -> None:
    paths = rejects_of(sandbox, tmp_path, *(person(1, name=name) for name in ("Old", "Newer", "Newest")))
    arguments = [str(path) for path in (paths[::-1] if turned else paths)]
    config = settings(sandbox, batch_size_rows=batch_size_rows)
    done = run_forked(TARGET, config, "--replay", *arguments, cwd=tmp_path)
    assert done.code == 0, done.err
    assert names(sandbox) == ["Newest"]
    assert not any(path.exists() for path in paths)


def test_a_link_a_byte_order_mark_a_cut_line_and_the_same_file_twice(sandbox: Sandbox, tmp_path: Path) -> None:
    path, other = rejects_of(sandbox, tmp_path, person(1), person(2))
    link = tmp_path / "latest.singer"
    link.symlink_to(path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes() + b'{"type":"RECORD","stream":"people","rec')
    done = run_forked(TARGET, settings(sandbox), "--replay", *map(str, (link, other, path)), cwd=tmp_path)
    assert done.code == 0, done.err
    assert report(tmp_path)["streams"]["people"]["created"] == 2
    assert sum("not sent, and left in the file: line 3" in line for line in done.err.splitlines()) == 1
    assert link.is_symlink()
    assert path.read_bytes().endswith(b'"rec')
    assert not other.exists()


def test_files_of_an_older_version_are_taken(sandbox: Sandbox, tmp_path: Path) -> None:
    (path,) = rejects_of(sandbox, tmp_path, person(1))
    path.write_bytes(path.read_bytes().replace(b',"_sdc_reject_target":"target-leadsquared"', b""))
    done = run_forked(TARGET, settings(sandbox, ledger_path="x.ledger"), "--replay", str(path), cwd=tmp_path)
    assert done.code == 0, done.err
    assert sum("WARNING" in line for line in done.err.splitlines()) == 1, done.err
    assert names(sandbox) == ["Name1"]


def test_a_message_that_becomes_two_leads_stays_while_one_is_rejected(sandbox: Sandbox, tmp_path: Path) -> None:
    config = settings(
        sandbox,
        field_map={
            "people": {"FirstName": "name", "EmailAddress": "mail"},
            "copies": {"EmailAddress": "mail", "Phone": "phone", "FirstName": "name"},
        },
        streams=["people", "copies"],
        stream_maps={
            "people": {"phone": None},
            "copies": {"__source__": "people", "id": "id", "mail": "'copy-' + mail", "phone": "phone", "name": "name"},
        },
    )
    path = tmp_path / "people.singer"
    path.write_text(singer([person(1, phone="12")]))
    done = run_forked(TARGET, config, "--replay", str(path), cwd=tmp_path)
    assert done.code == 0, done.err
    streams = report(tmp_path)["streams"]
    (code,) = streams["copies"]["rejected"]
    assert streams["people"]["created"] == 1
    assert [message["_sdc_reject_code"] for message in records(path)] == [code]
