"""Reads Singer messages, and attends to finished calls while the tap is silent.

The SDK's reader blocks in `readline`: a call that ends meanwhile could not be accounted for. Here a thread reads, and
one queue brings lines, finished batches and signals to the main thread.
"""

from __future__ import annotations

import contextlib
import queue
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import IO, Any, Protocol

from singer_sdk.singerlib.encoding.base import GenericSingerReader, SingerMessageType
from typing_extensions import override

from lead_connectors.delivery.errors import InputError
from lead_connectors.delivery.json_line import TooDeepError, parse_line

CHUNK = 1 << 16
CHUNKS_AHEAD = 16
DRAIN_SECONDS = 60.0
"""After a fatal error, stdin is read to its end, for so long at most, so that the tap can finish writing."""


class Attendant(Protocol):
    """What the input needs of a run."""

    def attend(self, event: Any) -> None:
        """Take note of a finished batch or a signal."""

    def is_ready(self) -> bool:
        """Whether another record may be taken now."""

    def next_deadline(self) -> float | None:
        """Seconds until something is due though nothing arrives; None where nothing is."""

    def do_what_is_due(self) -> None:
        """Do it."""


class SingerInput(GenericSingerReader[bytes]):
    """A Singer reader around one queue of events.

    Args:
        events: Brings lines, finished batches and signals to the main thread.
        attendant: Gives what attends to the events, when the first message is about to be read.

    Attributes:
        line: The message at hand, as it came in.
        line_number: Its number, counted from 1.
        source: Where the messages come from; None for standard input.
        is_too_deep: Whether it is a record that is nested too deep: what was read of it has gaps.
    """

    def __init__(self, events: queue.SimpleQueue[Any], attendant: Callable[[], Attendant]) -> None:
        super().__init__()
        self.line = b""
        self.line_number = 0
        self.is_too_deep = False
        self.source: Any = None
        self._events = events
        self._attendant = attendant
        self._permits = threading.Semaphore(CHUNKS_AHEAD)
        self._ended = threading.Event()
        self._draining = False
        self._started = False

    @property
    @override
    def default_input(self) -> IO[bytes]:
        """Standard input."""
        return sys.stdin.buffer

    @override
    def deserialize_json(self, line: bytes) -> dict[str, Any]:
        """One message.

        Raises:
            InputError: It is not a Singer message. The line itself is never quoted.
        """
        self.is_too_deep = False
        try:
            message = parse_line(line)
        except TooDeepError as error:
            self.is_too_deep = True
            message = error.outer
        except ValueError:
            message = None
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            msg = f"Line {self.line_number} of the input is not a Singer message (a JSON object with a type)."
            raise InputError(msg)
        if self.is_too_deep and message["type"] != SingerMessageType.RECORD:
            msg = f"Line {self.line_number} of the input is nested too deep to be read."
            raise InputError(msg)
        return message

    @override
    def process_lines(
        self, file_input: IO[bytes] | None, callbacks: dict[str, Callable[[dict[str, Any]], None]]
    ) -> Counter[str]:
        """Process all messages; see the base class."""
        self._start(file_input)
        attendant = self._attendant()
        counts: Counter[str] = Counter()
        lines: deque[bytes] = deque()
        ended = False
        while lines or not ended:
            if lines and attendant.is_ready():
                self._process(lines.popleft(), callbacks, counts)
                if not self._events.empty():
                    ended |= self._take(attendant, lines, timeout=0)
            else:
                ended |= self._take(attendant, lines, timeout=attendant.next_deadline())
        return counts

    def drain(self) -> None:
        """Read what the tap still writes, for `DRAIN_SECONDS` at most; nothing of it is parsed or counted."""
        self._draining = True
        if not self._started:  # the run failed before it came to its input
            self._start(None)
        for _ in range(CHUNKS_AHEAD):
            self._permits.release()
        self._ended.wait(DRAIN_SECONDS)

    def _start(self, file_input: IO[bytes] | None) -> None:
        self._started = True
        self.source = file_input
        source = file_input or self.default_input
        threading.Thread(target=self._read, args=(source,), daemon=True, name="stdin").start()

    def _take(self, attendant: Attendant, lines: deque[bytes], timeout: float | None) -> bool:
        """Take one event. Returns whether the input has ended."""
        try:
            event = self._events.get(timeout=timeout) if timeout != 0 else self._events.get_nowait()
        except queue.Empty:
            attendant.do_what_is_due()
            return False
        if event is None:
            return True
        if isinstance(event, list):
            lines.extend(event)
            self._permits.release()
        else:
            attendant.attend(event)
        return False

    def _process(
        self, line: bytes, callbacks: dict[str, Callable[[dict[str, Any]], None]], counts: Counter[str]
    ) -> None:
        self.line = line
        self.line_number += 1
        if not line.strip():
            return
        message = self.deserialize_json(line)
        kind = message["type"]
        callback = callbacks.get(kind)
        if callback is None:
            msg = f"Line {self.line_number} of the input has a message type that no Singer target knows."
            raise InputError(msg)
        callback(message)
        counts[kind] += 1

    def _read(self, source: IO[Any]) -> None:
        """In a thread: hand over lines in chunks, never more than a few ahead."""
        try:
            for chunk in _chunks(source):
                if self._draining:
                    continue
                self._permits.acquire()
                self._events.put(chunk)
        except (OSError, ValueError):
            pass  # a closed or broken pipe is the end of the input
        finally:
            self._ended.set()
            self._events.put(None)


def drain_stdin() -> None:
    """Read what a tap writes to a target that never came to its input; see `DRAIN_SECONDS`."""
    if sys.stdin is None or sys.stdin.isatty():
        return

    def read() -> None:
        with contextlib.suppress(OSError, ValueError):
            while sys.stdin.buffer.read(1 << 16):
                pass

    thread = threading.Thread(target=read, daemon=True, name="stdin")
    thread.start()
    thread.join(DRAIN_SECONDS)


def _chunks(source: IO[Any]) -> Iterator[list[bytes]]:
    """Yield whole lines as they arrive, several at once where several are there."""
    raw = getattr(source, "buffer", source)
    if not hasattr(raw, "read1"):
        for line in source:
            yield [line.encode() if isinstance(line, str) else line]
        return
    rest = b""
    while data := raw.read1(CHUNK):
        *lines, rest = (rest + data).split(b"\n")
        if lines:
            yield lines
    if rest:
        yield [rest]
