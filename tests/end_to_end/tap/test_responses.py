"""Responses that are not as documented are handled, or rejected clearly."""

from __future__ import annotations

from typing import Any

import pytest

from lead_connectors.http.errors import UnexpectedResponseError
from lead_connectors.plugin.errors import SettingsError
from tap_carecycle.client import read_page
from tap_carecycle.pages import Request
from tests.end_to_end.tap.conftest import Tap
from tests.end_to_end.tap.test_errors import assert_clean, sentences
from tests.sandbox_client import Sandbox


@pytest.mark.parametrize("next_page", ["null", "zero", "missing", "plus_one"])
def test_whatever_the_last_page_says_of_the_next(tap: Tap, sandbox: Sandbox, next_page: str) -> None:
    sandbox.quirks(next_page=next_page)
    run = tap.run()
    assert len(set(run.ids)) == len(run.ids) == 1000
    assert run.bookmark is not None
    # A full last page that names a next one is looked behind, for itemsTotal could be the one that is wrong.
    assert sandbox.calls("carecycle") == (11 if next_page == "plus_one" else 10)


@pytest.mark.parametrize("over_end", ["empty", "404"])
def test_pages_behind_the_end(tap: Tap, sandbox: Sandbox, over_end: str) -> None:
    sandbox.quirks(over_end=over_end)
    sandbox.post("scan-moves", {"calls": [{"delete": 250}], "per_call": {}})
    before = set(sandbox.listed_customers())
    run = tap.run()
    assert run.exit_code == 0, run.log
    assert before & set(sandbox.listed_customers()) <= set(run.ids)
    assert run.bookmark is not None


@pytest.mark.parametrize("quirk", [{"duplicate_ids": 3}, {"timestamps": "postgres"}, {"timestamps": "postgres_offset"}])
def test_oddities_that_harm_nobody(tap: Tap, sandbox: Sandbox, quirk: dict[str, Any]) -> None:
    sandbox.quirks(**quirk)
    run = tap.run()
    assert run.exit_code == 0, run.log
    assert len(set(run.ids)) == len(run.ids) == 1000
    assert all(record["createdAt"].endswith("Z") for record in run.records["customers"])
    assert run.bookmark is not None


def test_customers_without_update_moment_are_always_given(tap: Tap, sandbox: Sandbox) -> None:
    first = tap.run()
    sandbox.quirks(null_updated_at=10)
    second = tap.run(state=first.states[-1])
    assert second.exit_code == 0, second.log
    assert 90 <= len(second.ids) <= 110
    assert second.bookmark == first.bookmark


@pytest.mark.parametrize(
    ("quirk", "words"),
    [
        ({"without_id": 1}, "a customer without id"),
        ({"null_items": 5}, "page 5 of the customers has no list of items"),
        ({"items_total_offset": 150}, "itemsTotal does not agree with its pages"),
        ({"items_total_offset": -100}, "itemsTotal does not agree with its pages"),
    ],
)
def test_contradictions_are_rejected_and_nothing_is_lost(
    tap: Tap, sandbox: Sandbox, quirk: dict[str, Any], words: str
) -> None:
    sandbox.quirks(**quirk)
    run = tap.run()
    assert run.exit_code == 1
    assert_clean(run)
    assert words in sentences(run)[0]
    assert run.bookmark is None if run.states else True
    sandbox.delete("quirks")
    again = tap.run(state=run.states[-1] if run.states else None)
    assert {*run.ids, *again.ids} == set(sandbox.listed_customers())


def test_a_server_that_ignores_the_page_is_named(tap: Tap, sandbox: Sandbox) -> None:
    sandbox.quirks(ignore_page=True)
    run = tap.run()
    assert run.exit_code == 2
    assert_clean(run)
    assert "parameter_names.page" in sentences(run)[0]


@pytest.mark.parametrize(
    ("quirk", "calls", "words"),
    [
        ({"ignore_sort": True}, 10, "parameter_names.sortOrder"),
        ({"ignore_limit": True}, 20, "parameter_names.limit"),
        ({"ignore_limit": True, "ignore_sort": True}, 20, "parameter_names.sortOrder"),
        ({"page_size_cap": 30}, 34, "parameter_names.limit"),
    ],
)
def test_servers_that_ignore_order_or_size_are_read_whole(
    tap: Tap, sandbox: Sandbox, quirk: dict[str, Any], calls: int, words: str
) -> None:
    sandbox.quirks(**quirk)
    run = tap.run()
    assert run.exit_code == 0, run.log
    assert set(run.ids) == set(sandbox.listed_customers())
    assert len(run.ids) == 1000
    assert words in run.log
    assert run.bookmark is not None
    assert sandbox.calls("carecycle") == calls


def page(**more: Any) -> dict[str, Any]:
    return {"itemsTotal": 1, "currentPage": 1, "nextPage": None, "prevPage": None, "items": [], **more}


@pytest.mark.parametrize(
    "body",
    [None, [], {}, page(itemsTotal=None), page(itemsTotal="many"), page(items={}), page(items=None), page(items=["x"])],
)
def test_what_is_no_list_of_customers(body: Any) -> None:
    with pytest.raises(UnexpectedResponseError):
        read_page(body, Request(1, 100))


def test_null_items_behind_the_end_are_none() -> None:
    assert read_page(page(itemsTotal=0, items=None), Request(1, 100)).rows == []


def test_a_creation_that_is_no_moment() -> None:
    with pytest.raises(UnexpectedResponseError, match="createdAt that is not a timestamp"):
        read_page(page(items=[{"id": "a", "createdAt": "soon"}]), Request(1, 100))


def test_another_page_than_asked_for() -> None:
    with pytest.raises(SettingsError, match="returned page 1 instead of page 2"):
        read_page(page(), Request(2, 100))


def test_an_empty_account(tap: Tap, sandbox: Sandbox) -> None:
    sandbox.post("change", {"delete": 1000})
    run = tap.run()
    assert run.exit_code == 0, run.log
    assert run.ids == []
    assert sandbox.calls("carecycle") == 1
