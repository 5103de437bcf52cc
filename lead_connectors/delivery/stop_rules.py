"""When a run stops because a person has to look."""

from __future__ import annotations

from collections import Counter

from lead_connectors.delivery.errors import PersonNeededError
from lead_connectors.delivery.outcome import Outcome, Status
from lead_connectors.delivery.report import Report

MAX_REJECTS_ALWAYS_ALLOWED = 10
JUDGED_FROM = 100
"""So many records have their outcome before the share of rejects is judged: their order must not decide."""
ALL_IN_CONFLICT = 20
"""So many records of a stream, all of them in conflict with the ledger, are no coincidence."""


class StopRules:
    """Watches what becomes of a run's records.

    Args:
        report: The run's counts.
        max_reject_percent: The setting; None during a replay, which no rule stops.
    """

    def __init__(self, report: Report, max_reject_percent: float | None) -> None:
        self._report = report
        self._limit = max_reject_percent
        self._in_conflict: Counter[str] = Counter()
        self._sound: set[str] = set()

    def see(self, stream: str, outcome: Outcome) -> None:
        """Take note of one record's outcome."""
        if outcome.is_by_ledger:
            self._in_conflict[stream] += 1
        elif outcome.status is not Status.REJECTED:
            self._sound.add(stream)

    @property
    def stream_in_doubt(self) -> str | None:
        """A stream of which every valid record so far is in conflict with the ledger: it may have been renamed."""
        if self._limit is None:
            return None
        return next((stream for stream in self._in_conflict if stream not in self._sound), None)

    def check(self, *, at_end: bool = False) -> None:
        """Stop the run where a person has to look.

        Args:
            at_end: Every record has its outcome.

        Raises:
            PersonNeededError: A whole stream is in conflict with the ledger, or too many records are rejected.
        """
        if self._limit is None:
            return
        stream = self.stream_in_doubt
        if stream is not None and self._in_conflict[stream] >= ALL_IN_CONFLICT:
            msg = (
                f"All {self._in_conflict[stream]} valid records of stream {stream} so far belong, by their e-mail or "
                "phone, to records that the ledger knows from another stream or by another key: the run stops here. If "
                "the stream was renamed or its key has changed, give it the old name (stream_maps) or key. If these "
                "are other records of the same people, leave the stream out (streams), or set on_conflict where the "
                "target has it."
            )
            raise PersonNeededError(msg)
        count, accounted = self._report.rejected_without_conflicts, self._report.accounted
        if accounted < JUDGED_FROM and not at_end:
            return
        if count <= MAX_REJECTS_ALWAYS_ALLOWED or count * 100 <= self._limit * accounted:
            return
        msg = (
            f"{count} of {accounted} records were rejected, more than max_reject_percent ({self._limit:g}): the run "
            "stops here. Look at the codes in the summary and at the reject files, correct the mapping or the data, "
            "and run again; --replay sends the rejects once more."
        )
        raise PersonNeededError(msg)
