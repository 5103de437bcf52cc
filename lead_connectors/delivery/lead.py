"""A record on its way: what it was, what the API is to get, and whom it means."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

from lead_connectors.delivery.outcome import Outcome


@dataclass
class Lead:
    """One lead to be delivered; of several versions of one record, the last.

    Attributes:
        numbers: The records (`Checkpoint.record`) that share its outcome, the last being this version; earlier ones
            were collapsed into it.
        stream: The stream it came on (after stream maps).
        source_stream: The stream's name as the messages have it.
        line: The RECORD message as it came in, for the reject file.
        schema_line: The SCHEMA message that it came under.
        absorbed: The RECORD messages of the earlier versions.
        key: The record's key properties with the stream; None where the stream has none.
        mapping: What tells the stream's mapping from others: its leads are sent again where it changes.
        fields: API field to converted value. Not mutated once the lead is in a batch.
        opt_outs: Opt-out fields that are true in this or a collapsed version.
        identities: All that may mean the same lead ("email:...", "phone:...", "key:..."): order is kept by them.
        unique: API field to the identity that only one lead can have.
        left_out: Fields that are not sent because their value belongs to another lead (`on_conflict: leave_out`).
        refused: The outcome, where the record was refused before any call; only its opt-outs are then sent.
        rejected_at: Seconds since the epoch, where the record is a reject that is sent again.
        replaced: A newer version was accepted since it was rejected: only its opt-outs are sent.
    """

    numbers: list[int]
    stream: str
    source_stream: str
    line: bytes
    schema_line: bytes
    key: Hashable | None
    mapping: str
    fields: dict[str, Any] = field(repr=False)
    opt_outs: frozenset[str]
    identities: frozenset[str] = field(repr=False)
    unique: dict[str, str] = field(repr=False, default_factory=dict)
    left_out: frozenset[str] = frozenset()
    absorbed: list[bytes] = field(repr=False, default_factory=list)
    refused: Outcome | None = None
    rejected_at: float | None = None
    replaced: bool = False

    def absorb(self, newer: Lead) -> None:
        """Become the newer version of the same record; opt-outs of both hold."""
        self.numbers += newer.numbers
        self.absorbed.append(self.line)
        self.line, self.schema_line = newer.line, newer.schema_line
        self.fields, self.mapping = newer.fields, newer.mapping
        self.opt_outs |= newer.opt_outs
        self.identities |= newer.identities
        self.unique = newer.unique
        self.rejected_at = newer.rejected_at

    def unique_sent(self) -> dict[str, str]:
        """API field to unique identity, of the fields that are sent."""
        return {name: identity for name, identity in self.unique.items() if name not in self.left_out}

    def fields_sent(self) -> dict[str, Any]:
        """The fields that are sent, the opt-outs that are true among them."""
        kept = {name: value for name, value in self.fields.items() if name not in self.left_out}
        return kept | dict.fromkeys(sorted(self.opt_outs), True)


@dataclass(frozen=True)
class Receipt:
    """What a writer reports for one lead.

    Attributes:
        outcome: The lead's final outcome.
        opt_outs_raised: Its opt-outs (if it has any) were taken by the API, with it or by a minimal write.
        confirm_id: The API's id of the lead whose opt-outs are to be read back at the end of the run.
    """

    outcome: Outcome
    opt_outs_raised: bool = False
    confirm_id: str | None = None
