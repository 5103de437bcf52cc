"""The replayable file of refused records: Singer messages as they came in, with code and reason beside the record."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import BinaryIO

import orjson

from lead_connectors.delivery.lead import Lead
from lead_connectors.delivery.outcome import Outcome
from lead_connectors.delivery.private_files import create_private, make_private_folder, sync_folder

MARKS = ("_sdc_reject_code", "_sdc_reject_reason", "_sdc_rejected_at")
_MARKED_END = re.compile(
    rb',"_sdc_reject_code":"[a-z_]+","_sdc_reject_reason":"(?:[^"\\]|\\.)*","_sdc_rejected_at":[0-9.e+]+\}$'
)


def mark(line: bytes, outcome: Outcome, *, at: float) -> bytes:
    """A RECORD message with its refusal beside the record, which itself stays byte for byte as it came in.

    Args:
        line: The message, without a line end.
        outcome: Why it was refused.
        at: Seconds since the epoch.
    """
    code = outcome.code.value if outcome.code else "api_rejected"
    beside = dict(zip(MARKS, (code, outcome.reason, round(at, 3)), strict=True))
    return unmark(line).rstrip()[:-1] + b"," + orjson.dumps(beside)[1:]


def unmark(line: bytes) -> bytes:
    """The message as it came in, without the marks of an earlier refusal."""
    return _MARKED_END.sub(b"}", line.strip())


def rejected_at(line: bytes) -> float | None:
    """When a message that is sent again was refused, in seconds since the epoch; None for any other message."""
    if (found := _MARKED_END.search(line.strip())) is None:
        return None
    return float(found[0].rsplit(b":", 1)[1][:-1])


def reject_code(line: bytes) -> str | None:
    """Why a message that is sent again was refused; None for any other message."""
    found = _MARKED_END.search(line.strip())
    return found[0].split(b'"', 4)[3].decode() if found else None


def file_name(stream: str, run_id: str) -> str:
    """`<stream>-<run id>.singer`, the stream's odd characters replaced."""
    return f"{re.sub(r'[^A-Za-z0-9_.-]', '_', stream)[:80]}-{run_id}.singer"


class RejectFiles:
    """Writes one file a stream and run.

    Args:
        folder: `rejects_path`; made when the first record is refused.
        run_id: Names the run in the files' names.
    """

    def __init__(self, folder: Path, run_id: str) -> None:
        self._folder = folder
        self._run_id = run_id
        self._files: dict[str, BinaryIO] = {}
        self._schemas: dict[str, bytes] = {}
        self._unsynced: set[str] = set()

    def add(self, lead: Lead, outcome: Outcome) -> None:
        """Write one refused record; durable after the next `sync`."""
        stream = lead.source_stream
        file = self._files.get(stream)
        if file is None:
            file = self._files[stream] = self._open(stream)
        if self._schemas.get(stream) != lead.schema_line:
            file.write(lead.schema_line.strip() + b"\n")
            self._schemas[stream] = lead.schema_line
        # A reject that is sent again keeps the moment of its first refusal: it tells how old this version is.
        file.write(mark(lead.line, outcome, at=lead.rejected_at or time.time()) + b"\n")
        self._unsynced.add(stream)

    def forget(self, lead: Lead) -> None:
        """Do nothing: what is accepted was never in a file of this run."""

    def sync(self) -> None:
        """Make all that was added durable. No STATE may leave before."""
        for stream in self._unsynced:
            file = self._files[stream]
            file.flush()
            os.fsync(file.fileno())
        self._unsynced.clear()

    @property
    def paths(self) -> list[Path]:
        """The files of this run."""
        return [self._path(stream) for stream in self._files]

    def close(self) -> None:
        """Make all durable and close the files."""
        self.sync()
        for file in self._files.values():
            file.close()

    def _path(self, stream: str) -> Path:
        return self._folder / file_name(stream, self._run_id)

    def _open(self, stream: str) -> BinaryIO:
        make_private_folder(self._folder, "rejects_path")
        ignore = self._folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
        file = create_private(self._path(stream))
        sync_folder(self._folder)
        return file
