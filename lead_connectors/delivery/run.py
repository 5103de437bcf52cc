"""One run's books: what was read, what is in flight, what has its outcome, and which STATE may be written.

Everything here happens in one thread. After each batch the order is: outcomes, then rejects on disk, then the ledger,
then STATE.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from lead_connectors.delivery.batch import Result, send_batch
from lead_connectors.delivery.checkpoint import Checkpoint
from lead_connectors.delivery.destination import ConfirmsOptOuts, Destination, LeavesFieldsOut
from lead_connectors.delivery.dispatcher import Batch, Dispatcher
from lead_connectors.delivery.errors import PersonNeededError, SignalledError
from lead_connectors.delivery.lead import Lead
from lead_connectors.delivery.ledger import Ledger
from lead_connectors.delivery.outcome import Outcome, Status
from lead_connectors.delivery.plan import LEAVE_OUT, REJECT, Call, Finish, Send, make_plan
from lead_connectors.delivery.rejects import RejectStore
from lead_connectors.delivery.report import Report
from lead_connectors.http.errors import StoppedError

STATE_SECONDS = 1.0
STATE_RECORDS = 100
"""A STATE line costs the runner about 9 ms: one a second, or one for so many records, whichever is more often."""

MAX_REJECTS_ALWAYS_ALLOWED = 10


@dataclass(frozen=True)
class RunSettings:
    """The settings of a run.

    Attributes:
        on_conflict: The setting; `reject` for a target that does not have it.
        resend: The setting.
        dry_run: The setting.
        max_in_flight: The setting.
        max_reject_percent: The setting; None during a replay: the limit does not apply.
        is_replay: Whether the input is reject files: no STATE is written.
    """

    on_conflict: str = REJECT
    resend: bool = False
    dry_run: bool = False
    max_in_flight: int = 1
    max_reject_percent: float | None = None
    is_replay: bool = False


class DeliveryRun:
    """Delivers leads and keeps the books.

    Args:
        destination: Makes the calls.
        ledger: What was accepted before.
        rejects: Keeps rejected records.
        report: The run's counts.
        write_state: Writes one STATE to stdout.
        settings: The settings.
        useful_in_flight: How many calls are worth having in flight now, given the maximum.
        events: Brings finished batches and signals to the main thread.

    Attributes:
        is_state_held: Whether no STATE may be written yet: nothing of this run was asked for so far.
    """

    def __init__(
        self,
        destination: Destination,
        *,
        ledger: Ledger,
        rejects: RejectStore,
        report: Report,
        write_state: Callable[[dict[str, Any]], None],
        settings: RunSettings,
        useful_in_flight: Callable[[int], int],
        events: queue.SimpleQueue[Any],
    ) -> None:
        self._destination = destination
        self._ledger = ledger
        self._rejects = rejects
        self._report = report
        self._write_state = write_state
        self._settings = settings
        self._events = events
        self._checkpoint = Checkpoint()
        self.is_state_held = False
        self._state: dict[str, Any] | None = None
        self._state_written_at = time.monotonic()
        self._records_at_state = 0
        self._to_confirm: dict[str, frozenset[str]] = {}
        self._dispatcher = Dispatcher(
            self._call_for,
            partial(send_batch, destination, leave_out=settings.on_conflict == LEAVE_OUT),
            events.put,
            batch_size=destination.batch_size,
            max_in_flight=settings.max_in_flight,
            useful_in_flight=useful_in_flight,
        )

    # What arrives

    def read(self, stream: str) -> int:
        """Count a record. Returns its number, by which it is finished."""
        self._report.read(stream)
        return self._checkpoint.record()

    def finish_record(self, number: int, stream: str, outcome: Outcome) -> None:
        """Account for a record that needs no call."""
        self._report.count(stream, outcome)
        self._checkpoint.finish(number)

    def submit(self, lead: Lead) -> None:
        """Take a lead."""
        self._report.count_fields(lead)
        if self._settings.dry_run:
            self._call_for(lead)
        elif lead.rejected is not None and not lead.opt_outs:
            self._finish(lead, lead.rejected)
            self._sync_and_write_state()
            self._stop_above_reject_limit()
        else:
            self._dispatcher.add(lead)
            self._dispatcher.start()

    def state(self, value: dict[str, Any]) -> None:
        """Take a STATE."""
        self._checkpoint.state(value)
        self._write_safe_state()

    # What the input needs

    def attend(self, event: Any) -> None:
        """Take note of a batch that is done, or of a signal.

        Raises:
            SignalledError: The event is a signal's number.
            ConnectorError: The batch failed as a whole, or too many records are rejected: the run has to end.
        """
        if isinstance(event, int):
            raise SignalledError(event)
        if isinstance(event, Batch):
            self._finish_batch(event)
            if event.error is not None:
                raise event.error
            self._stop_above_reject_limit()
            self._dispatcher.start()

    def is_ready(self) -> bool:
        """Whether another record may be taken now."""
        return not self._dispatcher.is_full

    def next_deadline(self) -> float | None:
        """Seconds until a waiting lead or STATE is due though nothing arrives."""
        due = [self._dispatcher.next_deadline()] if not self._dispatcher.is_busy else []
        if self._state is not None and not self.is_state_held:
            due.append(max(0.05, self._state_written_at + STATE_SECONDS - time.monotonic()))
        return min((seconds for seconds in due if seconds is not None), default=None)

    def do_what_is_due(self) -> None:
        """Send what has waited long enough, and write the STATE that is safe."""
        self._dispatcher.start()
        self._write_safe_state()

    # The end

    def finish(self) -> None:
        """Deliver all that is left, and read raised opt-outs back.

        Raises:
            PersonNeededError: Opt-outs are open.
            ConnectorError: See `attend`.
        """
        self._dispatcher.start(flush=True)
        while self._dispatcher.is_busy or self._dispatcher.waiting:
            self.attend(self._events.get())
            self._dispatcher.start(flush=True)
        self._sync_and_write_state(last=True)
        self._confirm_opt_outs()
        if self._report.opt_outs_open:
            msg = (
                f"{self._report.opt_outs_open} opt-outs could not be raised: no call would take them, or they did not "
                "stay. Raise them by hand; their records are in the reject files."
            )
            raise PersonNeededError(msg)

    def finish_in_flight(self, seconds: float) -> None:
        """Wait for calls in flight and start no other; then write the STATE that is safe."""
        end = time.monotonic() + seconds
        while self._dispatcher.is_busy and (left := end - time.monotonic()) > 0:
            try:
                event = self._events.get(timeout=left)
            except queue.Empty:
                break
            if isinstance(event, Batch):
                self._finish_batch(event)
        self._sync_and_write_state(last=True)

    def close(self) -> None:
        """End idle threads and close files."""
        self._dispatcher.close()
        self._rejects.close()
        self._ledger.close()

    # Plans and outcomes

    def _call_for(self, lead: Lead) -> Call | None:
        """The call to make for a lead; None where its outcome needs none. Nothing of the same lead is in flight."""
        plan = make_plan(
            lead,
            self._ledger.look_up(lead, compare=not self._settings.resend),
            on_conflict=self._settings.on_conflict,
            dry_run=self._settings.dry_run,
            can_leave_out=self._can_send,
        )
        if isinstance(plan, Finish):
            self._finish(plan.lead, plan.outcome)
            return None
        return plan

    def _can_send(self, plan: Send) -> bool:
        return isinstance(self._destination, LeavesFieldsOut) and self._destination.can_send(plan)

    def _finish_batch(self, batch: Batch) -> None:
        self._dispatcher.finish(batch)
        if batch.error is not None:
            if not isinstance(batch.error, StoppedError):
                self._sync_and_write_state()
            return
        for result in batch.results:
            if result.plan.lead.opt_outs:
                self._count_opt_outs(result)
            self._finish(result.plan.lead, result.outcome)
        accepted = [result.plan for result in batch.results if result.outcome.is_delivered]
        sent = [plan for plan in accepted if isinstance(plan, Send)]
        self._rejects.sync()
        if sent:
            self._ledger.accept(sent)
        self._write_safe_state()

    def _count_opt_outs(self, result: Result) -> None:
        if not result.are_opt_outs_raised:
            self._report.opt_outs_open += 1
            return
        self._report.opt_outs_raised += 1
        if (lead_id := result.opt_out_lead_id) is not None:
            self._to_confirm[lead_id] = self._to_confirm.get(lead_id, frozenset()) | result.plan.lead.opt_outs

    def _confirm_opt_outs(self) -> None:
        if self._to_confirm and isinstance(self._destination, ConfirmsOptOuts):
            self._report.opt_outs_open += self._destination.unconfirmed(self._to_confirm)
        self._to_confirm = {}

    def _finish(self, lead: Lead, outcome: Outcome) -> None:
        """Give a lead, and the versions that collapsed into it, their outcomes."""
        *older, newest = lead.sources
        for source in older:
            self.finish_record(source.number, lead.stream, Outcome(Status.COLLAPSED))
        if not self._settings.dry_run:
            if outcome.status is Status.REJECTED:
                self._rejects.add(lead, outcome)
            else:
                self._rejects.forget(lead)
        self.finish_record(newest.number, lead.stream, outcome)

    def _stop_above_reject_limit(self) -> None:
        limit = self._settings.max_reject_percent
        count = self._report.rejected_without_conflicts
        accounted = self._report.accounted
        if limit is None or count <= MAX_REJECTS_ALWAYS_ALLOWED or count * 100 <= limit * accounted:
            return
        msg = (
            f"{count} of {accounted} records were rejected, more than max_reject_percent ({limit:g}): the run stops "
            "here. Look at the codes in the summary and at the reject files, correct the mapping or the data, and run "
            "again; --replay sends the rejects once more."
        )
        raise PersonNeededError(msg)

    # STATE

    def _sync_and_write_state(self, *, last: bool = False) -> None:
        self._rejects.sync()
        self._write_safe_state(last=last)

    def _write_safe_state(self, *, last: bool = False) -> None:
        """Write the newest safe STATE, if there is one and it is time."""
        if self._settings.dry_run or self._settings.is_replay:
            return
        self._state = self._checkpoint.take() or self._state
        if self._state is None or self.is_state_held:
            return
        oldest = self._checkpoint.oldest_unfinished
        safe = self._checkpoint.records if oldest is None else oldest
        is_due = time.monotonic() - self._state_written_at >= STATE_SECONDS
        if last or is_due or safe - self._records_at_state >= STATE_RECORDS:
            self._rejects.sync()
            self._write_state(self._state)
            self._state = None
            self._state_written_at = time.monotonic()
            self._records_at_state = safe
