"""What is to be done with a lead follows from the lead, the ledger and the settings alone."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from lead_connectors.delivery.outcome import Outcome, Status, rejected
from lead_connectors.delivery.plan import (
    NOTHING,
    Call,
    Find,
    Finish,
    Free,
    Known,
    Learned,
    OptOutsOnly,
    OptOutState,
    Rules,
    Send,
    learn,
    make_plan,
)
from lead_connectors.reject_codes import RejectCode
from tests.delivery.leads import a_lead

FIELDS = {"Email": "a@example.com", "Phone": "1"}
NEVER, UNCHANGED = Known(), Known(is_known=True, accepted_at=5.0, is_unchanged=True)
KNOWN = Known(is_known=True, accepted_at=5.0, lead_id="L1")
SHARED_PHONE = Known(owned_by_others=("Phone",))
INVALID = rejected(RejectCode.INVALID_VALUE, "Phone is not a phone number")


def plan(
    known: Known = NEVER,
    learned: Learned = NOTHING,
    *,
    on_conflict: str = "reject",
    opt_outs: tuple[str, ...] = (),
    can_send: bool = True,
    can_raise: bool = True,
    can_find: bool = True,
    **lead: Any,
) -> Call | Finish:
    rules = Rules(on_conflict, lambda _: can_send, lambda _: can_raise, can_find=can_find, confirms=True)
    return make_plan(a_lead(0, "ann", fields=FIELDS, opt_outs=opt_outs, **lead), known, rules, learned)


def test_a_lead_that_nobody_knows_is_sent_whole() -> None:
    found = plan(opt_outs=("DoNotCall",))
    assert isinstance(found, Send)
    assert found.fields == {**FIELDS, "DoNotCall": True}


def test_a_lead_that_has_not_changed_costs_no_call() -> None:
    found = plan(UNCHANGED, opt_outs=("DoNotCall",))
    assert isinstance(found, Finish)
    assert found.outcome.status is Status.UNCHANGED


def test_a_known_lead_is_updated_by_its_id() -> None:
    found = plan(Known(is_known=True, accepted_at=5.0, lead_id="L1"))
    assert isinstance(found, Send)
    assert found.lead_id == "L1"


def test_a_rejected_lead_is_finished_and_its_opt_outs_go_to_its_own_lead() -> None:
    assert plan(rejected=INVALID) == Finish(a_lead(0, "ann", fields=FIELDS, rejected=INVALID), INVALID)
    found = plan(KNOWN, rejected=INVALID, opt_outs=("DoNotCall",))
    assert isinstance(found, OptOutsOnly)
    assert (found.outcome, found.lead_id) == (INVALID, "L1")


def test_the_opt_out_of_a_rejected_lead_that_nobody_knows_is_looked_up_before_anything_is_written() -> None:
    found = plan(SHARED_PHONE, rejected=INVALID, opt_outs=("DoNotCall",))
    assert isinstance(found, Find)
    assert found.fields == {"Email": "a@example.com"}, "nobody is found by somebody else's phone"
    there = plan(SHARED_PHONE, Learned(is_looked_up=True, found="L7"), rejected=INVALID, opt_outs=("DoNotCall",))
    assert isinstance(there, OptOutsOnly)
    assert there.lead_id == "L7"
    for learned in (Learned(is_looked_up=True), Learned(is_looked_up=True, is_found_foreign=True)):
        nobody = plan(rejected=INVALID, opt_outs=("DoNotCall",), learned=learned)
        assert isinstance(nobody, Finish)
        assert (nobody.opt_outs, nobody.outcome.code) == (OptOutState.OPEN, RejectCode.INVALID_VALUE)
        assert "opt-outs are open" in nobody.outcome.reason


def test_a_lead_that_is_gone_is_looked_up_and_then_introduced_anew() -> None:
    gone = Known(is_known=True, accepted_at=5.0)
    assert isinstance(plan(gone, Learned(is_gone=True)), Find)
    anew = plan(gone, Learned(is_gone=True, is_looked_up=True))
    assert isinstance(anew, Send)
    assert anew.lead_id is None
    taken = plan(gone, Learned(is_gone=True, is_looked_up=True, is_found_foreign=True))
    assert isinstance(taken, Finish)
    assert taken.outcome.code is RejectCode.CONFLICT


@pytest.mark.parametrize(("opt_outs", "kind"), [((), Finish), (("DoNotCall",), OptOutsOnly)])
def test_an_older_version_is_not_sent_but_its_opt_outs_hold(opt_outs: tuple[str, ...], kind: type) -> None:
    found = plan(Known(is_known=True, accepted_at=9.0), rejected_at=8.0, opt_outs=opt_outs)
    assert isinstance(found, kind)
    assert isinstance(found, Finish | OptOutsOnly)
    assert found.outcome.status is Status.COLLAPSED
    assert isinstance(plan(Known(accepted_at=8.0), rejected_at=9.0), Send), "it is newer than what was accepted"


def test_a_field_that_belongs_to_another_record_is_a_conflict() -> None:
    found = plan(SHARED_PHONE)
    assert isinstance(found, Finish)
    assert found.outcome.code is RejectCode.CONFLICT
    assert found.outcome.conflicting_fields == ("Phone",)
    assert "1" not in found.outcome.reason


def test_leave_out_sends_the_rest_where_the_lead_can_still_be_found() -> None:
    found = plan(SHARED_PHONE, on_conflict="leave_out")
    assert isinstance(found, Send)
    assert found.fields == {"Email": "a@example.com"}
    assert isinstance(plan(SHARED_PHONE, on_conflict="leave_out", can_send=False), Finish)


def test_overwrite_does_not_ask_whose_field_it_is() -> None:
    found = plan(SHARED_PHONE, on_conflict="overwrite")
    assert isinstance(found, Send)
    assert found.fields == FIELDS


def test_only_a_conflict_that_the_ledger_alone_sees_is_called_so() -> None:
    by_ledger = plan(SHARED_PHONE)
    assert isinstance(by_ledger, Finish)
    assert by_ledger.outcome.is_by_ledger


SENT = Send(a_lead(0, "ann", fields=FIELDS, opt_outs={"DoNotCall"}), lead_id="L1")
GONE = rejected(RejectCode.NOT_FOUND)
CONFLICT = rejected(RejectCode.CONFLICT, conflicting_fields=("Phone",))
RULES = Rules("leave_out", lambda _: True, can_find=True, confirms=True)


def test_what_responses_ask_for() -> None:
    assert learn(SENT, GONE, NOTHING, RULES) == Learned(is_gone=True)
    assert learn(SENT, CONFLICT, NOTHING, RULES) == Learned(conflicting=frozenset({"Phone"}))
    assert learn(SENT, INVALID, NOTHING, RULES) == Learned(INVALID), "its opt-outs are left to be settled"
    done = learn(SENT, Outcome(Status.UPDATED, lead_id="L1"), NOTHING, RULES)
    assert done == Finish(SENT.lead, Outcome(Status.UPDATED, lead_id="L1"), OptOutState.RAISED, "L1")
    unnamed = learn(SENT, Outcome(Status.UPDATED), NOTHING, RULES)
    assert unnamed == Learned(Outcome(Status.UPDATED)), "it is looked up, to see the opt-outs there"


def test_a_lead_is_introduced_anew_once() -> None:
    again = learn(SENT, GONE, Learned(is_gone=True, is_looked_up=True), RULES)
    assert again == Learned(GONE, is_gone=True, is_looked_up=True)


@pytest.mark.parametrize("outcome", [GONE, INVALID, CONFLICT, Outcome(Status.UPDATED), Outcome(Status.CREATED)])
@pytest.mark.parametrize("on_conflict", ["reject", "leave_out", "overwrite"])
@pytest.mark.parametrize("known", [NEVER, KNOWN, SHARED_PHONE])
@pytest.mark.parametrize("opt_outs", [(), ("DoNotCall",)])
def test_every_lead_comes_to_an_end(
    outcome: Outcome, on_conflict: str, known: Known, opt_outs: tuple[str, ...]
) -> None:
    lead = a_lead(0, "ann", fields=FIELDS, opt_outs=opt_outs)
    rules = Rules(on_conflict, lambda plan: bool(plan.fields), can_find=True, confirms=True)
    learned: Learned | Finish = NOTHING
    for _ in range(8):
        assert isinstance(learned, Learned)
        now = dataclasses.replace(known, lead_id=None) if learned.is_gone else known
        step = make_plan(lead, now, rules, learned)
        learned = step if isinstance(step, Finish) else learn(step, outcome, learned, rules)
        if isinstance(learned, Finish):
            return
    pytest.fail("no end")


def test_a_value_that_another_record_gave_up_is_taken_from_its_lead_first() -> None:
    swapped = Known(is_known=True, accepted_at=5.0, lead_id="L1", given_up={"Phone": "L2"})
    rules = Rules(can_free=True)
    lead = a_lead(0, "ann", fields=FIELDS)
    found = make_plan(lead, swapped, rules)
    assert found == Free(lead, "L2", ("Phone",))
    assert learn(found, Outcome(Status.UPDATED), NOTHING, rules) == NOTHING, "the ledger knows that it is free"
    held = learn(found, INVALID, NOTHING, rules)
    assert held == Learned(conflicting=frozenset({"Phone"}))
    refused = make_plan(lead, swapped, rules, held)
    assert isinstance(refused, Finish)
    assert refused.outcome.code is RejectCode.CONFLICT
    cannot = make_plan(lead, swapped, Rules())
    assert isinstance(cannot, Finish)
    assert cannot.outcome.code is RejectCode.CONFLICT


def test_who_is_known_without_an_id_is_looked_up_by_what_has_not_changed() -> None:
    lead = a_lead(0, "ann", fields=FIELDS, unique={"Email": "Email:new", "Phone": "Phone:1"})
    rules = Rules(can_find=True, confirms=True)
    moved = Known(is_known=True, accepted_at=5.0, own=("Phone",))
    found = make_plan(lead, moved, rules)
    assert isinstance(found, Find)
    assert found.fields == {"Phone": "1"}, "nobody is found by an e-mail that may be anybody's"
    by_id = make_plan(lead, moved, rules, Learned(is_looked_up=True, found="L1"))
    assert isinstance(by_id, Send)
    assert by_id.lead_id == "L1"
    at_home = make_plan(lead, dataclasses.replace(moved, own=("Email",)), rules)
    assert isinstance(at_home, Send), "the API finds it as before"
