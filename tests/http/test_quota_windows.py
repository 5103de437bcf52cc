"""Never more than N calls in any window of S seconds, for any interleaving, with a clock that tests turn."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lead_connectors.http.quota import MIN_GAP, Quota, Window, next_slot
from tests.http.loopback import VirtualTime, in_windows, max_in_any_window

windows = st.builds(Window, st.integers(1, 6), st.sampled_from([0.5, 1.0, 2.0, 5.0]))
steps = st.lists(st.floats(0, 3, allow_nan=False), min_size=1, max_size=40)


@given(st.lists(windows, min_size=1, max_size=3), steps)
def test_next_slot_is_the_earliest_that_fits(limits: list[Window], waits: list[float]) -> None:
    slots: list[float] = []
    now = 100.0
    for wait in waits:
        now += wait
        slot = next_slot(lambda n: slots[-n] if n <= len(slots) else None, limits, now)
        assert slot >= now
        assert slot > max(slots, default=0.0)
        earliest = [now, *(last + MIN_GAP for last in slots[-1:])]
        earliest += [slots[-w.calls] + w.length for w in limits if w.calls <= len(slots)]
        assert slot in earliest
        slots.append(slot)
    for window in limits:
        # Slightly shorter than the window: two times exactly one window apart do not share it.
        assert max_in_any_window(slots, window.length - 1e-6) <= window.calls


class Simulation:
    """Several callers in one or more processes, and all that they did."""

    def __init__(self, seed: int, limits: list[Window], processes: int, *, lateness: float = 0.0) -> None:
        self.dice = random.Random(seed)
        self.time = VirtualTime(
            self.dice.randrange, lambda: self.dice.choice([0.0, 0.0, self.dice.random() * lateness])
        )
        self.limits = limits
        self.fresh = True
        self.slowest = 0.4 if lateness else 0.9
        self.quotas = [
            Quota(limits, account="shared" if processes > 1 else None, clock=self.time, sleep=self.time.sleep)
            for _ in range(processes)
        ]
        self.asked: list[float] = []
        self.sent: list[tuple[int, float]] = []
        self.arrived: list[float] = []
        self.pauses: list[tuple[float, float]] = []
        self.learned: list[tuple[float, Window]] = []

    def caller(self, calls: int, *, eventful: bool) -> None:
        quota = self.dice.choice(self.quotas)
        fresh = self.fresh
        for _ in range(calls):
            if thinking := self.dice.choice([0.0, 0.0, self.dice.random() * 2]):
                self.time.sleep(thinking)
            place = len(self.asked)
            self.asked.append(self.time.now)
            slot = quota.acquire()
            self.sent.append((place, self.time.now))
            # A slow connection is recorded when its call ends: here always within a window, late wake-ups included.
            latency = self.dice.random() * min(w.seconds for w in self.limits) * self.slowest
            self.arrived.append(self.time.now + (latency * self.dice.random() if fresh else 0.0))
            self.time.sleep(latency + 1e-9)
            quota.finish_call(slot, latency=latency, fresh_connection=fresh)
            fresh = self.fresh and self.dice.random() < 0.1
            if eventful and self.dice.random() < 0.1:
                wait = self.dice.random() * 8
                self.pauses.append((self.time.now, self.time.now + wait))
                quota.pause(wait)
            if eventful and self.dice.random() < 0.05:
                lower = Window(self.dice.randint(1, 4), self.dice.choice([1.0, 3.0]))
                self.learned.append((self.time.now, lower))
                quota.learn_limit(lower.calls, lower.seconds)

    def run(self, callers: int, calls: int, *, eventful: bool) -> None:
        self.time.run([lambda: self.caller(calls, eventful=eventful)] * callers)
        for quota in self.quotas:
            quota.close()
        assert len(self.sent) == callers * calls
        for window in self.limits:
            assert max_in_any_window(self.arrived, window.seconds) <= window.calls
        times = sorted(at for _, at in self.sent)
        for since, until in self.pauses:
            assert not [at for at in times if since < at < until]
        for since, lower in self.learned:
            for at in times:
                if at > since:
                    assert len([m for m in times if at - lower.seconds < m <= at]) <= lower.calls


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32), st.lists(windows, min_size=1, max_size=2), st.integers(1, 6))
def test_first_come_first_served(seed: int, limits: list[Window], callers: int) -> None:
    simulation = Simulation(seed, limits, processes=1)
    simulation.fresh = False
    simulation.run(callers, 6, eventful=False)
    in_line = [at for _, at in sorted(simulation.sent)]
    assert in_line == sorted(in_line)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 2**32),
    limits=st.lists(windows, min_size=1, max_size=2),
    callers=st.integers(1, 6),
    eventful=st.booleans(),
)
def test_any_interleaving_of_threads_keeps_every_window(
    seed: int, limits: list[Window], callers: int, *, eventful: bool
) -> None:
    """Slow connections, pauses and lower limits included."""
    Simulation(seed, limits, processes=1).run(callers, 6, eventful=eventful)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**32), st.lists(windows, min_size=1, max_size=2), st.integers(2, 6))
def test_processes_that_wake_late_keep_every_window(seed: int, limits: list[Window], callers: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        before, tempfile.tempdir = tempfile.tempdir, folder
        try:
            Simulation(seed, limits, processes=3, lateness=0.4).run(callers, 5, eventful=True)
            assert [path.suffix for path in Path(folder).glob("*/*")] == [".quota"]
        finally:
            tempfile.tempdir = before


def test_the_quota_is_full_at_one_second_of_latency() -> None:
    time = VirtualTime(lambda _: 0)
    window = Window(5, 1.0)
    quota = Quota([window], clock=time, sleep=time.sleep)
    sent: list[float] = []

    def worker(number: int) -> None:
        fresh = True
        while time.now < 1_000_030.0:
            if number >= quota.useful_calls_in_flight(16):
                time.sleep(0.2)
                continue
            slot = quota.acquire()
            sent.append(time.now)
            time.sleep(1.0)
            quota.finish_call(slot, latency=1.0, fresh_connection=fresh)
            fresh = False

    time.run([lambda number=number: worker(number) for number in range(16)])  # type: ignore[misc]
    after_start = [at for at in sent if at > 1_000_005.0]
    counts = in_windows(after_start, window.length)
    assert len(counts) > 18
    assert sum(counts) >= 0.99 * window.calls * len(counts)
    assert max_in_any_window(sent, window.seconds) == window.calls
    assert quota.used() >= 0.85
