"""What the sandbox saw: every call, every write, and what a careful client would not do."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from sandbox.exchange import Call, Row
from sandbox.limits import busiest
from sandbox.settings import Window


@dataclass
class ApiStats:
    """Counts for one API. Moments are seconds of a steady clock, shown as Unix time."""

    arrivals: list[float] = field(default_factory=list)
    bulk_arrivals: list[float] = field(default_factory=list)
    calls_by_path: Counter[str] = field(default_factory=Counter)
    answers_by_status: Counter[str] = field(default_factory=Counter)
    unknown_parameters: Counter[str] = field(default_factory=Counter)
    rows_per_call: list[int] = field(default_factory=list)
    rate_limited_calls: int = 0
    in_flight: int = 0
    in_flight_maximum: int = 0


class Stats:
    """The accounts of one sandbox since its start or last reset."""

    def __init__(self, apis: tuple[str, ...]) -> None:
        self._clock_offset = time.time() - time.monotonic()
        self.apis = {api: ApiStats() for api in apis}
        self.uploads: list[Row] = []
        self.opt_outs_lowered: list[Row] = []
        self.automations_fired: list[Row] = []
        self.same_person_in_flight: list[Row] = []
        self.faults_fired: Counter[str] = Counter()
        self.history: list[Row] = []
        self._calls = 0
        self._people_in_flight: dict[int, set[str]] = {}

    def arrive(self, api: str, method: str, path: str, now: float, *, bulk: bool) -> int:
        """Count an arriving call and return its number."""
        seen = self.apis[api]
        seen.arrivals.append(now)
        if bulk:
            seen.bulk_arrivals.append(now)
        seen.calls_by_path[f"{method} {path}"] += 1
        seen.in_flight += 1
        seen.in_flight_maximum = max(seen.in_flight_maximum, seen.in_flight)
        self._calls += 1
        return self._calls

    def leave(self, api: str, number: int, status: str) -> None:
        """Count an answered call."""
        self.apis[api].in_flight -= 1
        self.apis[api].answers_by_status[status] += 1
        self._people_in_flight.pop(number, None)

    def hold_people(self, call: Call) -> None:
        """Remember whom a write touches while its answer is under way, and notice overlaps."""
        for number, people in self._people_in_flight.items():
            if shared := sorted(people & call.identities):
                self.same_person_in_flight.append({"calls": [number, call.number], "identities": shared})
        if call.identities:
            self._people_in_flight[call.number] = call.identities

    def record_write(self, call: Call, record_id: str, identity: Row, payload: Any) -> None:
        """Add one applied write to the history."""
        self.history.append(
            {
                "seq": len(self.history) + 1,
                "api": call.api,
                "call": call.number,
                "id": record_id,
                "identity": identity,
                "payload": payload,
            }
        )

    def record_lowered(self, call: Call, record_id: str, fields: list[str]) -> None:
        """Record opt-out flags that a write took back."""
        self.opt_outs_lowered += [
            {"api": call.api, "call": call.number, "id": record_id, "field": each} for each in fields
        ]

    def as_dict(self, windows: dict[str, list[Window]], bulk_window: Window) -> Row:
        """Return everything as JSON values.

        Args:
            windows: The windows of each API, for which the busiest moment is shown.
            bulk_window: LeadSquared's own window for bulk calls.

        Returns:
            The accounts.
        """
        return {
            "apis": {
                api: {
                    "calls": len(seen.arrivals),
                    "calls_by_path": dict(seen.calls_by_path),
                    "answers_by_status": dict(seen.answers_by_status),
                    "arrivals": [round(each + self._clock_offset, 6) for each in seen.arrivals],
                    "rate_limited_calls": seen.rate_limited_calls,
                    "max_calls_in_window": {
                        f"{seconds:g}": busiest(seen.arrivals, seconds)
                        for seconds in (5.0, 60.0, *(window.seconds for window in windows[api] if window.calls))
                    },
                    "bulk_calls": len(seen.bulk_arrivals),
                    "max_bulk_calls_in_window": busiest(seen.bulk_arrivals, bulk_window.seconds or 5.0),
                    "in_flight": seen.in_flight,
                    "in_flight_maximum": seen.in_flight_maximum,
                    "rows_per_call": seen.rows_per_call,
                    "unknown_parameters": dict(seen.unknown_parameters),
                }
                for api, seen in self.apis.items()
            },
            "uploads": self.uploads,
            "writes": len(self.history),
            "opt_outs_lowered": self.opt_outs_lowered,
            "automations_fired": self.automations_fired,
            "same_person_in_flight": self.same_person_in_flight,
            "faults_fired": dict(self.faults_fired),
        }
