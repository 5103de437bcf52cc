"""Leads for unit tests."""

from __future__ import annotations

from typing import Any

from lead_connectors.delivery.lead import Lead, Source

LINE = b'{"type":"RECORD","stream":"people","record":{}}'
SCHEMA_LINE = b'{"type":"SCHEMA","stream":"people","schema":{"properties":{}},"key_properties":[]}'


def a_lead(number: int, key: Any = None, *, fields: dict[str, Any] | None = None, **values: Any) -> Lead:
    """A lead of the stream `people`; its key is an identity, too."""
    own = {f"people:{key}"} if key is not None else set()
    unique = values.pop("unique", {})
    return Lead(
        sources=(Source(number, "people", values.pop("line", LINE), SCHEMA_LINE),),
        stream=values.pop("stream", "people"),
        key=None if key is None else ("people", str(key)),
        map_version=values.pop("map_version", "m1"),
        fields=fields or {},
        opt_outs=frozenset(values.pop("opt_outs", ())),
        identities=frozenset(own | set(values.pop("identities", ())) | set(unique.values())),
        unique=unique,
        **values,
    )


def numbers(lead: Lead) -> list[int]:
    """The records that share a lead's outcome."""
    return [source.number for source in lead.sources]
