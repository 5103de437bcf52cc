"""Shows the main job: the real ``meltano run``, twice, against the sandbox on this machine.

The demo works in a temporary folder with a copy of this project's ``meltano.yml``. It does not touch your state,
ledger, ``.env`` or accounts. It removes the folder at the end. What ``make`` installed (``.venv``, ``.cache``) stays.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = Path(sysconfig.get_path("scripts"))
SANDBOX_IN_PROJECT = "http://127.0.0.1:8765"
PROJECT_ROOT = "${MELTANO_PROJECT_ROOT}"
JOB = ("tap-carecycle", "target-leadsquared")
UPDATED, INSERTED = 7, 3
SEED = "2"
"""With this seed, the customer who changed last became a lead: the second run reads that customer again."""
MAX_COMMAND_SECONDS = 270
"""A command that takes longer fails the demo."""

REASONS = {
    "conflict": "e-mail or phone belongs to another lead (for example a couple with one phone)",
    "duplicate": "sent twice in one call",
    "invalid_value": "invalid value (for example an impossible phone number)",
    "key_missing": "no identifier",
    "required_missing": "no e-mail and no phone",
    "too_long": "value too long for its field",
}


class DemoError(Exception):
    """The demo did not show what README promises."""


def say(text: str = "") -> None:
    """Print a line without buffering."""
    print(text, flush=True)


class StopSignals:
    """Turns Ctrl-C and other stop signals into SystemExit, and can defer it.

    An exception between the start of a child process and the assignment of its handle would leave the child behind.
    """

    def __init__(self) -> None:
        self._number: int | None = None
        self._is_deferred = False

    def __call__(self, number: int, _frame: object) -> None:
        """Handle a signal."""
        self._number = number
        if not self._is_deferred:
            raise SystemExit(128 + number)

    @contextlib.contextmanager
    def deferred(self) -> Iterator[None]:
        """Defer SystemExit to the end of the block.

        Raises:
            SystemExit: A signal arrived inside the block or before it.
        """
        self._is_deferred = True
        try:
            yield
        finally:
            self._is_deferred = False
        if self._number is not None:
            raise SystemExit(128 + self._number)


STOP_SIGNALS = StopSignals()


def stop_process(process: subprocess.Popen[Any]) -> None:
    """Stop a process and all processes in its group."""
    for number, seconds in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
            break
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


@contextlib.contextmanager
def running(command: list[str], **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """Run a command in its own process group, which is stopped at the end of the block."""
    process = None
    try:
        with STOP_SIGNALS.deferred():
            process = subprocess.Popen(command, start_new_session=True, stdin=subprocess.DEVNULL, **options)
        yield process
    finally:
        if process is not None:
            with STOP_SIGNALS.deferred():
                stop_process(process)


class Sandbox:
    """Both APIs on a free port of this machine, and its control API."""

    def __init__(self, url: str) -> None:
        self.url = url

    def control(self, path: str, body: dict[str, int] | None = None) -> Any:
        """Call the sandbox's control API."""
        request = urllib.request.Request(f"{self.url}/__sandbox__/{path}")
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(request, timeout=30) as response:
            return json.load(response)

    def calls(self) -> tuple[int, int]:
        """Return the calls that CareCycle and LeadSquared received so far.

        Raises:
            DemoError: A call exceeded a rate limit.
        """
        apis = self.control("stats")["apis"]
        rate_limited = sum(api["rate_limited_calls"] for api in apis.values())
        if rate_limited:
            msg = f"{rate_limited} calls exceeded a rate limit."
            raise DemoError(msg)
        return apis["carecycle"]["calls"], apis["leadsquared"]["calls"]


@contextlib.contextmanager
def sandbox(customers: int, log: Path) -> Iterator[Sandbox]:
    """Start the sandbox and wait until it is ready."""
    command = [sys.executable, "-m", "sandbox", "--port", "0", "--customers", str(customers), "--seed", SEED]
    with (
        log.open("wb") as errors,
        running(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        assert process.stdout is not None
        ready = "sandbox ready on "
        for line in process.stdout:
            if line.startswith(ready):
                yield Sandbox(line.removeprefix(ready).strip())
                return
        msg = f"The sandbox did not start:\n{log.read_text()}"
        raise DemoError(msg)


class Project:
    """A Meltano project in its own folder: a copy of this project's meltano.yml that uses the sandbox."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.report = folder / "report.json"
        self._log = folder / "meltano.log"
        text = (ROOT / "meltano.yml").read_text(encoding="utf-8")
        text = text.replace(f"pip_url: -e {PROJECT_ROOT}", f'pip_url: -e "{ROOT}"').replace(SANDBOX_IN_PROJECT, url)
        (folder / "meltano.yml").write_text(text, encoding="utf-8")
        self._environment = self._clean_environment()

    def _clean_environment(self) -> dict[str, str]:
        cache = subprocess.run([SCRIPTS / "uv", "cache", "dir"], capture_output=True, text=True, check=True)
        foreign = ("TAP_", "TARGET_", "MELTANO_", "VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME")
        own = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        for kind in ("CACHE", "CONFIG", "DATA", "STATE"):
            own[f"XDG_{kind}_HOME"] = str(self.folder / "home" / kind.lower())
        return own | {
            "UV_CACHE_DIR": cache.stdout.strip(),
            "NO_PROXY": ",".join(filter(None, ["127.0.0.1", os.environ.get("NO_PROXY")])),
            "NO_COLOR": "1",
            "TMPDIR": str(self.folder),
            "MELTANO_ENVIRONMENT": "sandbox",
            "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
            "TARGET_LEADSQUARED_REPORT_PATH": str(self.report),
        }

    def meltano(self, *arguments: str) -> None:
        """Run Meltano. Its output is shown only if it fails."""
        command = [str(SCRIPTS / "meltano"), *arguments]
        with (
            self._log.open("w+b") as log,
            running(command, cwd=self.folder, env=self._environment, stdout=log, stderr=log) as process,
        ):
            try:
                code = process.wait(MAX_COMMAND_SECONDS)
            except subprocess.TimeoutExpired:
                code = None
            if code != 0:
                tail = "\n".join(self._log.read_text(errors="replace").splitlines()[-40:])
                how = "took too long" if code is None else f"ended with exit code {code}"
                msg = f"meltano {' '.join(arguments)} {how}. Its last lines:\n\n{tail}"
                raise DemoError(msg)

    def run(self) -> dict[str, Any]:
        """Run the main job and return the target's report on the stream customers."""
        say(f"$ meltano run {' '.join(JOB)}")
        self.report.unlink(missing_ok=True)
        self.meltano("run", *JOB)
        report = json.loads(self.report.read_text())
        counts: dict[str, Any] = report["streams"]["customers"] | {"opt_outs": report["opt_outs"]["raised"]}
        return counts


def show(counts: dict[str, Any], before: tuple[int, int], after: tuple[int, int]) -> None:
    """Print a run's counts in plain words."""
    lines = [(counts["read"], "customers read"), (counts["created"], "leads created")]
    lines += [(counts[name], words) for name, words in OTHER_COUNTS.items() if counts[name]]
    lines += [(count, f"rejected: {REASONS.get(code, code)}") for code, count in counts["rejected"].items()]
    if counts["opt_outs"]:
        what = "opt-out" if counts["opt_outs"] == 1 else "opt-outs"
        lines.append((counts["opt_outs"], f"{what} {RECORDED}"))
    for count, words in lines:
        say(f"  {count:>7,}  {words}")
    carecycle, leadsquared = (later - earlier for later, earlier in zip(after, before, strict=True))
    say(f"  API calls: {carecycle} to CareCycle, {leadsquared} to LeadSquared")
    say()


OTHER_COUNTS = {
    "updated": "leads updated",
    "accepted": "leads accepted",
    "unchanged": "not sent: unchanged since it was last accepted",
    "collapsed": "older versions of a customer in the same call",
    "skipped": "skipped",
    "unsent": "not sent",
}
RECORDED = "recorded in LeadSquared (including leads that were otherwise rejected)"


def check(what: str, found: object, expected: object) -> None:
    """Compare a result with what was promised.

    Raises:
        DemoError: They differ.
    """
    if found != expected:
        msg = f"{what}: expected {expected}, found {found}."
        raise DemoError(msg)


def count_rejects(counts: dict[str, Any]) -> int:
    """Count a run's rejects."""
    return sum(counts["rejected"].values())


def find_lost(both: Sandbox, rejects_folder: Path) -> set[str]:
    """Find customers who are neither in LeadSquared nor in a reject file."""
    people = {row["id"] for row in both.control("customers") if not row["testCustomer"]}
    for path in rejects_folder.rglob("*.singer"):
        messages = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        people -= {message["record"]["id"] for message in messages if message["type"] == "RECORD"}
    return people - {lead.get("mx_CareCycle_Id") for lead in both.control("leads")}


def demo(customers: int, folder: Path) -> None:
    """Show both runs.

    Raises:
        DemoError: A result differs from what README promises.
    """
    with sandbox(customers, folder / "sandbox.log") as both:
        say(f"The sandbox stands in for both APIs on {both.url}.")
        say(f"CareCycle has {customers:,} customers, LeadSquared has no leads.")
        project = Project(folder, both.url)
        say("Meltano installs the plugins ...")
        project.meltano("install")
        say()

        start = both.calls()
        first = project.run()
        between = both.calls()
        show(first, start, between)
        check("Customers read", first["read"], customers)
        check("Created and rejected", first["created"] + count_rejects(first), customers)
        check("Customers who are neither a lead nor rejected", sorted(find_lost(both, folder / "rejects")), [])

        written = len(both.control("history"))
        changed = both.control("change", {"update": UPDATED, "insert": INSERTED})
        say(f"Now {UPDATED} customers change in CareCycle and {INSERTED} new customers are added.")
        say()
        second = project.run()
        show(second, between, both.calls())
        leads = {lead["ProspectID"]: lead for lead in both.control("leads")}
        arrived = [leads[write["id"]]["mx_CareCycle_Id"] for write in both.control("history")[written:]]
        check("Customers sent", sorted(arrived), sorted(changed["updated"] + changed["inserted"]))
        check("Leads updated", second["updated"], UPDATED)
        check("Leads created", second["created"], INSERTED)
        check("Rejected", count_rejects(second), 0)
        say(f"The second run sent these {UPDATED + INSERTED} customers and no others.")


def main() -> int:
    """Run the demo and clean up in every case.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(prog="make demo", description="Shows the main job against the sandbox.")
    parser.add_argument("--customers", type=int, default=1000, help="number of made-up customers in the sandbox")
    customers = parser.parse_args().customers
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, STOP_SIGNALS)
    started_at = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="leads-demo-"))
    try:
        demo(customers, folder)
    except DemoError as error:
        sys.stderr.write(f"\nThe demo failed. {error}\n")
        return 1
    except SystemExit:
        sys.stderr.write("\nStopped.\n")
        raise
    finally:
        with STOP_SIGNALS.deferred():
            shutil.rmtree(folder, ignore_errors=True)
    say("The sandbox is stopped and the demo's folder is removed. What make installed stays: make clean removes it.")
    say(f"{time.monotonic() - started_at:.0f} seconds.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
