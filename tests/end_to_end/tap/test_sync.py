"""The command against the sandbox: what arrives, what it costs, what a later run reads."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from tests.end_to_end.tap.conftest import Tap
from tests.sandbox_client import Sandbox

LATEST_START = 20
"""Seconds in which a process starts even where others keep the machine busy."""

CHILDREN = {
    "customer_campaigns": "campaigns",
    "customer_custom_fields": "customFields",
    "customer_policies": "policies",
    "customer_prescriptions": "prescriptions",
    "customer_providers": "providers",
    "customer_scope_of_appointments": "scopeOfAppointments",
    "customer_dependents": "dependents",
}


def root(catalog: dict[str, Any], stream: str) -> dict[str, Any]:
    """A stream's own metadata in a catalog."""
    entry = next(each for each in catalog["streams"] if each["tap_stream_id"] == stream)
    found: dict[str, Any] = next(each["metadata"] for each in entry["metadata"] if not each["breadcrumb"])
    return found


def moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z")


def test_every_customer_arrives_field_by_field_in_as_many_calls_as_pages(tap: Tap, sandbox: Sandbox) -> None:
    run = tap.run(installed=True)
    assert run.exit_code == 0, run.log
    expected = sandbox.listed_customers()
    assert len(run.ids) == len(set(run.ids)) == len(expected) == 1000
    for record in run.records["customers"]:
        source = expected[record["id"]]
        assert set(record) == set(source)
        for name, value in record.items():
            if name in {"createdAt", "updatedAt", "lastContactedAt", "convertedAt", "lastCallDate"} and value:
                assert moment(value) == moment(source[name]), name
                assert value.endswith("Z"), name
            else:
                assert value == source[name], name
    assert sandbox.calls("carecycle") == 10
    assert sandbox.stats("carecycle")["unknown_parameters"] == {}
    assert set(run.records) == {"customers"}
    assert len(run.schemas) == 1


def test_a_state_follows_each_page_and_the_last_one_is_small_and_readable(tap: Tap) -> None:
    run = tap.run(config={"max_in_flight": 1})
    assert len(run.states) >= 8  # a group that a page cuts through is proven with the page that ends it
    partial = run.states[3]["bookmarks"]["customers"]["partial_scan"]
    assert set(partial) == {"scope", "started_at", "customers_left", "older_than", "newest"}
    left = [state["bookmarks"]["customers"]["partial_scan"]["customers_left"] for state in run.states[:-1]]
    assert left == sorted(left, reverse=True)
    newest = max(record["updatedAt"] for record in run.records["customers"])
    assert run.customers_state == {
        "filters": "none",
        "replication_key": "updatedAt",
        "replication_key_value": newest,
    }
    assert all(len(json.dumps(state)) < 600 for state in run.states)


def test_the_next_run_gives_what_changed_and_ties_at_the_bookmark(tap: Tap, sandbox: Sandbox) -> None:
    first = tap.run(config={"lookback_window": 0})
    changed = sandbox.post("change", {"update": 7, "insert": 3})
    newest = max(record["updatedAt"] for record in first.records["customers"])
    ties = {record["id"] for record in first.records["customers"] if record["updatedAt"] == newest}
    second = tap.run(config={"lookback_window": 0}, state=first.states[-1])
    assert set(second.ids) == {*changed["updated"], *changed["inserted"], *ties}
    third = tap.run(config={"lookback_window": 0}, state=second.states[-1])
    assert third.bookmark == second.bookmark
    assert set(third.ids) <= set(second.ids)


def test_the_bookmark_never_passes_the_start_of_the_run(tap: Tap, sandbox: Sandbox) -> None:
    before = datetime.now(timezone.utc)
    sandbox.post("scan-moves", {"per_call": {"update": 5, "insert": 2}})
    run = tap.run(config={"max_in_flight": 1})
    moved = {each for step in sandbox.get("scan-moves") for each in (*step["updated"], *step["inserted"])}
    sandbox.delete("scan-moves")
    assert run.bookmark is not None
    assert moment(run.bookmark) < before + timedelta(seconds=LATEST_START)
    again = tap.run(config={"lookback_window": 0}, state=run.states[-1])
    assert moved <= set(again.ids)


def test_the_lookback_reads_again_what_lies_shortly_before_the_bookmark(tap: Tap) -> None:
    first = tap.run()
    assert first.bookmark is not None
    days = 40
    edge = (moment(first.bookmark) - timedelta(days=days)).isoformat()
    second = tap.run(config={"lookback_window": days * 86_400}, state=first.states[-1])
    expected = {r["id"] for r in first.records["customers"] if moment(r["updatedAt"]) >= datetime.fromisoformat(edge)}
    assert len(expected) > 10
    assert set(second.ids) == expected
    assert second.bookmark == first.bookmark


def test_start_date_holds_for_the_first_run(tap: Tap) -> None:
    run = tap.run(config={"start_date": "2026-09-01T00:00:00Z"})
    assert 0 < len(run.ids) < 1000
    assert min(record["updatedAt"] for record in run.records["customers"]) >= "2026-09-01"


def test_children_come_off_the_same_pages(tap: Tap, sandbox: Sandbox) -> None:
    catalog = tap.catalog()
    for stream in CHILDREN:
        root(catalog, stream)["selected"] = True
    run = tap.run(catalog=catalog)
    customers = sandbox.listed_customers()
    assert sandbox.calls("carecycle") == 10
    assert len(run.schemas) == 1 + len(CHILDREN)
    for stream, array in CHILDREN.items():
        assert len(run.records[stream]) == sum(len(customer[array]) for customer in customers.values()) > 50
        keys = next(schema["key_properties"] for schema in run.schemas if schema["stream"] == stream)
        assert len({tuple(row[key] for key in keys) for row in run.records[stream]}) == len(run.records[stream])
        for row in run.records[stream]:
            item = customers[row["customer_id"]][array][row["place"]]
            assert row.get("id") == item.get("id")


def test_children_alone_need_no_customers(tap: Tap, sandbox: Sandbox) -> None:
    catalog = tap.catalog()
    root(catalog, "customers")["selected"] = False
    root(catalog, "customer_policies")["selected"] = True
    run = tap.run(catalog=catalog)
    assert run.exit_code == 0, run.log
    assert set(run.records) == {"customer_policies"}
    assert sandbox.calls("carecycle") == 10


@pytest.mark.parametrize("place", ["metadata", "top level"])
def test_created_at_as_replication_key_reads_only_new_pages(tap: Tap, sandbox: Sandbox, place: str) -> None:
    catalog = tap.catalog()
    if place == "metadata":
        root(catalog, "customers")["replication-key"] = "createdAt"
    else:
        next(e for e in catalog["streams"] if e["tap_stream_id"] == "customers")["replication_key"] = "createdAt"
    first = tap.run(catalog=catalog)
    assert len(first.ids) == 1000
    assert first.bookmark == max(record["createdAt"] for record in first.records["customers"])
    assert first.customers_state["replication_key"] == "createdAt"
    inserted = sandbox.post("change", {"insert": 3, "update": 9})["inserted"]
    calls = sandbox.calls("carecycle")
    second = tap.run(catalog=catalog, state=first.states[-1], config={"lookback_window": 0})
    assert set(inserted) <= set(second.ids)
    assert min(record["createdAt"] for record in second.records["customers"]) >= first.bookmark
    assert sandbox.calls("carecycle") - calls == 1


def test_a_full_table_gives_everything_each_time(tap: Tap) -> None:
    catalog = tap.catalog()
    root(catalog, "customers")["forced-replication-method"] = "FULL_TABLE"
    first = tap.run(catalog=catalog)
    second = tap.run(catalog=catalog, state=first.states[-1])
    assert len(first.ids) == len(second.ids) == 1000
    assert "replication_key_value" not in second.customers_state


def test_deselected_fields_stay_out(tap: Tap) -> None:
    catalog = tap.catalog()
    entry = next(each for each in catalog["streams"] if each["tap_stream_id"] == "customers")
    for each in entry["metadata"]:
        if each["breadcrumb"] in (["properties", "dependents"], ["properties", "source", "properties", "name"]):
            each["metadata"]["selected"] = False
    run = tap.run(catalog=catalog)
    assert "dependents" not in run.schemas[0]["schema"]["properties"]
    assert not any("dependents" in record for record in run.records["customers"])
    assert not any("name" in (record["source"] or {}) for record in run.records["customers"])


def test_unknown_fields_are_named_once_and_passed_through_where_wanted(tap: Tap, sandbox: Sandbox) -> None:
    sandbox.quirks(extra_fields={"shoeSize": 44, "favouriteTea": "green"})
    run = tap.run()
    assert run.log.count("favouriteTea, shoeSize") == 1
    assert "green" not in run.log
    assert not any("shoeSize" in record for record in run.records["customers"])
    catalog = tap.catalog()
    entry = next(each for each in catalog["streams"] if each["tap_stream_id"] == "customers")
    entry["schema"]["properties"]["shoeSize"] = {"type": ["integer", "null"]}
    run = tap.run(catalog=catalog)
    assert all(record["shoeSize"] == 44 for record in run.records["customers"])
    assert run.schemas[0]["schema"]["properties"]["shoeSize"] == {"type": ["integer", "null"]}


def test_the_test_flag_makes_one_call_of_one_row_and_prints_no_record(tap: Tap, sandbox: Sandbox) -> None:
    run = tap.run("--test")
    assert run.exit_code == 0, run.log
    assert run.stdout == ""
    assert "1000 customers" in run.log
    assert sandbox.stats("carecycle")["rows_per_call"] in ([], [1])
    assert sandbox.calls("carecycle") == 1


@pytest.mark.parametrize("moves", [{"insert": 1, "delete": 1, "update": 2}, {"delete": 3}, {"insert": 4}])
@pytest.mark.parametrize("shuffle", [False, True])
def test_nobody_is_lost_while_customers_move(
    tap: Tap, sandbox: Sandbox, moves: dict[str, int], *, shuffle: bool
) -> None:
    sandbox.quirks(shuffle_ties=shuffle)
    before = set(sandbox.listed_customers())
    sandbox.post("scan-moves", {"per_call": moves})
    run = tap.run(config={"max_in_flight": 4})
    sandbox.delete("scan-moves")
    constant = before & set(sandbox.listed_customers())
    assert constant <= set(run.ids)
    assert len(run.ids) == len(set(run.ids))
    assert run.bookmark is not None
    assert sandbox.calls("carecycle") <= 20


def test_nobody_is_lost_while_customers_enter_and_leave_a_filter(tap: Tap, sandbox: Sandbox) -> None:
    def leads() -> set[str]:
        return {each["id"] for each in sandbox.listed_customers().values() if each["status"] == "Lead"}

    before = leads()
    sandbox.post("scan-moves", {"per_call": {"flip": 2, "insert_old": 1}})
    run = tap.run(config={"filters": {"status": "Lead"}, "max_in_flight": 4})
    moved = {each for step in sandbox.get("scan-moves") for each in step["flipped"]}
    assert (before & leads()) - moved <= set(run.ids)
    assert run.bookmark is not None
