"""A stream on its way to LeadSquared leads."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from lead_connectors.delivery.sink import DeliverySink
from lead_connectors.field_map.rules import Mapped, Problem
from target_leadsquared.attributes import DEFAULT_IDENTIFIERS, build_attributes, check_attributes, check_identity

if TYPE_CHECKING:
    from target_leadsquared.target import TargetLeadSquared

PHONES = ("Phone", "Mobile")


class LeadSquaredSink(DeliverySink):
    """Makes an array of attributes of each record of the stream."""

    @property
    def _account(self) -> TargetLeadSquared:
        return cast("TargetLeadSquared", self._target)

    @property
    def mapping(self) -> str:
        """The map, and how booleans are written."""
        return f"{self.field_map.version} {'/'.join(self._account.write_settings.boolean_values)}"

    def complete(self, mapped: Mapped, record: Mapping[str, Any], key: Sequence[Any]) -> list[Problem]:
        """Say what the lead lacks to be found, and hold it against the call's schema."""
        _ = record, key
        settings = self._account.write_settings
        problems = check_identity(mapped.fields, settings.search_by, settings.identifiers)
        if not problems and not mapped.problems:
            attributes = build_attributes(mapped.fields, search_by=None, boolean_values=settings.boolean_values)
            problems = check_attributes(attributes, settings.write_mode)
        return problems

    def identify(self, fields: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
        """The account's unique fields; order is kept by phones as digits and e-mails in lower case."""
        unique, shared = {}, {}
        for name in self._account.write_settings.identifiers or DEFAULT_IDENTIFIERS:
            value = fields.get(name)
            if value in (None, ""):
                continue
            text = re.sub(r"[^0-9]", "", str(value)) if name in PHONES else str(value).strip().lower()
            unique[name] = f"{name}:{text}"
            if name in PHONES:
                # A lead's phone may be another's mobile, and spellings differ.
                shared[name] = f"phone:{text[-10:]}"
        return unique, shared
