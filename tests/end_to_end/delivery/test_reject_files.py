"""Rejected records: on disk before anything later is acknowledged, as they came in, for this user's eyes alone.

Mutants that this catches: a dead-letter file under the usual umask (drt), rejects dropped past a number (drt), payloads
lost (Airbyte), the reject written after the STATE that covers it, a record that comes out other than it went in.
"""

from __future__ import annotations

import json
import stat
import subprocess
from pathlib import Path
from typing import Any

from tests.end_to_end.delivery.harness import DELIVERED, TargetHarness, people, person
from tests.processes import BIN, plugin_environment, singer, write_config

ODD = (
    '{"type":"RECORD","stream":"people","record":{"id": "odd",  "first_name":"Zo\\u00eb \\"Z\\"",'
    '"email":"not an e-mail", "phone":"12", "nested":{"b":1.50,"a":[null]}, "big":12345678901234567890}'
    ',"time_extracted":"2026-01-01T00:00:00Z"}'
)
SCHEMA = (
    '{"type": "SCHEMA", "stream": "people", "key_properties": ["id"], "schema": {"type": "object", "properties": '
    '{"id": {}, "first_name": {}, "email": {}, "phone": {}, "nested": {}, "big": {}}}}'
)


def mode(path: Any) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_reject_file_is_private_and_holds_the_record_byte_for_byte(harness: TargetHarness) -> None:
    done = harness.run(f"{SCHEMA}\n{ODD}\n")
    assert done.code == 0
    (path,) = harness.reject_files()
    assert mode(path) == 0o600
    assert mode(path.parent) == 0o700
    assert path.parent.name == harness.command
    assert (path.parent.parent / ".gitignore").read_text() == "*\n"
    assert path.name == f"people-{harness.report()['run_id']}.singer"
    schema, record = path.read_text().splitlines()
    assert schema == SCHEMA
    assert record.startswith(ODD[:-1]), "the record is as it came in"
    message = json.loads(record)
    assert set(message) == {"type", "stream", "record", "time_extracted"} | {
        name for name in message if name.startswith("_sdc_reject")
    }
    assert message["_sdc_reject_code"] == "invalid_value"
    assert message["_sdc_reject_reason"]


def test_a_reject_is_on_disk_before_its_state_leaves(harness: TargetHarness) -> None:
    """Looked at when each STATE line comes out."""
    bad = {f"p{n}" for n in range(0, 150, 10)}
    matched = {"field": harness.field("email"), "values": [f"{who}@example.com" for who in bad]}
    harness.fault("fail_row", match=matched, message="Invalid data")
    seen: list[tuple[int, set[str]]] = []
    live = harness.live(singer(people(150), state_every=10), batch_size_rows=10)
    live.on_state = lambda state: seen.append((state["bookmarks"]["people"]["n"], set(harness.rejects())))
    assert live.end() == 0
    assert len(seen) >= 2
    for known, on_disk in seen:
        assert {who for who in bad if int(who[1:]) < known} <= on_disk
    assert set(harness.rejects()) == bad


def test_a_reject_file_is_input_once_the_cause_is_corrected(harness: TargetHarness) -> None:
    """`cat FILE | target-...`."""
    who = {"field": harness.field("email"), "values": ["p1@example.com", "p3@example.com"]}
    harness.fault("fail_row", match=who, message="Invalid data")
    assert harness.deliver(people(5))["rejected"] == {"invalid_value": 2}
    harness.clear_faults()
    (path,) = harness.reject_files()
    done = harness.run(path.read_bytes())
    assert done.code == 0
    assert harness.report()["streams"]["people"]["read"] == 2
    assert set(harness.arrived()) == {f"p{n}" for n in range(5)}
    assert harness.last("p3")[harness.field("first_name")] == "Ann3"


def test_too_many_rejects_stop_the_run_after_the_batch_at_hand(harness: TargetHarness) -> None:
    harness.fault("fail_row", match={"field": harness.field("first_name"), "value": "Bad"}, message="Invalid data")
    rows = [*people(60), *(person(n, first_name="Bad") for n in range(60, 110)), *(person(n) for n in range(110, 130))]
    done = harness.run(singer(rows, state_every=10), batch_size_rows=10, max_in_flight=1)
    assert done.code == 3
    account = harness.report()["streams"]["people"]
    assert account["rejected"] == {"invalid_value": 40}, "of the first hundred, above 10 rejects and above 10 percent"
    assert done.states()[-1]["bookmarks"]["people"]["n"] == 100
    assert len(harness.rejects()) == 40
    assert "max_reject_percent" in done.err.splitlines()[-1]


def test_few_records_are_judged_at_the_end(harness: TargetHarness) -> None:
    harness.fault("fail_row", match={"field": harness.field("first_name"), "value": "Bad"}, message="Invalid data")
    rows = [*(person(n, first_name="Bad") for n in range(11)), *(person(n) for n in range(11, 60))]
    account = harness.deliver(rows, code=3, batch_size_rows=10)
    assert account["rejected"] == {"invalid_value": 11}
    assert sum(account[column] for column in DELIVERED) == 49, "the order of the records does not decide"
    harness.deliver(rows, max_reject_percent=20, batch_size_rows=10)


def test_ten_rejects_are_never_too_many(harness: TargetHarness) -> None:
    harness.fault("fail_row", match={"field": harness.field("first_name"), "value": "Bad"}, message="Invalid data")
    account = harness.deliver([person(n, first_name="Bad") for n in range(10)])
    assert account["rejected"] == {"invalid_value": 10}


def test_conflicts_do_not_count_among_too_many(leads: TargetHarness) -> None:
    rows = [*(person(n, phone=person(0)["phone"]) for n in range(14)), *people(40)[14:]]
    account = leads.deliver(rows, batch_size_rows=5)
    assert account["rejected"] == {"conflict": 13}
    assert account["created"] == 27


def test_records_that_are_rejected_before_any_call(harness: TargetHarness) -> None:
    """The SDK stops at the first one, and prints its values."""
    schema = {"id": {"type": "string"}, "first_name": {"type": "string", "maxLength": 5}, "email": {}, "phone": {}}
    properties = schema | {"last_name": {}, "zip": {}}
    rows = [
        person(0),
        person(1, first_name="Longer than five"),
        person(2, id=None),
        person(3, phone="12", email=None),
        person(4),
    ]
    done = harness.run(singer(rows, properties=properties, state_every=5))
    assert done.code == 0
    account = harness.report()["streams"]["people"]
    assert account["rejected"]["schema_invalid"] == 1
    assert account["rejected"]["key_missing"] == 1
    assert sum(account["rejected"].values()) == 3
    assert set(harness.arrived()) == {"p0", "p4"}
    assert done.states()[-1]["bookmarks"]["people"]["n"] == 5


def test_the_same_reject_in_run_after_run_is_written_once(harness: TargetHarness) -> None:
    """A full-table tap sends it every night."""
    rows = [person(1, phone="12", email="none"), person(2)]
    for night in ("monday", "tuesday", "wednesday"):
        account = harness.deliver([row | {"_sdc_extracted_at": night} for row in rows])
        assert account["rejected"] == {"invalid_value": 1}
    (path,) = harness.reject_files()
    harness.deliver([person(1, phone="13", email="none"), person(2)])
    assert len(harness.reject_files()) == 2, "her record has changed"
    assert path in harness.reject_files()


def test_streams_with_one_safe_name_have_a_file_each(harness: TargetHarness) -> None:
    text = "".join(singer([person(n, phone="12", email="no")], stream=name) for n, name in enumerate(["a/b", "a:b"]))
    own_ids = {"externalId": "id"} if harness.is_carecycle else {}
    done = harness.run(text, streams=["a?b"], field_map={"*": own_ids})
    assert done.code == 0, done.err
    assert len(harness.reject_files()) == 2
    assert set(harness.rejects()) == {"p0", "p1"}


def test_rejects_in_the_project_folder_itself_leave_the_project_alone(harness: TargetHarness) -> None:
    harness.folder.chmod(0o755)
    harness.deliver([person(1, phone="12", email="no"), person(2)], rejects_path=".")
    assert mode(harness.folder) == 0o755
    assert not (harness.folder / ".gitignore").exists()
    assert mode(harness.folder / harness.command) == 0o700
    (path,) = (harness.folder / harness.command).glob("*.singer")
    assert mode(path) == 0o600


def limited(harness: TargetHarness, stdin: str, *arguments: str, blocks: int, **settings: Any) -> Any:
    """The installed command where no file can grow beyond so many blocks of 512 bytes: a full disk of its own."""
    config = write_config(harness.folder, harness.command, harness.settings(**settings))
    command = [str(BIN / harness.command), "--config", str(config), *arguments]
    return subprocess.run(
        ["sh", "-c", f'ulimit -f {blocks} && exec "$@"', "sh", *command],
        input=stdin.encode(),
        capture_output=True,
        cwd=harness.folder,
        timeout=60,
        check=False,
        env=plugin_environment(None),
    )


def whole_records(path: Path) -> list[str]:
    messages = [json.loads(line) for line in path.read_text().splitlines()]
    return [message["record"]["id"] for message in messages if message["type"] == "RECORD"]


def test_a_full_disk_ends_the_run_with_its_setting_and_its_account(harness: TargetHarness) -> None:
    bad = [person(n, phone="12", email="no", notes="x" * 3000) for n in range(60)]
    done = limited(harness, singer(bad, state_every=1), blocks=128, max_reject_percent=100)
    err = done.stderr.decode()
    assert done.returncode == 1, err
    assert "rejects_path: " in err.splitlines()[-1]
    assert "unexpected" not in err
    assert "Summary: people read=" in err
    assert harness.report()["exit_code"] == 1
    (path,) = harness.reject_files()
    on_disk = whole_records(path)
    states = [json.loads(line)["bookmarks"]["people"]["n"] for line in done.stdout.splitlines()]
    assert 0 < len(on_disk) < 60
    assert all(n <= len(on_disk) for n in states), "no STATE passes a reject that is not on disk"
    again = harness.run(singer(bad, state_every=1), max_reject_percent=100)
    assert again.code == 0
    assert set(harness.rejects()) == {f"p{n}" for n in range(60)}


def test_a_dry_run_ends_with_the_exit_code_of_the_run(harness: TargetHarness) -> None:
    rows = [person(n, **({"phone": "12", "email": "no"} if n < 22 else {})) for n in range(50)]
    dry = harness.deliver(rows, code=3, dry_run=True)
    assert (sum(dry["rejected"].values()), dry["unsent"]) == (22, 28)
    assert harness.reject_files() == []
    assert sum(harness.deliver(rows, code=3)["rejected"].values()) == 22
    harness.deliver(rows, dry_run=True, max_reject_percent=50)
