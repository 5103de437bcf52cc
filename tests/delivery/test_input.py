"""The input reads whole lines, attends to events between them, and never reads far ahead."""

from __future__ import annotations

import io
import os
import queue
import threading
from collections.abc import Callable
from typing import Any

import pytest

from lead_connectors.delivery.errors import InputError
from lead_connectors.delivery.input import CHUNK, CHUNKS_AHEAD, SingerInput

SECONDS = 20.0


class Attendant:
    """Takes note of events; ready unless told otherwise."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.ready = True
        self.deadline: float | None = None
        self.due = 0
        self.on_event: Callable[[], None] = lambda: None

    def attend(self, event: Any) -> None:
        self.events.append(event)
        self.on_event()

    def is_ready(self) -> bool:
        return self.ready

    def next_deadline(self) -> float | None:
        return self.deadline

    def do_what_is_due(self) -> None:
        self.due += 1
        self.deadline = None


class Reader:
    """An input, its attendant, and what it handed over."""

    def __init__(self) -> None:
        self.events: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.attendant = Attendant()
        self.input = SingerInput(self.events, lambda: self.attendant)
        self.records: list[Any] = []
        self.on_record: Callable[[], None] = lambda: None

    def take(self, message: dict[str, Any]) -> None:
        self.records.append(message["record"])
        self.on_record()

    def read(self, source: Any) -> dict[str, int]:
        return dict(self.input.process_lines(source, {"RECORD": self.take}))


def record(value: str) -> bytes:
    return b'{"type": "RECORD", "record": ' + value.encode() + b"}\n"


def test_lines_arrive_in_order_with_or_without_a_last_line_end() -> None:
    reader = Reader()
    assert reader.read(io.BytesIO(record("1") + b"\n  \r\n" + record("2") + record("3").strip())) == {"RECORD": 3}
    assert reader.records == [1, 2, 3]
    assert reader.input.line_number == 5


def test_text_and_lists_of_lines_are_inputs_too() -> None:
    reader = Reader()
    reader.read(iter([record("1"), record("2")]))
    assert reader.records == [1, 2]


def test_a_line_longer_than_what_is_read_at_once_stays_whole() -> None:
    reader = Reader()
    reader.read(io.BytesIO(record(f'"{"x" * (3 * CHUNK)}"') + record("2")))
    assert [len(str(each)) for each in reader.records] == [3 * CHUNK, 1]


def test_numbers_that_json_does_not_know_are_read() -> None:
    reader = Reader()
    reader.read(io.BytesIO(record("NaN")))
    assert reader.records[0] != reader.records[0]


@pytest.mark.parametrize("line", [b"no json Secret\n", b'["Secret"]\n', b'{"a": "Secret"}\n', b'{"type": "ODD"}\n'])
def test_a_line_that_is_no_message_is_named_by_its_number_alone(line: bytes) -> None:
    reader = Reader()
    with pytest.raises(InputError, match="Line 2 of the input") as caught:
        reader.read(io.BytesIO(record("1") + line))
    assert "Secret" not in str(caught.value)


def test_events_are_attended_to_while_the_tap_is_silent() -> None:
    reader = Reader()
    ours, theirs = os.pipe()
    with os.fdopen(ours, "rb") as source, os.fdopen(theirs, "wb", buffering=0) as tap:
        reader.attendant.on_event = tap.close
        reader.events.put("a finished batch")
        tap.write(record("1"))
        reader.read(source)
    assert reader.attendant.events == ["a finished batch"]
    assert reader.records == [1]


def test_what_is_due_is_done_though_nothing_arrives() -> None:
    reader = Reader()
    reader.attendant.deadline = 0.01
    ours, theirs = os.pipe()
    with os.fdopen(ours, "rb") as source, os.fdopen(theirs, "wb") as tap:
        due = reader.attendant.do_what_is_due

        def do_and_close() -> None:
            due()
            tap.close()

        reader.attendant.do_what_is_due = do_and_close  # type: ignore[method-assign]
        reader.read(source)
    assert reader.attendant.due == 1


def test_no_record_is_handed_over_while_the_run_is_not_ready() -> None:
    reader = Reader()
    reader.attendant.ready = False

    def become_ready() -> None:
        assert reader.records == []
        reader.attendant.ready = True

    reader.attendant.on_event = become_ready
    reader.events.put("a finished batch")
    reader.read(io.BytesIO(record("1")))
    assert reader.records == [1]


def test_the_tap_is_read_only_so_far_ahead() -> None:
    reader = Reader()
    reads = threading.Semaphore(0)
    read = 0

    class Endless(io.RawIOBase):
        def read1(self, size: int) -> bytes:
            nonlocal read
            read += 1
            reads.release()
            return record("1") * (size // 30)

    def wait_for_reads(count: int) -> None:
        for _ in range(count):
            assert reads.acquire(timeout=SECONDS)

    threading.Thread(target=reader.input._read, args=(Endless(),), daemon=True).start()
    wait_for_reads(CHUNKS_AHEAD + 1)
    for taken in range(1, 6):
        assert read == CHUNKS_AHEAD + taken, "one more chunk is read only when one was taken"
        reader.events.get(timeout=SECONDS)
        reader.input._permits.release()
        wait_for_reads(1)
