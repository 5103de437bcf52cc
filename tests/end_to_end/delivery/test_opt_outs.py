"""Opt-outs: raised whatever else happens to the record, never lowered, and never raised for somebody else.

Mutants that this catches: a flag sent as false or null, a rejected lead that takes its opt-out with it, a minimal write
by the identifier in conflict (the spouse falls silent), an opt-out counted as raised unseen. That no flag was lowered
is checked after every test (conftest.py).
"""

from __future__ import annotations

import signal
from typing import Any

import pytest

from tests.end_to_end.delivery.harness import DELIVERED, TargetHarness, people, person, until
from tests.processes import singer

LEDGER: dict[str, Any] = {"ledger_path": "kept/ledger.db"}

SENT = {"carecycle": True, "leadsquared": "true"}


def flags(harness: TargetHarness) -> dict[str, Any]:
    """By first name or id: whether the API now holds the opt-out."""
    name = harness.field("dnc")
    key = "clientCustomerId" if harness.is_carecycle else "EmailAddress"
    return {str(row[key]).partition("@")[0]: row[name] in (True, "1") for row in harness.kept() if row[key]}


def test_null_missing_and_false_lower_nothing(harness: TargetHarness) -> None:
    harness.deliver([person(1, dnc=True), person(2, dnc="Yes"), person(3, dnc=1), person(4, dnc=False)])
    assert [flags(harness)[f"p{n}"] for n in (1, 2, 3, 4)] == [True, True, True, False]
    for later in (False, None, "no", 0):
        harness.deliver([person(n, dnc=later, first_name=f"X{later}") for n in (1, 2, 3)])
    harness.deliver([person(1, first_name="Y")])
    assert [flags(harness)[f"p{n}"] for n in (1, 2, 3)] == [True, True, True]
    assert harness.field("dnc") not in harness.last("p1")
    assert harness.all_stats()["opt_outs_lowered"] == []


def test_who_must_lower_them_takes_the_field_off_the_list(harness: TargetHarness) -> None:
    """The one way to send a false; the sandbox notices it."""
    harness.deliver([person(4, dnc=False)], opt_out_fields=[])
    assert str(harness.last("p4")[harness.field("dnc")]).lower() == "false"


def test_an_unparsable_opt_out_counts_as_true_with_a_warning(harness: TargetHarness) -> None:
    done = harness.run(_two_odd())
    assert done.code == 0
    assert str(harness.last("p1")[harness.field("dnc")]).lower() == "true"
    assert harness.report()["opt_outs"] == {"raised": 2, "open": 0}
    assert "WARNING" in done.err
    assert "canary" not in done.err


def test_a_record_that_cannot_be_sent_still_has_its_opt_out_delivered(harness: TargetHarness) -> None:
    harness.deliver([person(1)], **LEDGER)
    bad = person(1, dnc=True, first_name="x" * 300)
    account = harness.deliver([person(0), bad], **LEDGER)
    assert account["rejected"] == {"too_long": 1}
    assert sum(account[column] for column in DELIVERED) == 1
    assert flags(harness)["p1"] is True
    assert harness.report()["opt_outs"] == {"raised": 1, "open": 0}
    [sent] = [write["payload"] for write in harness.writes() if harness.field("dnc") in write["payload"]]
    assert sent[harness.field("dnc")] == SENT[harness.api]
    assert harness.field("first_name") not in sent, "a minimal write"


@pytest.mark.parametrize("ledger", [{}, LEDGER])
def test_who_was_there_before_the_ledger_is_looked_up(harness: TargetHarness, ledger: dict[str, Any]) -> None:
    harness.deliver([person(1), person(2)])
    before = len(harness.kept())
    harness.deliver([person(1, dnc=True, first_name="x" * 300)], **ledger)
    assert flags(harness)["p1"] is True
    assert flags(harness)["p2"] is False
    assert len(harness.kept()) == before


def test_the_opt_out_of_nobody_creates_no_lead_and_stays_in_the_reject_file(harness: TargetHarness) -> None:
    before = len(harness.kept())
    bad = person(1, dnc=True, first_name="x" * 300)
    account = harness.deliver([bad])
    assert account["rejected"] == {"too_long": 1}
    assert harness.report()["opt_outs"] == {"raised": 0, "open": 1}
    assert len(harness.kept()) == before
    assert harness.write_calls() == 0
    assert harness.rejects() == {"p1": "too_long"}
    harness.deliver([bad])
    assert harness.report()["opt_outs"] == {"raised": 0, "open": 1}, "still counted"


@pytest.mark.parametrize("kind", ["fail_row", "sink_call"])
def test_a_record_that_the_api_rejects_still_has_its_opt_out_delivered(harness: TargetHarness, kind: str) -> None:
    harness.deliver([person(3)])
    path = "leads/upload" if harness.is_carecycle else "Lead/Bulk"
    harness.fault(
        kind, path=path, match={"field": harness.field("first_name"), "value": "Rejected"}, message="Invalid data"
    )
    account = harness.deliver([*people(3), person(3, first_name="Rejected", dnc=True)])
    assert sum(account["rejected"].values()) == 1
    assert flags(harness)["p3"] is True
    assert harness.report()["opt_outs"] == {"raised": 1, "open": 0}
    assert harness.field("first_name") not in harness.writes()[-1]["payload"]


def test_a_conflict_never_silences_the_spouse(leads: TargetHarness) -> None:
    """He may be called, she may not: her flag goes to the lead that has her e-mail, never by the phone that is his."""
    leads.deliver([person(2)])
    husband, wife = person(1), person(2, phone=person(1)["phone"], dnc=True)
    account = leads.deliver([husband, wife])
    assert account["rejected"] == {"conflict": 1}
    assert flags(leads)["p1"] is False
    assert flags(leads)["p2"] is True
    assert leads.report()["opt_outs"] == {"raised": 1, "open": 0}


def test_an_opt_out_that_no_call_would_take_needs_a_person(leads: TargetHarness) -> None:
    """Nothing but the phone that is his: nobody is silenced, and the run says so."""
    husband, wife = person(1), person(2, phone=person(1)["phone"], email=None, dnc=True)
    account = leads.deliver([husband, wife], code=3)
    assert account["rejected"] == {"conflict": 1}
    assert flags(leads)["p1"] is False
    assert leads.report()["opt_outs"] == {"raised": 0, "open": 1}


def test_an_opt_out_that_is_rejected_for_good_needs_a_person(harness: TargetHarness) -> None:
    harness.fault("sink_call", match={"field": harness.field("email"), "value": "p1@example.com"})
    harness.fault("sink_call", match={"field": harness.field("phone"), "values": ["+14155552001", "+1-4155552001"]})
    account = harness.deliver([person(0), person(1, dnc=True)], code=3)
    assert sum(account["rejected"].values()) == 1
    assert harness.report()["opt_outs"] == {"raised": 0, "open": 1}
    assert set(harness.rejects()) == {"p1"}


def test_raised_opt_outs_are_read_back(leads: TargetHarness) -> None:
    leads.deliver([person(1, dnc=True), person(2)])
    assert leads.stats()["calls_by_path"]["POST /v2/LeadManagement.svc/Leads/Retrieve/ByIds"] == 1
    leads.deliver([person(3)])
    assert leads.stats()["calls_by_path"]["POST /v2/LeadManagement.svc/Leads/Retrieve/ByIds"] == 1


@pytest.mark.parametrize("ledger", [{}, LEDGER])
def test_an_opt_out_that_did_not_stay_is_tried_first_until_it_stays(
    leads: TargetHarness, ledger: dict[str, Any]
) -> None:
    """The call takes the flag and keeps nothing: seen only by reading it back."""
    leads.sandbox.quirks(lost_opt_outs=["all"])
    account = leads.deliver([person(1, dnc=True), person(2)], code=3, **ledger)
    assert (account["created"], account["rejected"]) == (1, {"opt_out_open": 1})
    assert leads.report()["opt_outs"] == {"raised": 0, "open": 1}
    assert leads.rejects() == {"p1": "opt_out_open"}
    leads.deliver([person(2)], code=3, **ledger)
    assert leads.rejects() == {"p1": "opt_out_open"}
    leads.sandbox.quirks(lost_opt_outs=[])
    leads.deliver([person(2)], **ledger)
    assert leads.report()["opt_outs"] == {"raised": 1, "open": 0}
    assert flags(leads)["p1"] is True
    assert leads.reject_files() == []


@pytest.mark.parametrize("ledger", [{}, LEDGER])
def test_a_replay_raises_what_did_not_stay(leads: TargetHarness, ledger: dict[str, Any]) -> None:
    leads.sandbox.quirks(lost_opt_outs=["all"])
    leads.deliver([person(1, dnc=True)], code=3, **ledger)
    files = [str(path) for path in leads.reject_files()]
    assert leads.run("", "--replay", *files, **ledger).code == 3
    assert leads.rejects() == {"p1": "opt_out_open"}
    leads.sandbox.quirks(lost_opt_outs=[])
    assert leads.run("", "--replay", *files, **ledger).code == 0
    assert leads.reject_files() == []
    assert flags(leads)["p1"] is True
    leads.deliver([person(2)], **ledger)


def test_taking_the_record_out_of_its_file_acknowledges_an_open_opt_out(leads: TargetHarness) -> None:
    leads.sandbox.quirks(lost_opt_outs=["all"])
    leads.deliver([person(1, dnc=True)], code=3, **LEDGER)
    for path in leads.reject_files():
        path.unlink()
    done = leads.run(singer([person(2)]), **LEDGER)
    assert done.code == 0
    assert "acknowledged" in done.err


@pytest.mark.parametrize("kind", ["status_400", "forbidden_403", "not_found_404", "mx_500", "status_500"])
def test_every_way_in_which_a_reading_fails_leaves_the_opt_out_open(leads: TargetHarness, kind: str) -> None:
    leads.fault(kind, path="Leads/Retrieve/ByIds")
    account = leads.deliver([person(1, dnc=True), person(2)], code=3, max_retry_seconds=1, **LEDGER)
    assert (account["created"], account["rejected"]) == (1, {"opt_out_open": 1})
    assert leads.report()["opt_outs"] == {"raised": 0, "open": 1}
    leads.clear_faults()
    leads.deliver([person(1, dnc=True)], **LEDGER)
    assert leads.report()["opt_outs"]["open"] == 0
    assert leads.reject_files() == []


@pytest.mark.parametrize("ledger", [{}, LEDGER])
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_no_state_covers_an_opt_out_that_is_neither_confirmed_nor_written_down(
    leads: TargetHarness, how: signal.Signals, ledger: dict[str, Any]
) -> None:
    leads.sandbox.quirks(lost_opt_outs=["all"])
    text = singer([person(n, dnc=True) for n in range(25)], state_every=25)
    live = leads.live(text, open_end=True, **ledger)
    until(lambda: live.states, "a STATE")
    live.process.send_signal(how)
    live.process.wait(20)
    assert set(leads.rejects()) == {f"p{n}" for n in range(25)}
    assert set(leads.rejects().values()) == {"opt_out_open"}
    assert leads.run(singer([]), **ledger).code == 3
    leads.sandbox.quirks(lost_opt_outs=[])
    assert leads.run(singer([]), **ledger).code == 0
    assert all(flags(leads).values())


@pytest.mark.parametrize("words", [("yes_no", "yes_no", ["Yes", "No"]), ("one_zero", "true_false", ["1", "0"])])
def test_the_accounts_own_words_for_true_are_understood(
    leads: TargetHarness, words: tuple[str, str, list[str]]
) -> None:
    leads.sandbox.quirks(boolean_form=words[0], boolean_reads=words[1])
    leads.deliver([person(1, dnc=True)], boolean_values=words[2])
    assert leads.report()["opt_outs"] == {"raised": 1, "open": 0}


@pytest.mark.parametrize("field", ["DoNotTrack", "mx_Do_Not_Mail"])
def test_every_do_not_field_is_an_opt_out_those_of_the_account_too(leads: TargetHarness, field: str) -> None:
    rows = {"people": {field: "flag"}}
    leads.deliver([person(1, flag=True)], field_map=rows)
    assert leads.report()["opt_outs"] == {"raised": 1, "open": 0}
    leads.deliver([person(1, flag=False, first_name="New")], field_map=rows)
    assert leads.kept()[0][field] == "1"
    assert leads.report()["opt_outs"] == {"raised": 0, "open": 0}


def test_a_fault_while_reading_back_is_waited_out(leads: TargetHarness) -> None:
    leads.fault("html_502", path="Leads/Retrieve/ByIds", times=1)
    leads.deliver([person(1, dnc=True)])
    assert leads.report()["opt_outs"] == {"raised": 1, "open": 0}
    assert leads.report()["api"]["retries"] == 1


@pytest.mark.parametrize("write_mode", ["create", "update", "upsert_single"])
def test_in_every_write_mode(leads: TargetHarness, write_mode: str) -> None:
    """A create of somebody who is there is rejected; the opt-out goes to the lead that is there."""
    leads.deliver([person(1)])
    account = leads.deliver([person(1, dnc=True)], write_mode=write_mode)
    assert account["rejected"] == ({"conflict": 1} if write_mode == "create" else {})
    assert leads.report()["opt_outs"] == {"raised": 1, "open": 0}
    assert flags(leads)["p1"] is True
    assert len(leads.kept()) == 1


def _two_odd() -> str:
    return singer([person(1, dnc="canary perhaps"), person(2, dnc={"canary": 1})])
