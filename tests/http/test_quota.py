"""The quota's promises one by one, most of them with a clock that tests turn by hand."""

from __future__ import annotations

import datetime as dt
import logging
import os
import stat
import threading
import time
from pathlib import Path

import pytest

from lead_connectors.http.errors import StoppedError, TransientError
from lead_connectors.http.quota import DAY, Quota, Window
from lead_connectors.http.quota_store import LEARNED_LIMIT_SECONDS
from tests.http.loopback import Clock, max_in_any_window

SHARED = "https://api.example.com#key"


def quota_of(clock: Clock, *windows: Window, account: str | None = None, max_wait: float = 900.0) -> Quota:
    return Quota(windows, account=account, max_wait=max_wait, clock=clock, sleep=clock.sleep)


def test_a_window_is_slightly_longer_because_the_api_counts_arrivals() -> None:
    assert Window(60, 60.0).length == pytest.approx(61.2)
    assert Window(25, 5.0).length == pytest.approx(5.15)
    assert Window(1, DAY).length == DAY + 60


def test_a_burst_leaves_at_once_and_the_next_call_waits_one_window(clock: Clock) -> None:
    quota = quota_of(clock, Window(3, 5.0))
    for _ in range(3):
        quota.acquire()
    assert clock.slept < 0.001
    quota.acquire()
    assert clock.slept == pytest.approx(5.15, abs=0.001)
    assert quota.seconds_waiting == pytest.approx(5.15, abs=0.001)
    assert quota.calls == 4


def test_all_windows_hold_at_once(clock: Clock) -> None:
    quota = quota_of(clock, Window(5, 1.0), Window(8, 10.0))
    times = [quota.acquire() for _ in range(30)]
    assert max_in_any_window(times, 1.0) <= 5
    assert max_in_any_window(times, 10.0) <= 8


def test_a_call_that_had_to_connect_counts_from_its_response(clock: Clock) -> None:
    quota = quota_of(clock, Window(1, 1.0))
    slot = quota.acquire()
    quota.finish_call(slot, latency=0.9, fresh_connection=True)
    assert quota.acquire() == pytest.approx(slot + 0.9 + 1.1)


def test_a_waiting_call_moves_back_where_an_earlier_one_arrived_late(clock: Clock) -> None:
    quota = quota_of(clock, Window(1, 1.0))
    first = quota.acquire()
    sleep, clock_sleep = [], clock.sleep

    def connected_meanwhile(seconds: float) -> None:
        sleep.append(seconds)
        clock_sleep(seconds)
        if len(sleep) == 1:
            quota.finish_call(first, latency=1.0, fresh_connection=True)

    quota._sleep = connected_meanwhile
    assert quota.acquire() == pytest.approx(first + 1.0 + 1.1)


# --- a used-up day -----------------------------------------------------------------------------------------------


def test_a_used_up_day_ends_the_run_at_once_and_counts_nothing(clock: Clock) -> None:
    quota = quota_of(clock, Window(100, 1.0), Window(3, DAY))
    for _ in range(3):
        quota.acquire()
    for _ in range(2):
        with pytest.raises(TransientError, match="calls_per_day"):
            quota.acquire()
    assert clock.slept < 0.001
    assert quota.calls == 3
    clock.now += DAY + 61
    quota.acquire()


def test_a_used_up_day_is_waited_for_within_max_wait(clock: Clock) -> None:
    quota = quota_of(clock, Window(2, DAY), max_wait=2 * DAY)
    first = quota.acquire()
    quota.acquire()
    assert quota.acquire() == pytest.approx(first + DAY + 60)


def test_a_day_is_counted_even_if_a_process_without_a_day_budget_starts_meanwhile(clock: Clock) -> None:
    quota = quota_of(clock, Window(2, DAY), account=SHARED)
    quota.acquire()
    quota.acquire()
    quota.close()
    clock.now += 7200
    other = quota_of(clock, Window(60, 60.0), account=SHARED)
    other.acquire()
    other.close()
    with pytest.raises(TransientError):
        quota.acquire()
    quota.close()


def test_a_long_queue_at_a_slow_rate_is_no_used_up_day() -> None:
    """Sixteen calls at one a minute take a quarter of an hour: more than max_wait, but nothing is wrong."""
    times: list[float] = []
    clock = Clock()
    quota = quota_of(clock, Window(1, 60.0), max_wait=5.0)
    for _ in range(16):
        with quota._store.transaction() as reservations:
            times.append(quota._reserve(reservations, None)[1])
    assert times[-1] - times[0] == pytest.approx(15 * 61.2, abs=0.001)


# --- pauses ------------------------------------------------------------------------------------------------------


def test_a_pause_holds_for_every_process_and_to_the_second(clock: Clock) -> None:
    one, other = (quota_of(clock, Window(60, 60.0), account=SHARED) for _ in range(2))
    one.acquire()
    one.pause(37.0)
    started = clock.now
    other.acquire()
    assert clock.now - started == pytest.approx(37.0, abs=0.001)
    one.close()
    other.close()


def test_a_shorter_pause_does_not_cut_a_longer_one_short(clock: Clock) -> None:
    quota = quota_of(clock, Window(60, 60.0))
    quota.pause(60.0)
    quota.pause(2.0)
    quota.acquire()
    assert clock.slept == pytest.approx(60.0, abs=0.001)


def test_a_pause_beyond_max_wait_ends_this_run_and_no_other(clock: Clock) -> None:
    one, other = (quota_of(clock, Window(60, 60.0), account=SHARED) for _ in range(2))
    with pytest.raises(TransientError, match="1000 s"):
        one.pause(1000.0)
    with pytest.raises(TransientError):
        one.acquire()
    other.acquire()
    assert clock.slept < 0.001
    one.close()
    other.close()


# --- limits that a rejection names --------------------------------------------------------------------------------


def test_a_lower_limit_holds_for_the_rest_of_the_run(clock: Clock) -> None:
    quota = quota_of(clock, Window(25, 5.0))
    assert quota.learn_limit(10, 5.0)
    assert not quota.learn_limit(10, 5.0)
    assert Window(10, 5.0) in quota.windows
    clock.now += 2 * LEARNED_LIMIT_SECONDS
    times = [quota.acquire() for _ in range(40)]
    assert max_in_any_window(times, 5.0) == 10


@pytest.mark.parametrize("named", [(25, 5.0), (72, 5.0), (50, 10.0), (300, 60.0)])
def test_a_limit_that_already_holds_changes_nothing(clock: Clock, named: tuple[int, float]) -> None:
    quota = quota_of(clock, Window(25, 5.0))
    assert not quota.learn_limit(*named)
    assert quota.windows == [Window(25, 5.0)]


def test_a_higher_rate_in_a_shorter_window_is_a_lower_limit_all_the_same(clock: Clock) -> None:
    """60 calls in 60 s may all leave in one second, which 10 in 5 s forbids."""
    quota = quota_of(clock, Window(60, 60.0))
    assert quota.learn_limit(10, 5.0)
    assert max_in_any_window([quota.acquire() for _ in range(60)], 5.0) == 10


def test_a_run_says_once_which_limit_it_keeps_to_and_who_learned_it(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    clock.now = dt.datetime(2026, 3, 4, 14, 5).astimezone().timestamp()
    learner = Quota([Window(25, 5.0)], account=SHARED, user="target-one", clock=clock, sleep=clock.sleep)
    learner.learn_limit(2, 5.0)
    learner.acquire()
    assert caplog.text == "", "the session tells of a limit that a call of this run was rejected for"
    clock.now += 600
    later, careful = (quota_of(clock, window, account=SHARED) for window in (Window(25, 5.0), Window(1, 5.0)))
    for _ in range(3):
        later.acquire()
    (record,) = caplog.records
    assert record.getMessage() == (
        "This run keeps to 2 calls in 5 s. The API named this limit at 14:05 to another run of this account "
        "(target-one)."
    )
    careful.acquire()
    assert len(caplog.records) == 1, "its own settings allow less"
    for quota in (learner, later, careful):
        quota.close()


def test_another_process_keeps_to_what_one_has_learned_for_an_hour(clock: Clock) -> None:
    one, other, late = (quota_of(clock, Window(25, 5.0), account=SHARED) for _ in range(3))
    other.acquire()
    one.learn_limit(2, 5.0)
    times = [other.acquire() for _ in range(8)]
    assert max_in_any_window(times, 5.0) <= 2
    clock.now += LEARNED_LIMIT_SECONDS + 1
    started = clock.slept
    for _ in range(25):
        late.acquire()
    assert clock.slept - started < 0.001
    for quota in (one, other, late):
        quota.close()


# --- how many calls at once, and how full the quota was ----------------------------------------------------------


def test_calls_in_flight_start_at_one_and_follow_the_latency(clock: Clock) -> None:
    quota = quota_of(clock, Window(5, 1.0))
    assert quota.useful_calls_in_flight(16) == 1
    quota.finish_call(quota.acquire(), latency=0.01, fresh_connection=False)
    assert quota.useful_calls_in_flight(16) == 1
    for _ in range(30):
        quota.finish_call(0.0, latency=1.0, fresh_connection=False)
    assert 5 <= quota.useful_calls_in_flight(16) <= 8
    assert quota.useful_calls_in_flight(4) == 4
    quota.learn_limit(1, 5.0)
    assert quota.useful_calls_in_flight(16) == 1


def test_the_share_used_counts_whole_windows(clock: Clock) -> None:
    quota = quota_of(clock, Window(10, 5.0))
    assert quota.used() == 0.0
    for _ in range(5):
        quota.acquire()
    assert quota.used() == 0.5
    for _ in range(35):
        quota.acquire()
    assert quota.used() == 1.0
    clock.now += 4 * 5.15
    quota.acquire()
    assert 0.5 < quota.used() < 0.75
    assert quota.calls_a_minute() > 0


# --- clocks, stops, files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [-7200.0, -30.0])
def test_a_clock_that_is_set_back_neither_stalls_nor_breaks_the_window(clock: Clock, step: float) -> None:
    quota = quota_of(clock, Window(3, 5.0))
    for _ in range(5):
        quota.acquire()
    quota.pause(10.0)
    clock.now += step
    before = clock.slept
    for _ in range(2):
        quota.acquire()
    assert 4.0 < clock.slept - before < 16.0


def test_stopping_ends_a_wait_at_once_and_frees_the_slot() -> None:
    stopping = threading.Event()
    quota = Quota([Window(1, 600.0)], account=SHARED, stopping=stopping)
    quota.acquire()
    caught: list[BaseException] = []

    def wait() -> None:
        try:
            quota.acquire()
        except StoppedError as error:
            caught.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    while _rows(quota) < 2:
        time.sleep(0.005)
    started = time.monotonic()
    stopping.set()
    waiting.join(5)
    assert caught
    assert time.monotonic() - started < 2
    assert _rows(quota) == 1
    with pytest.raises(StoppedError):
        quota.acquire()
    assert _rows(quota) == 1
    quota.close()


def _rows(quota: Quota) -> int:
    with quota._store.transaction() as reservations:
        return reservations.count()


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="modes are POSIX's")
def test_the_file_belongs_to_this_user_and_names_no_key(own_temporary_folder: Path) -> None:
    lax = own_temporary_folder / f"lead-connectors-{os.getuid()}"
    lax.mkdir(mode=0o777)
    quota = Quota([Window(1, 1.0)], account="https://api.example.com#u$r-secret")
    quota.acquire()
    (file,) = lax.iterdir()
    assert stat.S_IMODE(lax.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert b"u$r-secret" not in file.read_bytes()
    assert "secret" not in file.name
    quota.close()


def test_a_damaged_file_is_replaced(clock: Clock, own_temporary_folder: Path) -> None:
    quota = quota_of(clock, Window(1, 1.0), account=SHARED)
    quota.acquire()
    quota.close()
    (file,) = own_temporary_folder.glob("*/*.quota")
    file.write_bytes(b"not a database at all " * 100)
    again = quota_of(clock, Window(1, 1.0), account=SHARED)
    again.acquire()
    again.close()


def test_a_file_that_is_damaged_during_a_run_ends_the_run_safely(clock: Clock, own_temporary_folder: Path) -> None:
    quota = quota_of(clock, Window(10, 1.0), account=SHARED)
    quota.acquire()
    (file,) = own_temporary_folder.glob("*/*.quota")
    file.write_bytes(b"\0" * file.stat().st_size)
    with pytest.raises(TransientError, match="temporary folder"):
        quota.acquire()
    quota.close()


def test_without_a_temporary_folder_the_run_paces_itself(
    clock: Clock, own_temporary_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    own_temporary_folder.joinpath(f"lead-connectors-{os.getuid() if hasattr(os, 'getuid') else 0}").write_text("taken")
    quota = quota_of(clock, Window(1, 1.0), account=SHARED)
    with caplog.at_level(logging.WARNING):
        assert quota.acquire() + 1.1 == pytest.approx(quota.acquire())
    assert "not writable" in caplog.text
    quota.close()


def test_a_closed_quota_can_be_used_again(clock: Clock) -> None:
    quota = quota_of(clock, Window(1, 1.0), account=SHARED)
    quota.acquire()
    quota.close()
    quota.close()
    quota.acquire()
    assert clock.slept == pytest.approx(1.1, abs=0.001)
    quota.close()
