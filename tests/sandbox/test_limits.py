from __future__ import annotations

import time

import pytest

from sandbox.limits import Limiter, SlidingWindow, busiest
from sandbox.settings import Window
from tests.sandbox.client import LEADS, UPSERT, SandboxClient, lead

OVER = "API calls exceeded the limit of 3 in 1 second(s)"


def test_a_window_slides_call_by_call() -> None:
    limiter = Limiter([SlidingWindow(Window(2, 10))])
    assert limiter.admit(0.0) is None
    assert limiter.admit(4.0) is None
    assert limiter.admit(9.9) is not None
    assert limiter.admit(10.0) is not None, "both ends of the window count"
    assert limiter.admit(10.01) is None
    assert limiter.admit(13.9) is not None
    assert limiter.admit(14.01) is None


def test_rejected_calls_do_not_count_and_retry_after_is_whole_seconds() -> None:
    limiter = Limiter([SlidingWindow(Window(1, 10))])
    limiter.admit(0.0)
    waits = [rejection.retry_after for moment in (1.0, 5.5, 9.99) if (rejection := limiter.admit(moment))]
    assert waits == [10, 5, 1]
    assert limiter.admit(10.01) is None


def test_the_narrowest_of_several_windows_holds() -> None:
    limiter = Limiter([SlidingWindow(Window(2, 1)), SlidingWindow(Window(3, 100))])
    admitted = [moment for moment in range(0, 20, 2) if limiter.admit(float(moment)) is None]
    assert admitted == [0, 2, 4]


@pytest.mark.parametrize(("text", "calls", "seconds"), [("60/60", 60, 60.0), ("25/5", 25, 5.0), ("0/0", 0, 0.0)])
def test_windows_are_read(text: str, calls: int, seconds: float) -> None:
    assert Window.parse(text) == Window(calls, seconds)


@pytest.mark.parametrize("text", ["60", "a/b", "-1/5", "5/0"])
def test_no_windows(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Window.parse(text)


def test_busiest_counts_any_window() -> None:
    assert busiest([], 5) == 0
    assert busiest([0, 1, 2, 7, 7.5, 8, 8.1], 1.1) == 4
    assert busiest([0, 5], 5) == 2


def test_carecycle_rejects_the_call_too_many_and_says_how_long(sandbox: SandboxClient) -> None:
    sandbox.post("limits", {"carecycle": "3/60"})
    responses = [sandbox.page(limit=1) for _ in range(4)]
    assert [response.status_code for response in responses] == [200, 200, 200, 429]
    body = responses[3].json()
    assert body == {"message": "Rate limit exceeded", "code": "RATE_LIMIT_EXCEEDED", "retryAfter": body["retryAfter"]}
    assert 59 <= body["retryAfter"] <= 60
    assert "Retry-After" not in responses[3].headers
    seen = sandbox.stats("carecycle")
    assert (seen["calls"], seen["rate_limited_calls"], seen["max_calls_in_window"]["60"]) == (4, 1, 4)


def test_calls_without_a_key_count_too(sandbox: SandboxClient) -> None:
    sandbox.post("limits", {"carecycle": "2/60"})
    for _ in range(2):
        assert sandbox.session.get(f"{sandbox.url}/v2/customers").status_code == 401
    assert sandbox.page(limit=1).status_code == 429


def test_a_call_fits_again_when_the_window_has_passed(sandbox: SandboxClient) -> None:
    sandbox.post("limits", {"carecycle": "1/0.3"})
    assert sandbox.page(limit=1).status_code == 200
    assert sandbox.page(limit=1).status_code == 429
    end = time.monotonic() + 5.0
    while (status := sandbox.page(limit=1).status_code) == 429:
        assert time.monotonic() < end
    assert status == 200


@pytest.mark.parametrize("form", ["429", "403", "200"])
def test_leadsquared_rejects_in_three_forms(sandbox: SandboxClient, form: str) -> None:
    sandbox.post("quirks", {"limit_form": form})
    sandbox.post("limits", {"leadsquared": "3/1"})
    responses = [sandbox.post_lsq(UPSERT, [lead(EmailAddress=f"p{n}@example.com")]) for n in range(4)]
    assert [response.status_code for response in responses] == [200, 200, 200, int(form)]
    assert responses[3].json() == {
        "Status": "Error",
        "ExceptionType": "MXAPIRateLimitExceededException",
        "ExceptionMessage": OVER,
    }
    assert len(sandbox.get("leads")) == 3, "a rejected call writes nothing"


def test_bulk_calls_have_a_window_of_their_own(sandbox: SandboxClient) -> None:
    sandbox.post("limits", {"leadsquared_bulk": "1/60"})
    assert sandbox.post_lsq(UPSERT, [lead(EmailAddress="a@example.com")]).status_code == 200
    assert sandbox.post_lsq(UPSERT, [lead(EmailAddress="b@example.com")]).status_code == 429
    assert sandbox.get_lsq(f"{LEADS}Leads.GetById", id="x").status_code == 200


def test_a_day_has_its_own_limit(sandbox: SandboxClient) -> None:
    sandbox.post("limits", {"leadsquared_daily": 1})
    assert sandbox.get_lsq(f"{LEADS}Leads.GetById", id="x").status_code == 200
    response = sandbox.get_lsq(f"{LEADS}Leads.GetById", id="x")
    assert response.status_code == 429
    assert response.json()["ExceptionMessage"] == "API calls exceeded the limit of 1 in 86400 second(s)"


def test_retry_after_header_on_demand(sandbox: SandboxClient) -> None:
    sandbox.post("quirks", {"retry_after_header": True})
    sandbox.post("limits", {"carecycle": "1/60", "leadsquared": "1/60"})
    for _ in range(2):
        customers, found = sandbox.page(limit=1), sandbox.get_lsq(f"{LEADS}Leads.GetById", id="x")
    assert customers.headers["Retry-After"] == found.headers["Retry-After"] == "60"
