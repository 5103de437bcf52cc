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


TOO_DEEP = "the record is nested too deep"


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
        self._destination = destination
        self.field_map = field_map
        super().__init__(target, stream_name, schema, key_properties)
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

        Returns:
            The lead; a rejected one, whatever is wrong with the record.

        Raises:
            ValueError: The stream is not delivered.
        """
        if self.field_map is None:
            msg = "a stream that is not delivered has no leads"
            raise ValueError(msg)
        try:
            return self._to_lead(record, source, self.field_map)
        except RecursionError:
            return self.reject(source, TOO_DEEP)
        except Exception as error:  # noqa: BLE001  # one record's fault is its own outcome, never the run's end
            what = f"could not be mapped ({type(error).__name__})"
            return self.reject(source, f"the record {what}", note=f"{what}; please report this")

    def reject(self, source: Source, reason: str, *, note: str | None = None) -> Lead:
        """Make the rejected lead of a record that cannot be mapped.

        Args:
            source: Where it came from.
            reason: Why, without values.
            note: A sentence for the log.
        """
        return Lead(
            sources=(source,),
            stream=self.stream_name,
            key=None,
            map_version=self._map_version,
            fields={},
            rejected=rejected(RejectCode.INVALID_VALUE, reason),
            rejected_at=rejected_at(source.line),
            notes=() if note is None else (note,),
        )

    def _to_lead(self, record: dict[str, Any], source: Source, field_map: FieldMap) -> Lead:
        self._remove_sdc_metadata_from_record(record)
        missing = [name for name in self.key_properties if is_no_value(record.get(name))]
        unwritable = [name for name in self.key_properties if not _has_text(record.get(name))]
        key = [] if missing or unwritable else [record[name] for name in self.key_properties]
        mapped = field_map.apply(record)
        prepared = self._destination.prepare(mapped, record, key)
        own_key = {f"{self.stream_name}:{[*map(str, key)]}"} if key else set()
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
            rejected=self._rejection(record, missing, unwritable, prepared.problems),
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
        """A validator that keeps values to itself; None where nothing is to be checked (`validate_records`)."""
        return RecordValidator(self.schema) if self.validate_schema and self.field_map is not None else None

    def unchecked(self) -> list[str]:
        """One sentence for each part of the SCHEMA that records cannot be checked against."""
        validator = cast("RecordValidator | None", self._validator)
        faults = {} if validator is None else validator.faults
        return [
            f"Stream {self.stream_name}: {f'the SCHEMA of {name}' if name else 'the SCHEMA'} {fault}; records are not "
            "checked against it."
            for name, fault in faults.items()
        ]

    @override
    def process_record(self, record: dict[str, Any], context: dict[str, Any]) -> None:
        """Do nothing: the target submits each lead."""

    @override
    def process_batch(self, context: dict[str, Any]) -> None:
        """Do nothing: batches are made of all streams together."""

    def _rejection(
        self, record: dict[str, Any], missing: list[str], unwritable: list[str], problems: Sequence[Problem]
    ) -> Outcome | None:
        """Why a record cannot be sent as it is; None where it can."""
        if missing:
            return rejected(RejectCode.KEY_MISSING, f"key property {', '.join(missing)} is missing or blank")
        if unwritable:
            reason = f"key property {', '.join(unwritable)} contains an incomplete character"
            return rejected(RejectCode.INVALID_VALUE, reason)
        validator = cast("RecordValidator | None", self._validator)
        if validator is not None and (problem := validator.problem(record)) is not None:
            return rejected(RejectCode.SCHEMA_INVALID, problem)
        if problems:
            return rejected(problems[0].code, "; ".join(str(problem) for problem in problems))
        return None


def _has_text(value: Any) -> bool:
    """Whether a value can be written as UTF-8; half a surrogate pair cannot."""
    try:
        str(value).encode()
    except UnicodeEncodeError:
        return False
    return True
