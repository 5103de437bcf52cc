"""What became of a record: exactly one outcome each, from a closed list."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from lead_connectors.reject_codes import RejectCode


class Status(str, enum.Enum):
    """The columns of the account: `read` is the sum of all of them."""

    CREATED = "created"
    UPDATED = "updated"
    ACCEPTED = "accepted"
    UNCHANGED = "unchanged"
    COLLAPSED = "collapsed"
    SKIPPED = "skipped"
    UNSENT = "unsent"
    REJECTED = "rejected"


DELIVERED = frozenset({Status.CREATED, Status.UPDATED, Status.ACCEPTED})


@dataclass(frozen=True)
class Outcome:
    """The final word on one record.

    Attributes:
        status: The column that it is counted in.
        code: Why it was rejected; None otherwise.
        reason: For the reject file only, which holds the record anyway: field names, the API's own text. Never logged.
        lead_id: The API's id of the lead, where it gave one.
        clashed: API fields whose value belongs to another lead, with `conflict`.
    """

    status: Status
    code: RejectCode | None = None
    reason: str = ""
    lead_id: str | None = None
    clashed: tuple[str, ...] = ()

    @property
    def delivered(self) -> bool:
        """Whether the API took the record."""
        return self.status in DELIVERED


def rejected(code: RejectCode, reason: str = "", *, clashed: tuple[str, ...] = ()) -> Outcome:
    """A final refusal."""
    return Outcome(Status.REJECTED, code, reason[:500], clashed=clashed)
