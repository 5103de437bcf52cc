"""The fields of CareCycle's upload for the field map, read from ``schemas/lead.json`` and the account (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lead_connectors.field_map.api_fields import ApiField, ApiFields
from target_carecycle.upload_record import upload_schema

_DATE = "%m-%d-%Y"
_CUSTOM_TYPES = {"number": "number", "boolean": "boolean", "date": "date", "select": "choice"}
_CUSTOM_DEFAULTS = {"date": {"output": "%Y-%m-%d"}, "datetime": {"output": "%Y-%m-%dT%H:%M:%SZ"}}
"""The month comes first in dateOfBirth alone; everywhere else the API writes dates in ISO form."""


def upload_fields(
    default_country: str = "US", custom_fields: Mapping[str, Mapping[str, Any]] | None = None
) -> ApiFields:
    """Return the fields of the upload; the call takes no others.

    Args:
        default_country: Region of phones without a country code; the API takes numbers of country code 1 only.
        custom_fields: The account's definitions (``GET /v2/custom-fields``) by key, where they are known.

    Returns:
        The fields in the order of ``schemas/lead.json``.
    """
    declared = upload_schema()["properties"]
    return ApiFields(
        {name: _field(name, rules, custom_fields or {}) for name, rules in declared.items()},
        closed=True,
        opt_outs=tuple(name for name, rules in declared.items() if rules.get("x-opt-out")),
        defaults={"phone": {"region": default_country}, "date": {"output": _DATE}, "datetime": {"output": _DATE}},
    )


def _custom_field(key: str, definition: Mapping[str, Any]) -> ApiField:
    convert = _CUSTOM_TYPES.get(str(definition.get("fieldType")), "auto")
    choices = [str(choice) for choice in definition.get("options") or []]
    if convert == "choice" and not choices:
        convert = "auto"
    listed = choices if convert == "choice" else []
    options = {"choices": choices, "other": "keep"} if listed else {}
    return ApiField(key, convert=convert, options=options, allowed_values=frozenset(listed), documented=ApiField(key))


def _field(name: str, rules: Mapping[str, Any], custom_fields: Mapping[str, Mapping[str, Any]]) -> ApiField:
    convert: Any = rules.get("x-convert", "text")
    options: Mapping[str, Any] = {}
    if isinstance(convert, Mapping):
        convert, options = next(iter(convert.items()))
    if convert == "choice":
        options = {**options, "choices": [choice for choice in rules["enum"] if choice is not None]}
    group = rules["type"] == "array"
    identifies = bool(rules.get("x-identifies"))
    return ApiField(
        name,
        convert=convert,
        options=options,
        max_length=rules.get("maxLength"),
        can_cut=rules.get("x-cut", not identifies),
        can_clear="null" in rules["type"] and not identifies,
        by_name=not group,
        is_group=group,
        group_limit=rules.get("maxItems"),
        group_fields={key: _custom_field(key, definition) for key, definition in custom_fields.items()}
        if group
        else {},
        group_defaults=_CUSTOM_DEFAULTS if group else {},
    )
