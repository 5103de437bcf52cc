"""The main job before your eyes: real ``meltano run``, twice, against the sandbox on this machine.

Everything happens in a temporary folder, with a copy of this project's ``meltano.yml``: no state, ledger, ``.env`` or
account of yours is touched, and nothing is left behind.
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
"""Of these people the one who changed last, whom the second run reads again, has become a lead."""
PATIENCE = 270
"""Seconds for one command: a demo that hangs is a demo that failed."""

REASONS = {
    "conflict": "their e-mail or phone already belongs to another lead (a couple with one phone, say)",
    "duplicate": "LeadSquared sees a duplicate",
    "invalid_value": "a value that is none, such as a phone number that cannot exist",
    "key_missing": "nothing to recognise them by",
    "required_missing": "no e-mail and no phone",
    "too_long": "a value longer than its field",
}


class DemoError(Exception):
    """The demo did not show what it promises."""


def say(text: str = "") -> None:
    """Print a line at once."""
    print(text, flush=True)


class Stop:
    """Turns Ctrl-C and the signals that end a process into SystemExit, and can put that off.

    Between the start of a child and the moment its handle is held, an exception would leave the child behind.
    """

    def __init__(self) -> None:
        self._number: int | None = None
        self._later = False

    def __call__(self, number: int, _frame: object) -> None:
        """Handle a signal."""
        self._number = number
        if not self._later:
            raise SystemExit(128 + number)

    @contextlib.contextmanager
    def put_off(self) -> Iterator[None]:
        """Put it off to the end of the block.

        Raises:
            SystemExit: The demo was stopped meanwhile, or before.
        """
        self._later = True
        try:
            yield
        finally:
            self._later = False
        if self._number is not None:
            raise SystemExit(128 + self._number)


STOP = Stop()


def end(process: subprocess.Popen[Any]) -> None:
    """Stop a process and all that it started."""
    for number, patience in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            break
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


@contextlib.contextmanager
def started(command: list[str], **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """Run a command in a process group of its own, which ends with the block."""
    process = None
    try:
        with STOP.put_off():
            process = subprocess.Popen(command, start_new_session=True, stdin=subprocess.DEVNULL, **options)
        yield process
    finally:
        if process is not None:
            with STOP.put_off():
                end(process)


class Sandbox:
    """Both APIs on a free port of this machine."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, what: str, body: dict[str, int] | None = None) -> Any:
        """Call the sandbox's control API."""
        request = urllib.request.Request(f"{self.url}/__sandbox__/{what}")
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(request, timeout=30) as answer:
            return json.load(answer)

    def calls(self) -> tuple[int, int]:
        """Calls that reached CareCycle and LeadSquared so far, and whether one was refused for its limit."""
        apis = self.ask("stats")["apis"]
        refused = sum(api["rate_limited_calls"] for api in apis.values())
        if refused:
            msg = f"{refused} calls were refused for going over a limit."
            raise DemoError(msg)
        return apis["carecycle"]["calls"], apis["leadsquared"]["calls"]


@contextlib.contextmanager
def sandbox(customers: int, log: Path) -> Iterator[Sandbox]:
    """Start the sandbox and wait until it is ready."""
    command = [sys.executable, "-m", "sandbox", "--port", "0", "--customers", str(customers), "--seed", SEED]
    with (
        log.open("wb") as errors,
        started(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
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
    """A copy of this project's meltano.yml, pointed at the sandbox, in a folder of its own."""

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
        """Run Meltano; what it says is shown only if it fails."""
        command = [str(SCRIPTS / "meltano"), *arguments]
        with (
            self._log.open("w+b") as log,
            started(command, cwd=self.folder, env=self._environment, stdout=log, stderr=log) as process,
        ):
            try:
                code = process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                code = None
            if code != 0:
                tail = "\n".join(self._log.read_text(errors="replace").splitlines()[-40:])
                how = "did not end" if code is None else f"ended with exit code {code}"
                msg = f"meltano {' '.join(arguments)} {how}. Its last lines:\n\n{tail}"
                raise DemoError(msg)

    def run(self) -> dict[str, Any]:
        """Run the main job and return the target's own account of the stream customers."""
        say(f"$ meltano run {' '.join(JOB)}")
        self.report.unlink(missing_ok=True)
        self.meltano("run", *JOB)
        report = json.loads(self.report.read_text())
        account: dict[str, Any] = report["streams"]["customers"] | {"opt_outs": report["opt_outs"]["raised"]}
        return account


def tell(account: dict[str, Any], before: tuple[int, int], after: tuple[int, int]) -> None:
    """Say in plain words what a run did."""
    lines = [(account["read"], "customers read"), (account["created"], "leads created")]
    lines += [(account[name], words) for name, words in SOMETIMES.items() if account[name]]
    lines += [(count, f"rejected: {REASONS.get(code, code)}") for code, count in account["rejected"].items()]
    for count, words in lines:
        say(f"  {count:>7,}  {words}")
    if account["opt_outs"]:
        say(f"  {account['opt_outs']:>7,}  want no contact: LeadSquared knows, even where the rest was rejected")
    carecycle, leadsquared = (late - early for late, early in zip(after, before, strict=True))
    say(f"  calls used: {carecycle} of CareCycle, {leadsquared} of LeadSquared")
    say()


SOMETIMES = {
    "updated": "leads updated",
    "accepted": "leads accepted",
    "unchanged": "not sent: nothing in them has changed since they were accepted",
    "collapsed": "older versions of a customer in the same call",
    "skipped": "skipped",
    "unsent": "not sent",
}


def want(what: str, found: object, wanted: object) -> None:
    """Hold what was found against what was promised.

    Raises:
        DemoError: They differ.
    """
    if found != wanted:
        msg = f"{what}: {found}, but it should be {wanted}."
        raise DemoError(msg)


def rejects(account: dict[str, Any]) -> int:
    """Count a run's rejects."""
    return sum(account["rejected"].values())


def lost(both: Sandbox, rejects_folder: Path) -> set[str]:
    """Find customers who are neither in LeadSquared nor in a file of rejects."""
    people = {row["id"] for row in both.ask("customers") if not row["testCustomer"]}
    for path in rejects_folder.rglob("*.singer"):
        messages = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        people -= {message["record"]["id"] for message in messages if message["type"] == "RECORD"}
    return people - {lead.get("mx_CareCycle_Id") for lead in both.ask("leads")}


def demo(customers: int, folder: Path) -> None:
    """Show both runs.

    Raises:
        DemoError: Something else happened than was promised.
    """
    with sandbox(customers, folder / "sandbox.log") as both:
        say(f"The sandbox plays both APIs on {both.url}: {customers:,} customers in CareCycle, no lead in LeadSquared.")
        project = Project(folder, both.url)
        say("Meltano installs the plugins, as it would for you ...")
        project.meltano("install")
        say()

        start = both.calls()
        first = project.run()
        between = both.calls()
        tell(first, start, between)
        want("Customers read", first["read"], customers)
        want("Created and rejected", first["created"] + rejects(first), customers)
        want("Customers who are neither a lead nor rejected", sorted(lost(both, folder / "rejects")), [])

        written = len(both.ask("history"))
        changed = both.ask("change", {"update": UPDATED, "insert": INSERTED})
        say(f"Now {UPDATED} customers change in CareCycle and {INSERTED} new ones appear.")
        say()
        second = project.run()
        tell(second, between, both.calls())
        leads = {lead["ProspectID"]: lead for lead in both.ask("leads")}
        arrived = [leads[write["id"]]["mx_CareCycle_Id"] for write in both.ask("history")[written:]]
        want("Customers sent", sorted(arrived), sorted(changed["updated"] + changed["inserted"]))
        want("Leads updated", second["updated"], UPDATED)
        want("Leads created", second["created"], INSERTED)
        want("Rejected", rejects(second), 0)
        say(f"The second run sent those {UPDATED + INSERTED} and nobody else.")


def main() -> int:
    """Run the demo and clean up, whatever happens.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(prog="make demo", description="Shows the main job against the sandbox.")
    parser.add_argument("--customers", type=int, default=1000, help="how many people the sandbox makes up")
    customers = parser.parse_args().customers
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, STOP)
    begun = time.monotonic()
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
        with STOP.put_off():
            shutil.rmtree(folder, ignore_errors=True)
    say(f"The sandbox is stopped, nothing is left behind. {time.monotonic() - begun:.0f} seconds.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
