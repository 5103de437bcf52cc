"""DeliverySink: makes a lead of each record of a stream, and hands it over."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from singer_sdk.sinks import Sink
from singer_sdk.sinks.core import JSONSchemaValidator

from lead_connectors.delivery.lead import Lead
from lead_connectors.delivery.outcome import Outcome, rejected
from lead_connectors.delivery.rejects import rejected_at
from lead_connectors.field_map.rules import FieldMap, Mapped, Problem
from lead_connectors.field_map.table import MapCounts
from lead_connectors.reject_codes import RejectCode

if TYPE_CHECKING:
    from lead_connectors.delivery.target import DeliveryTarget


PLAIN_TYPES: dict[str, set[type]] = {
    "null": {type(None)},
    "boolean": {bool},
    "integer": {int},
    "number": {int, float},
    "string": {str},
    "array": {list},
    "object": {dict},
}
ANNOTATIONS = {"title", "description", "default", "examples", "format", "contentMediaType", "readOnly", "writeOnly"}


class QuietValidator(JSONSchemaValidator):
    """Names the property and the rule; the SDK's message quotes the value.

    Most properties say no more than their types, which are looked at without jsonschema: it takes two thirds of a
    plain target's time. What does not pass so is left to jsonschema as a whole.
    """

    def __init__(self, schema: dict[str, Any], **options: Any) -> None:
        super().__init__(schema, **options)
        self._types: dict[str, set[type]] = {}
        self._parts: dict[str, Any] = {}
        for name, part in schema["properties"].items():
            if (types := _plain_types(part)) is None:
                self._parts[name] = self.validator.evolve(schema=part)
            elif types:
                self._types[name] = types
        self._required = set(schema.get("required", ()))
        self._is_plain = set(schema) <= {"type", "properties", "required", "additionalProperties", *ANNOTATIONS} and (
            schema.get("additionalProperties", True) is True
        )

    def _is_plainly_good(self, record: dict[str, Any]) -> bool:
        if not self._is_plain or not self._required <= record.keys():
            return False
        for name, value in record.items():
            if (types := self._types.get(name)) is not None:
                if type(value) not in types:
                    return False
            elif (part := self._parts.get(name)) is not None and not part.is_valid(value):
                return False
        return True

    def problem(self, record: dict[str, Any]) -> str | None:
        """What is wrong with a record by its stream's SCHEMA, without any value; None where nothing is."""
        if self._is_plainly_good(record):
            return None
        error = next(iter(self.validator.iter_errors(record)), None)
        if error is None:
            return None
        place = ".".join(str(part) for part in error.absolute_path) or "the record"
        if error.validator == "required":
            missing = [name for name in error.validator_value if name not in error.instance]
            return f"{place}: {', '.join(missing)} is missing"
        rule = error.validator_value if error.validator in {"type", "format", "maxLength", "minLength"} else ""
        return f"{place}: against its SCHEMA ({error.validator}{f' {rule}' if rule else ''})"


def _plain_types(schema: Any) -> set[type] | None:
    """The Python types that a property takes, empty for any; None where its schema says more than types."""
    if schema is True:
        return set()
    if not isinstance(schema, dict) or not set(schema) <= {"type", *ANNOTATIONS}:
        return None
    names = schema.get("type", [])
    names = [names] if isinstance(names, str) else names
    return {kind for name in names for kind in PLAIN_TYPES[name]}


class DeliverySink(Sink, metaclass=abc.ABCMeta):
    """A stream on its way to leads.

    Attributes:
        wanted: Whether the stream's records become leads.
        source: Number, stream, RECORD line and SCHEMA line of the record at hand.
        field_map: How a record becomes the API's fields.
    """

    field_map: FieldMap

    def __init__(
        self,
        target: DeliveryTarget,
        stream_name: str,
        schema: dict[str, Any],
        key_properties: Sequence[str] | None,
    ) -> None:
        super().__init__(target, stream_name, schema, key_properties)
        self._target = target
        self.source: tuple[int, str, bytes, bytes] = (0, stream_name, b"", b"")
        self.wanted = target.stream_is_wanted(stream_name, self.schema)
        if self.wanted:
            self.field_map = target.field_map(stream_name, self.schema)
            if target.config.get("dry_run"):
                target.map_counts[stream_name] = MapCounts(self.field_map)

    @abc.abstractmethod
    def complete(self, mapped: Mapped, record: Mapping[str, Any], key: Sequence[Any]) -> list[Problem]:
        """Add what the API's call needs besides the map, in place, and say what it still lacks.

        Args:
            mapped: The record, mapped.
            record: As it came.
            key: The values of its key properties; empty where it has none.
        """

    @abc.abstractmethod
    def identify(self, fields: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
        """What the lead may be known by.

        Returns:
            Identities by API field: those that one person alone can have, and those that several may share.
        """

    @property
    def mapping(self) -> str:
        """What tells this mapping from others: leads are sent again where it changes."""
        return self.field_map.version

    def get_validator(self) -> QuietValidator | None:
        """The SDK's validator that keeps values to itself; None where `validate_records` is false."""
        return QuietValidator(self.schema) if self.validate_schema else None

    def process_record(self, record: dict[str, Any], context: dict[str, Any]) -> None:
        """Check, map and hand over one record."""
        _ = context
        self._remove_sdc_metadata_from_record(record)
        self._target.delivery.submit(self._to_lead(record))

    def process_batch(self, context: dict[str, Any]) -> None:
        """Do nothing: records are handed over one by one, and batches are made of all streams together."""

    def _to_lead(self, record: dict[str, Any]) -> Lead:
        number, source_stream, line, schema_line = self.source
        missing = [name for name in self.key_properties if record.get(name) is None]
        key = [] if missing else [record[name] for name in self.key_properties]
        mapped = self.field_map.apply(record)
        problems = mapped.problems + self.complete(mapped, record, key)
        if (counts := self._target.map_counts.get(self.stream_name)) is not None:
            counts.count(mapped, problems)
        for note in (*mapped.warnings, *(f"{name} was cut to its greatest length" for name in mapped.cut)):
            self._target.notes[note] += 1
        unique, shared = self.identify(mapped.fields)
        own = {f"{self.stream_name}:{key}"} if key else set()
        return Lead(
            numbers=[number],
            stream=self.stream_name,
            source_stream=source_stream,
            line=line,
            schema_line=schema_line,
            key=(self.stream_name, *map(str, key)) if key else None,
            mapping=self.mapping,
            fields={name: value for name, value in mapped.fields.items() if name not in mapped.opt_outs},
            opt_outs=frozenset(mapped.opt_outs),
            identities=frozenset(own | set(unique.values()) | set(shared.values())),
            unique=unique,
            refused=self._refusal(record, missing, problems),
            rejected_at=rejected_at(line),
        )

    def _refusal(self, record: dict[str, Any], missing: list[str], problems: list[Problem]) -> Outcome | None:
        if missing:
            return rejected(RejectCode.KEY_MISSING, f"key property {', '.join(missing)} is missing or null")
        validator = self._validator
        if isinstance(validator, QuietValidator) and (problem := validator.problem(record)) is not None:
            return rejected(RejectCode.SCHEMA_INVALID, problem)
        if problems:
            return rejected(problems[0].code, "; ".join(str(problem) for problem in problems))
        return None
