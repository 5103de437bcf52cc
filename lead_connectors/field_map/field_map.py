"""`FieldMap`: how the records of one stream become an API's fields."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from lead_connectors.field_map.mapped import Mapped
from lead_connectors.field_map.rules import Rule


@dataclass(frozen=True)
class FieldMap:
    """The field map of one stream under one SCHEMA. Pure: no I/O, and no record is changed.

    Attributes:
        stream: The stream's name.
        rules: In the order in which fields are sent.
        properties: The names of the schema's properties.
    """

    stream: str
    rules: tuple[Rule, ...]
    properties: tuple[str, ...] = ()

    def apply(self, record: Mapping[str, Any]) -> Mapped:
        """Map one record.

        Args:
            record: As it came. It is not changed, and the result shares no object with it.

        Returns:
            The API's fields, and everything that is wrong with them. No record's data makes this raise.
        """
        mapped = Mapped()
        for rule in self.rules:
            rule.apply(record, mapped)
        return mapped

    @functools.cached_property
    def version(self) -> str:
        """A hash of what a person set and the API documents: the same map has the same version in every release.

        A ledger holds it and sends leads again where it changes, so it must not change without need. What the account's
        metadata says (types, lengths, options) is no part of it: it shows in the values of the leads that it concerns.
        """
        return _hash([rule.version_data() for rule in self.rules])

    @functools.cached_property
    def former_version(self) -> str:
        """The version that release 0.1 wrote into their ledgers, which includes the account's metadata."""
        return _hash([rule.former_version_data() for rule in self.rules])

    @functools.cached_property
    def unmapped(self) -> tuple[str, ...]:
        """The properties that no field reads, without those that Singer adds (``_sdc_``)."""
        used = {path[0] for rule in self.rules for path in rule.all_paths()}
        return tuple(name for name in self.properties if name not in used and not name.startswith("_sdc_"))

    @property
    def fields(self) -> frozenset[str]:
        """The API fields that the map fills."""
        return frozenset(rule.field for rule in self.rules)

    @property
    def optional(self) -> frozenset[str]:
        """The API fields that a built-in map fills only where the account has them."""
        return frozenset(rule.field for rule in self.rules if rule.is_optional)

    @property
    def opt_outs(self) -> frozenset[str]:
        """The API fields that raise an opt-out."""
        return frozenset(rule.field for rule in self.rules if rule.is_opt_out)

    def without(self, fields: Collection[str]) -> FieldMap:
        """Return the map without some API fields.

        Args:
            fields: Their names; a named field of a group as ``group.name``.
        """
        kept = []
        for rule in self.rules:
            group = tuple(inner for inner in rule.group if f"{rule.field}.{inner.field}" not in fields)
            if rule.field not in fields and (group or not rule.group):
                kept.append(dataclasses.replace(rule, group=group))
        return dataclasses.replace(self, rules=tuple(kept))


def _hash(data: list[Any]) -> str:
    text = json.dumps(data, sort_keys=True, default=repr)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
