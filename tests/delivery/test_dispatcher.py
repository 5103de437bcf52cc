"""Batches in flight against a model: order per lead, nothing lost, nothing twice, never too far ahead."""

from __future__ import annotations

import queue
import random

from hypothesis import given, settings
from hypothesis import strategies as st
from typing_extensions import override

from lead_connectors.delivery.dispatcher import Batch, Dispatcher
from lead_connectors.delivery.plan import Send
from tests.delivery.leads import a_lead, numbers


def never(*_: object) -> None:
    """The dispatcher never gets to call: batches are finished by the test, in any order."""
    raise AssertionError


class Held(Dispatcher):
    """Hands batches to the test instead of to threads. Leads with an odd `call` field go by another call."""

    def __init__(self, batch_size: int, max_in_flight: int, *, is_kept: bool = False) -> None:
        super().__init__(
            Send,
            call_of=lambda plan: str(plan.lead.fields.get("call", "")),
            leads_a_call=lambda _: batch_size,
            send=never,
            done=queue.SimpleQueue[Batch]().put,
            batch_size=batch_size,
            max_in_flight=max_in_flight,
            max_past_oldest=None if is_kept else max_in_flight * batch_size,
            useful_in_flight=lambda maximum: maximum,
        )
        self.under_way: list[Batch] = []

    @override
    def _hand_over(self, batch: Batch) -> None:
        self.under_way.append(batch)


@settings(max_examples=300, deadline=None)
@given(
    people=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 12), st.integers(0, 1)), max_size=120),
    batch_size=st.integers(1, 8),
    max_in_flight=st.integers(1, 5),
    seed=st.integers(0, 2**32),
)
def test_order_per_lead_is_kept_and_nobody_is_lost(  # noqa: C901  # one history, told in one place
    people: list[tuple[int, int, int]], batch_size: int, max_in_flight: int, seed: int
) -> None:
    chance = random.Random(seed)
    held = Held(batch_size, max_in_flight, is_kept=chance.random() < 0.5)
    sent: list[int] = []
    contents: list[int] = []
    finished: set[int] = set()
    put_back: set[int] = set()

    def look(batch: Batch) -> None:
        others = [plan.lead for other in held.under_way if other is not batch for plan in other.plans]
        seen: set[str] = set()
        assert len({plan.lead.fields["call"] for plan in batch.plans}) == 1, "two calls in one batch"
        for lead in (plan.lead for plan in batch.plans):
            assert seen.isdisjoint(lead.identities), "two leads of one identity in one call"
            seen |= lead.identities
            assert all(lead.identities.isdisjoint(other.identities) for other in others), "two calls for one lead"
            if lead.number not in put_back:
                sent.extend(numbers(lead))
                contents.append(lead.source.number)
        assert len(held.under_way) <= max_in_flight

    def start(*, flush: bool) -> None:
        before = len(held.under_way)
        held.start(flush=flush)
        for batch in held.under_way[before:]:
            look(batch)

    def finish_one() -> None:
        batch = held.under_way.pop(chance.randrange(len(held.under_way)))
        again = [plan.lead for plan in batch.plans if plan.lead.number not in put_back and chance.random() < 0.1]
        put_back.update(lead.number for lead in again)
        finished.update(number for plan in batch.plans if plan.lead not in again for number in numbers(plan.lead))
        held.finish(batch, again)

    for number, (key, phone, call) in enumerate(people):
        while held.is_full:
            finish_one()
            start(flush=False)
        held.add(a_lead(number, key, identities={f"phone:{phone}"}, fields={"call": call}))
        start(flush=False)
        if held.under_way and chance.random() < 0.3:
            finish_one()
            start(flush=False)
    start(flush=True)
    while held.under_way:
        finish_one()
        start(flush=True)
    assert sorted(sent) == list(range(len(people))), "each record is sent once, alone or collapsed"
    assert finished == set(range(len(people)))
    for shared in (0, 1):
        for name in {person[shared] for person in people}:
            theirs = [number for number in contents if people[number][shared] == name]
            assert theirs == sorted(theirs), "who shares a key or a phone went in another order than they came"


@settings(max_examples=200, deadline=None)
@given(batch_size=st.integers(1, 6), max_in_flight=st.integers(1, 5), rare=st.integers(1, 9), data=st.data())
def test_no_batch_starts_too_far_past_the_oldest_unfinished_record(
    batch_size: int, max_in_flight: int, rare: int, data: st.DataObject
) -> None:
    held = Held(batch_size, max_in_flight)
    sent: set[int] = set()
    finished: set[int] = set()
    counted = 0
    for number in range(80):
        if held.is_full:
            stuck = held.under_way[0]  # the oldest call never ends; younger ones do
            if len(held.under_way) == 1:
                break
            done = held.under_way.pop(data.draw(st.integers(1, len(held.under_way) - 1)))
            assert done is not stuck
            held.finish(done)
            finished.update(plan.lead.number for plan in done.plans)
        held.add(a_lead(number, number, fields={"call": number % (rare + 1) == 0}))
        held.start()
        for batch in held.under_way:
            sent.update(plan.lead.number for plan in batch.plans)
        oldest = min({*range(number + 1)} - finished)
        counted = max(counted, sum(number > oldest for number in sent))
    assert counted < max_in_flight * batch_size


def test_versions_of_one_record_collapse_and_their_opt_outs_add_up() -> None:
    held = Held(10, 1)
    held.add(a_lead(0, "ann", fields={"FirstName": "Ann"}, opt_outs={"DoNotCall"}))
    held.add(a_lead(1, "ann", fields={"FirstName": "Anna"}, opt_outs={"DoNotSMS"}))
    held.start(flush=True)
    (plan,) = held.under_way[0].plans
    lead = plan.lead
    assert numbers(lead) == [0, 1]
    assert lead.fields == {"FirstName": "Anna"}
    assert lead.opt_outs == {"DoNotCall", "DoNotSMS"}


def test_two_people_with_one_phone_are_never_merged_and_go_in_order() -> None:
    held = Held(10, 4)
    held.add(a_lead(0, "ann", identities={"phone:1"}))
    held.add(a_lead(1, "bob", identities={"phone:1"}))
    held.start(flush=True)
    assert [numbers(plan.lead) for batch in held.under_way for plan in batch.plans] == [[0]]
    held.finish(held.under_way.pop())
    held.start(flush=True)
    assert [numbers(plan.lead) for batch in held.under_way for plan in batch.plans] == [[1]]


def test_known_and_new_leads_fill_batches_of_their_own() -> None:
    held = Held(5, 3, is_kept=True)
    calls = 0
    for number in range(53):
        held.add(a_lead(number, number, fields={"call": "known" if number % 10 == 0 else "new"}))
        held.start()
        calls += len(held.under_way)
        while held.under_way:
            held.finish(held.under_way.pop())
    held.start(flush=True)
    while held.under_way:
        calls += 1
        held.finish(held.under_way.pop())
        held.start(flush=True)
    assert calls == 2 + 10, "six known and 47 new ones, five a call"


def test_who_is_planned_anew_goes_before_who_waited_for_it() -> None:
    held = Held(1, 4)
    held.add(a_lead(0, "ann", identities={"phone:1"}))
    held.add(a_lead(1, "bob", identities={"phone:1"}))
    held.start()
    (batch,) = held.under_way
    held.under_way.clear()
    held.finish(batch, [batch.plans[0].lead])
    held.start()
    assert [numbers(plan.lead) for batch in held.under_way for plan in batch.plans] == [[0]]
