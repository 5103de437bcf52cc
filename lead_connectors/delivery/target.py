"""DeliveryTarget: a Singer target that writes a STATE only when every record before it is accounted for.

singer-sdk 0.54.9 writes STATE only at the end of the input or after minutes, and none when a sink fails.
"""

from __future__ import annotations

import abc
import datetime as dt
import logging
import secrets
import signal
import threading
import time
from functools import cached_property
from types import FrameType
from typing import IO, Any

from typing_extensions import override

from lead_connectors.delivery.check import check_account, check_maps
from lead_connectors.delivery.destination import Destination
from lead_connectors.delivery.errors import SignalledError
from lead_connectors.delivery.ledger import Ledger
from lead_connectors.delivery.paths import RunPaths
from lead_connectors.delivery.plan import REJECT
from lead_connectors.delivery.rejects import RejectFiles
from lead_connectors.delivery.replay import ReplayFiles
from lead_connectors.delivery.report import Report, api_counts
from lead_connectors.delivery.run import DeliveryRun, RunSettings
from lead_connectors.delivery.sink_target import SinkTarget
from lead_connectors.delivery.stream_selection import how_to_deliver
from lead_connectors.field_map.build import MapBuilder
from lead_connectors.http.errors import StoppedError
from lead_connectors.http.quota import DAY, Quota, Window
from lead_connectors.plugin.errors import ConnectorError, SettingsError

FINISH_SECONDS = 30.0
"""A stopped run waits so long for calls that are in flight."""
SAME_SIGNAL_SECONDS = 2.0
"""A second signal so soon says the same: a terminal sends one to each process, and a runner passes its own on."""


class DeliveryTarget(SinkTarget, metaclass=abc.ABCMeta):
    """A target that delivers leads to one API; a subclass brings settings, the account's name and a `Destination`."""

    def __init__(self, **kwargs: Any) -> None:
        self.stopping = threading.Event()
        self._run: DeliveryRun | None = None
        self._signal: int | None = None
        self._signalled_at = 0.0
        super().__init__(**kwargs)
        self.run_id = f"{dt.datetime.now(tz=dt.timezone.utc):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
        self._dry_run = bool(self.config.get("dry_run"))
        self._paths = RunPaths(self.config, self.name)
        self._report = Report(self.name, self.plugin_version, self.run_id, dry_run=self._dry_run)

    # What an API brings

    @property
    @abc.abstractmethod
    def account(self) -> str:
        """Names what the API counts calls by, host and key: processes share a quota by it."""

    @abc.abstractmethod
    def make_destination(self, quota: Quota) -> Destination:
        """Make the account's destination; no call is made yet.

        Args:
            quota: Paces its calls.

        Raises:
            SettingsError: A setting is wrong.
        """

    # Parts of a run

    @cached_property
    @override
    def destination(self) -> Destination:
        """The account, as delivery needs it."""
        return self.make_destination(self._make_quota())

    @property
    @override
    def counts(self) -> Report:
        """The run's counts."""
        return self._report

    @override
    def open_run(self) -> DeliveryRun:
        """This run's books, opened at the first call."""
        if self._run is None:
            self._run = self._make_run(replay=None)
        return self._run

    def _make_quota(self) -> Quota:
        limit = self.config["rate_limit"]
        windows = [Window(limit["calls"], limit["seconds"])]
        if limit.get("calls_per_day"):
            windows.append(Window(limit["calls_per_day"], DAY))
        return Quota(
            windows,
            account=self.account,
            user=self.name,
            max_wait=self.config["max_retry_seconds"],
            stopping=self.stopping,
        )

    def _make_run(self, replay: ReplayFiles | None) -> DeliveryRun:
        return DeliveryRun(
            self.destination,
            ledger=self._open_ledger(read_only=self._dry_run),
            rejects=replay or RejectFiles(self._paths.rejects, self.run_id, self.name),
            report=self._report,
            write_state=self._write_state_message,
            settings=RunSettings(
                on_conflict=self.config.get("on_conflict", REJECT),
                resend=bool(self.config.get("resend")),
                dry_run=self._dry_run,
                max_in_flight=self.config["max_in_flight"],
                max_reject_percent=None if replay else self.config["max_reject_percent"],
                is_replay=replay is not None,
            ),
            useful_in_flight=self.destination.session.quota.useful_calls_in_flight,
            events=self._events,
        )

    def _open_ledger(self, *, read_only: bool) -> Ledger:
        return Ledger(
            self._paths.ledger,
            credential=self.account,
            organisation=self.destination.organisation,
            read_only=read_only,
        )

    # Runs

    @override
    def check(self) -> None:
        """Check credentials, settings and mapping against the account; see `check.py`.

        Raises:
            SettingsError: Something would stop a run; an account that cannot be reached would, too.
        """
        try:
            self._check_settings()
            check_account(self.destination, name=f"{self.name} {self.plugin_version}", config=self.config)
            self._open_ledger(read_only=True).close()
            check_maps(self.destination, self._maps, self._fit, self._selection)
        except ConnectorError as error:
            if isinstance(error, SettingsError):
                raise
            raise SettingsError(str(error)) from error
        self.logger.info("Check passed: nothing here stops a run.")

    @override
    def deliver(self, file_input: IO[str] | None = None, *, replay: ReplayFiles | None = None) -> None:
        """Read the input to its end and deliver it, and account for every record whatever happens.

        Raises:
            ConnectorError: With the exit code of docs/promises.md.
        """
        if replay is not None and not self.config.get("ledger_path"):
            self.logger.warning(
                "Without ledger_path, a replay cannot tell whether a newer version was accepted meanwhile."
            )
        problem: Exception | None = None
        try:
            self._check_settings()
            self._run = self._make_run(replay)
            self._run.start()
            source: Any = replay or file_input
            self.listen(source)
        except Exception as error:  # noqa: BLE001  # whatever it is, what is in flight is finished and accounted for
            was_signalled = self._signal is not None and isinstance(error, (StoppedError, SignalledError))
            problem = SignalledError(self._signal or signal.SIGTERM) if was_signalled else error
            self.stopping.set()
            self._finish_in_flight(problem)
        problem = self._close(problem) or problem
        if problem is not None:
            if replay is None and not isinstance(problem, SignalledError):
                # A tap that still writes would break with a traceback of its own, and hide this run's sentence.
                self._input.drain()
            raise problem

    @override
    def process_endofpipe(self) -> None:
        """Deliver what is left. The SDK would drain its sinks and write the last STATE by itself.

        Raises:
            SettingsError: Nothing of this run was asked for.
        """
        if not isinstance(self._input.source, ReplayFiles):
            for sentence in self._selection.unmatched_maps():
                self._log_once(logging.WARNING, sentence)
        if streams := self._selection.nothing_wanted:
            msg = (
                "Nothing of this run was asked for. No STATE was written: its records come again. To deliver them, set "
                f"{how_to_deliver(streams)}."
            )
            raise SettingsError(msg)
        self.open_run().finish()

    def _check_settings(self) -> None:
        self._paths.check(dry_run=self._dry_run)
        # Made for its errors alone: what is wrong in any account is told before the first call.
        MapBuilder(self.destination.documented_fields, settings=self._map_settings)
        self.destination.check_settings()

    def _finish_in_flight(self, problem: Exception) -> None:
        if self._run is None:
            return
        try:
            self._run.finish_in_flight(FINISH_SECONDS)
        except Exception as second:  # noqa: BLE001  # the first problem is the one to tell
            self._log_second(problem, second)

    def _close(self, problem: Exception | None) -> Exception | None:
        """Close the books, and say what became of every record, whatever happens.

        Returns:
            What went wrong meanwhile, where the run itself had no problem.
        """
        second: Exception | None = None
        try:
            if self._run is not None:
                self._run.close()
        except Exception as error:  # noqa: BLE001  # the summary is due all the same
            second = error
            self._log_second(problem, error)
        self._report.close_open_records()
        for line in self._report.notes():
            self.logger.warning("%s", line)
        for path in self._run.reject_files if self._run is not None else ():
            self.logger.warning("Records to look at are in %s.", path)
        for line in self._report.field_lines():
            self.logger.info("%s", line)
        api = api_counts(self.destination.session if self._run is not None else None)
        first = problem or second
        exit_code = getattr(first, "exit_code", 1) if first else 0
        self.logger.info("%s", self._report.summary(exit_code, api))
        if self._paths.report is not None and self._paths.may_write_report:
            try:
                self._report.write(self._paths.report, exit_code, api)
            except ConnectorError as error:
                self._log_second(first, error)
                second = second or error
        return None if problem else second

    def _log_second(self, problem: Exception | None, error: Exception) -> None:
        if problem is not None and str(problem) != str(error):
            what = str(error) if isinstance(error, ConnectorError) else type(error).__name__
            self.logger.error("A second error while stopping: %s.", what.rstrip("."))

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """Let the main thread end the run: the SDK would drain in the handler and exit with 0."""
        now = time.monotonic()
        if self.stopping.is_set():
            if now - self._signalled_at < SAME_SIGNAL_SECONDS:
                return
            raise SystemExit(128 + signum)
        self._signal, self._signalled_at = signum, now
        self.stopping.set()
        self._events.put(signum)
