"""A random generator with a seed and the draws that synthetic customers need."""

from __future__ import annotations

import random
import uuid
from typing import TypeVar

from sandbox.timestamps import from_iso, to_iso

T = TypeVar("T")


class SeededRandom(random.Random):
    """Like `random.Random`, with draws for ids, timestamps and optional values."""

    def chance(self, probability: float) -> bool:
        """Return true with this probability (0 to 1)."""
        return self.random() < probability

    def maybe(self, probability: float, value: T) -> T | None:
        """Return the value with this probability, else None."""
        return value if self.chance(probability) else None

    def new_id(self) -> str:
        """Return a new UUID."""
        return str(uuid.UUID(int=self.getrandbits(128), version=4))

    def timestamp_between(self, earliest: str, latest: str) -> str:
        """Return an ISO timestamp between two others, both included."""
        start, end = from_iso(earliest), from_iso(latest)
        return to_iso(start + (end - start) * self.random())
