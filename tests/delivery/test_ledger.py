"""The ledger remembers the latest of each lead, per account, mapping and stream, and who each identity belongs to."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import shutil
import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest

from lead_connectors.delivery.lead import Lead
from lead_connectors.delivery.ledger import Accepted, Ledger, OpenOptOut
from lead_connectors.delivery.plan import Send
from lead_connectors.plugin.errors import SettingsError
from tests.delivery.leads import a_lead

SECRET_PHONE = "+1-2125550123"


def opened(folder: Path, credential: str = "host|key", organisation: str | None = "org-1", **options: Any) -> Ledger:
    return Ledger(folder / "people.ledger", credential=credential, organisation=lambda: organisation, **options)


def unchanged(ledger: Ledger, lead: Lead) -> bool:
    return ledger.look_up(lead).is_unchanged


def is_known(ledger: Ledger, lead: Lead) -> bool:
    return ledger.look_up(lead).accepted_at is not None


def owned_by_others(ledger: Ledger, lead: Lead) -> list[str]:
    return list(ledger.look_up(lead, compare=False).owned_by_others)


def _hashes(path: Path) -> set[bytes]:
    with sqlite3.connect(path) as database:
        return {value for row in database.execute("SELECT record, digest FROM leads") for value in row}


def accept(ledger: Ledger, lead: Lead, *left_out: str, lead_id: str | None = None) -> None:
    ledger.accept([Accepted(Send(lead, frozenset(left_out)), lead_id)])


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
    assert not is_known(opened(tmp_path, "host|other key", "org-2"), ann())
    assert is_known(opened(tmp_path), ann()), "and the first one still knows its own"


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


def test_without_a_path_who_is_who_holds_for_the_run_and_nothing_is_remembered(tmp_path: Path) -> None:
    ledger = Ledger(None, credential="a")
    accept(ledger, ann(unique={"Phone": "Phone:1"}), lead_id="L1")
    known = ledger.look_up(ann())
    assert (known.lead_id, known.is_unchanged) == ("L1", False)
    assert owned_by_others(ledger, a_lead(1, "bob", unique={"Phone": "Phone:1"})) == ["Phone"]
    assert not list(tmp_path.iterdir())


def test_an_identifier_that_is_left_out_stays_until_another_value_takes_its_place(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    accept(ledger, ann(unique={"Email": "Email:a", "Phone": "Phone:1"}))
    accept(ledger, ann(unique={"Email": "Email:a"}))
    bob = a_lead(1, "bob", unique={"Phone": "Phone:1"})
    assert owned_by_others(ledger, bob) == ["Phone"]
    cleared = a_lead(0, "ann", fields={"Phone": None}, unique={"Email": "Email:a"})
    accept(ledger, cleared)
    assert owned_by_others(ledger, bob) == [], "an empty value has taken its place"


def test_a_record_without_a_key_is_known_by_what_finds_it_first(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    first = a_lead(0, unique={"Email": "Email:a", "Phone": "Phone:1"})
    accept(ledger, first, lead_id="L1")
    moved = a_lead(1, unique={"Email": "Email:a", "Phone": "Phone:2"})
    assert ledger.look_up(moved).lead_id == "L1"
    assert owned_by_others(ledger, moved) == []
    spouse = a_lead(2, unique={"Email": "Email:b", "Phone": "Phone:1"})
    assert ledger.look_up(spouse).lead_id is None
    assert owned_by_others(ledger, spouse) == ["Phone"]


def test_a_lead_belongs_to_one_record(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    accept(ledger, ann(), lead_id="L1")
    bob = a_lead(1, "bob")
    assert ledger.belongs_to_another("L1", bob)
    assert not ledger.belongs_to_another("L1", ann())
    assert not ledger.belongs_to_another("L2", bob)
    accept(ledger, bob, lead_id="L1")
    assert ledger.look_up(ann()).lead_id is None, "the later record took it over"


def test_a_lead_that_is_gone_is_forgotten_and_no_longer_unchanged(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    accept(ledger, ann(), lead_id="L1")
    ledger.forget_lead(ann())
    known = ledger.look_up(ann())
    assert (known.lead_id, known.is_unchanged, known.is_known) == (None, False, True)


def test_a_field_that_was_left_out_is_due_when_it_is_free(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    hers = {"Phone": "Phone:1"}
    accept(ledger, ann(unique=hers))
    bob = a_lead(1, "bob", unique=hers)
    accept(ledger, bob, "Phone")
    assert unchanged(ledger, bob)
    accept(ledger, ann(unique={"Phone": "Phone:2"}))
    assert not unchanged(ledger, bob)


def test_an_opt_out_that_is_not_confirmed_is_remembered_and_nothing_is_unchanged(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    opted = ann(opt_outs={"DoNotCall"})
    ledger.accept([Accepted(Send(opted), "L1")], [(opted, "L1")])
    later = ann(opt_outs={"DoNotSMS"})
    ledger.accept([Accepted(Send(later), "L1")], [(later, "L1")])
    assert not unchanged(ledger, later)
    ledger.close()
    ledger = opened(tmp_path)
    assert ledger.open_opt_outs() == {"L1": OpenOptOut(frozenset({"DoNotCall", "DoNotSMS"}))}
    ledger.file_opt_outs(["L1"], "rejects")
    assert ledger.open_opt_outs()["L1"].filed_in == "rejects"
    assert opened(tmp_path, "host|x", "org-2").open_opt_outs() == {}
    ledger.confirm_opt_outs(["L1"])
    assert ledger.open_opt_outs() == {}
    assert unchanged(ledger, later)


# Keys, accounts and formats


def test_a_rotated_key_is_the_same_account(tmp_path: Path) -> None:
    accept(opened(tmp_path), ann(), lead_id="L1")
    assert opened(tmp_path, "host|new key").look_up(ann()).lead_id == "L1"
    assert opened(tmp_path, "host|new key", None).look_up(ann()).lead_id == "L1", "it is asked once"


def test_a_new_key_of_who_knows_which_account_stops_the_run(tmp_path: Path) -> None:
    accept(opened(tmp_path), ann())
    with pytest.raises(SettingsError, match=r"ledger_path.*another key"):
        opened(tmp_path, "host|new key", None)


def test_an_account_that_could_not_be_told_at_first_is_told_later(tmp_path: Path) -> None:
    accept(opened(tmp_path, organisation=None), ann(), lead_id="L1")
    assert opened(tmp_path).look_up(ann()).lead_id == "L1"
    assert opened(tmp_path, "host|new key").look_up(ann()).lead_id == "L1"


@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "another"])
def test_a_ledger_without_its_own_key_stops_the_run(tmp_path: Path, damage: str) -> None:
    accept(opened(tmp_path), ann())
    key = tmp_path / "people.ledger.key"
    if damage == "missing":
        key.unlink()
    else:
        key.write_bytes({"empty": b"", "cut": key.read_bytes()[:9], "another": bytes(32)}[damage])
    before = (tmp_path / "people.ledger").read_bytes()
    with pytest.raises(SettingsError, match=r"ledger_path: .*key.*[Pp]ut the"):
        opened(tmp_path)
    assert (tmp_path / "people.ledger").read_bytes() == before
    assert key.exists() == (damage != "missing")


def test_a_ledger_of_a_newer_format_stops_the_run(tmp_path: Path) -> None:
    opened(tmp_path).close()
    with sqlite3.connect(tmp_path / "people.ledger") as database:
        database.execute("PRAGMA user_version = 3")
    with pytest.raises(SettingsError, match=r"newer release \(format 3, this one knows 2\)"):
        opened(tmp_path)


FORMAT_1 = Path(__file__).parent / "ledgers" / "format_1.db"
"""Written by the release before this format, for `api.example.com|u$rOLD`: Ann, Bob (opted out), Cat without a key."""


def old_lead(key: str | None, name: str, last: str, **values: Any) -> Lead:
    phone, email = f"1212555010{last}", f"{name.lower()}@example.com"
    fields = {"FirstName": name, "EmailAddress": email, "Phone": phone}
    unique = {"EmailAddress": f"EmailAddress:{email}", "Phone": f"Phone:{phone}"}
    return a_lead(0, key, fields=fields, unique=unique, **values)


@pytest.fixture
def old_ledger(tmp_path: Path) -> Path:
    shutil.copy(FORMAT_1, tmp_path / "people.ledger")
    shutil.copy(f"{FORMAT_1}.key", tmp_path / "people.ledger.key")
    return tmp_path


@pytest.mark.parametrize("read_only", [False, True])
def test_a_ledger_of_the_first_format_goes_on_as_it_is(old_ledger: Path, *, read_only: bool) -> None:
    before = (old_ledger / "people.ledger").read_bytes()
    ledger = opened(old_ledger, "api.example.com|u$rOLD", read_only=read_only)
    assert unchanged(ledger, old_lead("ann", "Ann", "1"))
    assert unchanged(ledger, old_lead("bob", "Bob", "2", opt_outs={"DoNotCall"}))
    assert owned_by_others(ledger, old_lead("eve", "Ann", "3")) == ["EmailAddress", "Phone"]
    cat = old_lead(None, "Cat", "3")
    assert owned_by_others(ledger, cat) == [], "who has no key is still known by what finds it"
    assert is_known(ledger, cat)
    ledger.close()
    if read_only:
        assert (old_ledger / "people.ledger").read_bytes() == before


def test_a_migrated_ledger_outlives_the_key_that_named_its_account(old_ledger: Path) -> None:
    first = opened(old_ledger, "api.example.com|u$rOLD")
    accept(first, old_lead("bob", "Bob", "2"), lead_id="L2")
    first.close()
    content = b"".join(path.read_bytes() for path in old_ledger.iterdir())
    assert b"u$rOLD" not in content, "the old key is a secret"
    rotated = opened(old_ledger, "api.example.com|u$rNEW")
    assert unchanged(rotated, old_lead("ann", "Ann", "1")), "and those that no run has touched since"
    assert rotated.look_up(old_lead("bob", "Bob", "2")).lead_id == "L2"


def test_identifiers_of_the_first_format_are_free_when_others_took_their_place(old_ledger: Path) -> None:
    ledger = opened(old_ledger, "api.example.com|u$rOLD")
    accept(ledger, old_lead("ann", "Ann", "9"))
    assert owned_by_others(ledger, old_lead("eve", "Eve", "1")) == []
    accept(ledger, a_lead(0, "bob", unique={"EmailAddress": "EmailAddress:bob@example.com"}))
    assert owned_by_others(ledger, old_lead("eve", "Eve", "2")) == ["Phone"], "he only left it out"


def test_former_names_of_a_map_count_once(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    accept(ledger, ann(map_version="m1 with the account's options"))
    now = ann(map_version="m1", former_map_version="m1 with the account's options")
    assert unchanged(ledger, now)
    assert unchanged(ledger, ann(map_version="m1", former_map_version="other options"))


def _open_and_count(path: str) -> int:
    ledger = Ledger(Path(path), credential="host|key", organisation=lambda: "org-1")
    accept(ledger, a_lead(0, str(os.getpid())))
    ledger.close()
    return 1


def test_runs_that_start_at_once_share_a_new_ledger(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(6) as pool:
        assert sum(pool.map(_open_and_count, [str(tmp_path / "people.ledger")] * 6)) == 6
    assert sorted(path.name for path in tmp_path.iterdir()) == ["people.ledger", "people.ledger.key"]


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
    dry = opened(tmp_path, read_only=True)
    assert not is_known(dry, ann())
    dry.close()
    assert not list(tmp_path.iterdir())
    ledger = opened(tmp_path)
    accept(ledger, ann())
    ledger.close()
    before = (tmp_path / "people.ledger").read_bytes()
    dry = opened(tmp_path, read_only=True)
    assert unchanged(dry, ann())
    accept(dry, a_lead(1, "bob"))
    assert (tmp_path / "people.ledger").read_bytes() == before


def test_a_file_that_is_no_ledger_is_a_wrong_setting(tmp_path: Path) -> None:
    (tmp_path / "people.ledger").write_text("this is no database, and long enough to be seen as something else")
    with pytest.raises(SettingsError, match="ledger_path"):
        opened(tmp_path)


def spouse(key: str | None, email: str | None, phone: str | None, **values: Any) -> Lead:
    """A lead that is found by its e-mail, or else by its phone."""
    fields = {name: value for name, value in (("EmailAddress", email), ("Phone", phone)) if value is not None}
    unique = {name: f"{name}:{value}" for name, value in fields.items()}
    return a_lead(0, key, fields=fields, unique=unique, **values)


def test_whoever_has_another_first_identifier_is_somebody_else_even_without_keys(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    accept(ledger, spouse(None, "ann@example.com", "1"), lead_id="L1")
    bob = spouse(None, None, "1", opt_outs={"DoNotCall"})
    assert not is_known(ledger, bob)
    assert owned_by_others(ledger, bob) == ["Phone"]
    assert is_known(ledger, spouse(None, "ann@example.com", "2"))


@pytest.mark.parametrize("phone", ["1", None])
def test_what_a_corrected_record_still_has_is_not_given_up(tmp_path: Path, phone: str | None) -> None:
    """A conflict over a mistyped phone, then the right one again, or none: the lead's own phone stays its own."""
    ledger = opened(tmp_path)
    accept(ledger, spouse("ann", "ann@example.com", "1"), lead_id="L1")
    ledger.give_up(spouse("ann", "ann@example.com", "2"))
    cat = spouse("cat", "cat@example.com", "1")
    assert ledger.look_up(cat).given_up == {"Phone": "L1"}
    again = spouse("ann", "ann@example.com", phone)
    if not unchanged(ledger, again):
        ledger.accept([Accepted(Send(again, lead_id="L1"), "L1")])
    assert ledger.look_up(cat).given_up == {}
    assert owned_by_others(ledger, cat) == ["Phone"]


def test_who_lost_an_identifier_to_another_is_not_as_before(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    ann = spouse("ann", "ann@example.com", "1")
    accept(ledger, ann, lead_id="L1")
    ledger.give_up(spouse("ann", "ann@example.com", "2"))
    ledger.release(spouse("cat", "cat@example.com", "1"), ["Phone"])
    assert not unchanged(ledger, ann)
