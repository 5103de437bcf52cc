"""Writes Singer messages to stdout with orjson: whole lines, and one write for each page instead of each record."""

from __future__ import annotations

import os
import sys

import orjson
from singer_sdk.singerlib.encoding.base import GenericSingerWriter
from singer_sdk.singerlib.encoding.simple import Message, RecordMessage
from typing_extensions import override

MAX_BUFFERED_BYTES = 1 << 18
"""A target gets records after this many bytes at the latest, while the page is still being written."""


class OrjsonWriter(GenericSingerWriter[bytes, Message]):
    """Buffers RECORD messages. Any other message is written at once, together with all records before it."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self._size = 0

    @override
    def serialize_message(self, message: Message) -> bytes:
        """Return a message as one line of JSON."""
        return orjson.dumps(message.to_dict(), default=str, option=orjson.OPT_APPEND_NEWLINE)

    @override
    def write_message(self, message: Message) -> None:
        """Write or buffer a message.

        Raises:
            BrokenPipeError: The reader of stdout has closed it.
        """
        line = self.serialize_message(message)
        self._lines.append(line)
        self._size += len(line)
        if self._size >= MAX_BUFFERED_BYTES or not isinstance(message, RecordMessage):
            self.flush()

    def flush(self) -> None:
        """Write all buffered messages.

        Raises:
            BrokenPipeError: The reader of stdout has closed it.
        """
        lines, self._lines, self._size = self._lines, [], 0
        try:
            sys.stdout.buffer.write(b"".join(lines))
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            self._redirect_to_null()
            raise

    @staticmethod
    def _redirect_to_null() -> None:
        """Point stdout to the null device. Otherwise the interpreter reports a second error while it exits."""
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
