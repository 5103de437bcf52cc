"""Sends one batch: splits rejected calls, leaves conflicting fields out, and sends opt-outs of rejected leads.

Runs in a worker thread. It changes no plan: where a lead is sent in another way, a new plan says how.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from lead_connectors.delivery.destination import Destination, LeavesFieldsOut
from lead_connectors.delivery.outcome import Outcome
from lead_connectors.delivery.plan import Call, OptOutsOnly, Send
from lead_connectors.http.errors import CallRejectedError
from lead_connectors.reject_codes import RejectCode

Item = TypeVar("Item")
Response = TypeVar("Response")

SINGLES_FROM = 3
"""From the third bad lead on, single calls cost no more than halves."""


@dataclass(frozen=True)
class Result:
    """What became of one plan.

    Attributes:
        plan: The plan that was carried out in the end.
        outcome: The lead's outcome.
        are_opt_outs_raised: The API took the lead's opt-outs (if it has any), with it or by a call of their own.
        opt_out_lead_id: The API's id of the lead that took them, where it gave one.
    """

    plan: Call
    outcome: Outcome
    are_opt_outs_raised: bool = False
    opt_out_lead_id: str | None = None


def send_batch(destination: Destination, plans: Sequence[Call], *, leave_out: bool) -> list[Result]:
    """Send the leads of one batch.

    Args:
        destination: Makes the calls.
        plans: At most `destination.batch_size`.
        leave_out: Whether a lead in conflict with another one is sent once more without the fields in conflict.

    Returns:
        One result a plan, in order.

    Raises:
        ConnectorError: No lead of the batch is accounted for, and the run has to end.
    """
    carried_out = list(plans)
    outcomes = {place: plan.outcome for place, plan in enumerate(plans) if isinstance(plan, OptOutsOnly)}
    sends = {place: plan for place, plan in enumerate(plans) if isinstance(plan, Send)}
    outcomes |= _sent(destination, sends)
    if leave_out and isinstance(destination, LeavesFieldsOut):
        shorter = {
            place: plan
            for place, first in sends.items()
            if (plan := _without_conflict(first, outcomes[place])) is not None and destination.can_send(plan)
        }
        outcomes |= _sent(destination, shorter)
        for place, plan in shorter.items():
            carried_out[place] = plan
    opt_outs = _opt_outs_sent(destination, carried_out, outcomes)
    return [_result(plan, outcomes[place], opt_outs.get(place)) for place, plan in enumerate(carried_out)]


def send_split(
    items: Sequence[Item],
    send: Callable[[Sequence[Item]], Sequence[Response]],
    *,
    rejection: Callable[[CallRejectedError], Response],
    culprits: Callable[[CallRejectedError], Iterable[int]],
) -> list[Response]:
    """Send all good items although bad ones make the API reject whole calls.

    Args:
        items: What to send, one call's worth.
        send: Makes one call; one response an item, in order.
        rejection: The response of an item that was rejected while it stood alone.
        culprits: Positions (from 0) that a rejected call names as its cause; may be empty, or wrong.

    Returns:
        One response an item, in order.

    Raises:
        ConnectorError: Whatever `send` raises besides `CallRejectedError`.
    """
    responses: dict[int, Response] = {}
    bad = 0
    groups = [list(range(len(items)))] if items else []
    while groups:
        group = groups.pop(0)
        try:
            responses.update(zip(group, send([items[place] for place in group]), strict=True))
        except CallRejectedError as error:
            if len(group) == 1:
                responses[group[0]] = rejection(error)
                bad += 1
            else:
                named = {group[i] for i in culprits(error) if 0 <= i < len(group)}
                groups[:0] = _divided(group, named, one_by_one=bad >= SINGLES_FROM - 1)
    return [responses[place] for place in range(len(items))]


def _divided(group: list[int], named: set[int], *, one_by_one: bool) -> list[list[int]]:
    others = [place for place in group if place not in named]
    if named and others:
        # Each culprit stands alone once before it is rejected.
        return [others, *([place] for place in group if place in named)]
    if one_by_one:
        return [[place] for place in group]
    middle = len(group) // 2
    return [group[:middle], group[middle:]]


def _sent(destination: Destination, plans: dict[int, Send]) -> dict[int, Outcome]:
    bodies = [destination.body(plan.fields) for plan in plans.values()]
    return dict(zip(plans, _call(destination, bodies, destination.send), strict=True))


def _call(
    destination: Destination, bodies: Sequence[Any], send: Callable[[Sequence[Any]], Sequence[Outcome]]
) -> list[Outcome]:
    return send_split(bodies, send, rejection=destination.rejection, culprits=destination.culprits)


def _without_conflict(plan: Send, outcome: Outcome) -> Send | None:
    """The plan less the fields that belong to another lead; None where there are none to leave out."""
    further = set(outcome.conflicting_fields) - plan.left_out
    return plan.without(further) if outcome.code is RejectCode.CONFLICT and further else None


def _opt_outs_sent(destination: Destination, plans: Sequence[Call], outcomes: dict[int, Outcome]) -> dict[int, Outcome]:
    """Send the opt-outs of leads that were not taken, each by the smallest write that finds its lead."""
    bodies: dict[int, Any] = {}
    for place, plan in enumerate(plans):
        outcome = outcomes[place]
        if plan.lead.opt_outs and not outcome.is_delivered:
            # A field in conflict would raise the opt-out on somebody else's lead.
            own = (plan if isinstance(plan, Send) else Send(plan.lead)).without(outcome.conflicting_fields)
            body = destination.opt_out_body(own.fields, plan.lead.opt_outs)
            if body is not None:
                bodies[place] = body
    places, size = list(bodies), destination.opt_out_batch_size
    opt_outs: dict[int, Outcome] = {}
    for start in range(0, len(places), size):
        group = places[start : start + size]
        sent = _call(destination, [bodies[place] for place in group], destination.send_opt_outs)
        opt_outs |= dict(zip(group, sent, strict=True))
    return opt_outs


def _result(plan: Call, outcome: Outcome, opt_outs: Outcome | None) -> Result:
    taken = outcome if outcome.is_delivered else opt_outs
    if not plan.lead.opt_outs or taken is None or not taken.is_delivered:
        return Result(plan, outcome)
    return Result(plan, outcome, are_opt_outs_raised=True, opt_out_lead_id=taken.lead_id)
