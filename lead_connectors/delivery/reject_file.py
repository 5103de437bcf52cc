"""One reject file: written line by line, read line by line, and rewritten whole or not at all."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from lead_connectors.delivery.private_files import create_private, lock, replacement, sync_folder
from lead_connectors.delivery.reject_lines import is_record, is_schema, parse

MAX_NAME_LENGTH = 80
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class RejectFile:
    """The file of one stream in this run: only whole lines are in it, on a full disk, too.

    It is locked while the run lasts, so that nobody sends half of it again.

    Args:
        folder: Where it is made.
        stream: The stream's name.
        run_id: The run's name.

    Attributes:
        path: The file.
        dropped: Numbers of the lines that `close` takes out.
    """

    def __init__(self, folder: Path, stream: str, run_id: str) -> None:
        self.path, self._file = _create(folder, stream, run_id)
        self.dropped: set[int] = set()
        self._schema: bytes | None = None
        self._lines = 0
        self._size = 0
        self._is_synced = True
        lock(self._file)

    def write(self, line: bytes, schema_line: bytes) -> int:
        """Write a RECORD, after its SCHEMA where that has changed; durable after the next `sync`.

        Returns:
            The line's number, from 0.
        """
        if self._schema != schema_line:
            self._append(schema_line.strip())
            self._schema = schema_line
        self._append(line)
        return self._lines - 1

    def sync(self) -> None:
        """Make all that was written durable."""
        if not self._is_synced:
            os.fsync(self._file.fileno())
            self._is_synced = True

    def tidy(self) -> None:
        """Take out the lines that need no further sending."""
        if self.dropped:
            rewrite(self.path, lambda number, line: None if number in self.dropped else line)

    def close(self) -> None:
        """Close it."""
        self._file.close()

    def _append(self, line: bytes) -> None:
        self._is_synced = False
        handle, left = self._file.fileno(), memoryview(line + b"\n")
        try:
            while left:
                left = left[os.write(handle, left) :]
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(handle, self._size)
            raise
        self._size += len(line) + 1
        self._lines += 1


def file_name(stream: str, run_id: str, *, number: int = 1) -> str:
    """`<stream>-<run id>.singer`, with an underscore for each character that is unsafe in a file's name.

    Args:
        stream: The stream's name.
        run_id: The run's name.
        number: From 2 on: two streams of the run have the same name but for such characters.
    """
    safe = re.sub(r"^[.-]|[^A-Za-z0-9_.-]", "_", stream)[:MAX_NAME_LENGTH]
    return f"{safe}-{run_id}{f'-{number}' if number > 1 else ''}.singer"


def read_lines(file: BinaryIO) -> Iterator[tuple[int, int, bytes]]:
    """Each line of a file: its number and its first byte's position, both from 0, and its text as it is.

    A byte order mark is not part of the first line.
    """
    start = 0
    for number, raw in enumerate(file):
        line = raw[len(BYTE_ORDER_MARK) :] if number == 0 and raw.startswith(BYTE_ORDER_MARK) else raw
        yield number, start + len(raw) - len(line), line
        start += len(raw)


def rewrite(path: Path, change: Callable[[int, bytes], bytes | None]) -> bool:
    """Change the RECORD lines of a file, whole or not at all. What is no RECORD stays; a SCHEMA only where it is used.

    Args:
        path: The file; of a link, the file behind it.
        change: A line's number and text, to its new text; None takes it out.

    Returns:
        Whether anything was left; a file without records is deleted.

    Raises:
        OSError: The file is as it was.
    """
    real = Path(os.path.realpath(path))
    with real.open("rb") as source, replacement(real) as new:
        is_left = _copy(source, new, change)
    if not is_left:
        real.unlink()
        sync_folder(real.parent)
    return is_left


def _copy(source: BinaryIO, new: BinaryIO, change: Callable[[int, bytes], bytes | None]) -> bool:
    """Copy what stays. Returns whether a record stays."""
    waiting: dict[str, bytes] = {}
    written: dict[str, bytes] = {}
    is_needed = False
    for number, _, line in read_lines(source):
        message = parse(line)
        if message is not None and is_schema(message):
            waiting[message["stream"]] = line
            continue
        if message is not None and not is_record(message):
            new.write(line)
            continue
        if not line.strip() or (changed := change(number, line)) is None:
            continue
        # A line that was cut off may be of any stream.
        streams = [message["stream"]] if message is not None else list(waiting)
        for stream in streams:
            schema = waiting.pop(stream, None)
            if schema is not None and written.get(stream) != schema:
                new.write(schema)
                written[stream] = schema
        new.write(changed if changed.endswith(b"\n") or changed is line else changed + b"\n")
        is_needed = True
    return is_needed


def _create(folder: Path, stream: str, run_id: str) -> tuple[Path, BinaryIO]:
    number = 1
    while True:
        path = folder / file_name(stream, run_id, number=number)
        try:
            file = create_private(path)
        except FileExistsError:
            number += 1
            continue
        sync_folder(folder)
        return path, file
