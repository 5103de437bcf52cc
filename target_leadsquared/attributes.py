"""From fields to LeadSquared's arrays of ``{"Attribute", "Value"}``, and by which field a lead is found (pure).

The calls are in docs/api/leadsquared.md, 1.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from lead_connectors.field_map.mapped import Problem
from lead_connectors.reject_codes import RejectCode
from target_leadsquared.lead_fields import SEARCH_BY

Attribute = dict[str, Any]

PROSPECT_ID = "ProspectID"
CARECYCLE_ID = "mx_CareCycle_Id"
AUTO, NONE = "auto", "none"
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
        name = PROSPECT_ID if setting == "ProspectId" else setting
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


def build_attributes(
    fields: Mapping[str, Any], *, search_by: str | None, boolean_values: Sequence[str] = ("true", "false")
) -> list[Attribute]:
    """Build one lead of a call.

    Args:
        fields: `Mapped.fields`; an object of named fields is a custom field set, None empties a field.
        search_by: What `choose_search_by` returned; None sends no SearchBy (`write_mode` ``create`` takes none).
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
        # as an attribute the id is spelled ProspectID, as a value of SearchBy the API takes ProspectId only
        spelled = "ProspectId" if search_by == PROSPECT_ID else search_by
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


def opt_out_attributes(
    fields: Mapping[str, Any],
    flags: Collection[str],
    search_by: str | None,
    *,
    known: Collection[str] = (),
    boolean_values: Sequence[str] = ("true", "false"),
) -> list[Attribute] | None:
    """Build the smallest lead that raises opt-outs, for a lead that is rejected otherwise.

    Args:
        fields: `Mapped.fields`, less what belongs to another lead.
        flags: The opt-out fields that are true.
        search_by: What `choose_search_by` returned for these fields; None leaves the search to the API.
        known: The account's identifying fields; empty where they are not known.
        boolean_values: How true and false are written.

    Returns:
        Its one identifier and the flags, SearchBy last; None where there is no flag or no identifier.
    """
    key = search_by or choose_search_by(fields, AUTO, known)
    if not flags or key is None or not _has(fields, key):
        return None
    smallest = {key: fields[key], **dict.fromkeys(sorted(flags), True)}
    return build_attributes(smallest, search_by=search_by, boolean_values=boolean_values)
