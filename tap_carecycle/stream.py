"""What the streams have in common: one scan of the customers feeds all of them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import Stream
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.schema.source import SchemaDirectory, StreamSchema
from singer_sdk.singerlib.catalog import Catalog, MetadataMapping

from tap_carecycle.scan import Scan
from tap_carecycle.shape import Shape
from tap_carecycle.timestamps import moment_text, shifted, utc_text

if TYPE_CHECKING:
    from datetime import datetime

    from tap_carecycle.tap import TapCareCycle

UPDATED, CREATED = "updatedAt", "createdAt"
SCHEMAS = SchemaDirectory(resources.files("tap_carecycle") / "schemas")


class CareCycleStream(Stream):
    """Base of all streams: the schema is the JSON file of the stream's name."""

    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE  # Shape has seen to the types
    schema: ClassVar[StreamSchema] = StreamSchema(SCHEMAS)
    _tap: TapCareCycle

    @property
    def shape(self) -> Shape:
        """Turns what the API gives into this stream's records."""
        if not hasattr(self, "_shape"):
            self._shape = Shape(self.schema)
        return self._shape


class ChildStream(CareCycleStream):
    """One array inside a customer, row by row; its rows are written along with the customer's page, at no call."""

    array: ClassVar[str]
    has_ids: ClassVar[bool] = True
    primary_keys = ("customer_id", "id")
    selected_by_default = False

    def get_records(self, context: Any) -> Iterable[dict[str, Any]]:  # noqa: ARG002
        """Give nothing by itself: `CustomersStream` writes the rows."""
        return ()

    def rows(self, customer: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The array's items as records, each with the customer's id, its place and a key."""
        found = []
        for place, item in enumerate(customer.get(self.array) or []):
            if not isinstance(item, dict):
                continue
            record = self.shape.record(item)
            record["customer_id"], record["place"] = customer["id"], place
            if self.has_ids:
                record["id"] = str(item["id"]) if item.get("id") is not None else f"#{place}"
            found.append(record)
        return found


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
        self.forced_replication_method = next((method for method in methods if method != "INCREMENTAL"), "INCREMENTAL")

    def get_replication_key_signpost(self, context: Any = None) -> datetime | Any | None:  # noqa: ARG002
        """The run's start: the bookmark never passes it, for what changes behind the scan belongs to the next run."""
        return utc_text(self._tap.started_at) if self.replication_method == "INCREMENTAL" else None

    def get_records(self, context: Any) -> Iterable[dict[str, Any]]:
        """Scan the pages and give what changed."""
        children = [child for child in self.child_streams if isinstance(child, ChildStream) and child.selected]
        for child in children:
            child._write_schema_message()  # noqa: SLF001  # the SDK's own way would write one per customer
        state = self.get_context_state(context)
        bookmark, threshold = self._start(state)
        newest = bookmark
        scan = Scan(self._tap.reader({}), self.config["page_size"])
        for batch in scan.batches():
            for row in batch.rows:
                moment = moment_text(row.data.get(self.replication_key or UPDATED))
                if threshold is not None and moment is not None and moment < threshold:
                    continue
                if moment is not None and (newest is None or moment > newest):
                    newest = moment
                yield self.shape.record(row.data)
                for child in children:
                    for record in child.rows(row.data):
                        child._write_record_message(record)  # noqa: SLF001
            self.state_manager.is_flushed = False
            self._write_state_message()
        if newest is not None and self.replication_method == "INCREMENTAL":
            # The SDK makes these the bookmark when the stream ends, capped by the signpost.
            state["progress_markers"] = {"replication_key": self.replication_key, "replication_key_value": newest}

    def _start(self, state: Mapping[str, Any]) -> tuple[str | None, str | None]:
        """The bookmark, and the moment from which customers are given."""
        if self.replication_method != "INCREMENTAL":
            return None, None
        start_date = moment_text(self.config.get("start_date"))
        same = state.get("replication_key") == self.replication_key
        bookmark = moment_text(state.get("replication_key_value")) if same else None
        if bookmark is None:
            return None, start_date
        threshold = shifted(bookmark, -self.config["lookback_window"])
        return bookmark, max(threshold, start_date or threshold)

    def _process_record(self, record: Any, child_context: Any = None, partition_context: Any = None) -> None:
        """Spare the SDK's way of child streams: `get_records` has written their rows."""

    def _increment_stream_state(self, latest_record: Any, *, context: Any = None) -> None:
        """Spare the SDK's running bookmark: it is only known when the scan is proven complete."""


logger = logging.getLogger(__name__)
