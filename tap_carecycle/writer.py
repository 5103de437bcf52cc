"""Singer messages on stdout: orjson, whole lines, one write a page instead of one a record."""

from __future__ import annotations

import os
import sys

import orjson
from singer_sdk.singerlib.encoding.base import GenericSingerWriter
from singer_sdk.singerlib.encoding.simple import Message, RecordMessage

LARGEST_WRITE = 1 << 18
"""Bytes held back at the most, so that a target gets to work while a page is written."""


class OrjsonWriter(GenericSingerWriter[bytes, Message]):
    """Writes whole lines, many at once; a STATE or SCHEMA takes along all that stands before it."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self._size = 0

    def serialize_message(self, message: Message) -> bytes:
        """Write a message as one line of JSON."""
        return orjson.dumps(message.to_dict(), default=str, option=orjson.OPT_APPEND_NEWLINE)

    def write_message(self, message: Message) -> None:
        """Write a message to stdout.

        Raises:
            BrokenPipeError: Whoever read stdout has gone.
        """
        line = self.serialize_message(message)
        self._lines.append(line)
        self._size += len(line)
        if self._size >= LARGEST_WRITE or not isinstance(message, RecordMessage):
            self.flush()

    def flush(self) -> None:
        """Hand over what is held back.

        Raises:
            BrokenPipeError: Whoever read stdout has gone.
        """
        lines, self._lines, self._size = self._lines, [], 0
        try:
            sys.stdout.buffer.write(b"".join(lines))
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            self._let_go()
            raise

    @staticmethod
    def _let_go() -> None:
        """Point stdout nowhere, or the interpreter complains once more about the rest of the buffer as it ends."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
