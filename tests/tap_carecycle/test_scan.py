"""The scan against a list that moves between any two calls: thousands of histories."""

from __future__ import annotations

import math
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tap_carecycle.scan import Batch, Position, Scan
from tests.tap_carecycle.moving_list import Moves, MovingList

# For each property; SCAN_EXAMPLES=20000 is for a long run.
EXAMPLES = int(os.environ.get("SCAN_EXAMPLES", "2000"))
PROFILE = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
CHANCES = st.sampled_from([0.0, 0.0, 0.05, 0.3, 1.0])
SIZES = st.sampled_from([4, 5, 7, 10, 20, 30])

GROUPS = st.one_of(
    st.integers(0, 150).map(lambda count: [1] * count),
    st.lists(st.integers(1, 4), max_size=50),
    st.lists(st.one_of(st.just(1), st.just(2), st.integers(5, 30)), max_size=30),
    st.lists(st.one_of(st.integers(1, 3), st.integers(20, 80)), max_size=8),
)


def moves(*, filtered: bool) -> st.SearchStrategy[Moves]:
    entering = CHANCES if filtered else st.just(0.0)
    return st.builds(
        Moves,
        insert=CHANCES,
        update=CHANCES,
        delete=CHANCES,
        swap=CHANCES,
        enter=entering,
        leave=entering,
        burst=st.sampled_from([1, 1, 3]),
    )


@st.composite
def histories(draw: st.DrawFn, *, filtered: bool, quirks: frozenset[str] = frozenset()) -> MovingList:
    return MovingList(
        draw(GROUPS),
        draw(moves(filtered=filtered)),
        draw(st.integers(0, 2**32)),
        shuffles=draw(st.booleans()),
        growing=draw(st.booleans()),
        in_flight=draw(st.sampled_from([1, 1, 2, 4])),
        hours_apart=draw(st.sampled_from([0.0, 1.0, 5.0])),
        quirks=quirks,
    )


def scan_all(
    world: MovingList, size: int, *, filtered: bool, resume: Position | None = None
) -> tuple[Scan, list[Batch]]:
    scan = Scan(world, size, grows_at_end=not filtered, settled=world.settled, resume=resume)
    return scan, list(scan.batches())


def given_ids(batches: list[Batch]) -> list[str]:
    return [row.id for batch in batches for row in batch.rows]


def check(world: MovingList, size: int, *, filtered: bool) -> None:
    pages = max(1, math.ceil(len(world.people) / size))
    scan, batches = scan_all(world, size, filtered=filtered)
    ids = given_ids(batches)
    missing = world.constant - set(ids)
    in_other_order = any(request.sort == "callerId" for request in world.requests)
    if in_other_order:
        # Whoever got another number meanwhile was changed by it, and comes with the next run.
        missing -= world.renumbered
    assert scan.unproven or not missing
    assert scan.unproven or len(ids) == len(set(ids))
    most = max(2 * pages, pages + 4)
    # Only a group that no page can hold, in a tiny list, may cost some calls more.
    assert world.calls <= most + (max(8, pages // 2) if in_other_order else 0)


@PROFILE
@given(world=histories(filtered=False), size=SIZES)
def test_nobody_is_lost_or_the_run_says_so(world: MovingList, size: int) -> None:
    check(world, size, filtered=False)


@PROFILE
@given(world=histories(filtered=True), size=SIZES)
def test_nobody_is_lost_where_customers_enter_and_leave_a_filter(world: MovingList, size: int) -> None:
    check(world, size, filtered=True)


@settings(PROFILE, max_examples=EXAMPLES // 3)
@given(world=histories(filtered=False, quirks=frozenset({"descending"})), size=SIZES)
def test_a_server_that_ignores_the_direction_is_read_without_loss(world: MovingList, size: int) -> None:
    scan, batches = scan_all(world, size, filtered=False)
    assert scan.unproven or not world.constant - set(given_ids(batches))


@settings(PROFILE, max_examples=EXAMPLES // 3)
@given(world=histories(filtered=False, quirks=frozenset({"fixed"})))
def test_a_server_that_ignores_the_size_is_read_without_loss(world: MovingList) -> None:
    scan, batches = scan_all(world, 100, filtered=False)
    assert scan.unproven or not world.constant - set(given_ids(batches))


@settings(PROFILE, max_examples=EXAMPLES // 3)
@given(world=histories(filtered=False, quirks=frozenset({"unsorted"})), size=SIZES)
def test_a_server_that_ignores_the_order_moves_no_bookmark_past_anybody(world: MovingList, size: int) -> None:
    scan, batches = scan_all(world, size, filtered=False)
    assert scan.unproven or not world.constant - set(given_ids(batches))


@settings(PROFILE, max_examples=EXAMPLES // 3)
@given(groups=GROUPS, size=SIZES, in_flight=st.sampled_from([1, 4]), seed=st.integers(0, 999))
def test_a_list_at_rest_costs_each_page_once(groups: list[int], size: int, in_flight: int, seed: int) -> None:
    world = MovingList(groups, Moves(), seed, in_flight=in_flight)
    scan, batches = scan_all(world, size, filtered=False)
    assert not scan.unproven
    assert sorted(given_ids(batches)) == sorted(world.people)
    assert world.calls == max(1, math.ceil(len(world.people) / size))


@settings(PROFILE, max_examples=EXAMPLES // 3)
@given(
    world=histories(filtered=False),
    size=SIZES,
    stop=st.integers(1, 12),
    between=st.integers(0, 20),
    filtered=st.booleans(),
)
def test_a_scan_that_was_cut_off_goes_on_without_loss(
    world: MovingList, size: int, stop: int, between: int, *, filtered: bool
) -> None:
    scan = Scan(world, size, grows_at_end=not filtered, settled=world.settled)
    ids, place = [], None
    for number, batch in enumerate(scan.batches(), 1):
        ids += [row.id for row in batch.rows]
        place = batch.position or place
        if number == stop:
            break
    world.pending.clear()
    for _ in range(between):
        world.move()
    first_calls = world.calls
    scan, batches = scan_all(world, size, filtered=filtered, resume=place)
    ids += given_ids(batches)
    missing = world.constant - set(ids)
    if any(request.sort == "callerId" for request in world.requests):
        missing -= world.renumbered
    assert scan.unproven or not missing
    if place is not None:
        pages = math.ceil(place.unread / size)
        assert world.calls - first_calls <= max(2 * pages, pages + 4) + max(8, pages // 2)


@pytest.mark.parametrize(("moves", "most"), [(Moves(insert=0.2, update=0.5, delete=0.03, swap=0.03), 1.2)])
@pytest.mark.parametrize("in_flight", [1, 4])
def test_a_long_list_with_some_movement_costs_little_more(moves: Moves, most: float, in_flight: int) -> None:
    world = MovingList([1] * 10_000, moves, 7, in_flight=in_flight, households=False)
    scan, batches = scan_all(world, 100, filtered=False)
    assert not scan.unproven
    assert not world.constant - set(given_ids(batches))
    assert world.calls <= 100 * most
