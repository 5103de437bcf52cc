"""One run's books: what was read, what is in flight, what has its outcome, and which STATE may be written.

Everything here happens in one thread. After each batch the order is: outcomes, then rejects on disk, then the ledger,
then STATE, each before the next.
"""

from __future__ import annotations

import dataclasses
import queue
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from lead_connectors.delivery.batch import call_of, leads_a_call, send_batch
from lead_connectors.delivery.checkpoint import Checkpoint
from lead_connectors.delivery.destination import ConfirmsOptOuts, Destination, FindsLeads, FreesFields, LeavesFieldsOut
from lead_connectors.delivery.dispatcher import Batch, Dispatcher
from lead_connectors.delivery.errors import SignalledError
from lead_connectors.delivery.lead import Lead
from lead_connectors.delivery.ledger import Accepted, Ledger
from lead_connectors.delivery.opt_outs import OptOuts
from lead_connectors.delivery.outcome import Outcome, Status, id_key, rejected
from lead_connectors.delivery.plan import (
    NOTHING,
    OVERWRITE,
    REJECT,
    Call,
    Find,
    Finish,
    Free,
    Learned,
    OptOutState,
    Rules,
    Send,
    learn,
    make_plan,
)
from lead_connectors.delivery.rejects import RejectStore
from lead_connectors.delivery.report import Report
from lead_connectors.delivery.stop_rules import StopRules
from lead_connectors.http.errors import StoppedError
from lead_connectors.reject_codes import RejectCode

STATE_SECONDS = 1.0
STATE_RECORDS = 100
"""A STATE line costs the runner about 9 ms: one a second, or one for so many records, whichever is more often."""


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
        self._opt_outs = OptOuts(destination, ledger, rejects, report)
        self._learned: dict[int, Learned] = {}
        self._stop_rules = StopRules(report, settings.max_reject_percent)
        self._rules = Rules(
            on_conflict=settings.on_conflict,
            can_send=lambda plan: isinstance(destination, LeavesFieldsOut) and destination.can_send(plan),
            can_raise=lambda plan: destination.opt_out_body(plan) is not None,
            can_find=isinstance(destination, FindsLeads),
            can_free=isinstance(destination, FreesFields),
            confirms=isinstance(destination, ConfirmsOptOuts),
            keeps_ids=isinstance(destination, ConfirmsOptOuts) and ledger.is_kept,
        )
        self._dispatcher = Dispatcher(
            self._call_for,
            call_of=partial(call_of, destination),
            leads_a_call=partial(leads_a_call, destination),
            send=partial(send_batch, destination),
            done=events.put,
            batch_size=destination.batch_size,
            max_in_flight=settings.max_in_flight,
            max_past_oldest=None if ledger.is_kept else settings.max_in_flight * destination.batch_size,
            useful_in_flight=useful_in_flight,
        )

    def start(self) -> None:
        """Try the opt-outs that earlier runs left open, before anything is read."""
        if not self._settings.dry_run and not self._settings.is_replay:
            self._opt_outs.retry()

    @property
    def reject_files(self) -> list[Path]:
        """Files that hold records that this run rejected or left open."""
        return self._rejects.paths

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
        self._rejects.expect(lead)
        if self._settings.dry_run:
            self._rehearse(lead)
        elif lead.rejected is not None and not lead.opt_outs:
            self._finish(Finish(lead, lead.rejected))
            self._write_safe_state()
        else:
            self._dispatcher.add(lead)
            self._dispatcher.start()
        self._stop_rules.check()

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
            self._stop_rules.check()
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
            # What comes back, such as from look-ups, fills whole calls while others are on their way.
            self._dispatcher.start(flush=not self._dispatcher.is_busy)
        self._stop_rules.check(at_end=True)
        self._opt_outs.read_back()
        self._write_safe_state(last=True)
        self._opt_outs.check()

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
        if not self._stop_rules.stream_in_doubt:
            self._write_safe_state(last=True)

    def close(self) -> None:
        """End idle threads and close files."""
        self._dispatcher.close()
        self._opt_outs.end()
        self._rejects.close()
        self._ledger.close()

    # Plans and outcomes

    def _plan(self, lead: Lead) -> Call | Finish:
        known = self._ledger.look_up(lead, compare=not self._settings.resend)
        return make_plan(lead, known, self._rules, self._learned.get(lead.number, NOTHING))

    def _call_for(self, lead: Lead) -> Call | None:
        """The call to make for a lead; None where its outcome needs none. Nothing of the same lead is in flight."""
        plan = self._plan(lead)
        if isinstance(plan, Finish):
            self._finish(plan)
            return None
        return plan

    def _rehearse(self, lead: Lead) -> None:
        """Dry run: finish a lead as far as that is possible without a call."""
        plan = self._plan(lead)
        outcome = None if isinstance(plan, Send | Free) else plan.outcome
        if outcome is None:
            # Into the ledger's copy: who is who is known as in the run itself.
            self._ledger.accept([Accepted(plan if isinstance(plan, Send) else Send(lead))])
        self._account(lead, outcome or Outcome(Status.UNSENT))

    def _finish_batch(self, batch: Batch) -> None:
        accepted: list[Accepted] = []
        finished: list[Finish] = []
        again: list[Lead] = []
        taken: set[str] = set()
        for place, plan in enumerate(batch.plans):
            if (outcome := batch.outcomes.get(place)) is None:
                continue
            outcome = self._checked(plan, outcome, taken)
            if isinstance(plan, Send) and outcome.is_delivered:
                accepted.append(Accepted(plan, outcome.lead_id))
            if (finish := self._take_in(plan, outcome)) is None:
                again.append(plan.lead)
            else:
                finished.append(finish)
        try:
            self._finish_all(finished, accepted)
        except BaseException:
            self._dispatcher.finish(batch)
            raise
        self._dispatcher.finish(batch, again if batch.error is None else ())
        for finish in filter(self._is_followed, finished):
            self._opt_outs.follow(finish.lead, finish.outcome, finish.lead_id or "")
        if not isinstance(batch.error, StoppedError):
            self._write_safe_state()

    def _finish_all(self, finished: Sequence[Finish], accepted: Sequence[Accepted]) -> None:
        """Outcomes, then rejects on disk, then the ledger; only then is a record accounted for."""
        for finish in finished:
            self._write_down(finish)
        if finished:
            self._rejects.sync()
        followed = filter(self._is_followed, finished)
        self._ledger.accept(accepted, [(finish.lead, finish.lead_id or "") for finish in followed])
        for finish in finished:
            self._account(finish.lead, finish.outcome)

    def _take_in(self, plan: Call, outcome: Outcome) -> Finish | None:
        """What a response makes of a lead; None where it asks for another plan."""
        lead = plan.lead
        learned = learn(plan, outcome, self._learned.get(lead.number, NOTHING), self._rules)
        if isinstance(learned, Finish):
            return learned
        if isinstance(plan, Free) and learned.conflicting.isdisjoint(plan.freed):
            self._ledger.release(lead, plan.freed)
        if learned.is_gone:
            self._ledger.forget_lead(lead)
        if learned.found is not None and self._ledger.belongs_to_another(learned.found, lead):
            learned = dataclasses.replace(learned, found=None, is_found_foreign=True)
        if isinstance(plan, Find) and plan.outcome is not None and plan.outcome.is_delivered:
            self._ledger.identify(lead, learned.found, is_foreign=learned.is_found_foreign)
        self._learned[lead.number] = learned
        return None

    def _checked(self, plan: Call, outcome: Outcome, taken: set[str]) -> Outcome:
        """The outcome, unless the API wrote to another lead than the record's own, or than one of the batch before."""
        if not isinstance(plan, Send) or not outcome.is_delivered or outcome.lead_id is None:
            return outcome
        lead = id_key(outcome.lead_id)
        is_own = plan.lead_id is None or id_key(plan.lead_id) == lead
        is_free = lead not in taken and not self._ledger.belongs_to_another(outcome.lead_id, plan.lead)
        taken.add(lead)
        if is_own and (is_free or self._settings.on_conflict == OVERWRITE):
            return outcome
        reason = f"the API wrote it to lead {outcome.lead_id}, which is not this record's own: look at that lead"
        return rejected(RejectCode.CONFLICT, reason)

    def _finish(self, finish: Finish) -> None:
        """Finish a lead that needs no call; what is written down is durable before the next STATE."""
        self._write_down(finish)
        self._account(finish.lead, finish.outcome)
        if self._is_followed(finish):
            self._ledger.accept([], [(finish.lead, finish.lead_id or "")])
            self._opt_outs.follow(finish.lead, finish.outcome, finish.lead_id or "")

    def _is_followed(self, finish: Finish) -> bool:
        """Whether raised opt-outs are to be read back."""
        return finish.opt_outs is OptOutState.RAISED and finish.lead_id is not None and self._rules.confirms

    def _write_down(self, finish: Finish) -> None:
        """Give a lead its place in the reject files, or take it out of them."""
        lead, outcome = finish.lead, finish.outcome
        if outcome.code is RejectCode.CONFLICT and lead.rejected is None:
            self._ledger.give_up(lead)
        if outcome.status is Status.REJECTED:
            accepted_at = self._ledger.look_up(lead, compare=False).accepted_at
            is_new = self._rejects.add(lead, outcome, accepted_at=accepted_at)
            if finish.opt_outs in {OptOutState.OPEN, OptOutState.NOBODY}:
                self._report.opt_outs_open += 1
                self._opt_outs.need_person |= is_new and finish.opt_outs is OptOutState.OPEN
        elif not self._is_followed(finish):
            self._rejects.forget(lead)
        if self._is_followed(finish):
            self._opt_outs.write_down(lead, finish.lead_id or "")
        elif finish.opt_outs is OptOutState.RAISED:
            self._report.opt_outs_raised += 1

    def _account(self, lead: Lead, outcome: Outcome) -> None:
        """Give a lead, and the versions that collapsed into it, their outcomes."""
        self._learned.pop(lead.number, None)
        self._stop_rules.see(lead.stream, outcome)
        *older, newest = lead.sources
        for source in older:
            self.finish_record(source.number, lead.stream, Outcome(Status.COLLAPSED))
        self.finish_record(newest.number, lead.stream, outcome)

    # STATE

    def _write_safe_state(self, *, last: bool = False) -> None:
        """Write the newest safe STATE, if there is one and it is time."""
        if self._settings.dry_run or self._settings.is_replay:
            return
        if self._stop_rules.stream_in_doubt and not last:
            return  # the records of a renamed stream are to come again under its old name
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
