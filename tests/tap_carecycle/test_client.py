"""The list call against a scripted server, and its responses read into pages."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from lead_connectors.http.errors import CallRejectedError, DeniedError, UnexpectedResponseError
from lead_connectors.plugin.errors import SettingsError
from tap_carecycle.client import CustomersApi, describe_rejection, read_page
from tap_carecycle.pages import NEWEST_OF_ALL, Request
from tests.http.loopback import Loopback, loopback, scripted


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback() as started:
        yield started


@pytest.fixture
def api(server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CustomersApi]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    config = {
        "api_key": "cc_test",
        "api_url": server.url,
        "requests_per_minute": 1000,
        "request_timeout": 5,
        "max_retry_seconds": 0,
        "parameter_names": {"limit": "pageSize"},
    }
    api = CustomersApi(config, threading.Event())
    yield api
    api.close()


def envelope(*items: Any, **more: Any) -> dict[str, Any]:
    return {"itemsTotal": len(items), "currentPage": 1, "nextPage": None, "items": list(items), **more}


def test_the_call_has_the_names_on_the_wire(api: CustomersApi, server: Loopback) -> None:
    server.script = [scripted(200, envelope({"id": "a", "createdAt": None, "callerId": "+1"}))]
    page = api.fetch(Request(1, 50), {"status": "Lead"})
    (request,) = server.requests
    assert urlsplit(request.path).path == "/v2/customers"
    assert parse_qs(urlsplit(request.path).query) == {
        "status": ["Lead"],
        "page": ["1"],
        "pageSize": ["50"],
        "sortBy": ["createdAt"],
        "sortOrder": ["asc"],
    }
    assert request.headers["x-api-key"] == "cc_test"
    assert [(row.id, row.created, row.caller) for row in page.rows] == [("a", NEWEST_OF_ALL, "+1")]


def test_days_around_a_timestamp_narrow_the_call(api: CustomersApi) -> None:
    request = Request(1, 50, "callerId", around="2026-03-10T12:00:00.000000Z")
    parameters = api.parameters(request, {"startDate": "2026-03-09"})
    assert (parameters["startDate"], parameters["endDate"], parameters["sortBy"]) == (
        "2026-03-09",
        "2026-03-12",
        "callerId",
    )
    assert api.parameters(request, {})["startDate"] == "2026-03-08"


def test_a_404_beyond_the_end_is_an_empty_page(api: CustomersApi, server: Loopback) -> None:
    server.script = [scripted(404, {"code": "NOT_FOUND"}), scripted(200, envelope({"id": "a"}, itemsTotal=7))]
    page = api.fetch(Request(3, 10), {})
    assert (page.rows, page.total) == ([], 7)
    server.script = [scripted(404, {"code": "NOT_FOUND"})]
    with pytest.raises(DeniedError, match="check api_url"):
        api.fetch(Request(1, 10), {})


def test_an_ignored_filter_stops_the_run_before_the_page_is_emitted(api: CustomersApi, server: Loopback) -> None:
    outside = [{"id": str(number), "status": "Active"} for number in range(4)]
    server.script = [scripted(200, envelope(*outside[:3])), scripted(200, envelope(*outside))]
    assert len(api.fetch(Request(1, 10), {"status": "Lead"}).rows) == 3  # so few can have just left the filter
    with pytest.raises(SettingsError, match=r"ignores the filter status: 4 customers .* parameter_names\.status"):
        api.fetch(Request(1, 10), {"status": "Lead"})


def test_a_rejected_call_is_described_without_the_received_value(api: CustomersApi, server: Loopback) -> None:
    error = {"path": ["sortOrder"], "message": "Expected asc, received jane", "received": "jane"}
    server.script = [scripted(422, {"code": "VALIDATION_ERROR", "message": "Invalid", "errors": [error] * 5})]
    with pytest.raises(SettingsError) as caught:
        api.fetch(Request(1, 10), {"search": "jane"})
    sentence = "sortOrder: Expected asc, received (hidden)"
    assert str(caught.value) == (
        f"CareCycle rejected the list call (VALIDATION_ERROR): {sentence}; {sentence}; {sentence} and 2 more. "
        "Check filters and parameter_names."
    )
    assert "jane" not in str(caught.value)


@pytest.mark.parametrize("body", [None, {}, {"errors": 7}, {"errors": ["x"]}])
def test_a_rejection_without_a_reason_says_so(body: Any) -> None:
    error = describe_rejection(CallRejectedError(status=400, code="HTTP 400", body=body))
    assert "(HTTP 400): it gives no reason." in str(error)


def test_a_page_knows_its_total_and_whether_another_follows() -> None:
    items = [{"id": "a", "createdAt": "2026-01-01 00:00:00"}, {"id": "a"}, {"id": "b"}]
    page = read_page(envelope(*items, itemsTotal=9, nextPage=2), Request(1, 3))
    assert (page.total, page.received, page.has_next) == (9, 3, True)
    assert sorted(row.id for row in page.rows) == ["a", "b"]
    for last in (None, 0, 1, "2"):
        assert not read_page(envelope(nextPage=last), Request(1, 3)).has_next


@pytest.mark.parametrize("item", [{}, {"id": None}, {"id": ""}, {"id": 5}])
def test_a_customer_without_an_id_cannot_be_read(item: dict[str, Any]) -> None:
    with pytest.raises(UnexpectedResponseError, match="page 1 holds a customer without id"):
        read_page(envelope(item), Request(1, 100))
