"""DeliverySink: makes a lead of each record of a stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from singer_sdk.sinks import Sink
from singer_sdk.target_base import Target
from typing_extensions import override

from lead_connectors.delivery.destination import Destination
from lead_connectors.delivery.lead import Lead, Source
from lead_connectors.delivery.outcome import Outcome, rejected
from lead_connectors.delivery.record_validator import RecordValidator
from lead_connectors.delivery.reject_lines import rejected_at
from lead_connectors.field_map.field_map import FieldMap
from lead_connectors.field_map.mapped import Problem
from lead_connectors.field_map.no_value import is_no_value
from lead_connectors.reject_codes import RejectCode

SINGER_COLUMNS = frozenset(
    {
        "_sdc_extracted_at",
        "_sdc_received_at",
        "_sdc_batched_at",
        "_sdc_deleted_at",
        "_sdc_sequence",
        "_sdc_table_version",
        "_sdc_sync_started_at",
    }
)
"""Singer's own columns, which the SDK takes out of each record before it is mapped."""


def without_singer_columns(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A stream's schema as its records are mapped: without Singer's own columns."""
    properties = {name: child for name, child in schema["properties"].items() if name not in SINGER_COLUMNS}
    return {**schema, "properties": properties}


class DeliverySink(Sink):
    """One stream under one SCHEMA: a record in, a `Lead` out. It reaches for no state of the target.

    Args:
        target: The target, for the SDK.
        stream_name: The stream's name after stream maps.
        schema: Its schema.
        key_properties: Its key.
        destination: Adds what the API's call needs besides the map.
        field_map: How a record becomes the API's fields; None for a stream that is not delivered.

    Attributes:
        field_map: As above.
    """

    def __init__(
        self,
        target: Target,
        stream_name: str,
        schema: dict[str, Any],
        key_properties: Sequence[str] | None,
        *,
        destination: Destination,
        field_map: FieldMap | None,
    ) -> None:
        super().__init__(target, stream_name, schema, key_properties)
        self._destination = destination
        self.field_map = field_map
        self._map_version = "" if field_map is None else destination.map_version(field_map.version)
        self._former_map_version = "" if field_map is None else destination.map_version(field_map.former_version)

    @property
    def is_delivered(self) -> bool:
        """Whether the stream's records become leads."""
        return self.field_map is not None

    def to_lead(self, record: dict[str, Any], source: Source) -> Lead:
        """Make a lead of a record.

        Args:
            record: The record after stream maps; columns of Singer itself are taken out of it.
            source: Where it came from.

        Raises:
            ValueError: The stream is not delivered.
        """
        if self.field_map is None:
            msg = "a stream that is not delivered has no leads"
            raise ValueError(msg)
        self._remove_sdc_metadata_from_record(record)
        missing = [name for name in self.key_properties if is_no_value(record.get(name))]
        key = [] if missing else [record[name] for name in self.key_properties]
        mapped = self.field_map.apply(record)
        prepared = self._destination.prepare(mapped, record, key)
        own_key = {f"{self.stream_name}:{key}"} if key else set()
        return Lead(
            sources=(source,),
            stream=self.stream_name,
            key=(self.stream_name, *map(str, key)) if key else None,
            map_version=self._map_version,
            former_map_version=self._former_map_version,
            fields={name: value for name, value in prepared.fields.items() if name not in mapped.opt_outs},
            opt_outs=frozenset(mapped.opt_outs),
            identities=frozenset(own_key.union(prepared.unique.values(), prepared.shared.values())),
            unique=prepared.unique,
            rejected=self._rejection(record, missing, prepared.problems),
            rejected_at=rejected_at(source.line),
            problems=tuple(prepared.problems),
            notes=(
                *prepared.notes,
                *mapped.warnings,
                *(f"{name} was cut to its maximum length" for name in mapped.cut),
            ),
        )

    @override
    def get_validator(self) -> RecordValidator | None:
        """The SDK's validator that keeps values to itself; None where `validate_records` is false."""
        return RecordValidator(self.schema) if self.validate_schema else None

    @override
    def process_record(self, record: dict[str, Any], context: dict[str, Any]) -> None:
        """Do nothing: the target submits each lead."""

    @override
    def process_batch(self, context: dict[str, Any]) -> None:
        """Do nothing: batches are made of all streams together."""

    def _rejection(self, record: dict[str, Any], missing: list[str], problems: Sequence[Problem]) -> Outcome | None:
        """Why a record cannot be sent as it is; None where it can."""
        if missing:
            return rejected(RejectCode.KEY_MISSING, f"key property {', '.join(missing)} is missing or blank")
        validator = cast("RecordValidator | None", self._validator)
        if validator is not None and (problem := validator.problem(record)) is not None:
            return rejected(RejectCode.SCHEMA_INVALID, problem)
        if problems:
            return rejected(problems[0].code, "; ".join(str(problem) for problem in problems))
        return None
