"""Pages that are read ahead in threads."""

from __future__ import annotations

import threading
import time

import pytest

from lead_connectors.http.errors import StoppedError
from tap_carecycle.pages import Page, Request
from tap_carecycle.read_ahead import ReadAhead


def test_pages_come_in_the_requested_order_and_never_too_many_at_once() -> None:
    open_now, most, lock = [0], [0], threading.Lock()

    def fetch(request: Request) -> Page:
        with lock:
            open_now[0] += 1
            most[0] = max(most[0], open_now[0])
        time.sleep(0.02 if request.page % 2 else 0.0)
        with lock:
            open_now[0] -= 1
        return Page.of([], request.page)

    reader = ReadAhead(fetch, lambda max_calls: max_calls, 3, threading.Event())
    tickets = [reader.send(Request(number, 10)) for number in range(1, 10)]
    assert [reader.receive(ticket).total for ticket in tickets] == list(range(1, 10))
    assert 1 < most[0] <= 3


def test_an_error_is_raised_where_its_page_is_waited_for() -> None:
    def fetch(request: Request) -> Page:
        raise ValueError(request.page)

    reader = ReadAhead(fetch, lambda max_calls: max_calls, 2, threading.Event())
    with pytest.raises(ValueError, match="7"):
        reader.receive(reader.send(Request(7, 10)))


def test_a_stop_ends_a_wait_for_a_page() -> None:
    stopping, forever = threading.Event(), threading.Event()

    def fetch(request: Request) -> Page:
        forever.wait(30)
        return Page.of([], request.page)

    reader = ReadAhead(fetch, lambda max_calls: max_calls, 2, stopping)
    ticket = reader.send(Request(1, 10))
    stopping.set()
    with pytest.raises(StoppedError):
        reader.receive(ticket)
    forever.set()
