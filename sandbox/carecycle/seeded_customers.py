"""The customers that a sandbox starts with."""

from __future__ import annotations

import functools
import pickle
import random
from typing import cast

from sandbox.carecycle.customer_factory import CustomerFactory
from sandbox.http_messages import JsonObject
from sandbox.settings import SEED_END, SEED_START
from sandbox.timestamps import from_iso, to_iso

MAX_CACHED = 10_000


def creation_times(rng: random.Random, count: int) -> list[str]:
    """Spread creations over two years, with bulk imports whose customers share one `createdAt`.

    Args:
        rng: The random generator.
        count: How many customers there are.

    Returns:
        One ISO timestamp for each customer, in ascending order.
    """
    end = from_iso(SEED_END)
    period = end - from_iso(SEED_START)

    def timestamp() -> str:
        return to_iso(end - period * rng.random())

    thousand = 1000
    times: list[str] = []
    for size in (130, 60, 40, 25, 25, 12):
        for _ in range(max(1, count // thousand)):
            share = size if count >= thousand else size * count // thousand
            times += [timestamp()] * share
    return sorted([*times, *(timestamp() for _ in range(count - len(times)))])


def seeded_customers(seed: int, count: int) -> tuple[CustomerFactory, list[JsonObject]]:
    """Make `count` ordinary customers, and one test customer for every hundred of them.

    Args:
        seed: The same seed gives the same customers.
        count: How many customers the list call shows by default.

    Returns:
        The factory, for customers that are added later, and the customers in the order of their creation.
    """
    if count > MAX_CACHED:
        return _make_seeded(seed, count)
    return cast("tuple[CustomerFactory, list[JsonObject]]", pickle.loads(_pickled(seed, count)))  # noqa: S301 - own bytes


@functools.lru_cache(maxsize=1)
def _pickled(seed: int, count: int) -> bytes:
    # With these bytes a reset takes milliseconds.
    return pickle.dumps(_make_seeded(seed, count))


def _make_seeded(seed: int, count: int) -> tuple[CustomerFactory, list[JsonObject]]:
    factory = CustomerFactory(seed)
    test_count = -(-count // 100)
    times = creation_times(factory.rng, count + test_count)
    test_indexes = set(factory.rng.sample(range(len(times)), test_count))
    customers: list[JsonObject] = []
    previous: JsonObject | None = None
    for index, created in enumerate(times):
        customer = factory.make(created, test=index in test_indexes)
        if previous is not None and not customer["testCustomer"] and factory.rng.chance(0.06):
            factory.make_couple(previous, customer)
            previous = None
        else:
            previous = None if customer["testCustomer"] else customer
        customers.append(customer)
    return factory, customers
