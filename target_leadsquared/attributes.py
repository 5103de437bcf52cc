"""From fields to LeadSquared's arrays of ``{"Attribute", "Value"}``, and by which field a lead is found (pure).

The calls are in docs/api/leadsquared.md, 1.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from lead_connectors.field_map.mapped import Problem
from lead_connectors.reject_codes import RejectCode
from target_leadsquared.lead_fields import SEARCH_BY

Attribute = dict[str, Any]

PROSPECT_ID = "ProspectID"
PROSPECT_ID_KEY = "ProspectId"
"""The lead's id as SearchBy and UpdateV2 spell it; as an attribute it is ProspectID."""
CARECYCLE_ID = "mx_CareCycle_Id"
AUTO, NONE = "auto", "none"
PHONES = ("Phone", "Mobile")
DEFAULT_IDENTIFIERS = ("EmailAddress", "Phone", "Mobile")
"""What identifies a lead where the account's metadata is not known."""

_SEARCH_ORDER = ("EmailAddress", "Phone", "Mobile", PROSPECT_ID)


def choose_search_by(fields: Mapping[str, Any], setting: str = AUTO, known: Collection[str] = ()) -> str | None:
    """Choose the field by which the API finds a lead.

    Args:
        fields: `Mapped.fields`.
        setting: `search_by`: ``auto``, ``none`` or a lead field.
        known: The account's identifying fields; empty where they are not known.

    Returns:
        The attribute's name; None with ``none``, and where the lead has no such field (`check_identity` says so).
    """
    if setting == NONE:
        return None
    if setting != AUTO:
        name = PROSPECT_ID if setting == PROSPECT_ID_KEY else setting
        return name if _has(fields, name) else None
    if CARECYCLE_ID in known and _has(fields, CARECYCLE_ID):
        return CARECYCLE_ID
    for name in (*_SEARCH_ORDER, *sorted(known)):
        if _has(fields, name):
            return name
    return None


def check_identity(fields: Mapping[str, Any], setting: str = AUTO, known: Collection[str] = ()) -> list[Problem]:
    """Tell what a lead lacks to be found.

    Args:
        fields: `Mapped.fields`.
        setting: `search_by`.
        known: The account's identifying fields; empty where they are not known.

    Returns:
        ``key_missing`` for the field that `search_by` names, ``required_missing`` without any identifying field.
    """
    if setting not in {AUTO, NONE} and choose_search_by(fields, setting) is None:
        return [Problem(setting, RejectCode.KEY_MISSING, "is the field to search by, and the lead has none")]
    identifying = tuple(sorted(known)) or DEFAULT_IDENTIFIERS
    if any(_has(fields, name) for name in (*identifying, PROSPECT_ID)):
        return []
    return [Problem(identifying[0], RejectCode.REQUIRED_MISSING, f"or another of {', '.join(identifying)} is required")]


def _has(fields: Mapping[str, Any], name: str) -> bool:
    return fields.get(name) not in (None, "", {})


def is_same(field: str, one: Any, other: Any) -> bool:
    """Whether two values of a field name one person: phones by their digits, the rest in any case."""
    if field in PHONES:
        one, other = (re.sub(r"[^0-9]", "", str(value or "")) for value in (one, other))
    return one not in (None, "") and str(one).strip().lower() == str(other).strip().lower()


def build_attributes(
    fields: Mapping[str, Any],
    *,
    search_by: str | None,
    boolean_values: Sequence[str] = ("true", "false"),
    id_key: str = PROSPECT_ID_KEY,
) -> list[Attribute]:
    """Build one lead of a call.

    Args:
        fields: `Mapped.fields`; an object of named fields is a custom field set, None empties a field.
        search_by: What `choose_search_by` returned; None sends no SearchBy (`write_mode` ``create`` takes none).
        id_key: How SearchBy spells the lead's id.
        boolean_values: How true and false are written.

    Returns:
        The attributes, all values text, SearchBy last.
    """
    attributes = [
        _attribute(name, value, boolean_values)
        for name, value in fields.items()
        if value is not None or name != search_by
    ]
    if search_by is not None:
        spelled = id_key if search_by == PROSPECT_ID else search_by
        attributes.append({"Attribute": SEARCH_BY, "Value": spelled})
    return attributes


def _attribute(name: str, value: Any, boolean_values: Sequence[str]) -> Attribute:
    if isinstance(value, Mapping):
        inner = [{"Attribute": key, "Value": _text(part, boolean_values)} for key, part in value.items()]
        return {"Attribute": name, "Value": "", "Fields": inner}
    return {"Attribute": name, "Value": _text(value, boolean_values)}


def _text(value: Any, boolean_values: Sequence[str]) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return boolean_values[0] if value else boolean_values[1]
    return str(value)


def by_id(attributes: Sequence[Attribute], lead_id: str, id_key: str) -> list[Attribute]:
    """The attributes of a lead that create-or-update is to find by its id.

    Args:
        attributes: What is to be written.
        lead_id: The id.
        id_key: How SearchBy spells it.
    """
    named = [pair for pair in attributes if pair["Attribute"] != PROSPECT_ID]
    found_by = [{"Attribute": PROSPECT_ID, "Value": lead_id}, {"Attribute": SEARCH_BY, "Value": id_key}]
    return [*named, *found_by]
