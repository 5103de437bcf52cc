"""The quirk `upper_case_ids`: every id in a response of LeadSquared is in upper case."""

from __future__ import annotations

from typing import Any

ID_NAMES = frozenset(
    {
        "LeadId",
        "Id",
        "RelatedID",
        "ProspectID",
        "RelatedProspectId",
        "OwnerId",
        "CreatedBy",
        "ModifiedBy",
        "OrgId",
        "EntityAttributeId",
    }
)


def with_upper_case_ids(value: Any) -> Any:
    """Return the body of a response with its ids in upper case; all other texts stay as they are."""
    if isinstance(value, list):
        return [with_upper_case_ids(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: item.upper() if name in ID_NAMES and isinstance(item, str) else with_upper_case_ids(item)
        for name, item in value.items()
    }
