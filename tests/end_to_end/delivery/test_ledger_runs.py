"""What has not changed costs no call, and whatever has changed arrives.

Mutants of the peers that this catches: the set of delivered hashes instead of the latest (hotglue: A, B, A is lost),
one set for all streams (hotglue), the fingerprint saved before the API took the record (Multiwoven), a bare hash that
is undone by trying all phones (drt).
"""

from __future__ import annotations

import stat
from typing import Any

import pytest

from tests.end_to_end.delivery.harness import DELIVERED, TargetHarness, people, person
from tests.processes import singer

LEDGER: dict[str, Any] = {"ledger_path": "kept/ledger.db"}


def delivered(account: dict[str, Any]) -> int:
    return sum(account[column] for column in DELIVERED)


def test_what_is_unchanged_costs_no_write(harness: TargetHarness) -> None:
    assert delivered(harness.deliver(people(30), **LEDGER)) == 30
    calls = harness.write_calls()
    # Other spellings of the same: order of the properties, and of the records.
    rows = [dict(reversed(list(row.items()))) for row in reversed(people(30))]
    account = harness.deliver(rows, **LEDGER)
    assert account["unchanged"] == 30
    assert harness.write_calls() == calls
    changed = harness.deliver([*people(30), person(3, first_name="New"), person(99)], **LEDGER)
    assert changed["unchanged"] == 30 - changed["collapsed"]
    assert delivered(changed) == 2
    assert harness.last("p3")[harness.field("first_name")] == "New"


def test_a_value_that_goes_from_a_to_b_and_back_arrives(harness: TargetHarness) -> None:
    for name in ("A", "B", "A", "A"):
        harness.deliver([person(1, first_name=name)], **LEDGER)
    sent = [entry["payload"][harness.field("first_name")] for entry in harness.writes()]
    assert sent == ["A", "B", "A"]


def test_back_and_forth_within_one_run(harness: TargetHarness) -> None:
    """A, B, A in one run, in batches of their own or collapsed: the API ends at A."""
    harness.deliver([person(1, first_name="A")], **LEDGER)
    harness.deliver([person(1, first_name="B"), person(2), person(1, first_name="A")], batch_size_rows=1, **LEDGER)
    assert harness.last("p1")[harness.field("first_name")] == "A"
    account = harness.deliver([person(1, first_name="B"), person(2), person(3)], batch_size_rows=1, **LEDGER)
    assert delivered(account) == 2
    assert harness.last("p1")[harness.field("first_name")] == "B"


def test_a_changed_mapping_sends_again_and_resend_sends_all(harness: TargetHarness) -> None:
    harness.deliver(people(3), **LEDGER)
    constant = {"people": {"city" if harness.is_carecycle else "mx_City": {"value": "Springfield"}}}
    assert delivered(harness.deliver(people(3), field_map=constant, **LEDGER)) == 3
    assert harness.deliver(people(3), field_map=constant, **LEDGER)["unchanged"] == 3
    assert delivered(harness.deliver(people(3), field_map=constant, resend=True, **LEDGER)) == 3


def test_a_mapping_that_changes_no_value_so_far_sends_again(harness: TargetHarness) -> None:
    """What it would do to the values is its own business: the map's version is part of the hash."""
    rows = people(2, where_from=None)
    another = {"people": {"city" if harness.is_carecycle else "mx_City": "where_from"}}
    harness.deliver(rows, **LEDGER)
    assert delivered(harness.deliver(rows, field_map=another, **LEDGER)) == 2


def test_another_stream_is_another_record(harness: TargetHarness) -> None:
    """Two streams may use the same keys for other people: in CareCycle, one would overwrite the other."""
    settings = LEDGER | {"streams": ["*"], "on_conflict": None if harness.is_carecycle else "overwrite"}
    harness.run(singer([person(1)], stream="first"), **settings)
    done = harness.run(singer([person(1)], stream="second"), **settings)
    assert done.code == 0
    account = harness.report()["streams"]["second"]
    assert account["rejected"] == ({"conflict": 1} if harness.is_carecycle else {})
    assert account["unchanged"] == 0


def test_an_account_is_its_organisation_whatever_its_host_is_called(harness: TargetHarness) -> None:
    harness.deliver(people(2), **LEDGER)
    other = harness.sandbox.url.replace("127.0.0.1", "localhost")
    assert harness.deliver(people(2), api_url=other, **LEDGER)["unchanged"] == 2


def test_a_rotated_key_changes_nothing(harness: TargetHarness) -> None:
    husband, wife = person(1), person(2, phone=person(1)["phone"])
    harness.deliver([husband], **LEDGER)
    new: dict[str, Any] = (
        {"api_key": "cc_new"} if harness.is_carecycle else {"access_key": "u$rnew", "secret_key": "new secret"}
    )
    keys: dict[str, Any] = {"carecycle": ["cc_new"]} if harness.is_carecycle else {"leadsquared": [new]}
    harness.sandbox.post("keys", keys)
    assert harness.deliver([husband], **new, **LEDGER)["unchanged"] == 1
    if not harness.is_carecycle:
        assert harness.deliver([wife], **new, **LEDGER)["rejected"] == {"conflict": 1}


@pytest.mark.parametrize("name", ["ledger.db.key", "ledger.db"])
def test_a_ledger_that_is_not_whole_stops_before_anything_is_sent(harness: TargetHarness, name: str) -> None:
    harness.deliver(people(2), **LEDGER)
    calls = harness.stats()["calls"]
    (harness.folder / "kept" / name).write_bytes(b"damaged, and long enough to be seen as something else" * 2)
    done = harness.run(singer(people(2)), **LEDGER)
    assert done.code == 2
    assert "ledger_path" in done.err
    assert harness.stats()["calls"] == calls


def test_what_was_rejected_is_tried_again(harness: TargetHarness) -> None:
    """A hash is noted after the API took the record, and only then."""
    harness.fault("fail_row", times=1, match={"field": harness.field("email"), "value": "p1@example.com"})
    assert sum(harness.deliver(people(2), **LEDGER)["rejected"].values()) == 1
    account = harness.deliver(people(2), **LEDGER)
    assert (account["unchanged"], delivered(account)) == (1, 1)


def test_a_call_that_ends_the_run_leaves_nothing_in_the_ledger(harness: TargetHarness) -> None:
    harness.fault("unauthorized_401", times=1)
    harness.deliver(people(2), code=2, **LEDGER)
    assert delivered(harness.deliver(people(2), **LEDGER)) == 2


def test_the_ledger_holds_no_value_and_is_private(harness: TargetHarness) -> None:
    harness.deliver(people(5), **LEDGER)
    folder = harness.folder / "kept"
    assert {path.name for path in folder.iterdir()} >= {"ledger.db", "ledger.db.key"}
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name
        content = path.read_bytes()
        for value in (b"Ann1", b"p1@example", b"4155552001", b"415555", b"94110"):
            assert value not in content


def test_a_ledger_that_cannot_be_used_is_named(harness: TargetHarness) -> None:
    (harness.folder / "ledger.db").write_bytes(b"this is no database" * 100)
    done = harness.run(singer(people(1)), ledger_path="ledger.db")
    assert done.code == 2
    assert "ledger_path" in done.err.splitlines()[-1]
    assert harness.writes() == []
