"""Reject files: Singer messages as they came in, with code and reason beside the record, ready to be sent again."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import BinaryIO, Protocol

import orjson
from typing_extensions import override

from lead_connectors.delivery.lead import Lead
from lead_connectors.delivery.outcome import Outcome
from lead_connectors.delivery.private_files import create_private, make_private_folder, sync_folder

MARKS = ("_sdc_reject_code", "_sdc_reject_reason", "_sdc_rejected_at")
_MARKED_END = re.compile(
    rb',"_sdc_reject_code":"[a-z_]+","_sdc_reject_reason":"(?:[^"\\]|\\.)*","_sdc_rejected_at":[0-9.e+]+\}$'
)
MAX_NAME_LENGTH = 80


class RejectStore(Protocol):
    """Keeps rejected records until they are sent again."""

    def add(self, lead: Lead, outcome: Outcome) -> None:
        """Keep one."""

    def forget(self, lead: Lead) -> None:
        """Remove one that needs no further sending."""

    def sync(self) -> None:
        """Make all that was kept durable."""

    def close(self) -> None:
        """Put everything in order at the end of the run."""


def mark(line: bytes, outcome: Outcome, *, at: float) -> bytes:
    """Add code, reason and time of a reject to a RECORD message; the record itself stays as it came in.

    Args:
        line: The message, without a line end.
        outcome: Why it was rejected.
        at: Seconds since the epoch.
    """
    code = outcome.code.value if outcome.code else "api_rejected"
    beside = dict(zip(MARKS, (code, outcome.reason, round(at, 3)), strict=True))
    return unmark(line).rstrip()[:-1] + b"," + orjson.dumps(beside)[1:]


def unmark(line: bytes) -> bytes:
    """The message as it came in, without the marks of an earlier reject."""
    return _MARKED_END.sub(b"}", line.strip())


def rejected_at(line: bytes) -> float | None:
    """When a message was rejected, in seconds since the epoch; None for a message that was not."""
    if (found := _MARKED_END.search(line.strip())) is None:
        return None
    return float(found[0].rsplit(b":", 1)[1][:-1])


def reject_code(line: bytes) -> str | None:
    """Why a message was rejected; None for a message that was not."""
    found = _MARKED_END.search(line.strip())
    return found[0].split(b'"', 4)[3].decode() if found else None


def file_name(stream: str, run_id: str) -> str:
    """`<stream>-<run id>.singer`, with an underscore for each character that is unsafe in a file's name."""
    return f"{re.sub(r'[^A-Za-z0-9_.-]', '_', stream)[:MAX_NAME_LENGTH]}-{run_id}.singer"


class RejectFiles(RejectStore):
    """Writes one file a stream and run.

    Args:
        folder: `rejects_path`; made when the first record is rejected.
        run_id: Names the run in the files' names.
    """

    def __init__(self, folder: Path, run_id: str) -> None:
        self._folder = folder
        self._run_id = run_id
        self._files: dict[str, BinaryIO] = {}
        self._schemas: dict[str, bytes] = {}
        self._unsynced: set[str] = set()

    @override
    def add(self, lead: Lead, outcome: Outcome) -> None:
        """Write one rejected record; durable after the next `sync`."""
        source = lead.source
        file = self._files.get(source.stream)
        if file is None:
            file = self._files[source.stream] = self._open(source.stream)
        if self._schemas.get(source.stream) != source.schema_line:
            file.write(source.schema_line.strip() + b"\n")
            self._schemas[source.stream] = source.schema_line
        # A reject that is sent again keeps the time of its first rejection: it tells how old this version is.
        file.write(mark(source.line, outcome, at=lead.rejected_at or time.time()) + b"\n")
        self._unsynced.add(source.stream)

    @override
    def forget(self, lead: Lead) -> None:
        """Do nothing: what is accepted was never in a file of this run."""

    @override
    def sync(self) -> None:
        """Make all that was added durable. No STATE may be written before."""
        for stream in self._unsynced:
            file = self._files[stream]
            file.flush()
            os.fsync(file.fileno())
        self._unsynced.clear()

    @override
    def close(self) -> None:
        """Make all durable and close the files."""
        self.sync()
        for file in self._files.values():
            file.close()

    def _open(self, stream: str) -> BinaryIO:
        make_private_folder(self._folder, "rejects_path")
        ignore = self._folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
        file = create_private(self._folder / file_name(stream, self._run_id))
        sync_folder(self._folder)
        return file
