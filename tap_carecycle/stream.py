"""What the streams have in common: one scan of the customers feeds all of them."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterable, Iterator, Mapping
from datetime import datetime, timezone
from importlib import resources
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import Stream
from singer_sdk.helpers._catalog import pop_deselected_record_properties
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.schema.source import SchemaDirectory, StreamSchema
from singer_sdk.singerlib import RecordMessage
from singer_sdk.singerlib.catalog import Catalog, MetadataMapping

from lead_connectors.http.errors import UnexpectedResponseError
from lead_connectors.plugin.errors import SettingsError
from tap_carecycle import checkpoint
from tap_carecycle.filters import CREATION_DATES, may_be_entered, query_of
from tap_carecycle.progress import Progress
from tap_carecycle.scan import Batch, ContradictionError, Scan
from tap_carecycle.shape import Shape
from tap_carecycle.timestamps import moment_text, shifted, utc_text

if TYPE_CHECKING:
    from tap_carecycle.tap import TapCareCycle

UPDATED, CREATED = "updatedAt", "createdAt"
INCREMENTAL = "INCREMENTAL"
SCHEMAS = SchemaDirectory(resources.files("tap_carecycle") / "schemas")
DAY = 86_400
UNUSUAL = {
    "sortOrder": "CareCycle ignores the sort direction (parameter %s): the pages are read from the newest to the "
    "oldest instead, one at a time. If the API has another name for it, set parameter_names.sortOrder.",
    "sortBy": "CareCycle's pages are not sorted by createdAt (parameter %s): all of them were read, but nothing "
    "proves that nobody was missed. If the API has another name for it, set parameter_names.sortBy.",
    "limit": "CareCycle answers with pages of another size than asked for (parameter %s). If the API has another "
    "name for it, set parameter_names.limit.",
}


class CareCycleStream(Stream):
    """Base of all streams: the schema is the JSON file of the stream's name."""

    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE  # Shape has seen to the types
    schema: ClassVar[StreamSchema] = StreamSchema(SCHEMAS)
    _tap: TapCareCycle

    def __init__(self, tap: TapCareCycle) -> None:
        super().__init__(tap)
        self.shape = Shape(self.schema)
        self.extracted_at = tap.started_at
        self._met = 0
        self._told: set[str] = set()

    def log(self, message: str, *args: Any, level: int = logging.INFO, **kwargs: Any) -> None:
        """Log, but for the SDK's line on an error, which says less than the error's own sentence."""
        if not message.startswith("An unhandled error"):
            super().log(message, *args, level=level, **kwargs)

    def record_of(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """Make a record; name fields that nobody knew of, once."""
        record = self.shape.record(item)
        if len(self.shape.strangers) > self._met:
            self._meet()
            record = self.shape.record(item)
        return record

    def _meet(self) -> None:
        self._met = len(self.shape.strangers)
        published = self.effective_schema.get("properties", {})
        chosen = {name for name in self.shape.strangers if name in published or self._is_chosen(name)}
        self.shape.welcome |= chosen
        if uninvited := self.shape.strangers - chosen - self._told:
            self._told |= uninvited
            self.logger.warning(
                "CareCycle sends fields that %s does not publish: %s. They are left out; to have them, add them to "
                "the stream's schema in the catalog (Meltano: schema).",
                self.name,
                ", ".join(sorted(name[:64] for name in uninvited)),
            )

    def _is_chosen(self, name: str) -> bool:
        found = self.metadata.get(("properties", name))
        return found is not None and bool(found.selected)

    def _generate_record_messages(self, record: dict[str, Any]) -> Generator[RecordMessage, None, None]:
        """As the SDK's, without its costs where everything is selected."""
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


class ChildStream(CareCycleStream):
    """One array inside a customer, row by row; its rows are written along with the customer's page, at no call."""

    array: ClassVar[str]
    has_ids: ClassVar[bool] = True
    primary_keys = ("customer_id", "id")
    selected_by_default = False

    def get_records(self, context: Any) -> Iterable[dict[str, Any]]:  # noqa: ARG002
        """Give nothing by itself: `CustomersStream` writes the rows."""
        return ()

    def rows(self, customer: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The array's items as records, each with the customer's id, its place and a key."""
        for place, item in enumerate(customer.get(self.array) or []):
            if isinstance(item, dict):
                record = self.record_of(item)
                record["customer_id"], record["place"] = customer["id"], place
                if self.has_ids:
                    record["id"] = str(item["id"]) if item.get("id") is not None else f"#{place}"
                yield record


class CustomersStream(CareCycleStream):
    """The list of customers."""

    primary_keys = ("id",)
    replication_key = UPDATED

    @property
    def metadata(self) -> MetadataMapping:
        """Standard metadata, with both keys that a run may go by."""
        fresh = self._metadata is None
        mapping = super().metadata
        if fresh and self._tap_input_catalog is None:
            mapping.root.valid_replication_keys = [UPDATED, CREATED]
            mapping["properties", CREATED].inclusion = mapping["properties", UPDATED].inclusion
        return mapping

    def apply_catalog(self, catalog: Catalog) -> None:
        """Let a choice of replication win over what discovery wrote, wherever in the catalog it stands."""
        super().apply_catalog(catalog)
        entry = catalog.get_stream(self.name)
        if entry is None:
            return
        root = entry.metadata.root
        keys = [key for key in (entry.replication_key, root.replication_key) if key]
        self.replication_key = next((key for key in keys if key != UPDATED), UPDATED)
        methods = [method for method in (entry.replication_method, root.forced_replication_method) if method]
        self.forced_replication_method = next((each for each in methods if each != INCREMENTAL), INCREMENTAL)

    @property
    def is_incremental(self) -> bool:
        """Whether the run goes by a bookmark."""
        return self.replication_method == INCREMENTAL

    def get_replication_key_signpost(self, context: Any = None) -> Any:
        """The start of the scan's first run: the bookmark never passes it, nor what changed behind the scan."""
        if not self.is_incremental:
            return None
        scope = self._scope(self.get_context_state(context))
        held = checkpoint.unfinished(self.get_context_state(context), scope, self._now())
        return held.started_at if held else self._now()

    def get_records(self, context: Any) -> Iterable[dict[str, Any]]:
        """Scan the pages and give what changed."""
        try:
            yield from self._scan(context)
        finally:
            self._tap.flush()

    def _scan(self, context: Any) -> Iterator[dict[str, Any]]:
        if self.is_incremental and self.replication_key not in {UPDATED, CREATED}:
            msg = f"replication-key of {self.name} must be updatedAt or createdAt (catalog)."
            raise SettingsError(msg)
        children = [child for child in self.child_streams if isinstance(child, ChildStream) and child.selected]
        for child in children:
            child._write_schema_message()  # noqa: SLF001  # the SDK's own way would write one per customer
        state = self.get_context_state(context)
        scope = self._scope(state)
        held = checkpoint.unfinished(state, scope, self._now()) if self.is_incremental else None
        started_at = held.started_at if held else self._now()
        newest = max(filter(None, (scope.bookmark, held.newest if held else None)), default=None)
        self._say_how(scope, state, resumed=held is not None)
        reader = self._tap.reader(scope.query)
        scan = Scan(
            reader,
            self.config["page_size"],
            grows_at_end=not may_be_entered(scope.query),
            settled=self._now(),
            resume=held.position if held else None,
            narrows=scope.query.get("dateField", CREATED) == CREATED and "endDate" not in scope.query,
        )
        progress = Progress(self.logger, self.config["page_size"], self._tap.api.quota.calls_a_minute)
        threshold = self._threshold(scope.bookmark)
        for batch in _explained(scan.batches()):
            emitted = 0
            for stream in (self, *children):
                stream.extracted_at = datetime.now(timezone.utc)
            for row in batch.rows:
                moment = moment_text(row.data.get(self.replication_key or UPDATED))
                if threshold is not None and moment is not None and moment < threshold:
                    continue
                newest = max(filter(None, (newest, moment)), default=None)
                emitted += 1
                yield self.record_of(row.data)
                for child in children:
                    for record in child.rows(row.data):
                        child._write_record_message(record)  # noqa: SLF001
            if self.is_incremental and batch.position is not None:
                checkpoint.remember(state, scope, checkpoint.Unfinished(started_at, batch.position, newest))
            self._write_page_state()
            progress.add(batch, emitted)
        self._finish(scan, batch, progress, state, newest)

    def _finish(self, scan: Scan, last: Batch, progress: Progress, state: dict[str, Any], newest: str | None) -> None:
        progress.tell(last)
        checkpoint.forget(state)
        for note in scan.notes:
            self.logger.warning(UNUSUAL[note], self._tap.api.wire_name(note))
        for stream in (self, *self.child_streams):
            if isinstance(stream, CareCycleStream) and stream.shape.misfits:
                self.logger.warning(
                    "Some values of %s are of another type than published and were left out: %s.",
                    stream.name,
                    ", ".join(sorted(stream.shape.misfits)),
                )
        if scan.unproven and "sortBy" not in scan.notes:
            self.logger.warning(
                "Customers moved so much while they were read that up to %d of them are unproven: the bookmark stays "
                "where it was, so that the next run reads them again.",
                scan.unproven,
            )
        if not scan.unproven and self.is_incremental and newest is not None:
            # The SDK makes these the bookmark when the stream ends, capped by the signpost.
            state["progress_markers"] = {"replication_key": self.replication_key, "replication_key_value": newest}
            state[checkpoint.FILTERS] = checkpoint.digest(self._filters())

    def _filters(self) -> dict[str, str]:
        return query_of(self.config["filters"])

    def _scope(self, state: Mapping[str, Any]) -> checkpoint.Scope:
        """The filters and the bookmark of this run."""
        query = self._filters()
        bookmark = self._bookmark(state, query)
        key = self.replication_key or UPDATED
        if not self.is_incremental or key != CREATED:
            return checkpoint.Scope(query, key if self.is_incremental else "", bookmark)
        taken = sorted(set(query) & set(CREATION_DATES))
        if taken:
            msg = f"filters.{taken[0]} cannot be used with createdAt as replication key, which needs it itself."
            raise SettingsError(msg)
        threshold = self._threshold(bookmark)
        if threshold is not None:
            query["startDate"] = shifted(threshold, -DAY)[:10]
        return checkpoint.Scope(query, key, bookmark)

    def _bookmark(self, state: Mapping[str, Any], query: Mapping[str, str]) -> str | None:
        if not self.is_incremental or state.get("replication_key") != self.replication_key:
            return None
        if state.get(checkpoint.FILTERS, checkpoint.digest(query)) != checkpoint.digest(query):
            return None
        return moment_text(state.get("replication_key_value"))

    def _threshold(self, bookmark: str | None) -> str | None:
        """The moment from which customers are given: the look-back before the bookmark, not before `start_date`."""
        if not self.is_incremental:
            return None
        start_date = moment_text(self.config.get("start_date"))
        if bookmark is None:
            return start_date
        return max(shifted(bookmark, -self.config["lookback_window"]), start_date or "")

    def _say_how(self, scope: checkpoint.Scope, state: Mapping[str, Any], *, resumed: bool) -> None:
        if resumed:
            self.logger.info("Taking up the scan that was cut off: what was read then is not read again.")
        elif state.get(checkpoint.PARTIAL):
            self.logger.info(
                "The scan that was cut off is not taken up (other filters or too long ago): starting over."
            )
        if scope.bookmark is None and state.get("replication_key_value") and self.is_incremental:
            self.logger.warning(
                "The bookmark belongs to other filters or another replication key and is not used: reading as in a "
                "first run."
            )

    def _now(self) -> str:
        return utc_text(self._tap.started_at)

    def _write_page_state(self) -> None:
        self.state_manager.is_flushed = False
        self._write_state_message()

    def _write_starting_replication_value(self, context: Any) -> None:
        """Spare the SDK's note of where the run starts, which knows neither look-back nor filters."""

    def _process_record(self, record: Any, child_context: Any = None, partition_context: Any = None) -> None:
        """Spare the SDK's way of child streams: `get_records` writes their rows."""

    def _increment_stream_state(self, latest_record: Any, *, context: Any = None) -> None:
        """Spare the SDK's running bookmark: it is only known when the scan is proven complete."""


def _explained(batches: Iterator[Batch]) -> Iterator[Batch]:
    """Turn what the scan cannot go on from into a sentence."""
    try:
        yield from batches
    except ContradictionError:
        msg = (
            "CareCycle's itemsTotal does not agree with its pages: nobody can tell when all customers are read. "
            "Nothing is lost, run again; if it stays so, ask CareCycle."
        )
        raise UnexpectedResponseError(msg) from None
