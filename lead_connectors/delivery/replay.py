"""Sends recorded rejects again: what is taken leaves its file, what is refused again stays there and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import orjson

from lead_connectors.delivery.lead import Lead
from lead_connectors.delivery.outcome import Outcome
from lead_connectors.delivery.private_files import replace_privately, sync_folder
from lead_connectors.delivery.rejects import mark, reject_code, rejected_at
from lead_connectors.plugin.errors import SettingsError


class ReplayLine(bytes):
    """A line that knows its place."""

    file: int
    place: int


class ReplayFiles:
    """Reject files, as input and as the store of what is refused again.

    Args:
        paths: The files, in the order in which they are sent.
        only: Send only what was refused with this code; the rest stays.
        keep: Change nothing on disk (a dry run).

    Raises:
        SettingsError: A file cannot be read.
    """

    def __init__(self, paths: Sequence[Path], only: str | None = None, *, keep: bool = False) -> None:
        self._paths = list(paths)
        self._only = only
        self._keep = keep
        self._files = [_read(path) for path in self._paths]
        self._gone: set[tuple[int, int]] = set()
        self._again: dict[tuple[int, int], Outcome] = {}

    def __iter__(self) -> Iterator[bytes]:
        """The messages to send, file by file."""
        for number, lines in enumerate(self._files):
            for place, text in enumerate(lines):
                if _is_record(text) and self._only not in {None, reject_code(text)}:
                    continue
                line = ReplayLine(text)
                line.file, line.place = number, place
                yield line

    def add(self, lead: Lead, outcome: Outcome) -> None:
        """Keep a record that is refused again; older versions that it replaced are gone."""
        self._forget(lead.absorbed)
        if isinstance(lead.line, ReplayLine):
            self._again[lead.line.file, lead.line.place] = outcome

    def forget(self, lead: Lead) -> None:
        """Let go of a record that needs no further sending."""
        self._forget([lead.line, *lead.absorbed])

    def sync(self) -> None:
        """Do nothing: until the end the files are as they were, so that a kill loses nothing."""

    def close(self) -> None:
        """Put each file in order: whole or not at all."""
        if self._keep:
            return
        for number, (path, lines) in enumerate(zip(self._paths, self._files, strict=True)):
            left = [self._left(number, place, text) for place, text in enumerate(lines)]
            content = _without_idle_schemas([line for line in left if line is not None])
            if not any(_is_record(line) for line in content):
                path.unlink()
                sync_folder(path.parent)
            elif content != lines:
                replace_privately(path, b"\n".join(content) + b"\n")

    def _left(self, file: int, place: int, text: bytes) -> bytes | None:
        if (file, place) in self._gone:
            return None
        again = self._again.get((file, place))
        # The moment of the first refusal stays: it tells how old this version of the record is.
        return text if again is None else mark(text, again, at=rejected_at(text) or 0.0)

    def _forget(self, lines: Sequence[bytes]) -> None:
        self._gone.update((line.file, line.place) for line in lines if isinstance(line, ReplayLine))


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
        return True  # kept, and refused with a sentence when it is sent
    return isinstance(message, dict) and message.get("type") == "RECORD"


def _without_idle_schemas(lines: Sequence[bytes]) -> list[bytes]:
    """Leave out a SCHEMA that no record follows."""
    kept: list[bytes] = []
    for line in reversed(lines):
        if _is_record(line) or (kept and _is_record(kept[-1])) or not _is_schema(line):
            kept.append(line)
    return kept[::-1]


def _is_schema(line: bytes) -> bool:
    return bool(orjson.loads(line).get("type") == "SCHEMA")
