"""The quota: kept by several processes together, full whatever the latency, and lowered by a response that names less.

Mutants that this catches: a limit counted a process, a retry that ignores `retryAfter`, a rejection under 403 or 200
taken for final (a lost lead) or for success, a named limit ignored, a quota left unused while responses are slow.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from tests.end_to_end.delivery.harness import DELIVERED, TargetHarness, people, until
from tests.processes import singer
from tests.sandbox_client import CARECYCLE_KEY

# In real time: not beside each other.
pytestmark = pytest.mark.xdist_group("real_time")

FIVE_A_SECOND: dict[str, Any] = {"calls": 5, "seconds": 1}


def limit(harness: TargetHarness, window: str) -> None:
    harness.sandbox.post("limits", {harness.api: window})


def busiest(arrivals: list[float], seconds: float) -> int:
    return max(sum(1 for other in arrivals if 0 <= other - start <= seconds) for start in arrivals)


def write_moments(harness: TargetHarness, after: float = 0.0) -> list[float]:
    moments: list[float] = sorted(harness.stats()["arrivals"])
    return [moment for moment in moments if moment > after]


def delivered(account: dict[str, Any]) -> int:
    return sum(account[column] for column in DELIVERED)


def test_two_targets_on_one_account_share_the_quota(harness: TargetHarness) -> None:
    limit(harness, "5/1")
    runs = []
    for half in range(2):
        folder = harness.folder / str(half)
        folder.mkdir()
        twin = TargetHarness(harness.api, harness.sandbox, folder)
        rows = people(24)[half * 12 : half * 12 + 12]
        runs.append(twin.live(singer(rows), batch_size_rows=1, rate_limit=FIVE_A_SECOND))
    assert [live.end() for live in runs] == [0, 0]
    assert len(harness.arrived()) == 24
    assert harness.stats()["rate_limited_calls"] == 0
    assert busiest(write_moments(harness), 1.0) <= 5


def test_the_quota_is_full_whatever_the_latency(leads: TargetHarness) -> None:
    """A response takes 1 s, 5 calls a second are allowed: 5 calls a second are made once that is known."""
    leads.sandbox.post("quirks", {"latency": 1.0})
    limit(leads, "5/1")
    live = leads.live(singer(people(36)), batch_size_rows=1, rate_limit=FIVE_A_SECOND, preflight="off")
    assert live.end() == 0
    assert leads.stats()["rate_limited_calls"] == 0
    moments = write_moments(leads)
    assert len(moments) == 36
    # The first responses tell the latency; after them the windows are full, the last aside.
    seconds = moments[-1] - moments[10]
    assert (len(moments) - 11) / seconds >= 5 / 1.15 * 0.95, "less than 95 % of what the margin allows"
    assert busiest(moments, 1.0) <= 5


@pytest.mark.parametrize("form", ["429", "403", "200"])
def test_a_lower_limit_is_obeyed_in_every_form(leads: TargetHarness, form: str) -> None:
    """Told 1000 calls a second, allowed 4: met by few calls, then kept to."""
    leads.sandbox.post("quirks", {"limit_form": form})
    limit(leads, "4/1")
    account = leads.deliver(people(9), batch_size_rows=1, max_in_flight=4)
    assert account["created"] == 9
    rejections = leads.stats()["rate_limited_calls"]
    assert 1 <= rejections <= 4, "only calls that were in flight"
    assert leads.report()["api"]["http_429"] == rejections
    assert max(leads.arrived().values()) == 1


def test_a_lower_limit_is_known_by_its_text_alone(leads: TargetHarness) -> None:
    """403 with the type of a rejection for good, and the text of one for pace, as one tenant shows it."""
    text = "API calls exceeded the limit of 500 in 1 second(s)"
    leads.fault("forbidden_403", times=1, message=text)
    assert leads.deliver(people(2))["created"] == 2
    assert leads.report()["api"]["http_429"] == 1


def test_carecycle_says_how_long_to_wait(uploads: TargetHarness) -> None:
    """`retryAfter` in the body: until then nobody calls."""
    uploads.fault("limit_429", times=1, after_calls=1, retry_after=2)
    account = uploads.deliver(people(6), batch_size_rows=1, max_in_flight=1)
    assert account["accepted"] == 6
    gaps = [b - a for a, b in pairwise(write_moments(uploads))]
    assert max(gaps) >= 2.0
    assert uploads.report()["api"]["http_429"] == 1
    assert uploads.write_calls() == 7


def test_leadsquared_may_send_a_header(leads: TargetHarness) -> None:
    leads.fault("limit_429", times=1, retry_after=2, calls=500, window=1)
    assert leads.deliver(people(2))["created"] == 2
    gaps = [b - a for a, b in pairwise(write_moments(leads))]
    assert max(gaps) >= 2.0


def test_a_single_row_that_is_rejected_for_the_rate_limit_is_sent_again(leads: TargetHarness) -> None:
    text = "API calls exceeded the limit of 500 in 1 second(s)"
    leads.fault("fail_row", row=2, times=1, exception_type="MXAPIRateLimitExceededException", message=text)
    account = leads.deliver(people(3))
    assert account["created"] == 3
    assert leads.stats()["rows_per_call"] == [3, 1]


def test_a_wait_beyond_all_patience_ends_the_run(uploads: TargetHarness) -> None:
    uploads.fault("limit_429", retry_after=3600)
    done = uploads.run(singer(people(2), state_every=1), max_retry_seconds=2)
    assert done.code == 1
    assert done.states() == []
    assert uploads.write_calls() == 1, "nobody calls into a pause"
    assert "3600" in done.err.splitlines()[-1]


def test_faults_are_retried_for_max_retry_seconds(leads: TargetHarness) -> None:
    leads.fault("status_503")
    account = leads.deliver(people(2), code=1, max_retry_seconds=2)
    assert account["unsent"] == 2
    assert leads.write_calls() >= 2
    leads.clear_faults()
    assert leads.deliver(people(2))["created"] == 2


def test_the_days_calls_are_not_exceeded(uploads: TargetHarness) -> None:
    settings = {"rate_limit": {"calls": 100, "seconds": 1, "calls_per_day": 3}, "max_retry_seconds": 1}
    account = uploads.deliver(people(5), code=1, batch_size_rows=1, **settings)
    assert account["accepted"] == 3
    assert account["unsent"] == 2
    assert uploads.write_calls() == 3


def test_an_unknown_limit_is_met_by_few_calls_at_once(leads: TargetHarness) -> None:
    """One call until the first response."""
    leads.sandbox.post("quirks", {"latency": 0.5})
    live = leads.live(singer(people(20)), batch_size_rows=1, preflight="off")
    until(lambda: leads.write_calls() >= 1, "the first call")
    assert leads.stats()["in_flight_maximum"] == 1
    assert live.end() == 0
    assert leads.stats()["in_flight_maximum"] > 1
    assert CARECYCLE_KEY not in live.err
