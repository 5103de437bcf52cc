"""What is to be done with one lead: send it, look it up, send its opt-outs only, or finish it (pure).

A plan is made in the main thread, from what the ledger knows and what responses have told in this run, when nothing of
the same lead is in flight. A plan never changes: where a response asks for another way, a new plan takes its place.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from lead_connectors.delivery.lead import Lead
from lead_connectors.delivery.outcome import Outcome, Status, rejected
from lead_connectors.reject_codes import RejectCode

Value = TypeVar("Value")

REJECT, LEAVE_OUT, OVERWRITE = "reject", "leave_out", "overwrite"
"""Values of the setting `on_conflict`."""
OPEN = "its opt-outs are open: they could be raised on no lead"


@dataclass(frozen=True)
class Known:
    """What the ledger knows of a lead.

    Attributes:
        is_known: Whether its record was accepted before.
        accepted_at: When it was last accepted, in seconds since the epoch; None where it never was.
        is_unchanged: Whether all that would be sent is as it was when it was last accepted.
        owned_by_others: API fields whose value belongs to another record.
        own: API fields whose value is known to be this record's.
        given_up: API fields whose value another record gave up, with the id of the lead that still has it.
        lead_id: The API's id of the lead that the record became; None where it is not known.
        opt_outs: Opt-outs that were raised on it.
    """

    is_known: bool = False
    accepted_at: float | None = None
    is_unchanged: bool = False
    owned_by_others: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    given_up: Mapping[str, str] = field(default_factory=dict)
    lead_id: str | None = None
    opt_outs: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Learned:
    """What responses have told of a lead in this run.

    Attributes:
        outcome: The outcome of the lead itself, where only its opt-outs are left to be settled.
        conflicting: API fields whose value belongs to another lead.
        is_gone: The lead that the ledger knew no longer exists.
        is_looked_up: The API was asked for the lead.
        is_absent: It was asked by what is the person's own, and has nobody.
        found: The API's id of the lead that was found.
        is_found_foreign: The lead that was found became another record's.
    """

    outcome: Outcome | None = None
    conflicting: frozenset[str] = frozenset()
    is_gone: bool = False
    is_looked_up: bool = False
    is_absent: bool = False
    found: str | None = None
    is_found_foreign: bool = False


NOTHING = Learned()


def _without(fields: Mapping[str, Value], left_out: frozenset[str]) -> dict[str, Value]:
    return {name: value for name, value in fields.items() if name not in left_out}


@dataclass(frozen=True)
class Send:
    """Send the lead.

    Attributes:
        lead: The lead.
        left_out: Fields that are not sent because their value belongs to another lead (`on_conflict: leave_out`).
        lead_id: The API's id of the lead to update; None where the API is to find it, or to create it.
        is_known: Whether its record was accepted before.
    """

    lead: Lead
    left_out: frozenset[str] = frozenset()
    lead_id: str | None = None
    is_known: bool = True

    @property
    def fields(self) -> dict[str, Any]:
        """The fields that are sent, the opt-outs that are true among them."""
        return _without(self.lead.fields, self.left_out) | dict.fromkeys(sorted(self.lead.opt_outs), True)

    @property
    def unique(self) -> Mapping[str, str]:
        """API field to unique identity, of the fields that are sent."""
        return _without(self.lead.unique, self.left_out)


@dataclass(frozen=True)
class OptOutsOnly:
    """Send nothing but the opt-outs of a lead that the API has.

    Attributes:
        lead: The lead.
        outcome: The lead's outcome, whatever becomes of its opt-outs.
        left_out: Fields whose value belongs to another lead.
        lead_id: The API's id of the lead, where it is known.
    """

    lead: Lead
    outcome: Outcome
    left_out: frozenset[str] = frozenset()
    lead_id: str | None = None

    @property
    def fields(self) -> dict[str, Any]:
        """The fields that may find the lead."""
        return _without(self.lead.fields, self.left_out)


@dataclass(frozen=True)
class Find:
    """Look the lead up.

    Attributes:
        lead: The lead.
        left_out: Fields whose value belongs to another lead: nobody is found by them.
        outcome: The lead's outcome, where only its opt-outs are left to be settled.
    """

    lead: Lead
    left_out: frozenset[str] = frozenset()
    outcome: Outcome | None = None

    @property
    def fields(self) -> dict[str, Any]:
        """The fields that may find the lead."""
        return _without(self.lead.fields, self.left_out)


@dataclass(frozen=True)
class Free:
    """Empty fields of another lead, whose record gave their values up to this one.

    Attributes:
        lead: The lead that is to get them.
        lead_id: The API's id of the lead that has them.
        freed: The fields.
    """

    lead: Lead
    lead_id: str
    freed: tuple[str, ...]


class OptOutState(enum.Enum):
    """What became of a lead's opt-outs."""

    NONE = "it has none, or they are as they were"
    RAISED = "a call took them"
    OPEN = "no call would take them"
    NOBODY = "the person is in no lead, and is to be in none"


@dataclass(frozen=True)
class Finish:
    """Make no call.

    Attributes:
        lead: The lead.
        outcome: Its outcome.
        opt_outs: What became of its opt-outs.
        lead_id: The API's id of the lead that has them, where it is known.
    """

    lead: Lead
    outcome: Outcome
    opt_outs: OptOutState = OptOutState.NONE
    lead_id: str | None = None


Call: TypeAlias = Send | OptOutsOnly | Find | Free
"""A plan that needs a call."""


@dataclass(frozen=True)
class Rules:
    """What decides between plans besides the lead itself.

    Attributes:
        on_conflict: The setting.
        can_send: Whether the API still finds the lead with the fields that a plan sends.
        can_raise: Whether the API can raise the opt-outs of a plan on the lead's own lead and no other.
        can_find: Whether a lead can be looked up.
        can_free: Whether a lead's identifiers can be emptied by its id.
        confirms: Whether raised opt-outs are read back, for which the lead's id is needed.
        keeps_ids: Whether the lead's id is kept for the next run, which updates the lead by it.
    """

    on_conflict: str = REJECT
    can_send: Callable[[Send], bool] = lambda _: False
    can_raise: Callable[[OptOutsOnly], bool] = lambda _: True
    can_find: bool = False
    can_free: bool = False
    confirms: bool = False
    keeps_ids: bool = False


def make_plan(lead: Lead, known: Known, rules: Rules, learned: Learned = NOTHING) -> Call | Finish:
    """Decide what is to be done with a lead.

    Args:
        lead: The lead.
        known: What the ledger knows of it.
        rules: What decides besides.
        learned: What responses have told of it in this run.
    """
    foreign = learned.conflicting.union(known.owned_by_others, known.given_up)
    given_up = {name: owner for name, owner in known.given_up.items() if name not in learned.conflicting}
    lead_id = known.lead_id or (None if learned.is_found_foreign else learned.found)
    outcome = learned.outcome or lead.rejected
    if outcome is None and _is_older(lead, known):
        outcome = Outcome(Status.COLLAPSED)
    if outcome is None and known.is_unchanged:
        return Finish(lead, Outcome(Status.UNCHANGED))
    if learned.is_found_foreign and (outcome is None or outcome.is_delivered):
        outcome = rejected(RejectCode.CONFLICT, "the lead that it finds belongs to another record")
    left_out = learned.conflicting if rules.on_conflict == OVERWRITE else foreign
    if rules.can_free:
        left_out -= given_up.keys()
    if lead_id is None and rules.confirms:
        # Who is introduced anew is not to be called because the lead with the opt-out is gone.
        lead = dataclasses.replace(lead, opt_outs=lead.opt_outs | known.opt_outs)
    send = Send(lead, left_out, lead_id, known.is_known)
    if outcome is None and left_out and not (rules.on_conflict == LEAVE_OUT and rules.can_send(send)):
        outcome = _conflict(tuple(sorted(left_out)))
    if outcome is not None:
        only = OptOutsOnly(lead, outcome, _unsafe(lead, known, foreign), lead_id)
        return _settle_opt_outs(only, known, rules, learned)
    # Who is known without an id, and is not found as before, is looked up by what has not changed.
    has_moved = lead_id is None and bool(known.own) and next(iter(lead.unique)) not in known.own
    if (learned.is_gone or has_moved) and rules.can_find and not learned.is_looked_up:
        return Find(lead, _unsafe(lead, known, foreign))
    if rules.can_free and given_up:
        owner = next(iter(given_up.values()))
        return Free(lead, owner, tuple(name for name, other in given_up.items() if other == owner))
    return send


def _unsafe(lead: Lead, known: Known, foreign: frozenset[str]) -> frozenset[str]:
    """Identifying fields by which somebody else could be found: with one that is known to be its own, all others."""
    return foreign.union(lead.unique.keys() - set(known.own)) if known.own else foreign


def _settle_opt_outs(plan: OptOutsOnly, known: Known, rules: Rules, learned: Learned) -> Call | Finish:
    """What is to be done with the opt-outs of a lead that has its outcome."""
    lead, outcome = plan.lead, plan.outcome
    may_find = rules.can_find and not learned.is_looked_up
    if outcome.is_delivered and may_find:
        # The response did not name the lead: it is looked up for the next run, and to see the opt-outs there.
        return Find(lead, plan.left_out, outcome)
    if not lead.opt_outs:
        return Finish(lead, outcome)
    if outcome.is_delivered:
        is_seen = plan.lead_id is not None or not rules.confirms
        return Finish(lead, outcome, OptOutState.RAISED, plan.lead_id) if is_seen else _open(lead, outcome)
    exists = plan.lead_id is not None or (known.is_known and not learned.is_gone)
    if exists and rules.can_raise(plan):
        return plan
    if may_find:
        return Find(lead, plan.left_out, outcome)
    is_nobody = learned.is_absent and (lead.rejected is not None or outcome.code is RejectCode.CONFLICT)
    return _open(lead, outcome, OptOutState.NOBODY if is_nobody else OptOutState.OPEN)


def _open(lead: Lead, outcome: Outcome, state: OptOutState = OptOutState.OPEN) -> Finish:
    """Whose opt-outs are open is a reject: its record is kept until they are raised."""
    if outcome.status is not Status.REJECTED:
        return Finish(lead, rejected(RejectCode.OPT_OUT_OPEN, OPEN), state)
    return Finish(lead, dataclasses.replace(outcome, reason=f"{outcome.reason}; {OPEN}".strip("; ")), state)


def _is_older(lead: Lead, known: Known) -> bool:
    """Whether a newer version was accepted after this one was rejected."""
    return known.accepted_at is not None and lead.rejected_at is not None and known.accepted_at > lead.rejected_at


def _conflict(fields: tuple[str, ...]) -> Outcome:
    reason = f"{', '.join(fields)} belongs to another record"
    return dataclasses.replace(rejected(RejectCode.CONFLICT, reason, conflicting_fields=fields), is_by_ledger=True)


# What a response asks for


def learn(plan: Call, outcome: Outcome, learned: Learned, rules: Rules) -> Learned | Finish:
    """Take in what a call told of a lead.

    Args:
        plan: What was sent.
        outcome: What became of it.
        learned: What earlier responses have told.
        rules: As for `make_plan`.

    Returns:
        More to plan by, or the end.
    """
    if isinstance(plan, Find):
        was_asked = outcome.is_delivered and bool(plan.lead.unique.keys() - plan.left_out)
        is_absent = was_asked and outcome.lead_id is None
        return dataclasses.replace(learned, is_looked_up=True, is_absent=is_absent, found=outcome.lead_id)
    if isinstance(plan, Free):
        is_free = outcome.is_delivered or outcome.code is RejectCode.NOT_FOUND
        return learned if is_free else dataclasses.replace(learned, conflicting=learned.conflicting.union(plan.freed))
    if plan.lead_id is not None and outcome.code is RejectCode.NOT_FOUND and not learned.is_gone:
        own = plan.outcome if isinstance(plan, OptOutsOnly) else None
        return dataclasses.replace(learned, is_gone=True, outcome=own)
    if isinstance(plan, Send):
        return (
            _taken(plan, outcome, learned, rules) if outcome.is_delivered else _refused(plan, outcome, learned, rules)
        )
    if outcome.is_delivered:
        return Finish(plan.lead, plan.outcome, OptOutState.RAISED, outcome.lead_id or plan.lead_id)
    return _open(plan.lead, plan.outcome)


def _taken(plan: Send, outcome: Outcome, learned: Learned, rules: Rules) -> Learned | Finish:
    lead = plan.lead
    if outcome.lead_id is None and ((lead.opt_outs and rules.confirms) or rules.keeps_ids):
        return dataclasses.replace(learned, outcome=outcome)
    raised = OptOutState.RAISED if lead.opt_outs else OptOutState.NONE
    return Finish(lead, outcome, raised, outcome.lead_id)


def _refused(plan: Send, outcome: Outcome, learned: Learned, rules: Rules) -> Learned | Finish:
    further = frozenset(outcome.conflicting_fields) - plan.left_out
    conflicting = learned.conflicting.union(further)
    shorter = dataclasses.replace(plan, left_out=plan.left_out | further)
    if further and rules.on_conflict == LEAVE_OUT and rules.can_send(shorter):
        return dataclasses.replace(learned, conflicting=conflicting)
    if not plan.lead.opt_outs:
        return Finish(plan.lead, outcome)
    return dataclasses.replace(learned, conflicting=conflicting, outcome=outcome)
