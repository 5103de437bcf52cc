"""The run's report: every record that was read stands in exactly one column."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from lead_connectors.delivery.lead import Lead
from lead_connectors.delivery.outcome import Outcome, Status, rejected
from lead_connectors.delivery.private_files import path_errors, replace_privately
from lead_connectors.field_map.field_map import FieldMap
from lead_connectors.field_map.table import MapCounts
from lead_connectors.http.session import ApiSession
from lead_connectors.reject_codes import RejectCode

NOT_COUNTED = (RejectCode.CONFLICT, RejectCode.OPT_OUT_OPEN)
"""They do not count against `max_reject_percent`: couples share phones, and a lead with an open opt-out was taken."""

COLUMNS = tuple(status for status in Status if status is not Status.REJECTED)


@dataclass
class StreamCounts:
    """What became of one stream's records."""

    read: int = 0
    by_status: Counter[Status] = field(default_factory=Counter)
    by_code: Counter[RejectCode] = field(default_factory=Counter)

    @property
    def open(self) -> int:
        """Records without an outcome so far."""
        return self.read - sum(self.by_status.values())

    def as_dict(self) -> dict[str, Any]:
        """The stream's part of the JSON report."""
        counts: dict[str, Any] = {"read": self.read}
        counts |= {status.value: self.by_status[status] for status in COLUMNS}
        counts["rejected"] = {code.value: n for code, n in sorted(self.by_code.items())}
        return counts


class Report:
    """The counts and notes of a run.

    Args:
        plugin: The plugin's name.
        version: Its version.
        run_id: Names the run, in the report and in the reject files' names.
        dry_run: Nothing is written.
    """

    def __init__(self, plugin: str, version: str, run_id: str, *, dry_run: bool) -> None:
        self.run_id = run_id
        self._head = {"plugin": plugin, "version": version, "run_id": run_id, "started_at": _now()}
        self._dry_run = dry_run
        self._field_counts: dict[str, MapCounts] = {}
        self._notes: Counter[str] = Counter()
        self.streams: dict[str, StreamCounts] = {}
        self.opt_outs_raised = 0
        self.opt_outs_open = 0

    def read(self, stream: str) -> None:
        """Count one record that arrived."""
        self.streams.setdefault(stream, StreamCounts()).read += 1

    def count(self, stream: str, outcome: Outcome) -> None:
        """Count one record's outcome."""
        counts = self.streams[stream]
        counts.by_status[outcome.status] += 1
        if outcome.status is Status.REJECTED:
            counts.by_code[outcome.code or RejectCode.API_REJECTED] += 1

    def recount(self, stream: str, outcome: Outcome, code: RejectCode) -> None:
        """Count a record as rejected that was counted as delivered before."""
        if outcome.status is not Status.REJECTED:
            self.streams[stream].by_status[outcome.status] -= 1
            self.count(stream, rejected(code))

    def start_stream(self, stream: str, field_map: FieldMap) -> None:
        """Take note of a stream's map; a dry run counts how often each of its fields is filled."""
        if not self._dry_run:
            return
        if stream in self._field_counts:
            self._field_counts[stream].add_map(field_map)
        else:
            self._field_counts[stream] = MapCounts(field_map)

    def count_fields(self, lead: Lead) -> None:
        """Count a lead's notes and, in a dry run, its fields."""
        self._notes.update(lead.notes)
        if (counts := self._field_counts.get(lead.stream)) is not None:
            filled = {**lead.fields, **dict.fromkeys(lead.opt_outs, True)}
            counts.count(filled, lead.problems)

    def close_open_records(self) -> None:
        """Count what has no outcome as not sent: the run ended before."""
        for counts in self.streams.values():
            counts.by_status[Status.UNSENT] += counts.open

    def total(self, status: Status) -> int:
        """Records of all streams in one column."""
        return sum(counts.by_status[status] for counts in self.streams.values())

    @property
    def accounted(self) -> int:
        """Records that have an outcome, of the streams that are delivered."""
        return sum(
            sum(counts.by_status.values()) - counts.by_status[Status.SKIPPED] for counts in self.streams.values()
        )

    @property
    def rejected_without_conflicts(self) -> int:
        """Rejects that count against `max_reject_percent`."""
        not_counted = sum(counts.by_code[code] for counts in self.streams.values() for code in NOT_COUNTED)
        return self.total(Status.REJECTED) - not_counted

    def notes(self) -> Iterator[str]:
        """One line for each note, with the number of records that it is about."""
        for note, count in sorted(self._notes.items()):
            yield f"{count} records: {note}."

    def field_lines(self) -> Iterator[str]:
        """One line for each field of each stream, in a dry run."""
        for stream, counts in sorted(self._field_counts.items()):
            for line in counts.lines():
                yield f"Dry run, stream {stream}: {line}"

    def as_dict(self, exit_code: int, api: Mapping[str, Any]) -> dict[str, Any]:
        """The report as JSON (docs/promises.md)."""
        return {
            **self._head,
            "ended_at": _now(),
            "exit_code": exit_code,
            "dry_run": self._dry_run,
            "streams": {name: counts.as_dict() for name, counts in sorted(self.streams.items())},
            "opt_outs": {"raised": self.opt_outs_raised, "open": self.opt_outs_open},
            "api": api,
        }

    def write(self, path: Path, exit_code: int, api: Mapping[str, Any]) -> None:
        """Write the report as JSON, whole or not at all.

        Raises:
            ConnectorError: It cannot be written.
        """
        content = orjson.dumps(self.as_dict(exit_code, api), option=orjson.OPT_INDENT_2)
        with path_errors("report_path", path):
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_privately(path, content + b"\n")

    def summary(self, exit_code: int, api: Mapping[str, Any]) -> str:
        """The run in one line."""
        streams = "; ".join(_stream_summary(name, counts) for name, counts in sorted(self.streams.items()))
        has_opt_outs = bool(self.opt_outs_raised or self.opt_outs_open)
        opt_outs = f"; opt-outs raised={self.opt_outs_raised} open={self.opt_outs_open}" if has_opt_outs else ""
        calls = " ".join(f"{name}={value}" for name, value in api.items())
        dry = "dry run, nothing was written: " if self._dry_run else ""
        return f"Summary: {dry}{streams or 'no records'}{opt_outs}; api {calls}; exit code {exit_code}"


def api_counts(session: ApiSession | None) -> dict[str, Any]:
    """The report's part on the API; all zero where no session was opened."""
    if session is None:
        return {"calls": 0, "retries": 0, "http_429": 0, "seconds_waiting": 0.0, "quota_used": 0.0}
    return {
        "calls": session.calls,
        "retries": session.retries,
        "http_429": session.rate_limited_calls,
        "seconds_waiting": round(session.seconds_waiting + session.quota.seconds_waiting, 1),
        "quota_used": round(session.quota.used(), 2),
    }


def _stream_summary(name: str, counts: StreamCounts) -> str:
    columns = [f"{status.value}={counts.by_status[status]}" for status in COLUMNS if counts.by_status[status]]
    codes = ", ".join(f"{code.value}: {n}" for code, n in sorted(counts.by_code.items()))
    columns.append(f"rejected={counts.by_status[Status.REJECTED]}" + (f" ({codes})" if codes else ""))
    return f"{name} read={counts.read} {' '.join(columns)}"


def _now() -> str:
    return dt.datetime.now(tz=dt.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
