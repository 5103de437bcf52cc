"""Calls in flight: which leads go together, in which order, and how many calls at once.

All bookkeeping happens in the thread that owns the dispatcher; worker threads only send and report back.
"""

from __future__ import annotations

import heapq
import queue
import threading
import time
from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass, field

from lead_connectors.delivery.lead import Lead
from lead_connectors.delivery.outcome import Outcome
from lead_connectors.delivery.plan import Call, Find

MAX_AGE = 60.0
"""Seconds after which a lead no longer waits for its batch to fill."""
CALLS_THAT_FILL = 4
"""So many calls fill batches at one time: known and new leads, and in some settings two more."""


@dataclass
class Batch:
    """Leads of one call.

    Attributes:
        number: Batches are counted from 1 in the order of their start.
        plans: What is to be done, one plan a lead.
        outcomes: By position in `plans`: what is known when the batch is done. Some are missing where it failed.
        error: Set when the batch failed.
    """

    number: int
    plans: list[Call]
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    error: BaseException | None = None


class Dispatcher:
    """Puts leads into batches, one for each call, and keeps up to `max_in_flight` of them in flight.

    Two leads that share an identity are never in one batch, and the later one starts only when the earlier one has its
    outcome. Versions of one record that wait together collapse into the last one, unless another lead that shares an
    identity with the last version came between them.

    Args:
        plan: Decides what to do with a lead, just before it is put into a batch; None where no call is to be made.
        call_of: The name of the call that takes a plan.
        leads_a_call: Leads a batch of a call, at most.
        send: Sends a batch and tells the outcome of each position; called in a worker thread.
        done: Called in a worker thread with each batch that is done.
        batch_size: The most leads of any call.
        max_in_flight: At most so many calls at once.
        max_past_oldest: How many leads may be sent past the oldest that has no outcome: after a kill, the next run
            sends them again. None where a ledger keeps it from that.
        useful_in_flight: How many calls are worth having in flight now, given the maximum.
    """

    def __init__(
        self,
        plan: Callable[[Lead], Call | None],
        *,
        call_of: Callable[[Call], str],
        leads_a_call: Callable[[str], int],
        send: Callable[[Sequence[Call], Callable[[int, Outcome], object]], None],
        done: Callable[[Batch], object],
        batch_size: int,
        max_in_flight: int,
        useful_in_flight: Callable[[int], int],
        max_past_oldest: int | None,
    ) -> None:
        self._plan = plan
        self._call_of = call_of
        self._leads_a_call = leads_a_call
        self._send = send
        self._done = done
        self._batch_size = batch_size
        self._max_in_flight = max_in_flight
        self._max_past_oldest = max_past_oldest
        self._useful_in_flight = useful_in_flight
        self._waiting: dict[int, Lead] = {}
        self._waiting_by_key: dict[Hashable, int] = {}
        self._entered: dict[int, float] = {}
        self._ready: dict[str, dict[int, Call]] = {}
        self._behind: dict[int, Lead] = {}
        self._held: dict[str, int] = {}
        self._names: dict[int, frozenset[str]] = {}
        self._waits_for: dict[int, frozenset[str]] = {}
        self._in_flight: dict[int, Batch] = {}
        self._started = 0
        self._sent: list[int] = []
        self._jobs: queue.SimpleQueue[Batch | None] = queue.SimpleQueue()
        self._workers: list[threading.Thread] = []

    @property
    def is_busy(self) -> bool:
        """Whether a call is in flight."""
        return bool(self._in_flight)

    @property
    def waiting(self) -> int:
        """Number of leads that are not in flight yet."""
        return len(self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether no more leads should be handed over before a call is done."""
        return self.is_busy and len(self._waiting) >= self._most_waiting

    @property
    def _most_waiting(self) -> int:
        # So many hold a whole batch of some call, however they are divided among calls.
        return CALLS_THAT_FILL * self._batch_size

    def add(self, lead: Lead) -> None:
        """Take a lead; a waiting older version of the same record collapses into it."""
        collapses = lead.key is not None and lead.rejected is None
        older = self._waiting_by_key.get(lead.key) if collapses else None
        if older is not None and self._can_collapse(older, lead):
            lead = self._waiting[older].replaced_by(lead)
            entered = self._entered[older]
            self._forget(older)
            self._enter(lead, entered)
        else:
            self._enter(lead, time.monotonic())
        if collapses and lead.number in self._waiting:
            self._waiting_by_key[lead.key] = lead.number

    def start(self, *, flush: bool = False) -> None:
        """Start as many batches as are ready and useful.

        Args:
            flush: Send batches that are not full, too.
        """
        while self._waiting and self._may_start():
            plans = self._take(partial=flush or self._must_send())
            if not plans:
                return
            self._started += 1
            batch = Batch(self._started, plans)
            self._in_flight[batch.number] = batch
            self._hand_over(batch)

    def finish(self, batch: Batch, again: Collection[Lead] = ()) -> None:
        """Let go of a batch that is done, and of who waited for its leads.

        Args:
            batch: The batch.
            again: Those of its leads that a response asks to plan anew; the others have their outcomes, or none.
        """
        del self._in_flight[batch.number]
        for plan in batch.plans:
            self._release(plan.lead.number)
        for lead in again:
            self._sent = [place for place in self._sent if place != lead.number]
            heapq.heapify(self._sent)
            self._enter(lead, time.monotonic())
        self._free_those_behind()

    def next_deadline(self) -> float | None:
        """Seconds until the oldest waiting lead no longer waits for its batch to fill; None where none waits."""
        if not self._waiting:
            return None
        return max(0.0, self._entered[next(iter(self._waiting))] + MAX_AGE - time.monotonic())

    def close(self) -> None:
        """Let idle workers end."""
        for _ in self._workers:
            self._jobs.put(None)

    # Who waits for whom

    def _can_collapse(self, older: int, newer: Lead) -> bool:
        """Whether no other lead that shares an identity with the newer version waits behind the older one."""
        behind = (lead for place, lead in self._waiting.items() if place > older)
        return all(newer.identities.isdisjoint(lead.identities) for lead in behind)

    def _enter(self, lead: Lead, entered: float) -> None:
        place = lead.number
        is_last = not self._waiting or place > next(reversed(self._waiting))
        self._waiting[place] = lead
        self._entered[place] = entered
        if not is_last:
            self._waiting = dict(sorted(self._waiting.items()))
        earlier = {name for other, waits in self._behind.items() if other < place for name in waits.identities}
        if self._is_free(lead, earlier):
            self._plan_for(lead)
        else:
            self._behind[place] = lead

    def _is_free(self, lead: Lead, earlier: set[str]) -> bool:
        names = lead.identities | self._waits_for.get(lead.number, frozenset())
        return earlier.isdisjoint(lead.identities) and not any(name in self._held for name in names)

    def _plan_for(self, lead: Lead) -> None:
        """Plan a lead that nobody is before. No response to another lead can change its plan."""
        place = lead.number
        self._waits_for.pop(place, None)
        self._hold(place, lead.identities)
        plan = self._plan(lead)
        if plan is None:
            self._forget(place)
            return
        others = names_of(plan) - lead.identities
        if any(name in self._held for name in others):
            # A call for the very lead that this one would write to is not over: it is planned anew after it.
            self._release(place)
            self._behind[place] = lead
            self._waits_for[place] = others
            return
        self._hold(place, names_of(plan))
        self._ready.setdefault(self._call_of(plan), {})[place] = plan

    def _hold(self, place: int, names: frozenset[str]) -> None:
        self._release(place)
        self._names[place] = names
        for name in names:
            self._held[name] = self._held.get(name, 0) + 1

    def _release(self, place: int) -> None:
        for name in self._names.pop(place, ()):
            if self._held[name] > 1:
                self._held[name] -= 1
            else:
                del self._held[name]

    def _free_those_behind(self) -> None:
        earlier: set[str] = set()
        for place, lead in sorted(self._behind.items()):
            if self._is_free(lead, earlier):
                del self._behind[place]
                self._plan_for(lead)
            else:
                earlier |= lead.identities

    def _forget(self, place: int) -> None:
        """Let a lead no longer wait."""
        lead = self._waiting.pop(place)
        del self._entered[place]
        if self._waiting_by_key.get(lead.key) == place:
            del self._waiting_by_key[lead.key]
        self._behind.pop(place, None)
        self._waits_for.pop(place, None)
        self._release(place)
        for plans in self._ready.values():
            plans.pop(place, None)

    # Which batch goes next

    def _take(self, *, partial: bool) -> list[Call]:
        """The next batch, all for one call.

        Args:
            partial: Where no batch is full, take the one of the oldest lead that can be sent.
        """
        batches = [plans for plans in self._ready.values() if plans]
        full = [plans for call, plans in self._ready.items() if len(plans) >= self._leads_a_call(call)]
        if not batches or not (full or partial):
            return []
        if full and not self._is_too_far():
            batches = full
        plans = min(batches, key=min)
        size = self._leads_a_call(self._call_of(next(iter(plans.values()))))
        taken = [plans[place] for place in sorted(plans)[:size]]
        for plan in taken:
            heapq.heappush(self._sent, plan.lead.number)
            self._forget(plan.lead.number)
            self._hold(plan.lead.number, names_of(plan))
        return taken

    def _may_start(self) -> bool:
        if not self._in_flight:
            return True
        if len(self._in_flight) >= min(self._max_in_flight, self._useful_in_flight(self._max_in_flight)):
            return False
        if self._max_past_oldest is None:
            return True
        # Where the oldest lead still waits for another one, room is kept for its own batch.
        kept = self._batch_size if self._oldest_waits() and not self._is_too_far() else 0
        return self._past_oldest() + kept <= self._max_past_oldest - self._batch_size

    def _must_send(self) -> bool:
        """Whether a batch has to go though it is not full."""
        is_stuck = len(self._waiting) >= self._most_waiting and not self.is_busy
        return is_stuck or self.next_deadline() == 0.0

    def _is_too_far(self) -> bool:
        """Whether no batch may start before that of the oldest lead, which is ready."""
        if self._max_past_oldest is None or not self._oldest_waits() or self._oldest() in self._behind:
            return False
        return self._past_oldest() > self._max_past_oldest - 2 * self._batch_size

    def _oldest_waits(self) -> bool:
        return self._oldest() == next(iter(self._waiting))

    def _oldest(self) -> int:
        waits = next(iter(self._waiting))
        in_flight = (plan.lead.number for batch in self._in_flight.values() for plan in batch.plans)
        return min(waits, min(in_flight, default=waits))

    def _past_oldest(self) -> int:
        """How many leads were sent past the oldest one that has no outcome."""
        oldest = self._oldest()
        while self._sent and self._sent[0] < oldest:
            heapq.heappop(self._sent)
        return len(self._sent)

    # Worker threads

    def _hand_over(self, batch: Batch) -> None:
        if len(self._workers) < len(self._in_flight):
            # Daemons: a call that outlives a stopped run must not keep the process alive.
            worker = threading.Thread(target=self._work, name=f"call-{len(self._workers) + 1}", daemon=True)
            self._workers.append(worker)
            worker.start()
        self._jobs.put(batch)

    def _work(self) -> None:
        while (batch := self._jobs.get()) is not None:
            try:
                self._send(batch.plans, batch.outcomes.__setitem__)
            except BaseException as error:  # noqa: BLE001  # the owner's thread decides what ends the run
                batch.error = error
            self._done(batch)


def names_of(plan: Call) -> frozenset[str]:
    """All that may mean a lead that a call writes to: no other call for it starts before this one is over."""
    lead_id = None if isinstance(plan, Find) else plan.lead_id
    return plan.lead.identities if lead_id is None else plan.lead.identities | {f"lead:{lead_id}"}
