"""Reject files: rejected records, and those whose opt-outs are not confirmed, kept until they are sent again."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from typing_extensions import override

from lead_connectors.delivery.lead import Lead, Source
from lead_connectors.delivery.outcome import Outcome, rejected
from lead_connectors.delivery.private_files import lock, make_private_folder, path_error, path_errors
from lead_connectors.delivery.reject_file import RejectFile, read_lines, rewrite
from lead_connectors.delivery.reject_lines import (
    CODE,
    REJECTED_AT,
    Mark,
    is_record,
    is_schema,
    mark,
    open_opt_outs,
    parse,
    record_digests,
    reject_code,
    rejected_at,
)
from lead_connectors.plugin.errors import ConnectorError
from lead_connectors.reject_codes import RejectCode

SETTING = "rejects_path"
NOT_CONFIRMED = rejected(RejectCode.OPT_OUT_OPEN, "the lead was taken, its opt-outs are not confirmed")


class RejectStore(Protocol):
    """Keeps records that are not done with until they are sent again."""

    @property
    def folder(self) -> str:
        """The folder of records that earlier runs kept; empty where there is none."""

    @property
    def paths(self) -> list[Path]:
        """Files that hold what this run kept."""

    def expect(self, lead: Lead) -> None:
        """Take note of a lead that was read: its message is not done with before each of its leads is."""

    def add(self, lead: Lead, outcome: Outcome, *, accepted_at: float | None = None) -> bool:
        """Keep a rejected record.

        Args:
            lead: The lead.
            outcome: Why it was rejected.
            accepted_at: When a version of this record was last accepted, in seconds since the epoch, if known.

        Returns:
            False where the same reject was already kept: the same content with the same code, and no other version of
            the record was rejected or accepted after it.
        """

    def keep_open(self, lead: Lead, lead_id: str, fields: Collection[str]) -> None:
        """Keep a record whose lead took opt-outs that are not confirmed.

        Args:
            lead: The lead.
            lead_id: The API's id of the lead that has to have them.
            fields: The opt-out fields.
        """

    def forget(self, lead: Lead) -> None:
        """Let go of a record that needs no further sending."""

    def open_opt_outs(self) -> dict[str, frozenset[str]]:
        """API's lead id to opt-out fields that earlier runs left open."""

    def settle(self, lead_ids: Collection[str]) -> None:
        """Let go of what earlier runs left open for these leads: their opt-outs are confirmed."""

    def sync(self) -> None:
        """Make all that was kept durable."""

    def close(self) -> None:
        """Put everything in order at the end of the run."""


def kept_sources(lead: Lead) -> tuple[Source, ...]:
    """The records to keep of a lead: with opt-outs the versions that collapsed into it, too, for one may hold them."""
    return lead.sources if lead.opt_outs else lead.sources[-1:]


@dataclass
class _Open:
    """A lead whose opt-outs this run has not confirmed."""

    number: int
    fields: frozenset[str]
    lines: list[tuple[RejectFile, int]]


class RejectFiles(RejectStore):
    """Writes one file a stream and run, in a folder for each target.

    Args:
        folder: `rejects_path`; made when the first record is kept.
        run_id: Names the run in the files' names.
        target: The target's name.
    """

    def __init__(self, folder: Path, run_id: str, target: str) -> None:
        self._top = folder
        self._folder = folder / target
        self._run_id = run_id
        self._target = target
        self._files: dict[str, RejectFile] = {}
        self._open: dict[str, _Open] = {}
        self._lead_ids: dict[int, str] = {}
        self._problem: ConnectorError | None = None

    @property
    @override
    def folder(self) -> str:
        return str(self._folder.resolve()) if self._folder.is_dir() else ""

    @property
    @override
    def paths(self) -> list[Path]:
        return [file.path for file in self._files.values() if file.path.exists()]

    @override
    def expect(self, lead: Lead) -> None:
        """Do nothing: what is accepted was never in a file of this run."""

    @override
    def add(self, lead: Lead, outcome: Outcome, *, accepted_at: float | None = None) -> bool:
        """Write one rejected record; durable after the next `sync`."""
        reject = Mark(outcome)
        sources = kept_sources(lead)
        digests = [record_digests(source.line, source.schema_line) for source in sources]
        # What comes out of a reject file is written in any case: its file may be deleted next.
        if lead.rejected_at is None and self._known.has(digests, reject.code, after=accepted_at):
            return False
        at = lead.rejected_at or time.time()
        for source, (record, content) in zip(sources, digests, strict=True):
            self._write(source, reject, at)
            self._known.note(record, content, reject.code, at)
        return True

    @override
    def keep_open(self, lead: Lead, lead_id: str, fields: Collection[str]) -> None:
        """Write it; an earlier line of the same lead is taken out by `close`, and its fields stand in this one."""
        before = self._open.get(lead_id)
        all_fields = frozenset(fields).union(self._earlier_opt_outs.get(lead_id, ()), before.fields if before else ())
        reject = Mark(NOT_CONFIRMED, lead_id, all_fields)
        at = lead.rejected_at or time.time()
        lines = [self._write(source, reject, at) for source in kept_sources(lead)]
        if before is not None:
            self._drop(before)
        self._open[lead_id] = _Open(lead.source.number, all_fields, lines)
        self._lead_ids[lead.source.number] = lead_id

    @override
    def forget(self, lead: Lead) -> None:
        """Take out what `keep_open` wrote for this lead; whatever else is accepted was never in a file of this run."""
        if (lead_id := self._lead_ids.get(lead.source.number)) is not None:
            self._drop(self._open.pop(lead_id))

    @override
    def open_opt_outs(self) -> dict[str, frozenset[str]]:
        """Read them from the files in this target's folder, of runs that have ended."""
        return dict(self._earlier_opt_outs)

    @override
    def settle(self, lead_ids: Collection[str]) -> None:
        """Take their lines out of the files of earlier runs."""
        ids = set(lead_ids) & self._earlier_opt_outs.keys()
        if not ids:
            return

        def is_left(line: bytes) -> bool:
            found = open_opt_outs(line)
            return found is None or found[0] not in ids

        for path in self._earlier_files():
            with path_errors(SETTING, path), path.open("rb") as file:
                if lock(file) and not all(is_left(line) for line in file):
                    rewrite(path, lambda _, line: line if is_left(line) else None)
        for lead_id in ids:
            del self._earlier_opt_outs[lead_id]

    @override
    def sync(self) -> None:
        """Make all that was kept durable. No STATE may be written before."""
        self._raise_again()
        for file in self._files.values():
            with self._errors(file.path):
                file.sync()

    @override
    def close(self) -> None:
        """Make all durable, take out what is done, and close the files."""
        try:
            if self._problem is None:
                self.sync()
                for file in self._files.values():
                    with self._errors(file.path):
                        file.tidy()
                # What is open now stands in this run's lines.
                self.settle(self._open)
        finally:
            for file in self._files.values():
                file.close()

    def _drop(self, kept: _Open) -> None:
        del self._lead_ids[kept.number]
        for file, line in kept.lines:
            file.dropped.add(line)

    def _write(self, source: Source, reject: Mark, at: float) -> tuple[RejectFile, int]:
        self._raise_again()
        with self._errors(self._folder):
            file = self._files.get(source.stream)
            if file is None:
                file = self._files[source.stream] = self._create(source.stream)
            return file, file.write(mark(source.line, reject, at=at, target=self._target), source.schema_line)

    def _create(self, stream: str) -> RejectFile:
        is_ours = make_private_folder(self._top, SETTING)
        ignore = self._top / ".gitignore"
        if make_private_folder(self._folder, SETTING) and not is_ours and not ignore.exists():
            is_ours, ignore = True, self._folder / ".gitignore"
        if is_ours:
            ignore.write_text("*\n", encoding="utf-8")
        return RejectFile(self._folder, stream, self._run_id)

    @contextlib.contextmanager
    def _errors(self, path: Path) -> Iterator[None]:
        """After an error nothing is durable any more: whatever the next `sync` could say of the disk."""
        try:
            with path_errors(SETTING, path):
                yield
        except ConnectorError as error:
            self._problem = error
            raise

    def _raise_again(self) -> None:
        if self._problem is not None:
            raise self._problem

    # Earlier runs

    def _earlier_files(self) -> list[Path]:
        """The files in this target's folder that are not of this run."""
        own = {file.path.name for file in self._files.values()}
        try:
            files = sorted(self._folder.iterdir())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise path_error(SETTING, self._folder, error, action="read") from None
        return [path for path in files if path.suffix == ".singer" and path.name not in own]

    @cached_property
    def _earlier_opt_outs(self) -> dict[str, frozenset[str]]:
        found: dict[str, frozenset[str]] = {}
        for path in self._earlier_files():
            with path_errors(SETTING, path, action="read"), path.open("rb") as file:
                if not lock(file, shared=True):
                    continue  # a run that has not ended keeps its own
                for line in file:
                    if (opt_outs := open_opt_outs(line)) is not None:
                        lead_id, fields = opt_outs
                        found[lead_id] = found.get(lead_id, frozenset()) | fields
        return found

    @cached_property
    def _known(self) -> _KnownRejects:
        known = _KnownRejects()
        for path in self._earlier_files():
            # Of a file that cannot be read, rejects are written twice at worst.
            with contextlib.suppress(OSError), path.open("rb") as file:
                known.read(line for _, _, line in read_lines(file))
        return known


class _KnownRejects:
    """What the reject files hold, as digests: no record is kept in memory."""

    def __init__(self) -> None:
        self._latest: dict[bytes, tuple[float, bytes]] = {}
        self._all: set[bytes] = set()

    def has(self, digests: list[tuple[bytes, bytes]], code: str, *, after: float | None) -> bool:
        """Whether all versions of a record are kept with this code, the newest as the latest one."""
        if not all(_reject(content, code) in self._all for _, content in digests):
            return False
        record, content = digests[-1]
        at, latest = self._latest.get(record, (0.0, b""))
        return latest == _reject(content, code) and (after is None or at > after)

    def note(self, record: bytes, content: bytes, code: str, at: float) -> None:
        """Take note of one."""
        reject = _reject(content, code)
        self._all.add(reject)
        if record not in self._latest or at >= self._latest[record][0]:
            self._latest[record] = at, reject

    def read(self, lines: Iterator[bytes]) -> None:
        """Take note of all lines of a file."""
        schemas: dict[str, bytes] = {}
        for line in lines:
            message = parse(line)
            if message is None:
                code, at = reject_code(line), rejected_at(line)
                if code is not None and at is not None:  # one that this target wrote, nested too deep to be parsed
                    self.note(*record_digests(line, b""), code, at)
                continue
            if is_schema(message):
                schemas[message["stream"]] = line
            elif is_record(message) and message["stream"] in schemas:
                code, at = message.get(CODE), message.get(REJECTED_AT)
                if isinstance(code, str) and isinstance(at, (int, float)):
                    self.note(*record_digests(line, schemas[message["stream"]]), code, at)


def _reject(content: bytes, code: str) -> bytes:
    return content + code.encode()
