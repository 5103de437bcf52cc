"""A running sandbox: how tests start it, steer it and read what it saw."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CARECYCLE_KEY = "cc_sandbox_0123456789abcdef"
ACCESS_KEY = "u$rsandbox0123456789abcdef"
SECRET_KEY = "sandboxsecret$0123456789abcdef"
WITHOUT_LIMITS = ("--carecycle-limit", "0/0", "--leadsquared-limit", "0/0")
ROOT = Path(__file__).resolve().parents[1]
SECONDS = 60


@dataclass
class Sandbox:
    """The control API of a running sandbox; sandbox/README.md describes it.

    Attributes:
        url: Address of both APIs, without a slash at the end.
    """

    url: str

    def get(self, path: str) -> Any:
        """Read from the control API."""
        return self._call("GET", path)

    def post(self, path: str, body: Any = None) -> Any:
        """Change something through the control API."""
        return self._call("POST", path, body)

    def delete(self, path: str) -> Any:
        """Remove what an earlier `post` switched on."""
        return self._call("DELETE", path)

    def fault(self, kind: str, **options: Any) -> None:
        """Add a fault."""
        self.post("faults", {"kind": kind, **options})

    def quirks(self, **switches: Any) -> None:
        """Switch deviations from the documented behaviour on or off."""
        self.post("quirks", switches)

    def stats(self, api: str) -> dict[str, Any]:
        """Return what the sandbox counted for one API, `carecycle` or `leadsquared`."""
        counted: dict[str, Any] = self.get("stats")["apis"][api]
        return counted

    def calls(self, api: str) -> int:
        """Return how many calls one API has received."""
        return int(self.stats(api)["calls"])

    def customers(self) -> list[dict[str, Any]]:
        """Return all CareCycle customers."""
        found: list[dict[str, Any]] = self.get("customers")
        return found

    def listed_customers(self) -> dict[str, dict[str, Any]]:
        """Return the customers that CareCycle's list shows by default, by id."""
        return {row["id"]: row for row in self.customers() if not row["testCustomer"]}

    def leads(self) -> list[dict[str, Any]]:
        """Return all LeadSquared leads."""
        found: list[dict[str, Any]] = self.get("leads")
        return found

    def history(self) -> list[dict[str, Any]]:
        """Return every write that was applied, in order."""
        found: list[dict[str, Any]] = self.get("history")
        return found

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/__sandbox__/{path}", data=data, method=method)
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=SECONDS) as response:
            return json.load(response)


@contextlib.contextmanager
def running_sandbox(*options: str, env: Mapping[str, str] | None = None) -> Iterator[Sandbox]:
    """Start `python -m sandbox` on a free port, and stop it at the end.

    Args:
        options: Arguments of the command.
        env: Variables beside those of this process.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox", "--port", "0", *options],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, **(env or {})},
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("sandbox ready on http://127.0.0.1:"), f"the sandbox did not start: {line!r}"
        yield Sandbox(line.split()[-1])
    finally:
        process.terminate()
        code = process.wait(timeout=10)
        if process.stdout is not None:
            process.stdout.close()
    assert code == 0, f"the sandbox ended with exit code {code}"
