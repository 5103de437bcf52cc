"""Sends recorded rejects again: what is accepted leaves its file, what is rejected again stays there."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import orjson
from typing_extensions import Self, override

from lead_connectors.delivery.lead import Lead, Source
from lead_connectors.delivery.outcome import Outcome
from lead_connectors.delivery.private_files import replace_privately, sync_folder
from lead_connectors.delivery.rejects import RejectStore, mark, reject_code, rejected_at
from lead_connectors.plugin.errors import SettingsError


class ReplayLine(bytes):
    """A line that knows its place.

    Attributes:
        place: Positions of the file and of the line in it, from 0.
    """

    place: tuple[int, int]

    def __new__(cls, text: bytes, place: tuple[int, int]) -> Self:
        """Make a line of its text and place."""
        line = super().__new__(cls, text)
        line.place = place
        return line


class ReplayFiles(RejectStore):
    """Reject files, as input and as the store of what is rejected again.

    Args:
        paths: The files, in the order in which they are sent.
        only: Send only what was rejected with this code; the rest stays.
        keep: Change nothing on disk (a dry run).

    Raises:
        SettingsError: A file cannot be read.
    """

    def __init__(self, paths: Sequence[Path], only: str | None = None, *, keep: bool = False) -> None:
        self._paths = list(paths)
        self._only = only
        self._keep = keep
        self._files = [_read(path) for path in self._paths]
        self._done: set[tuple[int, int]] = set()
        self._rejected_again: dict[tuple[int, int], Outcome] = {}

    def __iter__(self) -> Iterator[bytes]:
        """The messages to send, file by file."""
        for file, lines in enumerate(self._files):
            for number, text in enumerate(lines):
                if _is_record(text) and self._only not in {None, reject_code(text)}:
                    continue
                yield ReplayLine(text, (file, number))

    @override
    def add(self, lead: Lead, outcome: Outcome) -> None:
        """Keep a record that is rejected again; older versions that it replaced are done."""
        self._forget(lead.sources[:-1])
        if isinstance(lead.source.line, ReplayLine):
            self._rejected_again[lead.source.line.place] = outcome

    @override
    def forget(self, lead: Lead) -> None:
        """Let go of a record that needs no further sending."""
        self._forget(lead.sources)

    @override
    def sync(self) -> None:
        """Do nothing: until the end the files stay as they were, so that a kill loses nothing."""

    @override
    def close(self) -> None:
        """Put each file in order: whole or not at all."""
        if self._keep:
            return
        for file, (path, lines) in enumerate(zip(self._paths, self._files, strict=True)):
            left = [self._left((file, number), text) for number, text in enumerate(lines)]
            content = _without_unused_schemas([line for line in left if line is not None])
            if not any(_is_record(line) for line in content):
                path.unlink()
                sync_folder(path.parent)
            elif content != lines:
                replace_privately(path, b"\n".join(content) + b"\n")

    def _left(self, place: tuple[int, int], text: bytes) -> bytes | None:
        if place in self._done:
            return None
        outcome = self._rejected_again.get(place)
        # The time of the first rejection stays: it tells how old this version of the record is.
        return text if outcome is None else mark(text, outcome, at=rejected_at(text) or time.time())

    def _forget(self, sources: Iterable[Source]) -> None:
        self._done.update(source.line.place for source in sources if isinstance(source.line, ReplayLine))


def _read(path: Path) -> list[bytes]:
    try:
        return [line for line in path.read_bytes().split(b"\n") if line.strip()]
    except OSError as error:
        msg = f"--replay: {path} cannot be read ({error.strerror})."
        raise SettingsError(msg) from None


def _is_record(line: bytes) -> bool:
    try:
        message = orjson.loads(line)
    except orjson.JSONDecodeError:
        return True  # it is kept, and rejected with a sentence when it is sent
    return isinstance(message, dict) and message.get("type") == "RECORD"


def _without_unused_schemas(lines: Sequence[bytes]) -> list[bytes]:
    """Leave out a SCHEMA that no record follows."""
    kept: list[bytes] = []
    for line in reversed(lines):
        if _is_record(line) or (kept and _is_record(kept[-1])) or not _is_schema(line):
            kept.append(line)
    return kept[::-1]


def _is_schema(line: bytes) -> bool:
    return bool(orjson.loads(line).get("type") == "SCHEMA")
