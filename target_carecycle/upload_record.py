"""From mapped fields to a record of ``POST /v2/leads/upload`` (pure); the call's contract is ``schemas/lead.json``."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from typing import Any, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from lead_connectors.field_map.mapped import Problem
from lead_connectors.reject_codes import RejectCode

CUSTOM_FIELDS = "customFields"
PHONE = "phoneNumber"
EXTERNAL_ID = "externalId"
PLACES = ("postalCode", "timezone")
"""One of the two is required: the law on calling hours (TCPA) needs the lead's time zone."""

_CODES = {
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
def upload_schema() -> dict[str, Any]:
    """The JSON Schema of one record of the upload."""
    text = files("target_carecycle").joinpath("schemas/lead.json").read_text(encoding="utf-8")
    return cast("dict[str, Any]", json.loads(text))


@functools.lru_cache(maxsize=1)
def _validators() -> dict[str, Draft202012Validator]:
    return {name: Draft202012Validator(rules) for name, rules in upload_schema()["properties"].items()}


def external_id(key: Sequence[Any]) -> str:
    """Write a record's key as one text; no two keys of a stream give the same.

    Args:
        key: The values of its key properties; none of them is blank.

    Returns:
        A single value as it is. Several are joined by ``-``, with ``%`` and ``-`` inside them percent-encoded. Empty
        without a key.
    """
    if len(key) == 1:
        return str(key[0])
    return "-".join(str(part).replace("%", "%25").replace("-", "%2D") for part in key)


def build_record(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Build a record of the upload.

    Args:
        fields: API field to value.

    Returns:
        The record, its fields in the order of ``schemas/lead.json``; None stands for null, which empties a field.
    """
    return {name: _as_json(name, fields[name]) for name in upload_schema()["properties"] if name in fields}


def check_fields(fields: Mapping[str, Any]) -> list[Problem]:
    """Check fields against the call's schema.

    Args:
        fields: API field to value.

    Returns:
        What is wrong, one entry a field, without values; empty where `build_record` makes a record that can be sent.
    """
    validators = _validators()
    problems = {
        name: Problem(name, RejectCode.UNKNOWN_FIELD, "is no field of the call")
        for name in sorted(fields.keys() - validators.keys())
    }
    for name in upload_schema()["required"]:
        if name not in fields:
            problems[name] = Problem(name, RejectCode.REQUIRED_MISSING, "is required")
    if not any(isinstance(fields.get(name), str) for name in PLACES):
        problems[PLACES[0]] = Problem(PLACES[0], RejectCode.REQUIRED_MISSING, f"or {PLACES[1]} is required")
    for name in sorted(fields.keys() - problems.keys()):
        errors = validators[name].iter_errors(_as_json(name, fields[name]))
        error = min(errors, key=lambda error: [str(part) for part in error.absolute_path], default=None)
        if error is not None:
            problems[name] = _problem(name, error)
    return list(problems.values())


def opt_out_fields(fields: Mapping[str, Any], opt_outs: Iterable[str]) -> dict[str, Any] | None:
    """Choose the fewest fields that raise a lead's opt-outs, for a lead that is rejected otherwise.

    Args:
        fields: API field to value, whatever is wrong with them.
        opt_outs: The opt-out fields that are true.

    Returns:
        Phone, postal code or time zone, external id and the opt-outs; None where the call would not take them.
    """
    flags = dict.fromkeys(sorted(opt_outs), True)
    wrong = {problem.field for problem in check_fields(fields)}
    kept = (PHONE, *PLACES, EXTERNAL_ID)
    fewest = {name: fields[name] for name in kept if fields.get(name) is not None and name not in wrong} | flags
    return None if not flags or check_fields(fewest) else fewest


def _as_json(name: str, value: Any) -> Any:
    if name != CUSTOM_FIELDS or not isinstance(value, Mapping):
        return value
    return [{"fieldKey": key, "value": _custom_text(part)} for key, part in value.items()]


def _custom_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _problem(name: str, error: ValidationError) -> Problem:
    rule = str(error.validator)
    reason = _REASONS.get(rule, f"breaks the rule {rule}")
    if rule in {"maxLength", "maxItems"}:
        reason += f" (at most {error.validator_value})"
    return Problem(name, _CODES.get(rule, RejectCode.INVALID_VALUE), reason)
