"""DeliveryTarget: a Singer target that acknowledges nothing which is not accounted for.

singer-sdk 0.54.9 emits STATE only at the end of the pipe or after minutes, none at all when a sink fails, and stops a
run for one record that fails validation, printing its values. Each override below mends one of these.
"""

from __future__ import annotations

import abc
import datetime as dt
import fnmatch
import logging
import queue
import secrets
import signal
import threading
from collections import Counter
from functools import cached_property
from pathlib import Path
from types import FrameType
from typing import IO, Any

from singer_sdk.target_base import Target

from lead_connectors.delivery.check import check_target
from lead_connectors.delivery.cli import CommandTarget
from lead_connectors.delivery.errors import InputError, RecordBeforeSchemaError, SignalledError
from lead_connectors.delivery.input import DeliveryReader
from lead_connectors.delivery.ledger import Ledger
from lead_connectors.delivery.outcome import Outcome, Status
from lead_connectors.delivery.rejects import RejectFiles
from lead_connectors.delivery.replay import ReplayFiles
from lead_connectors.delivery.report import Report
from lead_connectors.delivery.run import DeliveryRun, LeadWriter, RejectStore, Rules
from lead_connectors.delivery.settings import TEST_STREAM
from lead_connectors.delivery.sink import DeliverySink
from lead_connectors.field_map.api_fields import ApiFields
from lead_connectors.field_map.build import ANY_STREAM, MapSettings, build_field_map, check_setting
from lead_connectors.field_map.builtin import BuiltinMaps
from lead_connectors.field_map.rules import FieldMap
from lead_connectors.field_map.table import MapCounts
from lead_connectors.http.address import base_address
from lead_connectors.http.errors import StoppedError
from lead_connectors.http.quota import DAY, Quota, Window
from lead_connectors.http.session import ApiSession
from lead_connectors.plugin.errors import ConnectorError

FINISH_SECONDS = 30.0
"""A stopped run waits so long for calls that are under way."""


class DeliveryTarget(CommandTarget, metaclass=abc.ABCMeta):
    """A target that delivers leads to one API."""

    message_reader_class = DeliveryReader
    default_sink_class: type[DeliverySink]
    capabilities = [capability for capability in Target.capabilities]  # noqa: C416, RUF012
    # A lead has no place for _sdc columns, and there is nothing to append to or overwrite.
    hidden_settings = ("add_record_metadata", "load_method", "faker_config")

    max_parallelism = 1

    def __init__(self, **kwargs: Any) -> None:
        self.stopping = threading.Event()
        self.events: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._signal: int | None = None
        self._replay = False
        super().__init__(**kwargs)
        self.run_id = f"{dt.datetime.now(tz=dt.timezone.utc):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
        self.report = Report(self.name, self.plugin_version, self.run_id, dry_run=bool(self.config.get("dry_run")))
        self._schema_lines: dict[str, bytes] = {}
        self._skipped: set[str] = set()
        self.notes: Counter[str] = Counter()
        self.map_counts: dict[str, MapCounts] = {}
        self._said: set[str] = set()
        assert isinstance(self.message_reader, DeliveryReader)  # noqa: S101
        self._reader = self.message_reader
        self._reader.events = self.events
        self._reader.open_books = lambda: self.delivery

    # What a target's API brings

    @property
    @abc.abstractmethod
    def writer(self) -> LeadWriter:
        """Makes the calls."""

    @abc.abstractmethod
    def api_session(self) -> ApiSession:
        """Open the account's way to its API."""

    @abc.abstractmethod
    def check_credentials(self) -> str | None:
        """Make a harmless call.

        Returns:
            Whose account it is, where the API tells.

        Raises:
            SettingsError: The API does not take the account.
        """

    @property
    @abc.abstractmethod
    def account(self) -> str:
        """What tells this account from others."""

    @property
    @abc.abstractmethod
    def api_fields(self) -> ApiFields:
        """The fields of the API's call."""

    @property
    @abc.abstractmethod
    def builtin_maps(self) -> BuiltinMaps:
        """The target's maps that are shipped as data."""

    @property
    def documented_fields(self) -> ApiFields:
        """Those that are known without asking the account."""
        return self.api_fields

    def account_lines(self) -> list[str]:
        """What `--check` says about this API besides its mapping."""
        return []

    def held_against_account(self, field_map: FieldMap) -> FieldMap:
        """The map less what the account lacks.

        Raises:
            SettingsError: Nobody should be written with this map.
        """
        return field_map

    def check_settings(self) -> None:
        """Hold the settings against each other and the API's pages, without a call.

        Raises:
            SettingsError: One of them cannot be.
        """
        check_setting(self.map_settings, self.documented_fields)

    def field_map(self, stream: str, schema: dict[str, Any], *, log_unmapped: bool = True) -> FieldMap:
        """The map of one stream; says once which properties it leaves behind.

        Raises:
            SettingsError: The setting `field_map` does not fit the stream, the API or the account.
        """
        field_map = build_field_map(stream, schema, self.api_fields, self.builtin_maps, self.map_settings)
        if field_map.unmapped and log_unmapped:
            names = ", ".join(field_map.unmapped)
            self.say_once(logging.INFO, f"Stream {stream}: not mapped and not sent: {names}.")
        return self.held_against_account(field_map)

    def say_once(self, level: int, sentence: str) -> None:
        """Log what holds for the whole run, however many SCHEMA messages arrive."""
        if sentence not in self._said:
            self._said.add(sentence)
            self.logger.log(level, "%s", sentence)

    @property
    def map_settings(self) -> MapSettings:
        """The settings that a map depends on."""
        return MapSettings(
            field_map=self.config.get("field_map"),
            on_null=self.config["on_null"],
            on_too_long=self.config["on_too_long"],
            opt_out_fields=self.config["opt_out_fields"],
        )

    # Parts of a run

    @cached_property
    def session(self) -> ApiSession:
        """The account's way to its API."""
        return self.api_session()

    @cached_property
    def quota(self) -> Quota:
        """The account's quota."""
        limit = self.config["rate_limit"]
        windows = [Window(limit["calls"], limit["seconds"])]
        if limit.get("calls_per_day"):
            windows.append(Window(limit["calls_per_day"], DAY))
        return Quota(windows, account=self.account, patience=self.config["max_retry_seconds"], stopping=self.stopping)

    @cached_property
    def delivery(self) -> DeliveryRun:
        """This run's books."""
        ledger_path = self.config.get("ledger_path")
        dry_run = bool(self.config.get("dry_run"))
        return DeliveryRun(
            self.writer,
            ledger=Ledger(
                Path(ledger_path).expanduser() if ledger_path else None,
                account=self.account,
                read_only=dry_run,
            ),
            rejects=self.rejects,
            report=self.report,
            write_state=self._write_state_message,
            in_flight_now=self.quota.useful_calls_in_flight,
            rules=self.rules,
            events=self.events,
        )

    @property
    def rules(self) -> Rules:
        """The settings that a run goes by."""
        return Rules(
            on_conflict=self.config.get("on_conflict", "overwrite"),
            resend=bool(self.config.get("resend")),
            dry_run=bool(self.config.get("dry_run")),
            max_in_flight=self.config["max_in_flight"],
            max_reject_percent=None if self._replay else self.config["max_reject_percent"],
            replay=self._replay,
        )

    @cached_property
    def rejects(self) -> RejectStore:
        """Where refused records go."""
        return RejectFiles(Path(self.config["rejects_path"]).expanduser(), self.run_id)

    @property
    def base_url(self) -> str:
        """`api_url` as it was meant."""
        return base_address(self.config["api_url"])

    # Messages

    def _process_schema_message(self, message_dict: dict[str, Any]) -> None:
        """Note the message for the reject files; a broken one is named, not quoted."""
        schema = message_dict.get("schema")
        stream = message_dict.get("stream")
        if (
            not isinstance(stream, str)
            or not isinstance(schema, dict)
            or not isinstance(schema.get("properties"), dict)
        ):
            msg = f"Line {self._reader.line_number} of the input is a SCHEMA without stream, schema or properties."
            raise InputError(msg)
        self._schema_lines[stream] = self._reader.line
        super()._process_schema_message(message_dict)

    def _process_record_message(self, message_dict: dict[str, Any]) -> None:
        """Map a record and hand it over. The SDK's own way stops at the first record that fails validation."""
        stream = message_dict.get("stream")
        record = message_dict.get("record")
        if not isinstance(stream, str) or not isinstance(record, dict):
            msg = f"Line {self._reader.line_number} of the input is a RECORD without stream or record."
            raise InputError(msg)
        if stream not in self.mapper.stream_maps or stream not in self._schema_lines:
            msg = f"A record for stream '{stream}' came before its SCHEMA. Check the tap."
            raise RecordBeforeSchemaError(msg)
        for stream_map in self.mapper.stream_maps[stream]:
            number = self.delivery.read(stream_map.stream_alias)
            transformed = stream_map.transform(dict(record))
            if transformed is None or not self.sink_exists(stream_map.stream_alias):
                self.delivery.finish_at_once(number, stream_map.stream_alias, Outcome(Status.SKIPPED))
                continue
            sink = self.get_sink(stream_map.stream_alias, record=transformed)
            assert isinstance(sink, DeliverySink)  # noqa: S101
            if not sink.wanted:
                self.delivery.finish_at_once(number, stream_map.stream_alias, Outcome(Status.SKIPPED))
                continue
            sink.source = (number, stream, self._reader.line, self._schema_lines[stream])
            sink.process_record(transformed, {})

    def _process_state_message(self, message_dict: dict[str, Any]) -> None:
        """Hold a STATE until every record before it has its outcome."""
        value = message_dict.get("value")
        if not isinstance(value, dict):
            msg = f"Line {self._reader.line_number} of the input is a STATE without a value."
            raise InputError(msg)
        self.delivery.state(value)

    def _process_activate_version_message(self, message_dict: dict[str, Any]) -> None:
        """Pass over it: a CRM's leads are not replaced by a new version of a table."""

    def _process_batch_message(self, message_dict: dict[str, Any]) -> None:  # noqa: ARG002
        """Refuse it: this target does not offer BATCH, and a tap that sends it all the same would lose its records."""
        msg = "BATCH messages are not supported: switch off batch_config in the tap, so that it sends RECORD messages."
        raise InputError(msg)

    def stream_is_wanted(self, stream: str, schema: dict[str, Any]) -> bool:
        """Whether a stream's records become leads; says once how to deliver one that is not asked for."""
        if stream == TEST_STREAM:
            self.check_credentials()
            self.logger.info("The API takes the account. The test record is not written.")
            return False
        patterns = self.config.get("streams")
        if patterns is not None:
            wanted = any(fnmatch.fnmatchcase(stream, pattern) for pattern in patterns)
        else:
            maps = self.config.get("field_map") or {}
            nested = stream.startswith("customer_") and "customer_id" in schema["properties"]
            recognised = self.builtin_maps.recognise(schema) is not None
            wanted = recognised or stream in maps or (ANY_STREAM in maps and not nested)
        if not wanted and stream not in self._skipped:
            self._skipped.add(stream)
            self.logger.warning(
                "Stream %s is read and skipped: nothing becomes a lead unasked. To deliver it, set streams: [%s].",
                stream,
                stream,
            )
        return wanted

    # The ways of a run

    def check(self) -> None:
        """Hold credentials, settings and mapping against the account; see `check.py`."""
        check_target(self)

    def replayed(self, paths: list[Path], only: str | None) -> Any:
        """Take rejects as the input, and their files as the place for what is refused again."""
        if not self.config.get("ledger_path"):
            self.logger.warning("Without ledger_path nobody knows whether a newer version was accepted meanwhile.")
        self._replay = True
        self.rejects = ReplayFiles(paths, only, keep=bool(self.config.get("dry_run")))
        return iter(self.rejects)

    def deliver(self, file_input: IO[str] | None = None) -> None:
        """Read the input to its end and deliver it, and keep the books whatever happens.

        Raises:
            ConnectorError: With the exit code of the contract.
        """
        problem: Exception | None = None
        try:
            self.check_settings()
            self.listen(file_input)
        except Exception as error:  # noqa: BLE001  # whatever it is, what is under way is finished and accounted for
            stopped = self._signal is not None and isinstance(error, (StoppedError, SignalledError))
            problem = SignalledError(self._signal or signal.SIGTERM) if stopped else error
            self.stopping.set()
            self._finish_in_flight(problem)
        self._close_books(getattr(problem, "exit_code", 1) if problem else 0)
        if problem is not None:
            if not isinstance(problem, SignalledError):
                # A tap that still writes would break with a traceback of its own, and hide this run's sentence.
                self._reader.drain()
            raise problem

    def process_endofpipe(self) -> None:
        """Deliver what is left. The SDK would drain its sinks and write the last STATE unasked."""
        self.delivery.finish()

    def _finish_in_flight(self, problem: Exception) -> None:
        if "delivery" not in self.__dict__:
            return
        try:
            self.delivery.finish_in_flight(FINISH_SECONDS)
        except Exception as second:  # noqa: BLE001  # the first problem is the one to tell
            if type(second) is not type(problem):
                what = str(second) if isinstance(second, ConnectorError) else type(second).__name__
                self.logger.error("And then: %s.", what)  # noqa: TRY400

    def _close_books(self, exit_code: int) -> None:
        if "delivery" in self.__dict__:
            self.delivery.close()
        self.report.close_open_records()
        for note, count in sorted(self.notes.items()):
            self.logger.warning("%d records: %s.", count, note)
        for stream, counts in sorted(self.map_counts.items()):
            for line in counts.lines():
                self.logger.info("Dry run, stream %s: %s", stream, line)
        api = self._api_account()
        self.logger.info("%s", self.report.summary(exit_code, api))
        if path := self.config.get("report_path"):
            self.report.write(Path(path).expanduser(), exit_code, api)

    def _api_account(self) -> dict[str, Any]:
        session = self.__dict__.get("session")
        if session is None:
            return {"calls": 0, "retries": 0, "http_429": 0, "seconds_waiting": 0.0, "quota_used": 0.0}
        return {
            "calls": session.calls,
            "retries": session.retries,
            "http_429": session.rate_limited_calls,
            "seconds_waiting": round(session.seconds_waiting + self.quota.seconds_waiting, 1),
            "quota_used": round(self.quota.used(), 2),
        }

    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """Let the books' thread end the run: the SDK would drain from inside the handler and exit with 0."""
        _ = frame
        if self.stopping.is_set():
            raise SystemExit(128 + signum)
        self._signal = signum
        self.stopping.set()
        self.events.put(signum)
