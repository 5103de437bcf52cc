"""Reads pages ahead in threads and returns them in the order of the requests."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from typing_extensions import override

from lead_connectors.http.errors import StoppedError
from tap_carecycle.pages import Page, Reader, Request

POLL_SECONDS = 0.1
"""A wait checks this often whether the run is being stopped."""


class Ticket:
    """One request and, once `done` is set, its page or its error."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.page: Page | None = None
        self.error: BaseException | None = None
        self.done = threading.Event()


class ReadAhead(Reader):
    """Makes calls in daemon threads, so that a slow call never keeps the process from exiting.

    Args:
        fetch: Makes one call and paces it.
        useful_calls: Returns how many calls must be in flight to fill the quota, given the maximum.
        max_calls: The maximum number of calls in flight.
        stopping: Set when the run is being stopped.
    """

    def __init__(
        self,
        fetch: Callable[[Request], Page],
        useful_calls: Callable[[int], int],
        max_calls: int,
        stopping: threading.Event,
    ) -> None:
        self._fetch = fetch
        self._useful_calls = useful_calls
        self._max_calls = max_calls
        self._stopping = stopping
        self._requests: queue.SimpleQueue[Ticket] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._in_flight = 0

    @override
    def send(self, request: Request) -> Ticket:
        """Start a call."""
        ticket = Ticket(request)
        self._in_flight += 1
        if len(self._threads) < min(self._in_flight, self._max_calls):
            self._threads.append(threading.Thread(target=self._work, name="carecycle-page", daemon=True))
            self._threads[-1].start()
        self._requests.put(ticket)
        return ticket

    @override
    def receive(self, ticket: Ticket) -> Page:
        """Wait for a page.

        Raises:
            StoppedError: The run is being stopped.
        """
        while not ticket.done.wait(POLL_SECONDS):
            self._raise_if_stopping()
        self._in_flight -= 1
        self._raise_if_stopping()
        if ticket.error is not None:
            raise ticket.error
        if ticket.page is None:
            msg = "a finished call has neither a page nor an error"
            raise RuntimeError(msg)
        return ticket.page

    @override
    def may_be_in_flight(self) -> int:
        """Return how many calls may be in flight now."""
        return self._useful_calls(self._max_calls)

    def _raise_if_stopping(self) -> None:
        if self._stopping.is_set():
            msg = "the run is being stopped"
            raise StoppedError(msg)

    def _work(self) -> None:
        while True:
            ticket = self._requests.get()
            try:
                ticket.page = self._fetch(ticket.request)
            except BaseException as error:  # noqa: BLE001  # raised again by `receive`
                ticket.error = error
            ticket.done.set()
