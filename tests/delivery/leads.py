"""Leads for unit tests."""

from __future__ import annotations

from typing import Any

from lead_connectors.delivery.lead import Lead


def a_lead(number: int, key: Any = None, *, fields: dict[str, Any] | None = None, **values: Any) -> Lead:
    """A lead of the stream `people`; its key is an identity, too."""
    own = {f"people:{key}"} if key is not None else set()
    unique = values.pop("unique", {})
    return Lead(
        numbers=[number],
        stream=values.pop("stream", "people"),
        source_stream="people",
        line=values.pop("line", b'{"type":"RECORD","stream":"people","record":{}}'),
        schema_line=b'{"type":"SCHEMA","stream":"people","schema":{"properties":{}},"key_properties":[]}',
        key=None if key is None else ("people", str(key)),
        mapping=values.pop("mapping", "m1"),
        fields=fields or {},
        opt_outs=frozenset(values.pop("opt_outs", ())),
        identities=frozenset(own | set(values.pop("identities", ())) | set(unique.values())),
        unique=unique,
        **values,
    )
