"""The ledger remembers the latest of each lead, per account, mapping and stream, and who each identity belongs to."""

from __future__ import annotations

import dataclasses
import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest

from lead_connectors.delivery.lead import Lead
from lead_connectors.delivery.ledger import Ledger
from lead_connectors.delivery.plan import Send
from lead_connectors.plugin.errors import SettingsError
from tests.delivery.leads import a_lead

SECRET_PHONE = "+1-2125550123"


def opened(folder: Path, account: str = "host|key") -> Ledger:
    return Ledger(folder / "people.ledger", account=account)


def unchanged(ledger: Ledger, lead: Lead) -> bool:
    return ledger.look_up(lead).is_unchanged


def is_known(ledger: Ledger, lead: Lead) -> bool:
    return ledger.look_up(lead).accepted_at is not None


def owned_by_others(ledger: Ledger, lead: Lead) -> list[str]:
    return list(ledger.look_up(lead, compare=False).owned_by_others)


def _hashes(path: Path) -> set[bytes]:
    with sqlite3.connect(path) as database:
        return {value for row in database.execute("SELECT record, digest FROM leads") for value in row}


def accept(ledger: Ledger, lead: Lead, *left_out: str) -> None:
    ledger.accept([Send(lead, frozenset(left_out))])


def ann(name: str = "Ann", **values: Any) -> Lead:
    return a_lead(0, "ann", fields={"FirstName": name, "Phone": SECRET_PHONE}, **values)


def test_what_was_accepted_is_unchanged_in_the_next_run(tmp_path: Path) -> None:
    first = opened(tmp_path)
    assert not unchanged(first, ann())
    accept(first, ann())
    first.close()
    assert unchanged(opened(tmp_path), ann())


def test_a_value_that_goes_from_a_to_b_and_back_arrives(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    for name in ("A", "B", "A"):
        assert not unchanged(ledger, ann(name))
        accept(ledger, ann(name))


def test_the_order_of_fields_does_not_matter(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    accept(ledger, ann())
    assert unchanged(ledger, a_lead(5, "ann", fields={"Phone": SECRET_PHONE, "FirstName": "Ann"}))


@pytest.mark.parametrize("changed", [{"map_version": "m2"}, {"opt_outs": {"DoNotCall"}}])
def test_another_mapping_or_a_new_opt_out_is_a_change(tmp_path: Path, changed: dict[str, Any]) -> None:
    ledger = opened(tmp_path)
    accept(ledger, ann())
    assert not unchanged(ledger, ann(**changed))


def test_another_account_knows_nothing(tmp_path: Path) -> None:
    accept(opened(tmp_path), ann())
    assert not is_known(opened(tmp_path, account="host|other key"), ann())


def test_another_stream_with_the_same_key_is_another_record(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    accept(ledger, ann())
    other = dataclasses.replace(ann(), key=("prospects", "ann"))
    assert not is_known(ledger, other)


def test_a_phone_belongs_to_the_record_that_had_it_first(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    hers = {"Phone": "Phone:12125550123"}
    accept(ledger, ann(unique=hers))
    bob = a_lead(1, "bob", unique=hers)
    assert owned_by_others(ledger, bob) == ["Phone"]
    assert owned_by_others(ledger, ann(unique=hers)) == []
    accept(ledger, ann(unique={"Phone": "Phone:13105550123"}))
    assert owned_by_others(ledger, bob) == [], "she has a new phone, so the old one is free"


def test_a_field_that_is_left_out_is_nobodys(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    shared = {"Phone": "Phone:1"}
    accept(ledger, ann(unique=shared))
    accept(ledger, a_lead(1, "bob", unique=shared), "Phone")
    assert owned_by_others(ledger, ann(unique=shared)) == []


def test_without_a_path_identities_hold_for_the_run_and_nothing_is_remembered(tmp_path: Path) -> None:
    ledger = Ledger(None, account="a")
    accept(ledger, ann(unique={"Phone": "Phone:1"}))
    assert not is_known(ledger, ann())
    assert owned_by_others(ledger, a_lead(1, "bob", unique={"Phone": "Phone:1"})) == ["Phone"]
    assert not list(tmp_path.iterdir())


def test_the_files_are_for_this_user_only_and_hold_no_value(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    accept(ledger, ann(unique={"Phone": f"Phone:{SECRET_PHONE}"}))
    ledger.close()
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["people.ledger", "people.ledger.key"]
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        for value in (b"Ann", b"ann", b"2125550123"):
            assert value not in path.read_bytes()


def test_two_ledgers_with_keys_of_their_own_share_no_hash(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        ledger = opened(tmp_path / name)
        accept(ledger, ann())
        ledger.close()
    one, two = (((tmp_path / name) / "people.ledger.key").read_bytes() for name in ("one", "two"))
    assert one != two
    hashes = [_hashes(tmp_path / name / "people.ledger") for name in ("one", "two")]
    assert hashes[0]
    assert hashes[0].isdisjoint(hashes[1])


def test_a_dry_run_reads_and_writes_nothing(tmp_path: Path) -> None:
    dry = Ledger(tmp_path / "people.ledger", account="host|key", read_only=True)
    assert not is_known(dry, ann())
    dry.close()
    assert not list(tmp_path.iterdir())
    accept(opened(tmp_path), ann())
    assert unchanged(Ledger(tmp_path / "people.ledger", account="host|key", read_only=True), ann())


def test_a_file_that_is_no_ledger_is_a_wrong_setting(tmp_path: Path) -> None:
    (tmp_path / "people.ledger").write_text("this is no database, and long enough to be seen as something else")
    with pytest.raises(SettingsError, match="ledger_path"):
        opened(tmp_path)
