"""One run's books: what was read, what is under way, what has its outcome, and which STATE may leave.

Everything here happens in one thread. The order at the end of each batch is the promise: outcomes, then rejects on
disk, then the ledger, then STATE.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from lead_connectors.delivery.checkpoint import Checkpoint
from lead_connectors.delivery.dispatcher import Batch, Dispatcher, Writer
from lead_connectors.delivery.errors import PersonNeededError, SignalledError
from lead_connectors.delivery.lead import Lead
from lead_connectors.delivery.ledger import Ledger
from lead_connectors.delivery.outcome import Outcome, Status, rejected
from lead_connectors.delivery.report import Report
from lead_connectors.http.errors import StoppedError
from lead_connectors.reject_codes import RejectCode

STATE_SECONDS = 1.0
STATE_RECORDS = 100
"""A STATE line costs the runner about 9 ms: one a second, or one for so many records, whichever is more often."""

FEW_REJECTS = 10


class RejectStore(Protocol):
    """Keeps refused records until they are sent again."""

    def add(self, lead: Lead, outcome: Outcome) -> None:
        """Keep one."""

    def forget(self, lead: Lead) -> None:
        """Let go of one that needs no further sending."""

    def sync(self) -> None:
        """Make all that was kept durable."""

    def close(self) -> None:
        """Put everything in order at the end of the run."""


class LeadWriter(Writer, Protocol):
    """What a run needs of a target's API besides `write`."""

    def without(self, lead: Lead, fields: Sequence[str]) -> bool:
        """Whether the lead can still be told from others when these fields are left out."""

    def unconfirmed(self, flags: dict[str, frozenset[str]]) -> int:
        """Read opt-outs back, by lead id. Returns of how many leads they did not stay."""


@dataclass(frozen=True)
class Rules:
    """The settings that a run goes by."""

    on_conflict: str
    resend: bool
    dry_run: bool
    max_in_flight: int
    max_reject_percent: float | None
    """None in a replay: rejects are what it is about."""
    replay: bool = False


class DeliveryRun:
    """Delivers leads and keeps the books.

    Args:
        writer: Makes the calls.
        ledger: What was accepted before.
        rejects: Where refused records go.
        report: The accounts.
        write_state: Writes one STATE to stdout.
        in_flight_now: How many calls are worth having under way.
        rules: The settings.
    """

    def __init__(
        self,
        writer: LeadWriter,
        *,
        ledger: Ledger,
        rejects: RejectStore,
        report: Report,
        write_state: Callable[[dict[str, Any]], None],
        in_flight_now: Callable[[int], int],
        rules: Rules,
        events: queue.SimpleQueue[Any],
    ) -> None:
        self._writer = writer
        self._ledger = ledger
        self._rejects = rejects
        self._report = report
        self._write_state = write_state
        self._rules = rules
        self._checkpoint = Checkpoint()
        self._state: dict[str, Any] | None = None
        self._state_written_at = time.monotonic()
        self._records_at_state = 0
        self._to_confirm: dict[str, frozenset[str]] = {}
        self.events = events
        self._dispatcher = Dispatcher(
            writer,
            self._screen,
            events.put,
            max_in_flight=rules.max_in_flight,
            in_flight_now=in_flight_now,
        )

    # What arrives

    def read(self, stream: str) -> int:
        """Count a record. Returns its number, by which it is finished."""
        self._report.read(stream)
        return self._checkpoint.record()

    def finish_at_once(self, number: int, stream: str, outcome: Outcome) -> None:
        """Account for a record that is no lead."""
        self._report.count(stream, outcome)
        self._checkpoint.finish(number)

    def submit(self, lead: Lead) -> None:
        """Take a lead on its way."""
        if self._rules.dry_run:
            if self._screen(lead):
                self._finish(lead, lead.refused or Outcome(Status.UNSENT))
            return
        if lead.refused is not None and not lead.opt_outs:
            self._finish(lead, lead.refused)
            self._after_outcomes()
            self._stop_above_limit()
            return
        self._dispatcher.add(lead)
        self._dispatcher.start()

    def state(self, value: dict[str, Any]) -> None:
        """Take a STATE."""
        self._checkpoint.state(value)
        self._emit()

    # The reader's attendant

    def attend(self, event: Any) -> None:
        """Take note of a batch that is done, or of a signal.

        Raises:
            SignalledError: The event is a signal's number.
            ConnectorError: The batch failed as a whole, or too many records are refused: the run has to end.
        """
        if isinstance(event, int):
            raise SignalledError(event)
        if isinstance(event, Batch):
            self._settle(event)
            if event.error is not None:
                raise event.error
            self._stop_above_limit()
            self._dispatcher.start()

    def ready_for_more(self) -> bool:
        """Whether another record may be taken now."""
        return not self._dispatcher.saturated

    def idle_deadline(self) -> float | None:
        """Seconds until a waiting lead or STATE is due though nothing arrives."""
        due = [self._dispatcher.next_deadline()] if not self._dispatcher.busy else []
        if self._state is not None:
            due.append(max(0.05, self._state_written_at + STATE_SECONDS - time.monotonic()))
        return min((seconds for seconds in due if seconds is not None), default=None)

    def idle(self) -> None:
        """Send what has waited long enough."""
        self._dispatcher.start()
        self._emit()

    # The end

    def finish(self) -> None:
        """Deliver all that is left, and read raised opt-outs back.

        Raises:
            PersonNeededError: Opt-outs are open.
            ConnectorError: See `attend`.
        """
        self._dispatcher.start(flush=True)
        while self._dispatcher.busy or self._dispatcher.waiting:
            self.attend(self.events.get())
            self._dispatcher.start(flush=True)
        self._after_outcomes(last=True)
        if self._to_confirm:
            self._report.opt_outs_open += self._writer.unconfirmed(self._to_confirm)
            self._to_confirm = {}
        if self._report.opt_outs_open:
            msg = (
                f"{self._report.opt_outs_open} opt-outs could not be raised: no call would take them, or they did not "
                "stay. Raise them by hand; their records are in the reject files."
            )
            raise PersonNeededError(msg)

    def finish_in_flight(self, seconds: float) -> None:
        """Wait for calls under way, start no other, and say how far everything is accounted for."""
        end = time.monotonic() + seconds
        while self._dispatcher.busy and (left := end - time.monotonic()) > 0:
            try:
                event = self.events.get(timeout=left)
            except queue.Empty:
                break
            if isinstance(event, Batch):
                self._settle(event)
        self._after_outcomes(last=True)

    def close(self) -> None:
        """Let go of threads and files."""
        self._dispatcher.close()
        self._rejects.close()
        self._ledger.close()

    # Outcomes

    def _screen(self, lead: Lead) -> bool:
        """Whether a call is to be made for a lead; called when nothing of the same lead is under way."""
        if lead.refused is None:
            outcome = self._screened(lead)
            if outcome is not None and outcome.code is None:
                if outcome.status is Status.COLLAPSED and lead.opt_outs and not self._rules.dry_run:
                    lead.replaced = True  # an older version, but its opt-outs hold
                    return True
                self._finish(lead, outcome)
                return False
            lead.refused = outcome
        if lead.refused is not None and (self._rules.dry_run or not lead.opt_outs):
            self._finish(lead, lead.refused)
            return False
        return True

    def _screened(self, lead: Lead) -> Outcome | None:
        entry = self._ledger.entry(lead)
        if entry and lead.rejected_at is not None and entry.accepted_at > lead.rejected_at:
            return Outcome(Status.COLLAPSED)
        if entry and not self._rules.resend and entry.digest == self._ledger.digest(lead):
            return Outcome(Status.UNCHANGED)
        clashed = [] if self._rules.on_conflict == "overwrite" else self._ledger.owned_by_others(lead)
        if not clashed:
            return None
        if self._rules.on_conflict == "leave_out" and self._writer.without(lead, clashed):
            lead.left_out |= frozenset(clashed)
            return None
        reason = f"{', '.join(clashed)} belongs to another record"
        return rejected(RejectCode.CONFLICT, reason, clashed=tuple(clashed))

    def _settle(self, batch: Batch) -> None:
        self._dispatcher.finish(batch)
        if batch.error is not None:
            if not isinstance(batch.error, StoppedError):
                self._after_outcomes()
            return
        delivered = []
        for lead, receipt in zip(batch.leads, batch.receipts, strict=True):
            if receipt.outcome.delivered:
                delivered.append(lead)
            if lead.opt_outs:
                self._count_opt_out(receipt.opt_outs_raised, receipt.confirm_id, lead.opt_outs)
            self._finish(lead, receipt.outcome)
        if delivered:
            self._ledger.accepted(delivered)
        self._after_outcomes()

    def _count_opt_out(self, raised: bool, lead_id: str | None, flags: frozenset[str]) -> None:  # noqa: FBT001
        if not raised:
            self._report.opt_outs_open += 1
            return
        self._report.opt_outs_raised += 1
        if lead_id is not None:
            self._to_confirm[lead_id] = self._to_confirm.get(lead_id, frozenset()) | flags

    def _finish(self, lead: Lead, outcome: Outcome) -> None:
        """Give a lead, and the versions that collapsed into it, their final outcomes."""
        *older, newest = lead.numbers
        for number in older:
            self.finish_at_once(number, lead.stream, Outcome(Status.COLLAPSED))
        if not self._rules.dry_run:
            if outcome.status is Status.REJECTED:
                self._rejects.add(lead, outcome)
            else:
                self._rejects.forget(lead)
        self.finish_at_once(newest, lead.stream, outcome)

    def _stop_above_limit(self) -> None:
        most = self._rules.max_reject_percent
        count = self._report.rejected_but_conflicts
        if most is None or count <= FEW_REJECTS or count * 100 <= most * self._report.accounted:
            return
        msg = (
            f"{count} of {self._report.accounted} records were rejected, more than max_reject_percent ({most:g}): "
            "stopped before more are. Look at the codes in the summary and at the reject files, mend the mapping or "
            "the data, and run again; --replay sends the rejects once more."
        )
        raise PersonNeededError(msg)

    def _after_outcomes(self, *, last: bool = False) -> None:
        self._rejects.sync()
        self._emit(last=last)

    def _emit(self, *, last: bool = False) -> None:
        """Write the newest safe STATE, if there is one and it is time."""
        if self._rules.dry_run or self._rules.replay:
            return
        newest = self._checkpoint.take()
        if newest is not None:
            self._state = newest
        if self._state is None:
            return
        oldest = self._checkpoint.oldest_unfinished
        safe = self._checkpoint.records if oldest is None else oldest
        due = time.monotonic() - self._state_written_at >= STATE_SECONDS
        if last or due or safe - self._records_at_state >= STATE_RECORDS:
            self._rejects.sync()
            self._write_state(self._state)
            self._state = None
            self._state_written_at = time.monotonic()
            self._records_at_state = safe
