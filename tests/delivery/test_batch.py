"""Splitting finds exactly the bad leads, delivers all others, and keeps the results in order."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lead_connectors.delivery.batch import deliver_split
from lead_connectors.http.errors import CallRejectedError, TransientError

BATCH = 25


class Api:
    """Refuses a call with a bad lead in it; blames whom it likes."""

    def __init__(self, bad: set[int], blamed: Sequence[int] = ()) -> None:
        self.bad, self.blamed = bad, blamed
        self.calls: list[list[int]] = []

    def send(self, items: Sequence[int]) -> list[str]:
        self.calls.append(list(items))
        if self.bad & set(items):
            raise CallRejectedError(status=400, code="MXInvalidInputException", body=[])
        return [f"took {item}" for item in items]

    def deliver(self, items: Sequence[int]) -> list[str]:
        return deliver_split(items, self.send, lambda item, _: f"refused {item}", lambda _: self.blamed)


@given(
    size=st.integers(0, 60),
    bad=st.sets(st.integers(0, 59)),
    blamed=st.lists(st.integers(-3, 70), max_size=8),
)
def test_exactly_the_bad_set_is_refused(size: int, bad: set[int], blamed: list[int]) -> None:
    api = Api(bad, blamed)
    items = list(range(size))
    expected = [f"refused {item}" if item in bad else f"took {item}" for item in items]
    assert api.deliver(items) == (expected if size else [])


@given(bad=st.sets(st.integers(0, BATCH - 1)), blamed=st.lists(st.integers(0, BATCH - 1), max_size=5))
def test_a_good_lead_is_taken_once(bad: set[int], blamed: list[int]) -> None:
    api = Api(bad, blamed)
    api.deliver(range(BATCH))
    for item in set(range(BATCH)) - bad:
        assert sum(item in call and not api.bad & set(call) for call in api.calls) == 1


def test_the_good_cost_one_call_where_the_api_names_the_bad() -> None:
    api = Api({3, 7}, blamed=[3, 7])

    def send_and_blame_by_place(items: Sequence[int]) -> list[str]:
        api.blamed = [place for place, item in enumerate(items) if item in api.bad]
        return api.send(items)

    deliver_split(range(BATCH), send_and_blame_by_place, lambda item, _: str(item), lambda _: api.blamed)
    assert [len(call) for call in api.calls] == [BATCH, BATCH - 2, 1, 1]


@pytest.mark.parametrize("bad", [0, 11, BATCH - 1])
def test_one_bad_lead_costs_no_more_than_halving(bad: int) -> None:
    api = Api({bad})
    api.deliver(range(BATCH))
    assert len(api.calls) <= 1 + 2 * math.ceil(math.log2(BATCH))


def test_many_bad_leads_cost_hardly_more_than_single_calls() -> None:
    api = Api(set(range(BATCH)))
    api.deliver(range(BATCH))
    assert len(api.calls) <= BATCH + 12


def test_a_fault_is_no_refusal() -> None:
    def send(_: Sequence[int]) -> list[str]:
        raise TransientError

    with pytest.raises(TransientError):
        deliver_split([1, 2], send, lambda item, _: str(item), lambda _: [])
