"""A LeadSquared account in this process: the sandbox without a network, and runs of the target that can be killed."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from typing_extensions import override

from lead_connectors.delivery.replay import ReplayFiles
from lead_connectors.http.faults import Fault
from lead_connectors.http.quota import Quota
from lead_connectors.http.response import ApiResponse, read_response
from lead_connectors.http.session import ApiSession
from lead_connectors.plugin.errors import ConnectorError
from sandbox.backend import Backend
from sandbox.http_messages import LEADSQUARED, Request
from sandbox.settings import Settings
from target_leadsquared.destination import LeadSquaredDestination
from target_leadsquared.errors import ERRORS
from target_leadsquared.target import TargetLeadSquared

DEFAULTS = Settings()
HEADERS = {
    "x-lsq-accesskey": DEFAULTS.access_key,
    "x-lsq-secretkey": DEFAULTS.secret_key,
    "content-type": "application/json",
    "host": "local",
}


class KilledError(BaseException):
    """The process ends here: nobody may catch it."""


class LocalSession(ApiSession):
    """Hands each call to a sandbox in this process.

    Args:
        backend: The sandbox.
        kill_at: The call (counted from 1) at which the process is killed; None for never.
        applied: Whether that call still arrives.
    """

    def __init__(self, backend: Backend, quota: Quota, *, kill_at: int | None = None, applied: bool = False) -> None:
        super().__init__("LeadSquared", "http://127.0.0.1:9", quota, errors=ERRORS, headers=HEADERS)
        self._backend = backend
        self._kill_at = kill_at
        self._applied = applied
        self._one_at_a_time = threading.Lock()

    @override
    def _attempt(
        self, method: str, path: str, params: Mapping[str, str] | None, data: bytes | None
    ) -> ApiResponse | Fault:
        with self._one_at_a_time:
            self.calls += 1
            killed = self._kill_at is not None and self.calls >= self._kill_at
            if killed and not (self._applied and self.calls == self._kill_at):
                raise KilledError
            request = Request(LEADSQUARED, self.calls, method, path, dict(params or {}), dict(HEADERS), data or b"")
            response = self._backend.handle(request)
            if killed:
                raise KilledError
            return read_response(response.status, response.headers, response.encode(), ERRORS)


class LocalTarget(TargetLeadSquared):
    """The target on a sandbox in this process; its STATE goes to `states`."""

    def __init__(self, backend: Backend, config: Mapping[str, Any], **kill: Any) -> None:
        self._backend = backend
        self._kill = kill
        self.states: list[dict[str, Any]] = []
        keys = {"access_key": DEFAULTS.access_key, "secret_key": DEFAULTS.secret_key}
        super().__init__(config={**keys, "api_url": "http://127.0.0.1:9", **config})

    @override
    def make_destination(self, quota: Quota) -> LeadSquaredDestination:
        return LeadSquaredDestination(self.config, LocalSession(self._backend, quota, **self._kill))

    @override
    def _write_state_message(self, state: dict[str, Any]) -> None:
        self.states.append(state)

    def abandon(self) -> None:
        """What the system does with a killed process: locks and connections are gone, nothing is put in order."""
        run = self._run
        if run is None:
            return
        run._ledger.close()
        for file in getattr(run._rejects, "_files", {}).values():
            file.close()


class LocalAccount:
    """One account and its records on disk.

    Args:
        folder: Holds ledger and reject files.
    """

    def __init__(self, folder: Path) -> None:
        self.backend = Backend(Settings(customers=0))
        self.folder = folder
        self.last_state: dict[str, Any] = {}
        self.exit_code = 0

    @property
    def leads(self) -> dict[str, dict[str, Any]]:
        """All leads by id."""
        return self.backend.leads.by_id

    def run(self, messages: Sequence[dict[str, Any]], *, replay: bool = False, **options: Any) -> bool:
        """Run the target once.

        Args:
            messages: What the tap sends.
            replay: Send the reject files instead.
            options: Settings, and `kill_at` and `applied`.

        Returns:
            Whether the run came to its end.
        """
        kill = {name: options.pop(name) for name in ("kill_at", "applied") if name in options}
        config = {
            "ledger_path": str(self.folder / "ledger.db"),
            "rejects_path": str(self.folder / "rejects"),
            "streams": ["people"],
            "rate_limit": {"calls": 100_000, "seconds": 1},
            **options,
        }
        target = LocalTarget(self.backend, config, **kill)
        files = sorted((self.folder / "rejects").rglob("*.singer")) if replay else []
        text = "".join(json.dumps(message) + "\n" for message in messages)
        self.exit_code = 0
        try:
            target.deliver(
                io.StringIO(text), replay=ReplayFiles(files, target="target-leadsquared") if replay else None
            )
        except KilledError:
            target.abandon()
            return False
        except ConnectorError as error:
            self.exit_code = error.exit_code
        finally:
            self.last_state = target.states[-1] if target.states else self.last_state
        return True

    def rejected(self) -> list[dict[str, Any]]:
        """All messages in the reject files."""
        lines = [
            line
            for path in sorted((self.folder / "rejects").rglob("*.singer"))
            for line in path.read_bytes().splitlines()
        ]
        return [message for line in lines if (message := json.loads(line))["type"] == "RECORD"]
