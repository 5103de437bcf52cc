"""One batch: every lead has one result, conflicts are sent once more without the field, opt-outs survive rejection."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lead_connectors.delivery.batch import Result, send_batch
from lead_connectors.delivery.outcome import Outcome, Status, rejected
from lead_connectors.delivery.plan import Call, OptOutsOnly, Send
from lead_connectors.http.errors import TransientError
from lead_connectors.reject_codes import RejectCode
from tests.delivery.fake_destination import Body, CapableDestination, FakeDestination
from tests.delivery.leads import a_lead

CREATED = Outcome(Status.CREATED, lead_id="L1")
PHONE_TAKEN = rejected(RejectCode.CONFLICT, conflicting_fields=("Phone",))
INVALID = rejected(RejectCode.INVALID_VALUE)


def person(name: str, *opt_outs: str, **fields: Any) -> Send:
    return Send(a_lead(0, name, fields={"Name": name, "Email": f"{name}@example.com", **fields}, opt_outs=opt_outs))


def sent(destination: FakeDestination, *plans: Call, leave_out: bool = False) -> list[Result]:
    results = send_batch(destination, plans, leave_out=leave_out)
    assert len(results) == len(plans)
    return results


@given(bad=st.sets(st.integers(0, 7)), opted_out=st.sets(st.integers(0, 7)), minimal_fails=st.booleans())
def test_good_leads_are_accepted_whatever_their_neighbours_are(
    bad: set[int], opted_out: set[int], *, minimal_fails: bool
) -> None:
    destination = FakeDestination()
    destination.rejects_calls_with = {str(n) for n in bad}
    if minimal_fails:
        destination.outcome_of = lambda body: Outcome(Status.ACCEPTED) if "Name" in body else INVALID
    plans = [person(str(n), *(["DoNotCall"] if n in opted_out else [])) for n in range(8)]
    results = sent(destination, *plans)
    for n, result in enumerate(results):
        assert result.outcome.is_delivered == (n not in bad)
        assert result.are_opt_outs_raised == (n in opted_out and (n not in bad or not minimal_fails))
    raised = [body for call in destination.opt_out_calls for body in call]
    assert {body["Email"] for body in raised} == {f"{n}@example.com" for n in bad & opted_out}
    assert all("Name" not in body for body in raised), "nothing but the identifier and the opt-outs"


def test_a_conflict_is_sent_once_more_without_the_field() -> None:
    destination = CapableDestination()
    destination.outcome_of = lambda body: PHONE_TAKEN if "Phone" in body else CREATED
    (first, second) = sent(destination, person("ann"), person("bob", Phone="1"), leave_out=True)
    assert first.outcome is CREATED
    assert second.outcome is CREATED
    assert isinstance(second.plan, Send)
    assert second.plan.left_out == {"Phone"}, "the result says what was sent in the end"
    assert [len(call) for call in destination.calls] == [2, 1]


def test_a_conflict_in_every_field_stays_a_conflict() -> None:
    destination = CapableDestination()
    destination.outcome_of = lambda _: rejected(RejectCode.CONFLICT, conflicting_fields=("Phone", "Email"))
    (result,) = sent(destination, person("bob", Phone="1"), leave_out=True)
    assert result.outcome.code is RejectCode.CONFLICT
    assert len(destination.calls) == 1


@pytest.mark.parametrize("kind", [FakeDestination, CapableDestination])
def test_without_the_setting_or_the_ability_a_conflict_is_final(kind: type[FakeDestination]) -> None:
    destination = kind()
    destination.outcome_of = lambda _: PHONE_TAKEN
    able = isinstance(destination, CapableDestination)
    (result,) = sent(destination, person("bob", Phone="1"), leave_out=not able)
    assert result.outcome is PHONE_TAKEN
    assert len(destination.calls) == 1


def test_an_opt_out_never_goes_by_a_field_that_belongs_to_somebody_else() -> None:
    def respond(body: Body) -> Outcome:
        return PHONE_TAKEN if "Name" in body else CREATED

    destination = FakeDestination()
    destination.outcome_of = respond
    (result,) = sent(destination, person("bob", "DoNotCall", Phone="1"))
    assert destination.opt_out_calls == [[{"Email": "bob@example.com", "DoNotCall": True}]]
    assert (result.outcome, result.are_opt_outs_raised, result.opt_out_lead_id) == (PHONE_TAKEN, True, "L1")


def test_opt_outs_only_makes_no_other_call_and_keeps_the_outcome() -> None:
    destination = FakeDestination()
    only = OptOutsOnly(person("ann", "DoNotCall").lead, INVALID)
    first, second = sent(destination, only, person("bob"))
    assert (first.outcome, first.are_opt_outs_raised) == (INVALID, True)
    assert second.outcome.is_delivered
    assert [body["Name"] for call in destination.calls for body in call] == ["bob"]


def test_an_opt_out_of_nobody_who_can_be_found_stays_open() -> None:
    destination = FakeDestination()
    nobody = OptOutsOnly(a_lead(0, "x", fields={"Name": "x"}, opt_outs={"DoNotCall"}), INVALID)
    (result,) = sent(destination, nobody)
    assert not result.are_opt_outs_raised
    assert destination.opt_out_calls == []


def test_a_fault_ends_the_batch_as_a_whole() -> None:
    destination = FakeDestination()
    destination.error = TransientError("gone")
    with pytest.raises(TransientError):
        sent(destination, person("ann"))


def test_opt_outs_keep_to_the_size_of_their_own_call() -> None:
    class Smaller(FakeDestination):
        opt_out_batch_size = 3

    destination = Smaller()
    only = [OptOutsOnly(person(str(n), "DoNotCall").lead, INVALID) for n in range(8)]
    assert all(result.are_opt_outs_raised for result in sent(destination, *only))
    assert [len(call) for call in destination.opt_out_calls] == [3, 3, 2]
