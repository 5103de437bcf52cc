"""The base of all streams: schema files, published types, unknown fields, and what a stream needs from the tap."""

from __future__ import annotations

import logging
from collections.abc import Generator, Mapping
from datetime import datetime
from importlib import resources
from typing import Any, ClassVar, Protocol

from singer_sdk import Stream, Tap
from singer_sdk.helpers._catalog import pop_deselected_record_properties
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.schema.source import SchemaDirectory, StreamSchema
from singer_sdk.singerlib import RecordMessage
from typing_extensions import override

from tap_carecycle.conform import Conformer
from tap_carecycle.pages import Reader

SCHEMAS = SchemaDirectory(resources.files("tap_carecycle") / "schemas")
MAX_NAME_LENGTH = 64
"""Characters of an unknown field's name that are logged."""


class Source(Protocol):
    """What the streams need from the tap."""

    @property
    def started_at(self) -> datetime:
        """When the run started."""
        ...

    def reader(self, query: Mapping[str, str]) -> Reader:
        """Return a reader of the pages that pass these filters."""
        ...

    def calls_a_minute(self) -> float:
        """Return the calls a minute of this run so far."""
        ...

    def wire_name(self, name: str) -> str:
        """Return a parameter's name on the wire."""
        ...

    def flush(self) -> None:
        """Write all messages that are still buffered."""
        ...


class CareCycleStream(Stream):
    """Base of all streams. The schema is the JSON file with the stream's name.

    Args:
        tap: The tap.
        source: What the stream needs from the tap.
        name: The stream's name, unless the class has one.
    """

    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE  # the Conformer does this
    schema: ClassVar[StreamSchema] = StreamSchema(SCHEMAS)

    def __init__(self, tap: Tap, source: Source, name: str | None = None) -> None:
        super().__init__(tap, name=name)
        self.source = source
        self.conformer = Conformer(self.schema)
        self.extracted_at = source.started_at
        self._unknown_count = 0
        self._reported: set[str] = set()

    @override
    def log(self, message: str, *args: Any, level: int = logging.INFO, **kwargs: Any) -> None:
        """Log, except for the SDK's line about an error: the error's own message says more."""
        if not message.startswith("An unhandled error"):
            super().log(message, *args, level=level, **kwargs)

    def record_of(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """Return an item as a record. Unknown fields are logged once by name."""
        record = self.conformer.record(item)
        if len(self.conformer.unknown) > self._unknown_count:
            self._handle_unknown_fields()
            record = self.conformer.record(item)
        return record

    def _handle_unknown_fields(self) -> None:
        unknown = self.conformer.unknown
        self._unknown_count = len(unknown)
        published = self.effective_schema.get("properties", {})
        selected = {name for name in unknown if name in published or self._is_selected(name)}
        self.conformer.selected |= selected
        if unreported := unknown - selected - self._reported:
            self._reported |= unreported
            self.logger.warning(
                "CareCycle sends fields that %s does not publish: %s. They are left out. To get them, add them to the "
                "stream's schema in the catalog (Meltano: schema).",
                self.name,
                ", ".join(sorted(name[:MAX_NAME_LENGTH] for name in unreported)),
            )

    def _is_selected(self, name: str) -> bool:
        found = self.metadata.get(("properties", name))
        return found is not None and bool(found.selected)

    @override
    def _generate_record_messages(self, record: dict[str, Any]) -> Generator[RecordMessage, None, None]:
        """Do what the SDK does, but skip its per-field work if all fields are selected."""
        if not all(self.mask.values()):
            pop_deselected_record_properties(record, self.schema, self.mask)
        for stream_map in self.stream_maps:
            mapped = stream_map.transform(record)
            if mapped is not None:
                yield RecordMessage(
                    stream=stream_map.stream_alias,
                    record=mapped,
                    version=self._stream_version,
                    time_extracted=self.extracted_at,
                )
