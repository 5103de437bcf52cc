"""One record, one lead, for ever: whatever e-mail or phone it has, and whatever happens to the lead in LeadSquared.

Mutants that this catches: a known lead that is looked for by its new e-mail, a twin of somebody who moved, an
identifier that is free because it was left out once, a vanished lead for which every run fails, a lead that is created
by `write_mode: update`.
"""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from tests.end_to_end.delivery.harness import TargetHarness, people, person
from tests.processes import singer

LEDGER: dict[str, Any] = {"ledger_path": "kept/ledger.db"}
UPDATE, UPSERT = "Lead/Bulk/UpdateV2", "Lead/Bulk/CreateOrUpdate"


def calls(leads: TargetHarness, path: str) -> int:
    return sum(n for name, n in leads.stats()["calls_by_path"].items() if name.endswith(path))


def by_email(leads: TargetHarness) -> dict[str, dict[str, Any]]:
    return {str(lead["EmailAddress"]): lead for lead in leads.kept()}


@pytest.mark.parametrize("on_conflict", ["reject", "leave_out", "overwrite"])
def test_a_new_email_and_an_opt_out_reach_the_lead_that_is_there(leads: TargetHarness, on_conflict: str) -> None:
    leads.deliver([person(1)], **LEDGER)
    moved = person(1, email="new@example.com", dnc=True)
    account = leads.deliver([moved], on_conflict=on_conflict, **LEDGER)
    assert account["updated"] == 1
    (lead,) = leads.kept()
    assert (lead["EmailAddress"], lead["DoNotCall"]) == ("new@example.com", "1")
    assert leads.report()["opt_outs"] == {"raised": 1, "open": 0}


def test_a_new_email_and_a_new_phone_make_no_second_lead(leads: TargetHarness) -> None:
    leads.deliver([person(1)], **LEDGER)
    leads.deliver([person(1, email="new@example.com", phone="+14155559999")], **LEDGER)
    (lead,) = leads.kept()
    assert lead["EmailAddress"] == "new@example.com"


def test_a_ledger_without_ids_finds_who_has_moved_by_what_has_not_changed(leads: TargetHarness) -> None:
    """The first format of the ledger had no ids."""
    leads.deliver(people(3), **LEDGER)
    with sqlite3.connect(leads.folder / "kept" / "ledger.db") as ledger:
        ledger.execute("UPDATE leads SET lead_id = NULL, lead = NULL")
    rows = [person(n, email=f"new{n}@example.com", dnc=n == 1) for n in range(3)]
    assert leads.deliver(rows, **LEDGER)["updated"] == 3
    assert {lead["EmailAddress"] for lead in leads.kept()} == {f"new{n}@example.com" for n in range(3)}
    assert leads.deliver([person(1, email="again@example.com", phone=None)], **LEDGER)["updated"] == 1
    assert len(leads.kept()) == 3


def test_a_list_without_keys_knows_people_by_their_email(leads: TargetHarness) -> None:
    rows = [person(1), person(1, phone="+14155559999")]
    done = leads.run(singer(rows, keys=[]), batch_size_rows=1)
    assert done.code == 0
    (lead,) = leads.kept()
    assert lead["Phone"] == "+1-4155559999"


def test_known_and_new_leads_fill_batches_of_their_own(leads: TargetHarness) -> None:
    leads.deliver(people(60), **LEDGER)
    before = calls(leads, UPSERT)
    rows = [person(n, first_name="Changed" if n < 60 else "New") for n in range(90)]
    leads.deliver(sorted(rows, key=lambda row: hash(row["id"])), max_in_flight=4, **LEDGER)
    assert calls(leads, UPDATE) == 3
    assert calls(leads, UPSERT) - before == 2


def test_an_identifier_that_was_left_out_once_is_still_hers(leads: TargetHarness) -> None:
    leads.deliver([person(1)], **LEDGER)
    leads.deliver([person(1, phone=None)], **LEDGER)
    account = leads.deliver([person(2, email=None, phone=person(1)["phone"])], **LEDGER)
    assert account["rejected"] == {"conflict": 1}
    assert [lead["FirstName"] for lead in leads.kept()] == ["Ann1"]


@pytest.mark.parametrize("update_v2", ["missing", "denied", "denied_200"])
@pytest.mark.parametrize("spelling", ["ProspectId", "ProspectID"])
def test_an_account_without_the_call_updates_by_the_id_all_the_same(
    leads: TargetHarness, update_v2: str, spelling: str
) -> None:
    leads.sandbox.quirks(update_v2=update_v2, search_by_spelling=spelling)
    leads.deliver(people(30), **LEDGER)
    rows = [person(n, email=f"new{n}@example.com", dnc=n == 7) for n in range(30)]
    account = leads.deliver(rows, **LEDGER)
    assert account["updated"] == 30
    assert len(leads.kept()) == 30
    assert calls(leads, UPDATE) <= 2, "tried once, by two calls at a time"
    assert leads.report()["opt_outs"] == {"raised": 1, "open": 0}


@pytest.mark.parametrize("update_v2", ["on", "missing"])
def test_a_lead_that_was_deleted_is_introduced_anew_once(leads: TargetHarness, update_v2: str) -> None:
    leads.sandbox.quirks(update_v2=update_v2)
    leads.deliver(people(3), **LEDGER)
    leads.sandbox.post("crm", {"delete": by_email(leads)["p1@example.com"]["ProspectID"]})
    account = leads.deliver([person(n, first_name="X", dnc=True) for n in range(3)], **LEDGER)
    assert (account["updated"], account["created"]) == (2, 1)
    assert leads.report()["opt_outs"] == {"raised": 3, "open": 0}
    assert leads.deliver([person(n, first_name="Y", dnc=True) for n in range(3)], **LEDGER)["updated"] == 3


@pytest.mark.parametrize("write_mode", ["upsert", "upsert_single"])
def test_an_id_that_is_gone_and_for_which_the_api_makes_a_lead_is_found_there(
    leads: TargetHarness, write_mode: str
) -> None:
    """No page says what CreateOrUpdate does with an id that no longer exists: it may create a lead."""
    leads.sandbox.quirks(update_v2="missing", search_by_gone_id="create")
    leads.deliver(people(2), **LEDGER)
    leads.sandbox.post("crm", {"delete": by_email(leads)["p1@example.com"]["ProspectID"]})
    for name in "XY":
        account = leads.deliver([person(n, first_name=name) for n in range(2)], write_mode=write_mode, **LEDGER)
        assert account["rejected"] == {}
        assert len(leads.kept()) == 2


def test_two_leads_that_were_merged_never_hold_two_people(leads: TargetHarness) -> None:
    leads.deliver([person(1), person(2)], **LEDGER)
    ids = {email: lead["ProspectID"] for email, lead in by_email(leads).items()}
    leads.sandbox.post("crm", {"merge": ids["p2@example.com"], "into": ids["p1@example.com"]})
    account = leads.deliver([person(1, first_name="X"), person(2, first_name="Y")], **LEDGER)
    assert (account["updated"], account["created"]) == (1, 1)
    assert {email: lead["FirstName"] for email, lead in by_email(leads).items()} == {
        "p1@example.com": "X",
        "p2@example.com": "Y",
    }


def test_who_was_merged_and_is_found_in_somebody_elses_lead_is_told(leads: TargetHarness) -> None:
    leads.deliver([person(1, email=None), person(2)], **LEDGER)
    ids = {lead["FirstName"]: lead["ProspectID"] for lead in leads.kept()}
    leads.sandbox.post("crm", {"merge": ids["Ann2"], "into": ids["Ann1"]})
    account = leads.deliver([person(2, first_name="Y", dnc=True)], code=3, **LEDGER)
    assert account["rejected"] == {"conflict": 1}
    (lead,) = leads.kept()
    assert (lead["FirstName"], lead["DoNotCall"]) == ("Ann1", "0")


def test_two_people_who_swap_phones_have_them_after_the_next_run(leads: TargetHarness) -> None:
    one, two = person(1), person(2)
    leads.deliver([one, two], **LEDGER)
    swapped = [person(1, phone=two["phone"]), person(2, phone=one["phone"])]
    first = leads.deliver(swapped, **LEDGER)
    assert first["rejected"] == {"conflict": 1}
    second = leads.deliver(swapped, **LEDGER)
    assert second["rejected"] == {}
    phones = {email: lead["Phone"] for email, lead in by_email(leads).items()}
    assert phones == {"p1@example.com": "+1-4155552002", "p2@example.com": "+1-4155552001"}


def test_update_creates_nobody(leads: TargetHarness) -> None:
    leads.deliver(people(3), **LEDGER)
    leads.deliver([person(5)])
    rows = [person(n, first_name="X") for n in (*range(3), 5, 6)]
    account = leads.deliver(rows, write_mode="update", **LEDGER)
    assert (account["updated"], account["rejected"]) == (4, {"not_found": 1})
    assert len(leads.kept()) == 4
    assert calls(leads, UPDATE) == 2, "the known by their ids, the others by their e-mail"
    moved = leads.deliver([person(5, email="moved@example.com", phone=None)], write_mode="update", **LEDGER)
    assert (moved["updated"], moved["rejected"]) == (1, {}), "once found, by its id"


def test_update_tells_that_it_found_the_lead_of_another_record(leads: TargetHarness) -> None:
    leads.deliver([person(1)])
    leads.deliver([person(1)], write_mode="update", **LEDGER)
    bob = person(2, email=None, phone=person(1)["phone"], first_name="Bob")
    for _ in range(2):
        account = leads.deliver([bob], write_mode="update", **LEDGER)
        assert (account["updated"], account["rejected"]) == (0, {"conflict": 1})


def test_a_whole_stream_in_conflict_stops_and_its_rows_come_again(leads: TargetHarness) -> None:
    rows = people(30)
    settings = LEDGER | {"streams": ["*"]}
    leads.run(singer(rows, stream="public-people"), **settings)
    text = singer(rows, stream="people") + '{"type": "STATE", "value": {"n": 1}}\n'
    done = leads.run(text, **settings)
    assert done.code == 3
    assert done.states() == []
    assert "renamed" in done.err
    assert "people" in done.err


def test_keys_never_become_one(uploads: TargetHarness) -> None:
    """Numbers that a float cannot hold, and composite keys whose parts hold the sign that joins them."""
    long = [person(1, id=12345678901234567890123), person(2, id=12345678901234567890124)]
    done = uploads.run(singer(long))
    assert done.code == 0
    ids = {row["clientCustomerId"] for row in uploads.kept() if str(row["clientCustomerId"]).startswith("1")}
    assert ids == {"12345678901234567890123", "12345678901234567890124"}


def test_two_streams_whose_ids_would_mix_stop_before_anything_is_sent(uploads: TargetHarness) -> None:
    maps: dict[str, Any] = {"people": {}, "others": {}}
    text = singer([person(1)]) + singer([person(1, first_name="Bob")], stream="others")
    done = uploads.run(text, field_map=maps, streams=None)
    assert done.code == 2
    assert "externalId" in done.err
    assert uploads.write_calls() == 0
    late = uploads.run(text, streams=["*"])
    assert late.code == 2
    assert [row["firstName"] for row in uploads.kept() if row["firstName"] == "Bob"] == []
