"""One batch: every lead has its outcome as soon as it is known, whatever becomes of the others."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from lead_connectors.delivery.batch import send_batch
from lead_connectors.delivery.errors import PartlySentError
from lead_connectors.delivery.outcome import Outcome, Status, rejected
from lead_connectors.delivery.plan import Call, Find, OptOutsOnly, Send
from lead_connectors.http.errors import CallRejectedError, TransientError
from lead_connectors.reject_codes import RejectCode
from tests.delivery.fake_destination import Body, CapableDestination, FakeDestination
from tests.delivery.leads import a_lead

INVALID = rejected(RejectCode.INVALID_VALUE)


def person(name: str, *opt_outs: str, **fields: Any) -> Send:
    return Send(a_lead(0, name, fields={"Name": name, "Email": f"{name}@example.com", **fields}, opt_outs=opt_outs))


def sent(destination: FakeDestination, *plans: Call) -> list[Outcome]:
    outcomes: dict[int, Outcome] = {}
    send_batch(destination, plans, outcomes.__setitem__)
    return [outcomes[place] for place in range(len(plans))]


@given(bad=st.sets(st.integers(0, 7)))
def test_good_leads_are_accepted_whatever_their_neighbours_are(bad: set[int]) -> None:
    destination = FakeDestination()
    destination.rejects_calls_with = {str(n) for n in bad}
    outcomes = sent(destination, *(person(str(n)) for n in range(8)))
    assert [outcome.is_delivered for outcome in outcomes] == [n not in bad for n in range(8)]


def test_opt_outs_of_a_rejected_lead_go_with_the_others() -> None:
    destination = FakeDestination()
    only = OptOutsOnly(person("ann", "DoNotCall").lead, INVALID)
    first, second = sent(destination, only, person("bob"))
    assert first.is_delivered
    assert second.is_delivered
    assert destination.calls == [
        [{"key": ("people", "ann"), "DoNotCall": True}, {"Name": "bob", "Email": "bob@example.com"}]
    ]


def test_a_lead_is_looked_up_without_a_write() -> None:
    destination = CapableDestination()
    destination.found = {"ann@example.com": "L1"}
    assert [outcome.lead_id for outcome in sent(destination, Find(person("ann").lead))] == ["L1"]
    assert destination.calls == []


def test_a_lead_that_cannot_be_written_is_rejected_alone() -> None:
    class Choosy(FakeDestination):
        @override
        def body(self, plan: Send) -> Body:
            return {"Name": plan.fields["Name"].upper()}

    first, second = sent(Choosy(), person("ann"), Send(a_lead(1, "bob", fields={"Name": 7})))
    assert first.is_delivered
    assert second.code is RejectCode.INVALID_VALUE
    assert "7" not in second.reason


@pytest.mark.parametrize("error", [TransientError("gone"), CallRejectedError(status=400, code="Bad")])
def test_what_is_known_is_kept_when_the_rest_fails(error: Exception) -> None:
    class Half(FakeDestination):
        @override
        def send(self, call: str, bodies: Any) -> list[Outcome]:
            self.calls.append(list(bodies))
            if len(self.calls) == 1:
                raise PartlySentError({1: Outcome(Status.CREATED)}, error)
            raise error

    outcomes: dict[int, Outcome] = {}
    plans = [person("ann"), person("bob"), person("cat")]
    if isinstance(error, TransientError):
        with pytest.raises(TransientError):
            send_batch(Half(), plans, outcomes.__setitem__)
        assert {place: outcome.status for place, outcome in outcomes.items()} == {1: Status.CREATED}
    else:
        send_batch(Half(), plans, outcomes.__setitem__)
        assert [outcomes[place].is_delivered for place in range(3)] == [False, True, False]


def test_a_fault_after_some_good_calls_keeps_their_outcomes() -> None:
    class LastFails(FakeDestination):
        @override
        def send(self, call: str, bodies: Any) -> list[Outcome]:
            if len(self.calls) == 2:
                self.error = TransientError("gone")
            return super().send(call, bodies)

    destination = LastFails()
    destination.rejects_calls_with = {"3"}
    outcomes: dict[int, Outcome] = {}
    with pytest.raises(TransientError):
        send_batch(destination, [person(str(n)) for n in range(4)], outcomes.__setitem__)
    assert sorted(outcomes) == [0, 1], "the first half was accepted before the fault"
