"""The run's accounts: every record that was read stands in exactly one column."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from lead_connectors.delivery.outcome import Outcome, Status
from lead_connectors.delivery.private_files import replace_privately
from lead_connectors.reject_codes import RejectCode

COLUMNS = tuple(status for status in Status if status is not Status.REJECTED)


@dataclass
class StreamAccount:
    """What became of one stream's records."""

    read: int = 0
    by_status: Counter[Status] = field(default_factory=Counter)
    by_code: Counter[RejectCode] = field(default_factory=Counter)

    @property
    def open(self) -> int:
        """Records without an outcome so far."""
        return self.read - sum(self.by_status.values())

    def as_dict(self) -> dict[str, Any]:
        """The account as the contract's report has it."""
        counts: dict[str, Any] = {"read": self.read}
        counts |= {status.value: self.by_status[status] for status in COLUMNS}
        counts["rejected"] = {code.value: n for code, n in sorted(self.by_code.items())}
        return counts


class Report:
    """The accounts of a run.

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
        self.streams: dict[str, StreamAccount] = {}
        self.opt_outs_raised = 0
        self.opt_outs_open = 0

    def read(self, stream: str) -> None:
        """Count one record that arrived."""
        self.streams.setdefault(stream, StreamAccount()).read += 1

    def count(self, stream: str, outcome: Outcome) -> None:
        """Count one record's outcome."""
        account = self.streams[stream]
        account.by_status[outcome.status] += 1
        if outcome.status is Status.REJECTED:
            account.by_code[outcome.code or RejectCode.API_REJECTED] += 1

    def close_open_records(self) -> None:
        """Count what has no outcome as not sent: the run ended before."""
        for account in self.streams.values():
            account.by_status[Status.UNSENT] += account.open

    def total(self, status: Status) -> int:
        """Records of all streams in one column."""
        return sum(account.by_status[status] for account in self.streams.values())

    @property
    def accounted(self) -> int:
        """Records that have an outcome, of the streams that are delivered."""
        return sum(
            sum(account.by_status.values()) - account.by_status[Status.SKIPPED] for account in self.streams.values()
        )

    @property
    def rejected_but_conflicts(self) -> int:
        """Rejects that count against `max_reject_percent`."""
        return self.total(Status.REJECTED) - sum(a.by_code[RejectCode.CONFLICT] for a in self.streams.values())

    def as_dict(self, exit_code: int, api: dict[str, Any]) -> dict[str, Any]:
        """The report of the contract."""
        return {
            **self._head,
            "ended_at": _now(),
            "exit_code": exit_code,
            "dry_run": self._dry_run,
            "streams": {name: account.as_dict() for name, account in sorted(self.streams.items())},
            "opt_outs": {"raised": self.opt_outs_raised, "open": self.opt_outs_open},
            "api": api,
        }

    def write(self, path: Path, exit_code: int, api: dict[str, Any]) -> None:
        """Write the report as JSON, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        content = orjson.dumps(self.as_dict(exit_code, api), option=orjson.OPT_INDENT_2)
        replace_privately(path, content + b"\n")

    def summary(self, exit_code: int, api: dict[str, Any]) -> str:
        """The run in one line."""
        streams = "; ".join(self._sentence(name, account) for name, account in sorted(self.streams.items()))
        opt_outs = f"; opt-outs raised={self.opt_outs_raised} open={self.opt_outs_open}" if self._any_opt_outs() else ""
        calls = " ".join(f"{name}={value}" for name, value in api.items())
        dry = "dry run, nothing was written: " if self._dry_run else ""
        return f"Summary: {dry}{streams or 'no records'}{opt_outs}; api {calls}; exit code {exit_code}"

    def _any_opt_outs(self) -> bool:
        return bool(self.opt_outs_raised or self.opt_outs_open)

    @staticmethod
    def _sentence(name: str, account: StreamAccount) -> str:
        counts = [f"{status.value}={account.by_status[status]}" for status in COLUMNS if account.by_status[status]]
        codes = ", ".join(f"{code.value}: {n}" for code, n in sorted(account.by_code.items()))
        rejected = account.by_status[Status.REJECTED]
        counts.append(f"rejected={rejected}" + (f" ({codes})" if codes else ""))
        return f"{name} read={account.read} {' '.join(counts)}"


def _now() -> str:
    return dt.datetime.now(tz=dt.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
