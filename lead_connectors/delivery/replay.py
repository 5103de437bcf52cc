"""Sends recorded rejects again: what is accepted leaves its file, what is rejected again stays there."""

from __future__ import annotations

import codecs
import os
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from typing_extensions import Self, override

from lead_connectors.delivery.lead import Lead
from lead_connectors.delivery.outcome import Outcome
from lead_connectors.delivery.private_files import PathError, check_file, lock, path_errors
from lead_connectors.delivery.reject_file import read_lines, rewrite
from lead_connectors.delivery.reject_lines import CODE, REJECTED_AT, TARGET, Mark, is_record, is_schema, mark, parse
from lead_connectors.delivery.rejects import NOT_CONFIRMED, RejectStore, kept_sources
from lead_connectors.plugin.errors import ConnectorError, SettingsError

OPTION = "--replay"
MAX_LINES_NAMED = 5
MAX_TIME = 1e12
"""Seconds since the epoch; a number beyond is no time that a target wrote."""

Place = tuple[int, int]
"""Positions of a file and of a line in it, from 0."""

Schema = tuple[str, bytes]
"""A stream's name and its SCHEMA message."""


class ReplayLine(bytes):
    """A line that knows its place.

    Attributes:
        place: Its place.
    """

    place: Place

    def __new__(cls, text: bytes, place: Place) -> Self:
        """Make a line of its text and place."""
        line = super().__new__(cls, text)
        line.place = place
        return line


class _Record(NamedTuple):
    """Where a RECORD stands. The order is the order of sending: the oldest version of a record first."""

    rejected_at: float
    file: int
    line: int
    start: int
    length: int
    schema: Schema


@dataclass
class _File:
    path: Path
    version: tuple[int, ...]


@dataclass(slots=True)
class _Fate:
    """What has become of one line's leads, by the number of the record in this run."""

    expected: set[int] = field(default_factory=set)
    kept: dict[int, Mark] = field(default_factory=dict)
    is_accepted: bool = False

    @property
    def is_done(self) -> bool:
        return self.is_accepted and not self.expected and not self.kept

    @property
    def mark(self) -> Mark | None:
        """What to write beside the record; open opt-outs before anything else."""
        return next((kept for kept in self.kept.values() if kept.lead_id), next(iter(self.kept.values()), None))


class ReplayFiles(RejectStore):
    """Reject files, as input and as the store of what is rejected again.

    Only the places of the records are kept in memory. Until the end the files stay as they were, so that a kill loses
    nothing.

    Args:
        paths: The files.
        only: Send only what was rejected with this code; the rest stays.
        target: The target's name.
        keep: Change nothing on disk (a dry run).

    Attributes:
        warnings: Sentences about the files, for the log.

    Raises:
        SettingsError: A file cannot be read or written, is in use by a run, or holds rejects of another target.
    """

    def __init__(self, paths: Sequence[Path], only: str | None = None, *, target: str, keep: bool = False) -> None:
        self.warnings: list[str] = []
        self._only = only
        self._target = target
        self._keep = keep
        self._files: list[_File] = []
        self._schemas: dict[Schema, Schema] = {}
        self._records: list[_Record] = []
        self._unmarked = 0
        self._fates: dict[Place, _Fate] = {}
        for path in paths:
            self._read(path)
        self._records.sort()
        if self._unmarked:
            self.warnings.append(
                f"{OPTION}: {self._unmarked} of {len(self._files)} files do not say which target rejected their "
                f"records. They are sent to {target}."
            )

    def __iter__(self) -> Iterator[bytes]:
        """The messages to send, each SCHEMA where a record needs it."""
        file: BinaryIO | None = None
        number = -1
        schemas: dict[str, bytes] = {}
        try:
            for record in self._records:
                if record.file != number:
                    if file is not None:
                        file.close()
                    file, number = self._open(record.file), record.file
                if file is None:
                    continue
                file.seek(record.start)
                text = file.read(record.length)
                stream, schema = record.schema
                if schemas.get(stream) != schema:
                    schemas[stream] = schema
                    yield schema
                yield ReplayLine(text, (record.file, record.line))
        finally:
            if file is not None:
                file.close()

    @property
    @override
    def folder(self) -> str:
        """None: the files of a replay say nothing about the folder."""
        return ""

    @property
    @override
    def paths(self) -> list[Path]:
        return [self._files[number].path for number in sorted({file for file, _ in self._kept()})]

    @override
    def expect(self, lead: Lead) -> None:
        """Take note of a lead: its line stays in the file until each lead that was made of it is accepted."""
        for number, place in _places(lead):
            self._fate(place).expected.add(number)

    @override
    def add(self, lead: Lead, outcome: Outcome, *, accepted_at: float | None = None) -> bool:
        """Keep a record that is rejected again where it stands."""
        self._finish(lead, Mark(outcome))
        return True

    @override
    def keep_open(self, lead: Lead, lead_id: str, fields: Collection[str]) -> None:
        """Keep a record whose opt-outs are not confirmed where it stands."""
        self._finish(lead, Mark(NOT_CONFIRMED, lead_id, frozenset(fields)))

    @override
    def forget(self, lead: Lead) -> None:
        """Let go of a record that needs no further sending."""
        self._finish(lead, None)

    @override
    def open_opt_outs(self) -> dict[str, frozenset[str]]:
        """None: a replay sends them with their records."""
        return {}

    @override
    def settle(self, lead_ids: Collection[str]) -> None:
        """Do nothing; see `open_opt_outs`."""

    @override
    def sync(self) -> None:
        """Do nothing: all is in the files as they were."""

    @override
    def close(self) -> None:
        """Put each file in order: whole or not at all.

        Raises:
            ConnectorError: A file could not be rewritten and is as it was.
        """
        if self._keep:
            return
        changed = {file for (file, _), fate in self._fates.items() if fate.is_done or fate.mark is not None}
        problems = [problem for number in sorted(changed) if (problem := self._put_in_order(number)) is not None]
        if problems:
            raise problems[0]

    def _finish(self, lead: Lead, reject: Mark | None) -> None:
        kept = {source.number for source in kept_sources(lead)} if reject is not None else set()
        for number, place in _places(lead):
            fate = self._fate(place)
            fate.expected.discard(number)
            fate.kept.pop(lead.source.number, None)
            if reject is not None and number in kept:
                fate.kept[lead.source.number] = reject
            else:
                fate.is_accepted = True

    def _fate(self, place: Place) -> _Fate:
        return self._fates.setdefault(place, _Fate())

    def _kept(self) -> Iterator[Place]:
        return (place for place, fate in self._fates.items() if fate.mark is not None)

    def _put_in_order(self, number: int) -> ConnectorError | None:
        file = self._files[number]

        def change(line: int, text: bytes) -> bytes | None:
            fate = self._fates.get((number, line))
            if fate is not None and fate.is_done:
                return None
            if fate is None or (reject := fate.mark) is None:
                return text
            # The time of the first rejection stays: it tells how old this version of the record is.
            return mark(text, reject, at=_rejected_at(parse(text) or {}) or time.time(), target=self._target)

        try:
            with path_errors(OPTION, file.path), file.path.open("rb") as current:
                if not lock(current) or _version(current) != file.version:
                    raise _changed(file.path)
                rewrite(file.path, change)
        except ConnectorError as error:
            return error
        return None

    def _open(self, number: int) -> BinaryIO | None:
        """The file as it was read; None where it has changed: then `close` says so."""
        try:
            file = self._files[number].path.open("rb")
        except OSError:
            return None
        if _version(file) == self._files[number].version:
            return file
        file.close()
        return None

    def _read(self, path: Path) -> None:
        """Find the records of one file."""
        number = len(self._files)
        with path_errors(OPTION, path, action="read"), path.open("rb") as file:
            version = _version(file)
            if any(version[:2] == known.version[:2] for known in self._files):
                return  # named twice
            self._check(path, file)
            self._files.append(_File(path, version))
            schemas: dict[str, Schema] = {}
            broken: list[int] = []
            is_marked = True
            for line, start, text in read_lines(file):
                message = parse(text) if text.strip() else {"type": ""}
                if message is not None and is_schema(message):
                    schema = (message["stream"], text.strip())
                    schemas[schema[0]] = self._schemas.setdefault(schema, schema)
                elif message is None or (message["type"] == "RECORD" and not _is_complete(message, schemas)):
                    broken.append(line + 1)
                elif message["type"] == "RECORD":
                    is_marked &= self._is_own(path, message)
                    if self._only is None or self._only == message.get(CODE):
                        at = _rejected_at(message) or time.time()
                        schema = schemas[message["stream"]]
                        self._records.append(_Record(at, number, line, start, len(text), schema))
            self._unmarked += not is_marked
        if broken:
            self.warnings.append(_broken(path, broken))

    def _check(self, path: Path, file: BinaryIO) -> None:
        if file.read(2) in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
            msg = f"{OPTION}: {path} is UTF-16. Singer messages are UTF-8: convert it."
            raise SettingsError(msg)
        file.seek(0)
        if self._keep:
            return
        check_file(path, OPTION)
        if not lock(file):
            msg = f"{OPTION}: {path} is in use by a run that has not ended. Wait for its end."
            raise SettingsError(msg)

    def _is_own(self, path: Path, message: dict[str, Any]) -> bool:
        """Whether a record says that this target rejected it."""
        target = message.get(TARGET)
        if target is not None and target != self._target:
            msg = (
                f"{OPTION}: {path} holds rejects of another target ({target}). Nothing was sent. Name the files of "
                f"{self._target}."
            )
            raise SettingsError(msg)
        return target is not None


def _places(lead: Lead) -> Iterator[tuple[int, Place]]:
    return ((source.number, source.line.place) for source in lead.sources if isinstance(source.line, ReplayLine))


def _is_complete(message: dict[str, Any], schemas: Collection[str]) -> bool:
    return is_record(message) and message["stream"] in schemas


def _rejected_at(message: dict[str, Any]) -> float | None:
    at = message.get(REJECTED_AT)
    return float(at) if isinstance(at, (int, float)) and abs(at) < MAX_TIME else None


def _version(file: BinaryIO) -> tuple[int, ...]:
    """Tells whether a file was changed."""
    status = os.fstat(file.fileno())
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _changed(path: Path) -> PathError:
    msg = (
        f"{OPTION}: {path} was changed by somebody else while its records were sent. It is left as it is, with records "
        "that may have been accepted by now."
    )
    return PathError(msg)


def _broken(path: Path, lines: Sequence[int]) -> str:
    named = ", ".join(map(str, lines[:MAX_LINES_NAMED]))
    more = f" and {len(lines) - MAX_LINES_NAMED} more" if len(lines) > MAX_LINES_NAMED else ""
    return (
        f"{OPTION}: {path}: not sent, and left in the file: line {named}{more}. Such a line is cut off, is no Singer "
        "message, is nested too deep, or comes before its SCHEMA."
    )
