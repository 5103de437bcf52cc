"""From mapped fields to a record of ``POST /v2/leads/upload``. Pure; the contract is ``schemas/lead.json``."""

from __future__ import annotations

import functools
import json
from collections.abc import Collection, Mapping
from importlib.resources import files
from typing import Any, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from lead_connectors.field_map.api_fields import ApiField, ApiFields
from lead_connectors.field_map.rules import Problem
from lead_connectors.reject_codes import RejectCode

CUSTOM_FIELDS = "customFields"
PHONE = "phoneNumber"
EXTERNAL_ID = "externalId"
PLACES = ("postalCode", "timezone")
"""One of the two must be there: the law on calling hours (TCPA) needs the lead's time zone."""

_DATE = "%m-%d-%Y"
_CUSTOM_TYPES = {"number": "number", "boolean": "boolean", "date": "date", "select": "choice"}
_CUSTOM_DEFAULTS = {"date": {"output": "%Y-%m-%d"}, "datetime": {"output": "%Y-%m-%dT%H:%M:%SZ"}}
"""The month comes first in dateOfBirth alone; everywhere else the API writes dates in ISO form."""
_CODES = {
    "required": RejectCode.REQUIRED_MISSING,
    "maxLength": RejectCode.TOO_LONG,
    "maxItems": RejectCode.TOO_LONG,
    "additionalProperties": RejectCode.UNKNOWN_FIELD,
}
_REASONS = {
    "type": "is not of the type that the field takes",
    "enum": "is none of the values that the field takes",
    "pattern": "is not in the form that the field takes",
    "minimum": "is below the range of the field",
    "maximum": "is above the range of the field",
    "minLength": "is empty",
    "maxLength": "is too long",
    "maxItems": "holds too many fields",
    "additionalProperties": "holds a field that the call does not know",
}


@functools.lru_cache(maxsize=1)
def _schema() -> dict[str, Any]:
    text = files("target_carecycle").joinpath("schemas/lead.json").read_text(encoding="utf-8")
    return cast("dict[str, Any]", json.loads(text))


@functools.lru_cache(maxsize=1)
def _validator() -> Draft202012Validator:
    return Draft202012Validator(_schema())


def lead_fields(default_country: str = "US", custom_fields: Mapping[str, Mapping[str, Any]] | None = None) -> ApiFields:
    """Return the closed set of fields of the upload call.

    Args:
        default_country: Region of phones without a country code; the API takes numbers of country code 1 only.
        custom_fields: The account's definitions (``GET /v2/custom-fields``) by key, where they are known.

    Returns:
        The fields in the order of ``schemas/lead.json``.
    """
    declared = _schema()["properties"]
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
    return ApiField(key, convert=convert, options=options, listed=frozenset(listed))


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
        cut=rules.get("x-cut", not identifies),
        clear="null" in rules["type"] and not identifies,
        by_name=not group,
        group=group,
        group_limit=rules.get("maxItems"),
        parts={key: _custom_field(key, definition) for key, definition in custom_fields.items()} if group else {},
        part_defaults=_CUSTOM_DEFAULTS if group else {},
    )


def build_lead(fields: Mapping[str, Any], external_id: str | None = None) -> dict[str, Any]:
    """Build a record of the upload.

    Args:
        fields: `Mapped.fields`.
        external_id: The record's key as text, where the map fills no `externalId`: errors in the API's answer name
            nothing else.

    Returns:
        The record, its fields in the order of ``schemas/lead.json``; None stands for null, which empties a field.
    """
    lead = {name: fields[name] for name in _schema()["properties"] if name in fields and name != CUSTOM_FIELDS}
    if external_id is not None and EXTERNAL_ID not in lead:
        lead[EXTERNAL_ID] = external_id
    if CUSTOM_FIELDS in fields:
        lead[CUSTOM_FIELDS] = [
            {"fieldKey": key, "value": _custom_text(value)} for key, value in fields[CUSTOM_FIELDS].items()
        ]
    return lead


def _custom_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def check_lead(lead: Mapping[str, Any]) -> list[Problem]:
    """Hold a record against the call's contract.

    Args:
        lead: What `build_lead` returned.

    Returns:
        What is wrong, one entry a field, without values; empty where the record can be sent.
    """
    found: dict[str, Problem] = {}
    for error in sorted(_validator().iter_errors(lead), key=lambda error: [str(part) for part in error.absolute_path]):
        for problem in _problems(error, lead):
            found.setdefault(problem.field, problem)
    return list(found.values())


def _problems(error: ValidationError, lead: Mapping[str, Any]) -> list[Problem]:
    rule = str(error.validator)
    if rule == "anyOf":
        return [Problem(PLACES[0], RejectCode.REQUIRED_MISSING, "or timezone is required")]
    path = [str(part) for part in error.absolute_path]
    if rule == "required" and not path:
        return [
            Problem(name, RejectCode.REQUIRED_MISSING, "is required")
            for name in _schema()["required"]
            if name not in lead
        ]
    if rule == "additionalProperties" and not path:
        unknown = sorted(set(lead) - set(_schema()["properties"]))
        return [Problem(name, RejectCode.UNKNOWN_FIELD, "is no field of the call") for name in unknown]
    name = path[0] if path else "the lead"
    reason = _REASONS.get(rule, f"breaks the rule {rule}")
    if rule in {"maxLength", "maxItems"}:
        reason += f" (at most {error.validator_value})"
    return [Problem(name, _CODES.get(rule, RejectCode.INVALID_VALUE), reason)]


def opt_out_lead(lead: Mapping[str, Any], flags: Collection[str]) -> dict[str, Any] | None:
    """Build the smallest record that raises a lead's opt-outs, for a lead that is refused otherwise.

    Args:
        lead: What `build_lead` returned, whatever else is wrong with it.
        flags: The opt-out fields that are true.

    Returns:
        Phone, postal code or time zone, external id and the flags; None where the call would not take it.
    """
    if not flags:
        return None
    wrong = {problem.field for problem in check_lead(lead)}
    kept = (PHONE, *PLACES, EXTERNAL_ID)
    smallest = {name: lead[name] for name in kept if lead.get(name) is not None and name not in wrong}
    smallest.update(dict.fromkeys(sorted(flags), True))
    return None if check_lead(smallest) else smallest
