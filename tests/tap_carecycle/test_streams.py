"""The streams in this process, on a list of customers without HTTP."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from lead_connectors.http.errors import TransientError
from lead_connectors.plugin.errors import SettingsError
from tap_carecycle.streams import CHILD_ARRAYS, ChildStream, Customers
from tests.tap_carecycle.customers import ListReader, customer, make_tap, sync

CUSTOMERS = [customer(number) for number in range(35)]
ALL = {each["id"] for each in CUSTOMERS}


@pytest.fixture(autouse=True)
def _log_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def catalog(**root: Any) -> dict[str, Any]:
    """The tap's catalog with changed metadata of its streams, by stream name."""
    found: dict[str, Any] = make_tap(ListReader([])).catalog_dict
    for entry in found["streams"]:
        changes = root.get(entry["tap_stream_id"], {})
        next(each for each in entry["metadata"] if not each["breadcrumb"])["metadata"].update(changes)
    return found


def test_the_first_run_emits_everybody_once_and_sets_the_bookmark() -> None:
    reader = ListReader(CUSTOMERS)
    messages, error = sync(make_tap(reader))
    assert error is None
    assert set(messages.ids) == ALL
    assert len(messages.ids) == len(ALL)
    assert messages.schemas == ["customers"]
    assert messages.state == {
        "filters": "none",
        "replication_key": "updatedAt",
        "replication_key_value": "2026-02-28T00:59:00.000000Z",
    }
    assert messages.records["customers"][0]["createdAt"].endswith("000Z")
    assert all("partial_scan" in state["bookmarks"]["customers"] for state in messages.states[1:-1])


def test_the_next_run_emits_what_changed_since_the_bookmark() -> None:
    first, _ = sync(make_tap(ListReader(CUSTOMERS)))
    changed = [*CUSTOMERS[:7], customer(7, updatedAt="2026-03-01T00:00:00Z"), *CUSTOMERS[8:]]
    second, error = sync(make_tap(ListReader(changed), state=first.states[-1]))
    assert error is None
    assert set(second.ids) == {"c0007", "c0000"}  # the second one has the bookmark's own timestamp
    assert second.state["replication_key_value"] == "2026-03-01T00:00:00.000000Z"


def test_the_bookmark_never_passes_the_start_of_the_run() -> None:
    tap = make_tap(ListReader([customer(0, updatedAt="2999-01-01T00:00:00Z")]))
    messages, _ = sync(tap)
    assert messages.state["replication_key_value"] == tap.started_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def test_an_interrupted_scan_is_resumed(caplog: pytest.LogCaptureFixture) -> None:
    first, error = sync(make_tap(ListReader(CUSTOMERS, max_calls=2)))
    assert isinstance(error, TransientError)
    assert 0 < len(first.ids) < len(ALL)
    assert "replication_key_value" not in first.state
    reader = ListReader(CUSTOMERS)
    second, error = sync(make_tap(reader, state=first.states[-1]))
    assert error is None
    assert "Resuming the interrupted scan" in caplog.text
    assert {*first.ids, *second.ids} == ALL
    assert len(reader.requests) < 5
    assert "partial_scan" not in second.state


def test_an_interrupted_scan_of_other_filters_starts_over(caplog: pytest.LogCaptureFixture) -> None:
    first, _ = sync(make_tap(ListReader(CUSTOMERS, max_calls=2)))
    tap = make_tap(ListReader(CUSTOMERS), state=first.states[-1], config={"filters": {"status": "Lead"}})
    second, _ = sync(tap)
    assert "Starting over" in caplog.text
    assert set(second.ids) == ALL
    assert tap.queries == [{"status": "Lead"}]


def test_a_bookmark_of_other_filters_is_not_used(caplog: pytest.LogCaptureFixture) -> None:
    first, _ = sync(make_tap(ListReader(CUSTOMERS)))
    tap = make_tap(ListReader(CUSTOMERS), state=first.states[-1], config={"filters": {"status": "Lead"}})
    second, _ = sync(tap)
    assert "belongs to other filters" in caplog.text
    assert set(second.ids) == ALL
    assert second.state["filters"] not in {"none", "Lead"}


def test_child_streams_come_from_the_same_pages() -> None:
    item = {"id": "i1", "createdAt": None}
    owner = customer(0, **{each.key: [item, {"createdAt": None}, "unexpected"] for each in CHILD_ARRAYS})
    reader = ListReader([owner, customer(1)])
    selected = catalog(**{each.stream: {"selected": True} for each in CHILD_ARRAYS})
    messages, error = sync(make_tap(reader, catalog=selected))
    assert error is None
    assert len(reader.requests) == 1
    assert sorted(messages.schemas) == sorted(["customers", *(each.stream for each in CHILD_ARRAYS)])
    for array in CHILD_ARRAYS:
        first, second = messages.records[array.stream]
        assert (first["customer_id"], first["place"], second["place"]) == ("c0000", 0, 1)
        if array.id_key:
            assert (first["id"], second["id"]) == ("i1", "#1")


def test_keys_of_the_streams() -> None:
    streams = make_tap(ListReader([])).streams
    assert isinstance(streams["customers"], Customers)
    children = {name: stream for name, stream in streams.items() if isinstance(stream, ChildStream)}
    assert set(children) == {each.stream for each in CHILD_ARRAYS} == set(streams) - {"customers"}
    for name, stream in children.items():
        expected = "place" if name == "customer_scope_of_appointments" else "id"
        assert tuple(stream.primary_keys) == ("customer_id", expected)
        assert stream.parent_stream_type is Customers


def test_created_at_narrows_the_call_and_forbids_its_own_filters() -> None:
    by_creation = catalog(customers={"replication-key": "createdAt"})
    tap = make_tap(ListReader(CUSTOMERS), catalog=by_creation)
    first, _ = sync(tap)
    assert first.state["replication_key_value"] == "2026-01-01T00:34:00.000000Z"
    tap = make_tap(ListReader(CUSTOMERS), catalog=by_creation, state=first.states[-1])
    second, _ = sync(tap)
    assert second.ids == ["c0034"]
    assert tap.queries == [{"startDate": "2025-12-31"}]
    _, error = sync(make_tap(ListReader([]), catalog=by_creation, config={"filters": {"endDate": "2026-01-01"}}))
    assert isinstance(error, SettingsError)
    assert "filters.endDate cannot be used with createdAt" in str(error)


def test_another_replication_key_is_a_wrong_setting() -> None:
    _, error = sync(make_tap(ListReader([]), catalog=catalog(customers={"replication-key": "lastName"})))
    assert isinstance(error, SettingsError)
    assert "must be updatedAt or createdAt" in str(error)


def test_a_full_table_has_no_bookmark() -> None:
    full = catalog(customers={"forced-replication-method": "FULL_TABLE"})
    first, _ = sync(make_tap(ListReader(CUSTOMERS), catalog=full))
    second, _ = sync(make_tap(ListReader(CUSTOMERS), catalog=full, state=first.states[-1]))
    assert len(first.ids) == len(second.ids) == len(ALL)
    assert "replication_key_value" not in second.state


def test_unknown_and_mistyped_fields_are_logged_by_name_only(caplog: pytest.LogCaptureFixture) -> None:
    odd = customer(0, shoeSize="forty-four", totalCalls="many-calls")
    messages, _ = sync(make_tap(ListReader([odd, {**customer(1), "shoeSize": "forty-four"}])))
    assert caplog.text.count("CareCycle sends fields that customers does not publish: shoeSize.") == 1
    assert "Some values of customers do not have the published type and were left out: totalCalls." in caplog.text
    assert "forty-four" not in caplog.text
    assert "many-calls" not in caplog.text
    assert not any("shoeSize" in record for record in messages.records["customers"])


def test_a_start_date_holds_for_the_first_run() -> None:
    messages, _ = sync(make_tap(ListReader(CUSTOMERS), config={"start_date": "2026-02-28T00:50:00Z"}))
    assert set(messages.ids) == {f"c{number:04d}" for number in range(10)}
