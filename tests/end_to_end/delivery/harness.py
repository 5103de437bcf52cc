"""A harness for both targets: what a test needs to run either one and to see what it did."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.forked import ForkedProcess, run_forked
from tests.processes import Run, assert_balanced, carecycle, leadsquared, report, run, singer, start
from tests.sandbox_client import Sandbox

CARECYCLE, LEADSQUARED = "carecycle", "leadsquared"
DEADLINE = 40.0
NAMES = {
    "first_name": ("firstName", "FirstName"),
    "last_name": ("lastName", "LastName"),
    "email": ("email", "EmailAddress"),
    "phone": ("phoneNumber", "Phone"),
    "dnc": ("doNotCall", "DoNotCall"),
}
DELIVERED = ("created", "updated", "accepted")


def person(n: int, **changes: Any) -> dict[str, Any]:
    """A record that both APIs take; no two share anything but the postal code."""
    return {
        "id": f"p{n}",
        "first_name": f"Ann{n}",
        "last_name": "Example",
        "email": f"p{n}@example.com",
        "phone": f"+1415555{2000 + n}",
        "zip": "94110",
    } | changes


def people(count: int, **changes: Any) -> list[dict[str, Any]]:
    return [person(n, **changes) for n in range(count)]


def until(condition: Callable[[], Any], what: str, seconds: float = DEADLINE) -> Any:
    """Poll a condition, and fail with a sentence where it never holds."""
    end = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < end, f"never came about: {what}"
        time.sleep(0.01)
    return result


@dataclasses.dataclass
class TargetHarness:
    """One target, a sandbox, and a folder to run in."""

    api: str
    sandbox: Sandbox
    folder: Path

    @property
    def command(self) -> str:
        return f"target-{self.api}"

    @property
    def is_carecycle(self) -> bool:
        return self.api == CARECYCLE

    @property
    def write_path(self) -> str:
        return "leads/upload" if self.is_carecycle else "Lead/Bulk/CreateOrUpdate"

    def field(self, name: str) -> str:
        """The API's name of a property of `person`."""
        return NAMES[name][0 if self.is_carecycle else 1]

    def settings(self, **settings: Any) -> dict[str, Any]:
        """Settings for `people`, quick, with a report."""
        usual = {"streams": ["people"], "report_path": "report.json", "rate_limit": {"calls": 1000, "seconds": 1}}
        make = carecycle if self.is_carecycle else leadsquared
        return {name: value for name, value in make(self.sandbox, **usual | settings).items() if value is not None}

    def run(self, stdin: str | bytes, *arguments: str, env: Mapping[str, str] | None = None, **settings: Any) -> Run:
        """Run to the end; the account has to balance whatever happens, and stdout holds STATE alone.

        The installed command itself is started where the environment matters, else see `forked`.
        """
        (self.folder / "report.json").unlink(missing_ok=True)
        config = self.settings(**settings)
        if env is None:
            done = run_forked(self.command, config, *arguments, stdin=stdin, cwd=self.folder)
        else:
            done = run(self.command, config, *arguments, stdin=stdin, cwd=self.folder, env=env)
        assert (self.folder / "report.json").exists(), done.err
        self.check_account(done.code)
        assert all(isinstance(state, dict) and state for state in done.states())
        return done

    def deliver(self, rows: Iterable[Mapping[str, Any]], *, code: int = 0, **settings: Any) -> dict[str, Any]:
        """Run on records of the stream `people`. Returns the stream's account."""
        done = self.run(singer(rows), **settings)
        assert done.code == code, done.err
        account: dict[str, Any] = self.report()["streams"]["people"]
        return account

    def report(self) -> dict[str, Any]:
        return report(self.folder)

    def check_account(self, code: int) -> None:
        """The report is there, balances, and tells the exit code."""
        account = self.report()
        assert_balanced(account)
        assert account["exit_code"] == code

    def fault(self, kind: str, **options: Any) -> None:
        """Switch a fault on, for this API's writes unless told otherwise."""
        self.sandbox.post("faults", {"kind": kind, "api": self.api, "path": self.write_path} | options)

    def clear_faults(self) -> None:
        self.sandbox.delete("faults")

    def stats(self) -> dict[str, Any]:
        return self.sandbox.stats(self.api)

    def all_stats(self) -> dict[str, Any]:
        counted: dict[str, Any] = self.sandbox.get("stats")
        return counted

    def write_calls(self) -> int:
        """Calls that would write, whatever the response was."""
        ways = ("leads/upload", "/Lead/Bulk/", "Lead.CreateOrUpdate")
        return sum(n for path, n in self.stats()["calls_by_path"].items() if any(way in path for way in ways))

    def writes(self) -> list[dict[str, Any]]:
        """Writes that were applied, in order."""
        return [entry for entry in self.sandbox.history() if entry["api"] == self.api]

    def who(self, entry: Mapping[str, Any]) -> str:
        """The record that a write stands for: `p7`."""
        payload = entry["payload"]
        email = str(payload.get(self.field("email")) or "")
        return str(payload.get("externalId") or email.partition("@")[0])

    def arrived(self) -> Counter[str]:
        """How often each record was written."""
        return Counter(self.who(entry) for entry in self.writes())

    def last(self, who: str) -> dict[str, Any]:
        """The newest write of one record."""
        found: dict[str, Any] = [entry["payload"] for entry in self.writes() if self.who(entry) == who][-1]
        return found

    def kept(self) -> list[dict[str, Any]]:
        """All leads as the API now holds them: LeadSquared's, or CareCycle's customers that an upload made."""
        return self.sandbox.customers() if self.is_carecycle else self.sandbox.leads()

    def reject_files(self) -> list[Path]:
        folder = self.folder / "rejects"
        return sorted(folder.rglob("*.singer"))

    def rejects(self) -> dict[str, str]:
        """Code by record id, of all reject files."""
        found = {}
        for path in self.reject_files():
            for line in path.read_text().splitlines():
                message = json.loads(line)
                if message["type"] == "RECORD":
                    found[str(message["record"].get("id"))] = message["_sdc_reject_code"]
        return found

    def live(self, stdin: str | bytes, *, open_end: bool = False, installed: bool = False, **settings: Any) -> Live:
        """Start a target that is fed from a thread: the installed command itself, or see `forked`."""
        (self.folder / "report.json").unlink(missing_ok=True)
        text = stdin.encode() if isinstance(stdin, str) else stdin
        starter = start if installed else ForkedProcess
        return Live(self, starter(self.command, self.settings(**settings), cwd=self.folder), text, open_end=open_end)


class Live:
    """A running target.

    Attributes:
        states: What it has written to stdout so far.
        feed_error: What went wrong with writing into its stdin.
    """

    def __init__(
        self, harness: TargetHarness, process: subprocess.Popen[bytes] | ForkedProcess, text: bytes, *, open_end: bool
    ) -> None:
        self.harness = harness
        self.process = process
        self.states: list[dict[str, Any]] = []
        self.on_state: Callable[[dict[str, Any]], None] = lambda _: None
        self.feed_error: OSError | None = None
        self._open_end = open_end
        self._err: list[bytes] = []
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._read, self._read_errors)]
        self._feeder = threading.Thread(target=self._feed, args=(text,), daemon=True)
        for thread in (*self._threads, self._feeder):
            thread.start()

    def _feed(self, text: bytes) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(text)
            self.process.stdin.flush()
            if not self._open_end:
                self.process.stdin.close()
        except OSError as error:
            self.feed_error = error

    def feed(self, text: str) -> None:
        """Write more; only after an open end."""
        assert self.process.stdin is not None
        self._feeder.join(DEADLINE)
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            state = json.loads(line)
            self.states.append(state)
            self.on_state(state)

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._err.append(line)

    @property
    def err(self) -> str:
        return b"".join(self._err).decode()

    @property
    def covered(self) -> int:
        """Records that the newest STATE covers."""
        return 0 if not self.states else int(self.states[-1]["bookmarks"]["people"]["n"])

    def signal(self, signum: signal.Signals) -> None:
        self.process.send_signal(signum)

    def kill(self) -> None:
        """SIGKILL of the whole group; stdout is read to what was written before."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=DEADLINE)
        self._join()

    def end(self, *, close: bool = True) -> int:
        """Let it run to its end. Returns the exit code; the account balances and says the same."""
        if close and self._open_end:
            with contextlib.suppress(OSError):
                assert self.process.stdin is not None
                self.process.stdin.close()
        code = self.process.wait(timeout=DEADLINE * 2)
        self._join()
        assert (self.harness.folder / "report.json").exists(), self.err
        self.harness.check_account(code)
        return code

    def _join(self) -> None:
        for thread in self._threads:
            thread.join(DEADLINE)


def repeats(arrived: Mapping[str, int]) -> int:
    """Writes beyond the first of each record."""
    return sum(arrived.values()) - len(arrived)


def names(rows: Sequence[Mapping[str, Any]]) -> set[str]:
    return {str(row["id"]) for row in rows}
