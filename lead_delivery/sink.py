"""DeliverySink: makes a lead of each record of a stream, and hands it over."""

from __future__ import annotations

import abc
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any

from singer_sdk.sinks import Sink
from singer_sdk.sinks.core import JSONSchemaValidator

from lead_delivery.lead import Lead
from lead_delivery.outcome import Outcome, RejectCode, rejected

if TYPE_CHECKING:
    from lead_delivery.target import DeliveryTarget


class QuietValidator(JSONSchemaValidator):
    """Names the property and the rule; the SDK's message quotes the value."""

    def problem(self, record: dict[str, Any]) -> str | None:
        """What is wrong with a record by its stream's SCHEMA, without any value; None where nothing is."""
        error = next(iter(self.validator.iter_errors(record)), None)
        if error is None:
            return None
        place = ".".join(str(part) for part in error.absolute_path) or "the record"
        if error.validator == "required":
            missing = [name for name in error.validator_value if name not in error.instance]
            return f"{place}: {', '.join(missing)} is missing"
        rule = error.validator_value if error.validator in {"type", "format", "maxLength", "minLength"} else ""
        return f"{place}: against its SCHEMA ({error.validator}{f' {rule}' if rule else ''})"


class DeliverySink(Sink, metaclass=abc.ABCMeta):
    """A stream on its way to leads.

    Attributes:
        wanted: Whether the stream's records become leads.
        source: Number, stream, RECORD line and SCHEMA line of the record at hand.
    """

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
        self.wanted = target.stream_is_wanted(stream_name, schema)
        if self.wanted:
            self.prepare()

    @abc.abstractmethod
    def prepare(self) -> None:
        """Make ready for a stream that is delivered: its field map, checked against its SCHEMA."""

    @abc.abstractmethod
    def to_lead(self, record: dict[str, Any], key: Hashable | None) -> Lead:
        """Map a record. What cannot be sent has `refused` set; its opt-outs are there all the same."""

    def get_validator(self) -> QuietValidator | None:
        """The SDK's validator that keeps values to itself; None where `validate_records` is false."""
        return QuietValidator(self.schema) if self.validate_schema else None

    def process_record(self, record: dict[str, Any], context: dict[str, Any]) -> None:
        """Check, map and hand over one record."""
        _ = context
        self._remove_sdc_metadata_from_record(record)
        missing = [name for name in self.key_properties if record.get(name) is None]
        key = (
            None
            if missing or not self.key_properties
            else (self.stream_name, *(record[k] for k in self.key_properties))
        )
        lead = self.to_lead(record, key)
        if lead.refused is None:
            lead.refused = self._problem(record, missing)
        self._target.run.submit(lead)

    def process_batch(self, context: dict[str, Any]) -> None:
        """Do nothing: records are handed over one by one, and batches are made of all streams together."""

    def _problem(self, record: dict[str, Any], missing: list[str]) -> Outcome | None:
        if missing:
            return rejected(RejectCode.KEY_MISSING, f"key property {', '.join(missing)} is missing or null")
        validator = self._validator
        if isinstance(validator, QuietValidator) and (problem := validator.problem(record)) is not None:
            return rejected(RejectCode.SCHEMA_INVALID, problem)
        return None
