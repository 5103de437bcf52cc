"""What clients did: their calls, their writes, and what a careful client avoids (such as lowered opt-outs)."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from sandbox.http_messages import JsonObject, Request
from sandbox.limits import busiest
from sandbox.settings import Window


@dataclass
class ApiStats:
    """Counts for one API. Arrivals are seconds of a monotonic clock, and are shown as Unix time."""

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
    """All counts since the start or the last reset."""

    def __init__(self, apis: tuple[str, ...]) -> None:
        self._clock_offset = time.time() - time.monotonic()
        self.apis = {api: ApiStats() for api in apis}
        self.uploads: list[JsonObject] = []
        self.opt_outs_lowered: list[JsonObject] = []
        self.automations_fired: list[JsonObject] = []
        self.payloads_lost: list[int] = []
        self.same_person_in_flight: list[JsonObject] = []
        self.faults_fired: Counter[str] = Counter()
        self.history: list[JsonObject] = []
        self._calls = 0
        self._people_in_flight: dict[int, set[str]] = {}

    def record_arrival(self, api: str, method: str, path: str, now: float, *, bulk: bool) -> int:
        """Count an arriving call and return its number."""
        counts = self.apis[api]
        counts.arrivals.append(now)
        if bulk:
            counts.bulk_arrivals.append(now)
        counts.calls_by_path[f"{method} {path}"] += 1
        counts.in_flight += 1
        counts.in_flight_maximum = max(counts.in_flight_maximum, counts.in_flight)
        self._calls += 1
        return self._calls

    def record_response(self, api: str, number: int, status: str) -> None:
        """Count the end of a call."""
        self.apis[api].in_flight -= 1
        self.apis[api].answers_by_status[status] += 1
        self._people_in_flight.pop(number, None)

    def record_people_in_flight(self, request: Request) -> None:
        """Note whom a write changes until its response is sent, and record overlapping writes to one person."""
        for number, people in self._people_in_flight.items():
            if shared := sorted(people & request.identities):
                self.same_person_in_flight.append({"calls": [number, request.number], "identities": shared})
        if request.identities:
            self._people_in_flight[request.number] = request.identities

    def record_write(self, request: Request, record_id: str, identity: JsonObject, payload: Any) -> None:
        """Add an applied write to the history."""
        self.history.append(
            {
                "seq": len(self.history) + 1,
                "api": request.api,
                "call": request.number,
                "id": record_id,
                "identity": identity,
                "payload": payload,
            }
        )

    def record_lowered_opt_outs(self, request: Request, record_id: str, fields: list[str]) -> None:
        """Record the opt-outs that a write set back to false."""
        self.opt_outs_lowered += [
            {"api": request.api, "call": request.number, "id": record_id, "field": value} for value in fields
        ]

    def as_dict(self, windows: dict[str, list[Window]], bulk_window: Window) -> JsonObject:
        """Return all counts as JSON values.

        Args:
            windows: The windows of each API; the busiest one of each length is shown.
            bulk_window: LeadSquared's window for bulk calls.

        Returns:
            The body of `GET /__sandbox__/stats`.
        """
        return {
            "apis": {
                api: {
                    "calls": len(counts.arrivals),
                    "calls_by_path": dict(counts.calls_by_path),
                    "answers_by_status": dict(counts.answers_by_status),
                    "arrivals": [round(value + self._clock_offset, 6) for value in counts.arrivals],
                    "rate_limited_calls": counts.rate_limited_calls,
                    "max_calls_in_window": {
                        f"{seconds:g}": busiest(counts.arrivals, seconds)
                        for seconds in (5.0, 60.0, *(window.seconds for window in windows[api] if window.calls))
                    },
                    "bulk_calls": len(counts.bulk_arrivals),
                    "max_bulk_calls_in_window": busiest(counts.bulk_arrivals, bulk_window.seconds or 5.0),
                    "in_flight": counts.in_flight,
                    "in_flight_maximum": counts.in_flight_maximum,
                    "rows_per_call": counts.rows_per_call,
                    "unknown_parameters": dict(counts.unknown_parameters),
                }
                for api, counts in self.apis.items()
            },
            "uploads": self.uploads,
            "writes": len(self.history),
            "opt_outs_lowered": self.opt_outs_lowered,
            "automations_fired": self.automations_fired,
            "payloads_lost": self.payloads_lost,
            "same_person_in_flight": self.same_person_in_flight,
            "faults_fired": dict(self.faults_fired),
        }
