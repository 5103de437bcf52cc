"""What became of a record: exactly one outcome each, from a closed list."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from lead_connectors.reject_codes import RejectCode

MAX_REASON_LENGTH = 500


class Status(str, enum.Enum):
    """The columns of the report: `read` is the sum of all of them."""

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
    """The last word on one record.

    Attributes:
        status: The column that it is counted in.
        code: Why it was rejected; None otherwise.
        reason: For the reject file only, which holds the record anyway: field names, the API's own text. Never logged.
        lead_id: The API's id of the lead, where it gave one.
        conflicting_fields: API fields whose value belongs to another lead, with the code `conflict`.
        is_by_ledger: The ledger alone objects; the API was not asked.
    """

    status: Status
    code: RejectCode | None = None
    reason: str = ""
    lead_id: str | None = None
    conflicting_fields: tuple[str, ...] = ()
    is_by_ledger: bool = False

    @property
    def is_delivered(self) -> bool:
        """Whether the API took the record."""
        return self.status in DELIVERED


def rejected(code: RejectCode, reason: str = "", *, conflicting_fields: tuple[str, ...] = ()) -> Outcome:
    """The outcome of a record that will not be sent again by itself."""
    return Outcome(Status.REJECTED, code, reason[:MAX_REASON_LENGTH], conflicting_fields=conflicting_fields)


def id_key(lead_id: str) -> str:
    """The form in which an API's ids are compared: some APIs write GUIDs in either case, with or without braces."""
    return lead_id.strip("{} ").casefold()
