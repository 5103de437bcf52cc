"""Calls in flight: which leads go together, in which order, and how many calls at once.

All bookkeeping happens in the thread that owns the dispatcher; worker threads only write and report back.
"""

from __future__ import annotations

import heapq
import queue
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from lead_connectors.delivery.lead import Lead, Receipt

MAX_AGE = 60.0
"""Seconds after which a lead no longer waits for its batch to fill."""


class Writer(Protocol):
    """Writes leads to one API. `write` is called from worker threads."""

    batch_size: int

    def write(self, leads: Sequence[Lead]) -> list[Receipt]:
        """Deliver the leads of one batch: one receipt a lead, in order.

        Raises:
            ConnectorError: No lead of the batch is accounted for, and the run has to end.
        """


@dataclass
class Batch:
    """Leads of one call.

    Attributes:
        number: Batches are counted from 1 in the order of their start.
        receipts: Set when the batch is done.
        error: Set when it failed as a whole.
    """

    number: int
    leads: list[Lead]
    receipts: list[Receipt] = field(default_factory=list)
    error: BaseException | None = None


class Dispatcher:
    """Puts leads into batches and keeps up to `max_in_flight` of them under way.

    Two leads that share an identity are never in one batch, and the later one starts only when the earlier one has its
    outcome. Versions of one record that wait together collapse into the last, unless somebody else with whom the last
    one shares an identity came between them.

    Args:
        writer: Makes the calls.
        screen: Looks once more at a lead just before it is put into a batch; False where nothing is to be sent for it.
        done: Called in a worker thread with each batch that is done.
        max_in_flight: At most so many calls at once, and no batch starts further than so many batches past the oldest
            unfinished lead.
        in_flight_now: How many calls are worth having under way now.
    """

    def __init__(
        self,
        writer: Writer,
        screen: Callable[[Lead], bool],
        done: Callable[[Batch], object],
        *,
        max_in_flight: int,
        in_flight_now: Callable[[int], int],
    ) -> None:
        self._writer = writer
        self._screen = screen
        self._done = done
        self._max_in_flight = max_in_flight
        self._in_flight_now = in_flight_now
        self._waiting: dict[int, Lead] = {}
        self._waiting_by_key: dict[Hashable, int] = {}
        self._entered: dict[int, float] = {}
        self._in_flight: dict[int, Batch] = {}
        self._started = 0
        self._sent: list[int] = []
        self._jobs: queue.SimpleQueue[Batch | None] = queue.SimpleQueue()
        self._workers: list[threading.Thread] = []

    @property
    def busy(self) -> bool:
        """Whether a call is under way."""
        return bool(self._in_flight)

    @property
    def waiting(self) -> int:
        """Leads that are not under way yet."""
        return len(self._waiting)

    @property
    def saturated(self) -> bool:
        """Whether no more leads should be handed over before a call is done."""
        return self.busy and len(self._waiting) >= 2 * self._writer.batch_size

    def leads(self) -> list[Lead]:
        """All leads without an outcome, those under way first."""
        return [lead for batch in self._in_flight.values() for lead in batch.leads] + list(self._waiting.values())

    def add(self, lead: Lead) -> Lead:
        """Take a lead. Returns it, or the waiting older version that it was collapsed into."""
        collapses = lead.key is not None and lead.refused is None and not lead.replaced
        older = self._waiting_by_key.get(lead.key) if collapses else None
        if older is not None and self._nobody_between(older, lead):
            self._waiting[older].absorb(lead)
            return self._waiting[older]
        place = lead.numbers[0]
        self._waiting[place] = lead
        self._entered[place] = time.monotonic()
        if collapses:
            self._waiting_by_key[lead.key] = place
        return lead

    def start(self, *, flush: bool = False) -> None:
        """Start as many batches as are ready and useful.

        Args:
            flush: Send batches that are not full, too.
        """
        while self._waiting and self._may_start():
            partly = flush or self._too_old() or (len(self._waiting) >= 2 * self._writer.batch_size and not self.busy)
            if not partly and len(self._waiting) < self._writer.batch_size:
                return
            leads = self._take(partly=partly)
            if not leads:
                return
            self._started += 1
            batch = Batch(self._started, leads)
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

    def _nobody_between(self, older: int, newer: Lead) -> bool:
        """Whether no other lead that shares something with the newer version waits behind the older one."""
        behind = (lead for place, lead in self._waiting.items() if place > older)
        return all(newer.identities.isdisjoint(lead.identities) for lead in behind)

    def _may_start(self) -> bool:
        if not self._in_flight:
            return True
        if len(self._in_flight) >= min(self._max_in_flight, self._in_flight_now(self._max_in_flight)):
            return False
        oldest_under_way = min(lead.numbers[0] for batch in self._in_flight.values() for lead in batch.leads)
        oldest = min(oldest_under_way, next(iter(self._waiting)))
        while self._sent and self._sent[0] < oldest:
            heapq.heappop(self._sent)
        # Where the oldest lead still waits for another to finish, room is kept for its own batch.
        most = self._max_in_flight if oldest == oldest_under_way else self._max_in_flight - 1
        return len(self._sent) <= (most - 1) * self._writer.batch_size

    def _too_old(self) -> bool:
        return self.next_deadline() == 0.0

    def _take(self, *, partly: bool) -> list[Lead]:
        """The next batch's leads: in order, none that shares an identity with an earlier one without an outcome."""
        blocked = {name for batch in self._in_flight.values() for lead in batch.leads for name in lead.identities}
        taken: list[int] = []
        for place, lead in list(self._waiting.items()):
            clash = not blocked.isdisjoint(lead.identities)
            if not clash and not self._screen(lead):
                self._forget(place)
                continue
            blocked |= lead.identities
            if not clash:
                taken.append(place)
                if len(taken) == self._writer.batch_size:
                    break
        if len(taken) < self._writer.batch_size and not partly:
            return []
        leads = [self._waiting[place] for place in taken]
        for place in taken:
            heapq.heappush(self._sent, place)
            self._forget(place)
        return leads

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
                batch.receipts = self._writer.write(batch.leads)
                if len(batch.receipts) != len(batch.leads):
                    msg = "a writer must report one receipt a lead"
                    raise AssertionError(msg)  # noqa: TRY301
            except BaseException as error:  # noqa: BLE001  # the owner's thread decides what ends the run
                batch.error = error
            self._done(batch)

    def close(self) -> None:
        """Let idle workers end."""
        for _ in self._workers:
            self._jobs.put(None)
