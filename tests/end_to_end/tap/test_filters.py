"""Filters: what is accepted, what goes over the wire, what happens when they change."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_carecycle.client import CustomersApi
from tap_carecycle.filters import FILTERS, ignored_filter, may_be_entered, problems_with, query_of
from tap_carecycle.pages import Request
from tap_carecycle.settings import SETTINGS
from tests.end_to_end.tap.conftest import Tap
from tests.end_to_end.tap.test_sync import root
from tests.sandbox_client import CARECYCLE_KEY, Sandbox

GOOD: list[dict[str, Any]] = [
    {"search": "Ann"},
    {"includeTestNumbers": True},
    {"sourceIds": ["spring"]},
    {"campaignIds": ["a", "b"]},
    {"campaignStatus": ["pending", "completed"]},
    {"customerCampaignStatus": "pending"},
    {"hasAttempts": False},
    {"pulseNodeId": "node-1"},
    {"policyStatus": "Active,Pending Effectuation"},
    {"assignedMemberIds": "unassigned"},
    {"status": ["Lead", "Active"]},
    {"dateField": "effectiveDate", "startDate": "2026-01-01"},
    {"endDate": "2026-01-01T00:00:00Z"},
    {"lastCallStartDate": "2026-01-01", "lastCallEndDate": "2026-02-01"},
    {"states": ["TX", "CA"]},
    {"counties": "Travis"},
    {"policyTypes": ["Individual Health"]},
    {"agingIn": 6},
]


@pytest.mark.parametrize("filters", GOOD, ids="+".join)
def test_good_filters_reach_the_api(sandbox: Sandbox, filters: dict[str, Any]) -> None:
    assert problems_with(filters, {}) == []
    config = {name: each.get("default") for name, each in SETTINGS["properties"].items()}
    api = CustomersApi(
        {**config, "api_key": CARECYCLE_KEY, "api_url": sandbox.url, "requests_per_minute": 60_000}, threading.Event()
    )
    api.fetch(Request(1, 100), query_of(filters))
    api.close()
    assert sandbox.stats("carecycle")["unknown_parameters"] == {}


def test_every_filter_of_the_table_is_tried() -> None:
    names = {name for filters in GOOD for name in filters}
    others = {other for each in FILTERS.values() for other in each.other_names}
    assert set(FILTERS) | others >= names
    assert set(FILTERS) <= names


@pytest.mark.parametrize(
    ("filters", "sentence"),
    [
        ({"stauts": "Lead"}, "filters.stauts is not known; did you mean status?"),
        ({"status": "Leed"}, "filters.status must be any of Lead, Active, Inactive."),
        ({"status": ["Lead", 4]}, "filters.status must be a list of texts without commas."),
        ({"startDate": "01/02/2026"}, "filters.startDate must be a day as YYYY-MM-DD."),
        ({"startDate": "2026-01-01T00:00:00+00:00"}, "filters.startDate must be a day as YYYY-MM-DD."),
        ({"startDate": "2026-02-30"}, "filters.startDate must be a day as YYYY-MM-DD."),
        ({"agingIn": "7"}, "filters.agingIn must be one of 3, 6, 12."),
        ({"hasAttempts": "maybe"}, "filters.hasAttempts must be true or false."),
        ({"search": {"a": 1}}, "filters.search must be text."),
        ({"states": " "}, "filters.states must be text, not empty."),
    ],
)
def test_wrong_filters_are_told_in_a_sentence(filters: dict[str, Any], sentence: str) -> None:
    assert problems_with(filters, {}) == [sentence]


def test_a_wrong_filter_ends_the_run_before_any_call(tap: Tap, sandbox: Sandbox) -> None:
    run = tap.run(config={"filters": {"status": "Leed"}})
    assert run.exit_code == 2
    assert "filters.status must be any of Lead, Active, Inactive." in run.log
    assert run.stdout == ""
    assert sandbox.calls("carecycle") == 0


def test_wrong_parameter_names_are_rejected() -> None:
    assert problems_with({}, {"limitt": "x"}) == ["parameter_names.limitt is not known; did you mean limit?"]
    assert problems_with({}, {"limit": ""}) == ["parameter_names.limit must be text, not empty."]
    assert problems_with({}, {"limit": "n", "page": "n"}) == [
        "parameter_names must not send two parameters under one name."
    ]


def test_filters_choose_customers(tap: Tap, sandbox: Sandbox) -> None:
    run = tap.run(config={"filters": {"status": ["Lead"], "states": ["TX", "CA"]}})
    expected = {
        key for key, c in sandbox.listed_customers().items() if c["status"] == "Lead" and c["state"] in {"TX", "CA"}
    }
    assert set(run.ids) == expected
    assert expected


def test_parameters_go_by_the_names_of_the_account(tap: Tap, sandbox: Sandbox) -> None:
    names = {"page": "pageNumber", "limit": "pageSize", "sortBy": "orderBy", "sortOrder": "direction", "states": "st"}
    sandbox.quirks(parameter_names=names)
    run = tap.run(config={"parameter_names": names, "filters": {"states": "TX"}})
    assert run.exit_code == 0, run.log
    assert {record["state"] for record in run.records["customers"]} == {"TX"}
    assert sandbox.stats("carecycle")["unknown_parameters"] == {}


def test_a_filter_that_the_api_ignores_is_noticed(tap: Tap, sandbox: Sandbox) -> None:
    sandbox.quirks(parameter_names={"status": "lifecycle"})
    run = tap.run(config={"filters": {"status": "Inactive"}})
    assert run.exit_code == 2
    assert "ignores the filter status" in run.log
    assert "parameter_names.status" in run.log
    assert run.ids == []


def test_changed_filters_leave_the_bookmark_unused_and_say_so(tap: Tap) -> None:
    first = tap.run(config={"filters": {"status": "Lead"}})
    assert first.customers_state["filters"] not in {"none", "Lead"}
    second = tap.run(config={"filters": {"status": "Active"}}, state=first.states[-1])
    assert "belongs to other filters" in second.log
    assert len(second.ids) > 100
    third = tap.run(config={"filters": {"status": "Active"}}, state=second.states[-1])
    assert len(third.ids) < 10


@pytest.mark.parametrize("name", ["startDate", "endDate", "dateField"])
def test_creation_dates_are_rejected_where_the_run_needs_them(tap: Tap, name: str) -> None:
    catalog = tap.catalog()
    root(catalog, "customers")["replication-key"] = "createdAt"
    value = "createdAt" if name == "dateField" else "2026-01-01"
    run = tap.run(catalog=catalog, config={"filters": {name: value}})
    assert run.exit_code == 2
    assert f"filters.{name} cannot be used with createdAt" in run.log


@given(
    st.dictionaries(
        st.sampled_from([*FILTERS, "nonsense"]),
        st.one_of(st.none(), st.text(), st.integers(), st.booleans(), st.lists(st.text())),
    )
)
def test_whatever_is_accepted_can_be_sent(filters: dict[str, Any]) -> None:
    if not problems_with(filters, {}):
        query = query_of(filters)
        assert all(isinstance(value, str) and value for value in query.values())
        may_be_entered(query)


def test_only_what_a_response_proves_counts() -> None:
    customer = {"status": "Lead", "createdAt": "2026-03-01 10:00:00"}
    assert ignored_filter({"status": "Lead,Active"}, customer) is None
    assert ignored_filter({"status": "Active"}, customer) == "status"
    assert ignored_filter({"startDate": "2026-03-02"}, customer) is None
    assert ignored_filter({"startDate": "2026-03-09"}, customer) == "startDate"
    assert ignored_filter({"endDate": "2026-02-01"}, customer) == "endDate"
    assert ignored_filter({"endDate": "2026-02-01", "dateField": "effectiveDate"}, customer) is None
    assert ignored_filter({"status": "Active", "startDate": "2026-03-09"}, {"status": None, "createdAt": None}) is None


def test_only_dates_of_creation_keep_everybody_in_place() -> None:
    assert not may_be_entered({})
    assert not may_be_entered({"startDate": "2026-01-01", "includeTestNumbers": "true"})
    assert may_be_entered({"startDate": "2026-01-01", "dateField": "effectiveDate"})
    assert may_be_entered({"search": "x"})
