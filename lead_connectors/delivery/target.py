"""DeliveryTarget: a Singer target that writes a STATE only when every record before it is accounted for.

singer-sdk 0.54.9 writes STATE only at the end of the input or after minutes, writes none when a sink fails, and stops a
run for one record that fails validation, printing its values. Each override below corrects one of these.
"""

from __future__ import annotations

import abc
import datetime as dt
import logging
import queue
import secrets
import signal
import threading
from collections.abc import Mapping, Sequence
from functools import cached_property
from types import FrameType
from typing import IO, Any

from singer_sdk.exceptions import MappingError
from singer_sdk.mapper import StreamMap
from singer_sdk.target_base import Target
from typing_extensions import override

from lead_connectors.delivery.check import check_account, check_maps
from lead_connectors.delivery.cli import CommandTarget
from lead_connectors.delivery.destination import Destination
from lead_connectors.delivery.errors import InputError, RecordBeforeSchemaError, SignalledError
from lead_connectors.delivery.input import SingerInput
from lead_connectors.delivery.lead import Lead, Source
from lead_connectors.delivery.ledger import Ledger
from lead_connectors.delivery.messages import record_of, schema_stream, state_of
from lead_connectors.delivery.outcome import Outcome, Status
from lead_connectors.delivery.paths import RunPaths
from lead_connectors.delivery.plan import REJECT
from lead_connectors.delivery.rejects import RejectFiles
from lead_connectors.delivery.replay import ReplayFiles
from lead_connectors.delivery.report import Report, api_counts
from lead_connectors.delivery.run import DeliveryRun, RunSettings
from lead_connectors.delivery.settings import TEST_STREAM, value_problems
from lead_connectors.delivery.sink import TOO_DEEP, DeliverySink, without_singer_columns
from lead_connectors.delivery.stream_selection import StreamSelection, how_to_deliver
from lead_connectors.field_map.build import MapBuilder
from lead_connectors.field_map.config import MapSettings
from lead_connectors.field_map.field_map import FieldMap
from lead_connectors.http.errors import StoppedError
from lead_connectors.http.quota import DAY, Quota, Window
from lead_connectors.plugin.errors import ConnectorError, SettingsError

FINISH_SECONDS = 30.0
"""A stopped run waits so long for calls that are in flight."""


class DeliveryTarget(CommandTarget, metaclass=abc.ABCMeta):
    """A target that delivers leads to one API; a subclass brings settings, the account's name and a `Destination`."""

    default_sink_class = DeliverySink
    capabilities = [capability for capability in Target.capabilities]  # noqa: C416, RUF012
    # A lead has no place for _sdc columns, and there is nothing to append to or overwrite.
    hidden_settings = ("add_record_metadata", "load_method", "faker_config")

    max_parallelism = 1

    def __init__(self, **kwargs: Any) -> None:
        self.stopping = threading.Event()
        self._events: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._input = SingerInput(self._events, self.open_run)
        self._run: DeliveryRun | None = None
        self._signal: int | None = None
        self._schema_lines: dict[str, bytes] = {}
        self._logged: set[str] = set()
        super().__init__(**kwargs, message_reader=self._input)
        self.run_id = f"{dt.datetime.now(tz=dt.timezone.utc):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
        self._dry_run = bool(self.config.get("dry_run"))
        self._paths = RunPaths(self.config, self.name)
        self._report = Report(self.name, self.plugin_version, self.run_id, dry_run=self._dry_run)

    @override
    def value_problems(self, config: Mapping[str, Any]) -> list[str]:
        """Address, country and paths."""
        return value_problems(config)

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
    def destination(self) -> Destination:
        """The account, as delivery needs it."""
        return self.make_destination(self._make_quota())

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

    # Maps

    @property
    def _map_settings(self) -> MapSettings:
        return MapSettings(
            field_map=self.config.get("field_map"),
            on_null=self.config["on_null"],
            on_too_long=self.config["on_too_long"],
            opt_out_fields=self.config["opt_out_fields"],
        )

    @cached_property
    def _maps(self) -> MapBuilder:
        """Builds each stream's map; made with the first stream, for it may ask the account for its fields."""
        return MapBuilder(self.destination.api_fields, self.destination.builtin_maps, self._map_settings)

    @cached_property
    def _selection(self) -> StreamSelection:
        return StreamSelection(self.config.get("streams"), self.config.get("field_map"), self.destination.builtin_maps)

    def _fit(self, field_map: FieldMap) -> FieldMap:
        """The map less what the account does not have; logs once what a person should know about it."""
        fitted = self.destination.fit_to_account(field_map)
        for sentence in fitted.warnings:
            self._log_once(logging.WARNING, sentence)
        for sentence in fitted.notes:
            self._log_once(logging.INFO, sentence)
        return fitted.field_map

    def _is_wanted(self, stream: str, schema: dict[str, Any]) -> bool:
        """Whether a stream's records become leads; says once how to deliver one that is not asked for."""
        if stream == TEST_STREAM:
            self.destination.check_credentials()
            self.logger.info("The API takes the credentials. The test record is not written.")
            return False
        is_wanted = self._selection.is_wanted(stream, schema)
        # Where nothing of a run is wanted, its rows have to come again.
        self.open_run().is_state_held = bool(self._selection.nothing_wanted)
        if not is_wanted:
            self._log_once(
                logging.WARNING,
                f"Stream {stream} is read and skipped: no stream becomes leads unless it is asked for. To deliver it, "
                f"set {how_to_deliver([stream])}.",
            )
        return is_wanted

    def _log_once(self, level: int, sentence: str) -> None:
        """Log what holds for the whole run, however many SCHEMA messages arrive."""
        if sentence not in self._logged:
            self._logged.add(sentence)
            self.logger.log(level, "%s", sentence)

    # Messages

    @override
    def get_sink(
        self,
        stream_name: str,
        *,
        record: dict[str, Any] | None = None,
        schema: dict[str, Any] | None = None,
        key_properties: Sequence[str] | None = None,
    ) -> DeliverySink:
        """The stream's sink; a new one where its SCHEMA or key has changed."""
        sink = self._sinks_active.get(stream_name)
        if schema is not None and (
            sink is None or sink.original_schema != schema or list(sink.key_properties) != list(key_properties or ())
        ):
            sink = self._sinks_active[stream_name] = self._make_sink(stream_name, schema, key_properties)
        if not isinstance(sink, DeliverySink):
            msg = f"A record for stream '{stream_name}' came before its SCHEMA. Check the tap."
            raise RecordBeforeSchemaError(msg)
        return sink

    def _make_sink(self, stream: str, schema: dict[str, Any], key_properties: Sequence[str] | None) -> DeliverySink:
        field_map = None
        mapped_schema = without_singer_columns(schema)
        if self._is_wanted(stream, mapped_schema):
            built = self._maps.build(stream, mapped_schema)
            if built.unmapped:
                self._log_once(logging.INFO, f"Stream {stream}: not mapped and not sent: {', '.join(built.unmapped)}.")
            field_map = self._fit(built)
            self._report.start_stream(stream, field_map)
        sink = DeliverySink(self, stream, schema, key_properties, destination=self.destination, field_map=field_map)
        for sentence in sink.unchecked():
            self._log_once(logging.WARNING, sentence)
        return sink

    @override
    def _process_schema_message(self, message_dict: dict[str, Any]) -> None:
        """Keep the message for the reject files; a broken one is named, not quoted."""
        stream = schema_stream(message_dict, self._input.line_number)
        self._schema_lines[stream] = self._input.line
        try:
            super()._process_schema_message(message_dict)
        except MappingError as error:
            msg = f"stream_maps.{stream}: {error}"
            raise SettingsError(msg) from None
        except (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError) as error:
            # The SDK's stream maps and flattening assume that every part of a schema has the usual form.
            kind = type(error).__name__
            msg = f"The SCHEMA of stream {stream} (line {self._input.line_number}) cannot be used ({kind})."
            raise InputError(msg) from error

    @override
    def _process_record_message(self, message_dict: dict[str, Any]) -> None:
        """Map a record and submit its lead. The SDK's own way stops at the first record that fails validation."""
        stream, record = record_of(message_dict, self._input.line_number)
        if stream not in self.mapper.stream_maps or stream not in self._schema_lines:
            msg = f"A record for stream '{stream}' came before its SCHEMA. Check the tap."
            raise RecordBeforeSchemaError(msg)
        run = self.open_run()
        for stream_map in self.mapper.stream_maps[stream]:
            name = stream_map.stream_alias
            number = run.read(name)
            lead = None
            sink = self._sinks_active.get(name)
            if isinstance(sink, DeliverySink) and sink.is_delivered:
                source = Source(number, stream, self._input.line, self._schema_lines[stream])
                lead = self._to_lead(sink, stream_map, record, source)
            if lead is None:
                run.finish_record(number, name, Outcome(Status.SKIPPED))
            else:
                run.submit(lead)

    def _to_lead(
        self, sink: DeliverySink, stream_map: StreamMap, record: dict[str, Any], source: Source
    ) -> Lead | None:
        """Make a lead of a record; None where the stream map filters it out."""
        if self._input.is_too_deep:
            return sink.reject(source, TOO_DEEP)
        try:
            transformed = stream_map.transform(dict(record))
        except Exception as error:  # noqa: BLE001  # an expression can raise anything for one record's values
            kind = type(error.__cause__ or error).__name__
            reason = f"the stream map of {sink.stream_name} failed ({kind})"
            return sink.reject(source, reason, note=f"could not be mapped: {reason}")
        return None if transformed is None else sink.to_lead(transformed, source)

    @override
    def _process_state_message(self, message_dict: dict[str, Any]) -> None:
        """Hold a STATE until every record before it has its outcome."""
        self.open_run().state(state_of(message_dict, self._input.line_number))

    @override
    def _process_activate_version_message(self, message_dict: dict[str, Any]) -> None:
        """Ignore it: a CRM's leads are not replaced by a new version of a table."""

    @override
    def _process_batch_message(self, message_dict: dict[str, Any]) -> None:
        """Stop: this target does not offer BATCH, and a tap that sends it all the same would lose its records."""
        msg = "BATCH messages are not supported: switch off batch_config in the tap, so that it sends RECORD messages."
        raise InputError(msg)

    # Runs

    @override
    def check(self) -> None:
        """Check credentials, settings and mapping against the account; see `check.py`."""
        self._check_settings()
        check_account(self.destination, name=f"{self.name} {self.plugin_version}", config=self.config)
        self._open_ledger(read_only=True).close()
        check_maps(self.destination, self._maps, self._fit, self._selection)
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
        self.destination.check_settings()
        self._paths.check(dry_run=self._dry_run)
        # Made for its errors alone: what is wrong in any account is told before the first call.
        MapBuilder(self.destination.documented_fields, settings=self._map_settings)

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
        if self._paths.report is not None:
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
        if self.stopping.is_set():
            raise SystemExit(128 + signum)
        self._signal = signum
        self.stopping.set()
        self._events.put(signum)
