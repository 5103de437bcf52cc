"""SinkTarget: from Singer messages to leads.

singer-sdk 0.54.9 stops a run for one record that fails validation, and prints its values. Here a record's fault is its
own outcome, and a broken message is named by its line, never quoted.
"""

from __future__ import annotations

import abc
import logging
import queue
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from singer_sdk.exceptions import MappingError
from singer_sdk.mapper import StreamMap
from singer_sdk.target_base import Target
from typing_extensions import override

from lead_connectors.delivery.cli import CommandTarget
from lead_connectors.delivery.destination import Destination
from lead_connectors.delivery.errors import InputError, RecordBeforeSchemaError
from lead_connectors.delivery.input import SingerInput
from lead_connectors.delivery.lead import Lead, Source
from lead_connectors.delivery.messages import record_of, schema_stream, state_of
from lead_connectors.delivery.outcome import Outcome, Status
from lead_connectors.delivery.report import Report
from lead_connectors.delivery.run import DeliveryRun
from lead_connectors.delivery.settings import TEST_STREAM, value_problems
from lead_connectors.delivery.sink import TOO_DEEP, DeliverySink, without_singer_columns
from lead_connectors.delivery.stream_selection import StreamSelection, how_to_deliver
from lead_connectors.field_map.build import MapBuilder
from lead_connectors.field_map.config import MapSettings
from lead_connectors.field_map.field_map import FieldMap
from lead_connectors.plugin.errors import SettingsError


class SinkTarget(CommandTarget, metaclass=abc.ABCMeta):
    """Reads Singer messages, maps records and submits their leads to a run."""

    default_sink_class = DeliverySink
    capabilities = [capability for capability in Target.capabilities]  # noqa: C416, RUF012
    # A lead has no place for _sdc columns, and there is nothing to append to or overwrite.
    hidden_settings = ("add_record_metadata", "load_method", "faker_config")

    max_parallelism = 1

    def __init__(self, **kwargs: Any) -> None:
        self._events: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._input = SingerInput(self._events, self.open_run)
        self._schema_lines: dict[str, bytes] = {}
        self._logged: set[str] = set()
        super().__init__(**kwargs, message_reader=self._input)

    @override
    def value_problems(self, config: Mapping[str, Any]) -> list[str]:
        """Country, paths and streams; a run's report tells what is wrong with the address."""
        return value_problems(config)

    @property
    @abc.abstractmethod
    def destination(self) -> Destination:
        """The account, as delivery needs it."""

    @property
    @abc.abstractmethod
    def counts(self) -> Report:
        """The run's counts."""

    @abc.abstractmethod
    def open_run(self) -> DeliveryRun:
        """This run's books, opened at the first call."""

    # Maps

    @property
    def _map_settings(self) -> MapSettings:
        opt_outs = self.config["opt_out_fields"]
        default = self.config_jsonschema["properties"]["opt_out_fields"]["default"]
        return MapSettings(
            field_map=self.config.get("field_map"),
            on_null=self.config["on_null"],
            on_too_long=self.config["on_too_long"],
            # Unless a person says which, those of the account count, too.
            opt_out_fields=None if opt_outs == default else opt_outs,
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
            self.counts.start_stream(stream, field_map)
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
