"""What is to be done with a lead follows from the lead, the ledger and the settings alone."""

from __future__ import annotations

from typing import Any

import pytest

from lead_connectors.delivery.outcome import Status, rejected
from lead_connectors.delivery.plan import Call, Finish, Known, OptOutsOnly, Send, make_plan
from lead_connectors.reject_codes import RejectCode
from tests.delivery.leads import a_lead

FIELDS = {"Email": "a@example.com", "Phone": "1"}
NEVER, UNCHANGED = Known(), Known(accepted_at=5.0, is_unchanged=True)
SHARED_PHONE = Known(owned_by_others=("Phone",))
INVALID = rejected(RejectCode.INVALID_VALUE, "Phone is not a phone number")


def plan(
    known: Known = NEVER,
    *,
    on_conflict: str = "reject",
    dry_run: bool = False,
    opt_outs: tuple[str, ...] = (),
    can_leave_out: bool = True,
    **lead: Any,
) -> Call | Finish:
    return make_plan(
        a_lead(0, "ann", fields=FIELDS, opt_outs=opt_outs, **lead),
        known,
        on_conflict=on_conflict,
        dry_run=dry_run,
        can_leave_out=lambda _: can_leave_out,
    )


def test_a_lead_that_nobody_knows_is_sent_whole() -> None:
    found = plan(opt_outs=("DoNotCall",))
    assert isinstance(found, Send)
    assert found.fields == {**FIELDS, "DoNotCall": True}


def test_a_lead_that_has_not_changed_costs_no_call() -> None:
    found = plan(UNCHANGED, opt_outs=("DoNotCall",))
    assert isinstance(found, Finish)
    assert found.outcome.status is Status.UNCHANGED


def test_a_rejected_lead_is_finished_and_its_opt_outs_are_sent() -> None:
    assert plan(rejected=INVALID) == Finish(a_lead(0, "ann", fields=FIELDS, rejected=INVALID), INVALID)
    found = plan(rejected=INVALID, opt_outs=("DoNotCall",))
    assert isinstance(found, OptOutsOnly)
    assert found.outcome is INVALID


@pytest.mark.parametrize(("opt_outs", "kind"), [((), Finish), (("DoNotCall",), OptOutsOnly)])
def test_an_older_version_is_not_sent_but_its_opt_outs_hold(opt_outs: tuple[str, ...], kind: type) -> None:
    found = plan(Known(accepted_at=9.0), rejected_at=8.0, opt_outs=opt_outs)
    assert isinstance(found, kind)
    assert not isinstance(found, Send)
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
    assert isinstance(plan(SHARED_PHONE, on_conflict="leave_out", can_leave_out=False), Finish)


def test_overwrite_does_not_ask_whose_field_it_is() -> None:
    found = plan(SHARED_PHONE, on_conflict="overwrite")
    assert isinstance(found, Send)
    assert found.fields == FIELDS


@pytest.mark.parametrize("known", [NEVER, UNCHANGED, SHARED_PHONE, Known(accepted_at=9.0)])
@pytest.mark.parametrize("lead", [{}, {"rejected": INVALID}, {"rejected_at": 8.0}])
def test_a_dry_run_never_makes_a_call(known: Known, lead: dict[str, Any]) -> None:
    assert isinstance(plan(known, dry_run=True, opt_outs=("DoNotCall",), **lead), Finish)
