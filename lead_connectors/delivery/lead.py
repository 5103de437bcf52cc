"""A record on its way: the messages that it came in, what the API is to get, and which person it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lead_connectors.delivery.outcome import Outcome
from lead_connectors.field_map.mapped import Problem


@dataclass(frozen=True)
class Source:
    """Where a record came from.

    Attributes:
        number: The record's number in this run (`Checkpoint.record`).
        stream: The stream's name as the messages have it, before stream maps.
        line: The RECORD message as it came in, for the reject file.
        schema_line: The SCHEMA message that it came under.
    """

    number: int
    stream: str
    line: bytes = field(repr=False)
    schema_line: bytes = field(repr=False)


@dataclass(frozen=True)
class Lead:
    """One lead to be delivered; of several versions of one record, the last. It never changes: see `replaced_by`.

    Attributes:
        sources: The records that share its outcome, oldest first. The last one is this version; the earlier ones were
            collapsed into it.
        stream: The stream it came on, after stream maps.
        key: The record's key properties with the stream; None where the stream has none.
        map_version: Tells the stream's map from others: its leads are sent again where it changes.
        fields: API field to converted value, opt-outs left out.
        opt_outs: Opt-out fields that are true in this or a collapsed version.
        identities: All that may mean the same lead ("email:...", "phone:...", "key:..."): order is kept by them.
        unique: API field to the identity that only one lead can have; the one that finds the lead first.
        rejected: The outcome, where the record cannot be sent as it is; only its opt-outs are then sent.
        rejected_at: Seconds since the epoch, where the record is a reject that is sent again.
        problems: Why the record cannot be sent as it is, for the counts of a dry run.
        notes: Sentences about the record, without values; counted and logged once at the end.
        former_map_version: How releases with format 1 of the ledger named the map; empty where it makes no difference.
    """

    sources: tuple[Source, ...]
    stream: str
    key: Hashable | None
    map_version: str
    fields: Mapping[str, Any] = field(repr=False)
    opt_outs: frozenset[str] = frozenset()
    identities: frozenset[str] = field(repr=False, default=frozenset())
    unique: Mapping[str, str] = field(repr=False, default_factory=dict)
    rejected: Outcome | None = None
    rejected_at: float | None = None
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    former_map_version: str = ""

    @property
    def source(self) -> Source:
        """Where this version came from."""
        return self.sources[-1]

    @property
    def number(self) -> int:
        """The number of the oldest record that shares its outcome: its place in the order of sending."""
        return self.sources[0].number

    def replaced_by(self, newer: Lead) -> Lead:
        """The newer version of the same record, which also stands for this one; opt-outs of both hold."""
        return dataclasses.replace(
            newer,
            sources=self.sources + newer.sources,
            opt_outs=self.opt_outs | newer.opt_outs,
            identities=self.identities | newer.identities,
        )
