"""Splitting finds exactly the bad leads, delivers all others, and keeps the results in order."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lead_connectors.delivery.batch import send_split
from lead_connectors.delivery.outcome import Outcome, Status
from lead_connectors.http.errors import CallRejectedError, TransientError

BATCH = 25


class Api:
    """Rejects a call with a bad lead in it, and names any culprits."""

    def __init__(self, bad: set[int], named: Sequence[int] = ()) -> None:
        self.bad, self.named = bad, named
        self.calls: list[list[int]] = []

    def send(self, items: Sequence[int]) -> list[Outcome]:
        self.calls.append(list(items))
        if self.bad & set(items):
            raise CallRejectedError(status=400, code="MXInvalidInputException", body=[])
        return [Outcome(Status.ACCEPTED, lead_id=f"accepted {item}") for item in items]

    def deliver(self, items: Sequence[int]) -> list[str]:
        def reject(_: CallRejectedError) -> Outcome:
            return Outcome(Status.REJECTED, lead_id=f"rejected {self.calls[-1][0]}")

        outcomes: dict[int, Outcome] = {}
        send_split(items, self.send, rejection=reject, culprits=lambda _: self.named, took=outcomes.__setitem__)
        return [str(outcomes[place].lead_id) for place in range(len(items))]


@given(
    size=st.integers(0, 60),
    bad=st.sets(st.integers(0, 59)),
    named=st.lists(st.integers(-3, 70), max_size=8),
)
def test_exactly_the_bad_leads_are_rejected(size: int, bad: set[int], named: list[int]) -> None:
    api = Api(bad, named)
    items = list(range(size))
    expected = [f"rejected {item}" if item in bad else f"accepted {item}" for item in items]
    assert api.deliver(items) == (expected if size else [])


@given(bad=st.sets(st.integers(0, BATCH - 1)), named=st.lists(st.integers(0, BATCH - 1), max_size=5))
def test_a_good_lead_is_accepted_once(bad: set[int], named: list[int]) -> None:
    api = Api(bad, named)
    api.deliver(range(BATCH))
    for item in set(range(BATCH)) - bad:
        assert sum(item in call and not api.bad & set(call) for call in api.calls) == 1


def test_the_good_leads_cost_one_call_where_the_api_names_the_bad() -> None:
    api = Api({3, 7}, named=[3, 7])

    def send_and_name_by_place(items: Sequence[int]) -> list[Outcome]:
        api.named = [place for place, item in enumerate(items) if item in api.bad]
        return api.send(items)

    send_split(
        range(BATCH),
        send_and_name_by_place,
        rejection=lambda _: Outcome(Status.REJECTED),
        culprits=lambda _: api.named,
        took=lambda *_: None,
    )
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


def test_a_fault_is_no_rejection() -> None:
    def send(_: Sequence[int]) -> list[Outcome]:
        raise TransientError

    with pytest.raises(TransientError):
        send_split(
            [1, 2],
            send,
            rejection=lambda _: Outcome(Status.REJECTED),
            culprits=lambda _: [],
            took=lambda *_: None,
        )
