"""BatchWriter: one batch to one API, one receipt a lead, whatever the API answers."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from lead_connectors.delivery.batch import deliver_split
from lead_connectors.delivery.lead import Lead, Receipt
from lead_connectors.delivery.outcome import Outcome, Status
from lead_connectors.http.errors import CallRejectedError
from lead_connectors.reject_codes import RejectCode

Call = Callable[[Sequence[Any]], list[Outcome]]


class BatchWriter(abc.ABC):
    """Sends leads, splits refused calls, leaves clashing fields out where asked, and rescues opt-outs.

    Attributes:
        batch_size: Leads a call.
        leaves_out: `on_conflict: leave_out`: a lead that clashes is sent once more without the clashing fields.
        reads_back: Raised opt-outs can be read back by the lead's id.
    """

    batch_size: int
    leaves_out = False
    reads_back = False

    @abc.abstractmethod
    def body(self, lead: Lead) -> Any:
        """What one lead is in the call's JSON."""

    @abc.abstractmethod
    def opt_out_body(self, lead: Lead, clashed: Sequence[str]) -> Any | None:
        """The least that raises the lead's opt-outs, found by an identifier that did not clash; None without one."""

    @abc.abstractmethod
    def call(self, bodies: Sequence[Any]) -> list[Outcome]:
        """Make one call and read its answer into exactly one outcome a body.

        Raises:
            CallRejectedError: The API refused the call as a whole.
            ConnectorError: The run has to end.
        """

    def opt_out_call(self, bodies: Sequence[Any]) -> list[Outcome]:
        """Like `call`, for bodies of `opt_out_body`."""
        return self.call(bodies)

    @abc.abstractmethod
    def blame(self, error: CallRejectedError) -> Iterable[int]:
        """Places (from 0) that a refused call names as its culprits."""

    @abc.abstractmethod
    def refused(self, error: CallRejectedError) -> Outcome:
        """The outcome of a lead that was refused while it stood alone."""

    def without(self, lead: Lead, fields: Sequence[str]) -> bool:
        """Whether the lead can still be told from others when these fields are left out."""
        _ = lead, fields
        return False

    def unconfirmed(self, flags: dict[str, frozenset[str]]) -> int:
        """Read opt-outs back, by lead id. Returns of how many leads they did not stay."""
        _ = flags
        return 0

    def write(self, leads: Sequence[Lead]) -> list[Receipt]:
        """Deliver one batch; see `dispatch.Writer`."""
        outcomes: dict[int, Outcome] = {}
        for place, lead in enumerate(leads):
            if lead.refused is not None:
                outcomes[place] = lead.refused
            elif lead.replaced:
                outcomes[place] = Outcome(Status.COLLAPSED)
        self._send(leads, [place for place in range(len(leads)) if place not in outcomes], outcomes)
        if self.leaves_out:
            self._send_without_clashes(leads, outcomes)
        rescued = self._rescue(leads, outcomes)
        return [self._receipt(lead, outcomes[place], rescued.get(place)) for place, lead in enumerate(leads)]

    def _send(self, leads: Sequence[Lead], places: Sequence[int], outcomes: dict[int, Outcome]) -> None:
        bodies = [self.body(leads[place]) for place in places]
        outcomes.update(zip(places, self._delivered(bodies, self.call), strict=True))

    def _delivered(self, bodies: Sequence[Any], call: Call) -> list[Outcome]:
        if not bodies:
            return []
        return deliver_split(bodies, call, lambda _, error: self.refused(error), self.blame)

    def _send_without_clashes(self, leads: Sequence[Lead], outcomes: dict[int, Outcome]) -> None:
        again = []
        for place, outcome in list(outcomes.items()):
            lead = leads[place]
            clashed = [name for name in outcome.clashed if name not in lead.left_out]
            if lead.refused is None and outcome.code is RejectCode.CONFLICT and clashed and self.without(lead, clashed):
                lead.left_out |= frozenset(clashed)
                again.append(place)
        if again:
            self._send(leads, again, outcomes)

    def _rescue(self, leads: Sequence[Lead], outcomes: dict[int, Outcome]) -> dict[int, Outcome]:
        """Raise the opt-outs of leads that were not taken, each by a minimal write."""
        places, bodies = [], []
        for place, lead in enumerate(leads):
            if lead.opt_outs and not outcomes[place].delivered:
                body = self.opt_out_body(lead, outcomes[place].clashed)
                if body is not None:
                    places.append(place)
                    bodies.append(body)
        return dict(zip(places, self._delivered(bodies, self.opt_out_call), strict=True))

    def _receipt(self, lead: Lead, outcome: Outcome, rescue: Outcome | None) -> Receipt:
        taken = outcome if outcome.delivered else rescue
        raised = bool(lead.opt_outs) and taken is not None and taken.delivered
        confirm_id = taken.lead_id if raised and self.reads_back and taken is not None else None
        return Receipt(outcome, raised, confirm_id)
