"""Pages read ahead in threads, taken in the order in which they were asked for."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from lead_connectors.http.errors import StoppedError
from tap_carecycle.pages import Page, Request

PATIENCE = 0.1
"""Seconds after which a wait looks whether the run is being stopped."""


class Ticket:
    """The answer to one request, now or later."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.page: Page | None = None
        self.error: BaseException | None = None
        self.done = threading.Event()


class ReadAhead:
    """Makes calls in daemon threads, so that neither a slow answer nor a stuck one keeps the process from ending.

    Args:
        fetch: Makes one call; paces itself.
        useful: How many calls need to be under way at once to fill the quota, given the most that may be.
        most: The most calls that may be.
        stopping: Set when the run is being stopped.
    """

    def __init__(
        self, fetch: Callable[[Request], Page], useful: Callable[[int], int], most: int, stopping: threading.Event
    ) -> None:
        self._fetch = fetch
        self._useful = useful
        self._most = most
        self._stopping = stopping
        self._requests: queue.SimpleQueue[Ticket] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._open = 0

    def send(self, request: Request) -> Ticket:
        """Start a call."""
        ticket = Ticket(request)
        self._open += 1
        if len(self._threads) < min(self._open, self._most):
            self._threads.append(threading.Thread(target=self._work, name="carecycle-page", daemon=True))
            self._threads[-1].start()
        self._requests.put(ticket)
        return ticket

    def receive(self, ticket: Ticket) -> Page:
        """Wait for an answer.

        Raises:
            StoppedError: The run is being stopped.
        """
        while not ticket.done.wait(PATIENCE):
            self._look_for_a_stop()
        self._open -= 1
        self._look_for_a_stop()
        if ticket.error is not None:
            raise ticket.error
        if ticket.page is None:
            msg = "a page without answer"
            raise RuntimeError(msg)
        return ticket.page

    def may_be_in_flight(self) -> int:
        """How many calls may be under way at once now."""
        return self._useful(self._most)

    def _look_for_a_stop(self) -> None:
        if self._stopping.is_set():
            msg = "the run is being stopped"
            raise StoppedError(msg)

    def _work(self) -> None:
        while True:
            ticket = self._requests.get()
            try:
                ticket.page = self._fetch(ticket.request)
            except BaseException as error:  # noqa: BLE001  # raised again where the answer is waited for
                ticket.error = error
            ticket.done.set()
