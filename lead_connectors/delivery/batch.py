"""Sends one batch by one call, and by parts of it where the API rejects calls as a whole.

Runs in a worker thread. It changes no plan: what a response asks for is planned anew in the main thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from lead_connectors.delivery.destination import Destination, FindsLeads, FreesFields
from lead_connectors.delivery.errors import PartlySentError
from lead_connectors.delivery.outcome import Outcome, Status, rejected
from lead_connectors.delivery.plan import Call, Find, Free, OptOutsOnly, Send
from lead_connectors.http.errors import CallRejectedError
from lead_connectors.reject_codes import RejectCode

Item = TypeVar("Item")

SINGLES_FROM = 3
"""From the third bad lead on, single calls cost no more than halves."""

LOOK_UP = "look up"
"""Names the calls that look leads up, one a call."""


def call_of(destination: Destination, plan: Call) -> str:
    """The name of the call that takes a plan."""
    return LOOK_UP if isinstance(plan, Find) else destination.call_of(plan)


def leads_a_call(destination: Destination, call: str) -> int:
    """Leads that a call takes, at most."""
    return 1 if call == LOOK_UP else min(destination.batch_size, destination.leads_a_call(call))


def send_batch(destination: Destination, plans: Sequence[Call], took: Callable[[int, Outcome], object]) -> None:
    """Send the leads of one batch.

    Args:
        destination: Makes the calls.
        plans: Plans of one call, at most as many as it takes.
        took: Called with the position and the outcome of each lead as soon as it is known. What is known is kept
            whatever becomes of the rest.

    Raises:
        ConnectorError: The run has to end.
    """
    bodies: dict[int, object] = {}
    for place, plan in enumerate(plans):
        if isinstance(plan, Find):
            took(place, _look_up(destination, plan))
            continue
        try:
            bodies[place] = _body(destination, plan)
        except Exception as error:  # noqa: BLE001  # a fault of one lead is its own outcome
            took(place, rejected(RejectCode.INVALID_VALUE, f"cannot be written for the API ({type(error).__name__})"))
    if not bodies:
        return
    call = call_of(destination, plans[0])
    places = list(bodies)
    send_split(
        list(bodies.values()),
        lambda group: destination.send(call, group),
        rejection=destination.rejection,
        culprits=destination.culprits,
        took=lambda position, outcome: took(places[position], outcome),
    )


def _look_up(destination: Destination, plan: Find) -> Outcome:
    try:
        found = destination.find(plan) if isinstance(destination, FindsLeads) else None
    except CallRejectedError as error:
        return destination.rejection(error)
    return Outcome(Status.ACCEPTED, lead_id=found)


def _body(destination: Destination, plan: Send | OptOutsOnly | Free) -> object:
    if isinstance(plan, Send):
        return destination.body(plan)
    if isinstance(plan, Free):
        return destination.free_body(plan) if isinstance(destination, FreesFields) else None
    return destination.opt_out_body(plan)


def send_split(
    items: Sequence[Item],
    send: Callable[[Sequence[Item]], Sequence[Outcome]],
    *,
    rejection: Callable[[CallRejectedError], Outcome],
    culprits: Callable[[CallRejectedError], Iterable[int]],
    took: Callable[[int, Outcome], object],
) -> None:
    """Send all good items although bad ones make the API reject whole calls.

    Args:
        items: What to send, one call's worth.
        send: Makes one call; one outcome an item, in order.
        rejection: The outcome of an item that was rejected while it stood alone.
        culprits: Positions (from 0) that a rejected call names as its cause; may be empty, or wrong.
        took: Called with the position and the outcome of each item, once an item.

    Raises:
        ConnectorError: Whatever `send` raises besides `CallRejectedError`.
    """
    bad = 0
    groups = [list(range(len(items)))] if items else []
    while groups:
        group = groups.pop(0)
        try:
            outcomes = send([items[place] for place in group])
        except PartlySentError as error:
            for position, outcome in error.outcomes.items():
                took(group[position], outcome)
            if not isinstance(error.error, CallRejectedError):
                raise error.error from error
            groups.insert(0, [place for position, place in enumerate(group) if position not in error.outcomes])
        except CallRejectedError as error:
            if len(group) == 1:
                took(group[0], rejection(error))
                bad += 1
            else:
                named = {group[i] for i in culprits(error) if 0 <= i < len(group)}
                groups[:0] = _divided(group, named, one_by_one=bad >= SINGLES_FROM - 1)
        else:
            for place, outcome in zip(group, outcomes, strict=True):
                took(place, outcome)


def _divided(group: list[int], named: set[int], *, one_by_one: bool) -> list[list[int]]:
    others = [place for place in group if place not in named]
    if named and others:
        # Each culprit stands alone once before it is rejected.
        return [others, *([place] for place in group if place in named)]
    if one_by_one:
        return [[place] for place in group]
    middle = len(group) // 2
    return [group[:middle], group[middle:]]
