"""The streams: customers, and one for each array inside a customer. One scan of the customers feeds all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timezone
from typing import Any, NamedTuple

from singer_sdk import Tap
from singer_sdk.singerlib.catalog import Catalog, MetadataMapping
from typing_extensions import override

from lead_connectors.http.errors import UnexpectedResponseError
from lead_connectors.plugin.errors import SettingsError
from tap_carecycle import state as saved
from tap_carecycle.base_stream import CareCycleStream, Source
from tap_carecycle.filters import CREATION_DATES, may_be_entered, query_of
from tap_carecycle.progress import Progress
from tap_carecycle.scan import Batch, ContradictionError, Scan
from tap_carecycle.timestamps import shifted, timestamp_text, utc_text

UPDATED, CREATED = "updatedAt", "createdAt"
INCREMENTAL = "INCREMENTAL"
DAY = 86_400
PARAMETER_WARNINGS = {
    "sortOrder": "CareCycle ignores the sort direction (parameter %s). The tap reads the pages from the newest to the "
    "oldest, one at a time. If the API has another name for the parameter, set parameter_names.sortOrder.",
    "sortBy": "CareCycle's pages are not sorted by createdAt (parameter %s). All pages were read, but nothing proves "
    "that no customer was missed. If the API has another name for the parameter, set parameter_names.sortBy.",
    "limit": "CareCycle's pages do not have the requested size (parameter %s). If the API has another name for the "
    "parameter, set parameter_names.limit.",
}


class ChildArray(NamedTuple):
    """An array inside a customer that has its own stream.

    Attributes:
        stream: The stream's name.
        key: The array's key in a customer.
        id_key: Key of an item's id, or None if items are not known to have one: their place is then part of the key.
    """

    stream: str
    key: str
    id_key: str | None = "id"


CHILD_ARRAYS = (
    ChildArray("customer_campaigns", "campaigns"),
    ChildArray("customer_custom_fields", "customFields"),
    ChildArray("customer_policies", "policies"),
    ChildArray("customer_prescriptions", "prescriptions"),
    ChildArray("customer_providers", "providers"),
    ChildArray("customer_scope_of_appointments", "scopeOfAppointments", id_key=None),
    ChildArray("customer_dependents", "dependents"),  # other people's data, social security numbers included
)


class ChildStream(CareCycleStream):
    """One array inside a customer, item by item. Its records are written with the customer's page, without a call.

    Args:
        tap: The tap.
        source: What the stream needs from the tap.
        array: The array.
    """

    selected_by_default = False

    def __init__(self, tap: Tap, source: Source, array: ChildArray) -> None:
        super().__init__(tap, source, name=array.stream)
        self.array = array
        self.primary_keys = ("customer_id", array.id_key or "place")
        # On the instance, not on the class: the SDK would log a line for each child in every run.
        self.parent_stream_type = Customers

    @override
    def get_records(self, context: Any) -> Iterable[dict[str, Any]]:
        """Return nothing: `Customers` writes the records."""
        return ()

    def records_of(self, customer: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the array's items as records with `customer_id` and `place`. An item without id gets its place."""
        id_key = self.array.id_key
        for place, item in enumerate(customer.get(self.array.key) or []):
            if isinstance(item, dict):
                record = self.record_of(item)
                record["customer_id"], record["place"] = customer["id"], place
                if id_key:
                    record[id_key] = str(item[id_key]) if item.get(id_key) is not None else f"#{place}"
                yield record


class Customers(CareCycleStream):
    """All customers of the account."""

    name = "customers"
    primary_keys = ("id",)
    replication_key = UPDATED

    @property
    @override
    def metadata(self) -> MetadataMapping:
        """Standard metadata, with both possible replication keys."""
        is_new = self._metadata is None
        mapping = super().metadata
        if is_new and self._tap_input_catalog is None:
            mapping.root.valid_replication_keys = [UPDATED, CREATED]
            mapping["properties", CREATED].inclusion = mapping["properties", UPDATED].inclusion
        return mapping

    @override
    def apply_catalog(self, catalog: Catalog) -> None:
        """Let the user's choice of replication win over discovery's, wherever in the catalog it stands."""
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
        """Whether the run starts at a bookmark."""
        return self.replication_method == INCREMENTAL

    @override
    def get_replication_key_signpost(self, context: Any = None) -> Any:
        """Return the start of the scan's first run. The bookmark never passes it."""
        if not self.is_incremental:
            return None
        unfinished = self._read_unfinished_scan(context)
        return unfinished.started_at if unfinished else self._now()

    @override
    def get_records(self, context: Any) -> Iterable[dict[str, Any]]:
        """Scan the pages and yield the customers that changed."""
        try:
            yield from self._scan(context)
        finally:
            self.source.flush()

    def _scan(self, context: Any) -> Iterator[dict[str, Any]]:
        if self.is_incremental and self.replication_key not in {UPDATED, CREATED}:
            msg = f"replication-key of {self.name} must be updatedAt or createdAt (catalog)."
            raise SettingsError(msg)
        children = [child for child in self.child_streams if isinstance(child, ChildStream) and child.selected]
        for child in children:
            child._write_schema_message()  # noqa: SLF001  # the SDK would write one for each customer
        state = self.get_context_state(context)
        scope = self._scope(state)
        unfinished = self._read_unfinished_scan(context) if self.is_incremental else None
        started_at = unfinished.started_at if unfinished else self._now()
        newest = max(filter(None, (scope.bookmark, unfinished.newest if unfinished else None)), default=None)
        self._log_start(scope, state, resumed=unfinished is not None)
        scan = Scan(
            self.source.reader(scope.query),
            self.config["page_size"],
            grows_at_end=not may_be_entered(scope.query),
            settled=self._now(),
            resume=unfinished.position if unfinished else None,
            narrows=scope.query.get("dateField", CREATED) == CREATED and "endDate" not in scope.query,
        )
        progress = Progress(self.logger, self.config["page_size"], self.source.calls_a_minute)
        threshold = self._threshold(scope.bookmark)
        for batch in _without_contradictions(scan.batches()):
            emitted = 0
            for stream in (self, *children):
                stream.extracted_at = datetime.now(timezone.utc)
            for row in batch.rows:
                timestamp = timestamp_text(row.data.get(self.replication_key or UPDATED))
                if threshold is not None and timestamp is not None and timestamp < threshold:
                    continue
                newest = max(filter(None, (newest, timestamp)), default=None)
                emitted += 1
                yield self.record_of(row.data)
                for child in children:
                    for record in child.records_of(row.data):
                        child._write_record_message(record)  # noqa: SLF001
            if self.is_incremental and batch.position is not None:
                scan_so_far = saved.UnfinishedScan(started_at, batch.position, newest)
                saved.write_unfinished_scan(state, scope, scan_so_far)
            self._write_page_state()
            progress.add(batch, emitted)
        self._finish(scan, batch, progress, state, newest)

    def _finish(self, scan: Scan, last: Batch, progress: Progress, state: dict[str, Any], newest: str | None) -> None:
        progress.log(last)
        saved.clear_unfinished_scan(state)
        for parameter in scan.notes:
            self.logger.warning(PARAMETER_WARNINGS[parameter], self.source.wire_name(parameter))
        for stream in (self, *self.child_streams):
            if isinstance(stream, CareCycleStream) and stream.conformer.mistyped:
                self.logger.warning(
                    "Some values of %s do not have the published type and were left out: %s.",
                    stream.name,
                    ", ".join(sorted(stream.conformer.mistyped)),
                )
        if scan.unproven and "sortBy" not in scan.notes:
            self.logger.warning(
                "The list of customers changed so much during the scan that up to %d customers can be missing. The "
                "bookmark does not move, so the next run reads them again.",
                scan.unproven,
            )
        if not scan.unproven and self.is_incremental and newest is not None:
            # The SDK turns these into the bookmark at the end of the stream, but not beyond the signpost.
            state["progress_markers"] = {"replication_key": self.replication_key, "replication_key_value": newest}
            state[saved.FILTERS] = saved.digest(self._filters())

    def _read_unfinished_scan(self, context: Any) -> saved.UnfinishedScan | None:
        state = self.get_context_state(context)
        return saved.read_unfinished_scan(state, self._scope(state), self._now())

    def _filters(self) -> dict[str, str]:
        return query_of(self.config["filters"])

    def _scope(self, state: Mapping[str, Any]) -> saved.Scope:
        """Return filters, replication key and bookmark of this run."""
        query = self._filters()
        bookmark = self._bookmark(state, query)
        key = self.replication_key or UPDATED
        if not self.is_incremental or key != CREATED:
            return saved.Scope(query, key if self.is_incremental else "", bookmark)
        taken = sorted(set(query) & set(CREATION_DATES))
        if taken:
            msg = f"filters.{taken[0]} cannot be used with createdAt as replication key, which needs it itself."
            raise SettingsError(msg)
        threshold = self._threshold(bookmark)
        if threshold is not None:
            query["startDate"] = shifted(threshold, -DAY)[:10]
        return saved.Scope(query, key, bookmark)

    def _bookmark(self, state: Mapping[str, Any], query: Mapping[str, str]) -> str | None:
        if not self.is_incremental or state.get("replication_key") != self.replication_key:
            return None
        if state.get(saved.FILTERS, saved.digest(query)) != saved.digest(query):
            return None
        return timestamp_text(state.get("replication_key_value"))

    def _threshold(self, bookmark: str | None) -> str | None:
        """Return the timestamp from which customers are emitted: the bookmark less the look-back, or `start_date`."""
        if not self.is_incremental:
            return None
        start_date = timestamp_text(self.config.get("start_date"))
        if bookmark is None:
            return start_date
        return max(shifted(bookmark, -self.config["lookback_window"]), start_date or "")

    def _log_start(self, scope: saved.Scope, state: Mapping[str, Any], *, resumed: bool) -> None:
        if resumed:
            self.logger.info("Resuming the interrupted scan. Pages that it read are not read again.")
        elif state.get(saved.PARTIAL_SCAN):
            self.logger.info(
                "The interrupted scan cannot be resumed (it has other filters or is too old). Starting over."
            )
        if scope.bookmark is None and state.get("replication_key_value") and self.is_incremental:
            self.logger.warning(
                "The bookmark belongs to other filters or another replication key and is not used. The run reads "
                "everything, like a first run."
            )

    def _now(self) -> str:
        return utc_text(self.source.started_at)

    def _write_page_state(self) -> None:
        self.state_manager.is_flushed = False
        self._write_state_message()

    @override
    def _write_starting_replication_value(self, context: Any) -> None:
        """Skip the SDK's own record of the start. It knows neither look-back nor filters."""

    @override
    def _process_record(self, record: Any, child_context: Any = None, partition_context: Any = None) -> None:
        """Skip the SDK's handling of child streams. `get_records` writes their records."""

    @override
    def _increment_stream_state(self, latest_record: Any, *, context: Any = None) -> None:
        """Skip the SDK's running bookmark. It is known only when the scan is complete."""


def _without_contradictions(batches: Iterator[Batch]) -> Iterator[Batch]:
    try:
        yield from batches
    except ContradictionError:
        msg = (
            "CareCycle's itemsTotal does not agree with its pages, so the tap cannot tell when all customers are read. "
            "Nothing is lost: run again. If the error stays, ask CareCycle."
        )
        raise UnexpectedResponseError(msg) from None
