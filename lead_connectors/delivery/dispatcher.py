"""Calls in flight: which leads go together, in which order, and how many calls at once.

All bookkeeping happens in the thread that owns the dispatcher; worker threads only send and report back.
"""

from __future__ import annotations

import heapq
import queue
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

from lead_connectors.delivery.batch import Result
from lead_connectors.delivery.lead import Lead
from lead_connectors.delivery.plan import Call

MAX_AGE = 60.0
"""Seconds after which a lead no longer waits for its batch to fill."""


@dataclass
class Batch:
    """Leads of one call.

    Attributes:
        number: Batches are counted from 1 in the order of their start.
        plans: What is to be done, one plan a lead.
        results: One result a plan; set when the batch is done.
        error: Set when the batch failed as a whole.
    """

    number: int
    plans: list[Call]
    results: list[Result] = field(default_factory=list)
    error: BaseException | None = None


class Dispatcher:
    """Puts leads into batches and keeps up to `max_in_flight` of them in flight.

    Two leads that share an identity are never in one batch, and the later one starts only when the earlier one has its
    outcome. Versions of one record that wait together collapse into the last one, unless another lead that shares an
    identity with the last version came between them.

    Args:
        plan: Decides what to do with a lead, just before it is put into a batch; None where no call is to be made.
        send: Sends a batch and returns one result a plan; called in a worker thread.
        done: Called in a worker thread with each batch that is done.
        batch_size: Leads a batch, at most.
        max_in_flight: At most so many calls at once, and no batch starts further than so many batches past the oldest
            unfinished lead.
        useful_in_flight: How many calls are worth having in flight now, given the maximum.
    """

    def __init__(
        self,
        plan: Callable[[Lead], Call | None],
        send: Callable[[Sequence[Call]], list[Result]],
        done: Callable[[Batch], object],
        *,
        batch_size: int,
        max_in_flight: int,
        useful_in_flight: Callable[[int], int],
    ) -> None:
        self._plan = plan
        self._send = send
        self._done = done
        self._batch_size = batch_size
        self._max_in_flight = max_in_flight
        self._useful_in_flight = useful_in_flight
        self._waiting: dict[int, Lead] = {}
        self._waiting_by_key: dict[Hashable, int] = {}
        self._entered: dict[int, float] = {}
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
        return self.is_busy and len(self._waiting) >= 2 * self._batch_size

    def add(self, lead: Lead) -> None:
        """Take a lead; a waiting older version of the same record collapses into it."""
        collapses = lead.key is not None and lead.rejected is None
        older = self._waiting_by_key.get(lead.key) if collapses else None
        if older is not None and self._can_collapse(older, lead):
            self._waiting[older] = self._waiting[older].replaced_by(lead)
            return
        place = lead.number
        self._waiting[place] = lead
        self._entered[place] = time.monotonic()
        if collapses:
            self._waiting_by_key[lead.key] = place

    def start(self, *, flush: bool = False) -> None:
        """Start as many batches as are ready and useful.

        Args:
            flush: Send batches that are not full, too.
        """
        while self._waiting and self._may_start():
            partial = flush or self._is_overdue() or (len(self._waiting) >= 2 * self._batch_size and not self.is_busy)
            if not partial and len(self._waiting) < self._batch_size:
                return
            plans = self._take(partial=partial)
            if not plans:
                return
            self._started += 1
            batch = Batch(self._started, plans)
            self._in_flight[batch.number] = batch
            self._hand_over(batch)

    def finish(self, batch: Batch) -> None:
        """Forget a batch that is done: its leads have their outcomes."""
        del self._in_flight[batch.number]

    def next_deadline(self) -> float | None:
        """Seconds until the oldest waiting lead no longer waits for its batch to fill; None where none waits."""
        if not self._waiting:
            return None
        return max(0.0, self._entered[next(iter(self._waiting))] + MAX_AGE - time.monotonic())

    def close(self) -> None:
        """Let idle workers end."""
        for _ in self._workers:
            self._jobs.put(None)

    def _can_collapse(self, older: int, newer: Lead) -> bool:
        """Whether no other lead that shares an identity with the newer version waits behind the older one."""
        behind = (lead for place, lead in self._waiting.items() if place > older)
        return all(newer.identities.isdisjoint(lead.identities) for lead in behind)

    def _may_start(self) -> bool:
        if not self._in_flight:
            return True
        if len(self._in_flight) >= min(self._max_in_flight, self._useful_in_flight(self._max_in_flight)):
            return False
        oldest_under_way = min(plan.lead.number for batch in self._in_flight.values() for plan in batch.plans)
        oldest = min(oldest_under_way, next(iter(self._waiting)))
        while self._sent and self._sent[0] < oldest:
            heapq.heappop(self._sent)
        # Where the oldest lead still waits for another to finish, room is kept for its own batch.
        max_batches = self._max_in_flight if oldest == oldest_under_way else self._max_in_flight - 1
        return len(self._sent) <= (max_batches - 1) * self._batch_size

    def _is_overdue(self) -> bool:
        return self.next_deadline() == 0.0

    def _take(self, *, partial: bool) -> list[Call]:
        """The next batch: leads in order, none that shares an identity with an earlier one without an outcome."""
        blocked = {name for batch in self._in_flight.values() for plan in batch.plans for name in plan.lead.identities}
        taken: dict[int, Call] = {}
        for place, lead in list(self._waiting.items()):
            is_free = blocked.isdisjoint(lead.identities)
            plan = self._plan(lead) if is_free else None
            if is_free and plan is None:
                self._forget(place)
                continue
            blocked |= lead.identities
            if plan is not None:
                taken[place] = plan
                if len(taken) == self._batch_size:
                    break
        if len(taken) < self._batch_size and not partial:
            return []
        for place in taken:
            heapq.heappush(self._sent, place)
            self._forget(place)
        return list(taken.values())

    def _forget(self, place: int) -> None:
        lead = self._waiting.pop(place)
        del self._entered[place]
        if self._waiting_by_key.get(lead.key) == place:
            del self._waiting_by_key[lead.key]

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
                batch.results = self._send(batch.plans)
            except BaseException as error:  # noqa: BLE001  # the owner's thread decides what ends the run
                batch.error = error
            self._done(batch)
