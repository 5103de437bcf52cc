"""What is to be done with one lead: send it, send its opt-outs only, or finish it with an outcome (pure).

A plan is made in the main thread, from what the ledger knows, when nothing of the same lead is under
way. A plan never changes. Where the API's response asks for another way, a new plan takes its place.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from lead_connectors.delivery.lead import Lead
from lead_connectors.delivery.outcome import Outcome, Status, rejected
from lead_connectors.reject_codes import RejectCode

REJECT, LEAVE_OUT, OVERWRITE = "reject", "leave_out", "overwrite"
"""Values of the setting `on_conflict`."""


@dataclass(frozen=True)
class Known:
    """What the ledger knows of a lead.

    Attributes:
        accepted_at: When its record was last accepted, in seconds since the epoch; None where it never was.
        is_unchanged: Whether all that would be sent is as it was when it was last accepted.
        owned_by_others: API fields whose value belongs to another record; not looked up where nothing has changed.
    """

    accepted_at: float | None = None
    is_unchanged: bool = False
    owned_by_others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Send:
    """Send the lead.

    Attributes:
        lead: The lead.
        left_out: Fields that are not sent because their value belongs to another lead (`on_conflict: leave_out`).
    """

    lead: Lead
    left_out: frozenset[str] = frozenset()

    @property
    def fields(self) -> dict[str, Any]:
        """The fields that are sent, the opt-outs that are true among them."""
        kept = {name: value for name, value in self.lead.fields.items() if name not in self.left_out}
        return kept | dict.fromkeys(sorted(self.lead.opt_outs), True)

    @property
    def unique(self) -> Mapping[str, str]:
        """API field to unique identity, of the fields that are sent."""
        return {name: identity for name, identity in self.lead.unique.items() if name not in self.left_out}

    def without(self, fields: Collection[str]) -> Send:
        """The same lead with further fields left out."""
        return dataclasses.replace(self, left_out=self.left_out.union(fields))


@dataclass(frozen=True)
class OptOutsOnly:
    """Send nothing but the lead's opt-outs.

    Attributes:
        lead: The lead.
        outcome: The lead's outcome, whatever becomes of its opt-outs.
    """

    lead: Lead
    outcome: Outcome


@dataclass(frozen=True)
class Finish:
    """Make no call.

    Attributes:
        lead: The lead.
        outcome: Its outcome.
    """

    lead: Lead
    outcome: Outcome


Call: TypeAlias = Send | OptOutsOnly
"""A plan that needs a call."""


def make_plan(
    lead: Lead, known: Known, *, on_conflict: str, dry_run: bool, can_leave_out: Callable[[Send], bool]
) -> Call | Finish:
    """Decide what is to be done with a lead.

    Args:
        lead: The lead.
        known: What the ledger knows of it.
        on_conflict: The setting.
        dry_run: The setting: nothing is sent.
        can_leave_out: Whether the API still finds the lead when a plan's fields are left out.
    """
    send = Send(lead)
    outcome = lead.rejected
    if outcome is None and _is_older(lead, known):
        outcome = Outcome(Status.COLLAPSED)
    if outcome is None and known.is_unchanged:
        return Finish(lead, Outcome(Status.UNCHANGED))
    if outcome is None and known.owned_by_others and on_conflict != OVERWRITE:
        shorter = send.without(known.owned_by_others)
        if on_conflict == LEAVE_OUT and can_leave_out(shorter):
            send = shorter
        else:
            outcome = _conflict(known.owned_by_others)
    if outcome is None:
        return Finish(lead, Outcome(Status.UNSENT)) if dry_run else send
    return OptOutsOnly(lead, outcome) if lead.opt_outs and not dry_run else Finish(lead, outcome)


def _is_older(lead: Lead, known: Known) -> bool:
    """Whether a newer version was accepted after this one was rejected."""
    return known.accepted_at is not None and lead.rejected_at is not None and known.accepted_at > lead.rejected_at


def _conflict(fields: tuple[str, ...]) -> Outcome:
    reason = f"{', '.join(fields)} belongs to another record"
    return rejected(RejectCode.CONFLICT, reason, conflicting_fields=fields)
