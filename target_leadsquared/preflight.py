"""The mapping checked against the account's own lead fields, before the first write (pure).

One unknown attribute makes LeadSquared reject a whole lead (docs/api/leadsquared.md, 7). So what the account does not
have is left out here, or stops the run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lead_connectors.field_map.field_map import FieldMap
from lead_connectors.field_map.messages import did_you_mean
from lead_connectors.field_map.property_paths import MISSING
from lead_connectors.field_map.rules import Rule
from target_leadsquared.attributes import AUTO, DEFAULT_IDENTIFIERS, NONE, PROSPECT_ID, PROSPECT_ID_KEY
from target_leadsquared.lead_fields import identifiers, is_set, parts_of_set, shipped_names

LEAD_TYPE = "LeadType"

_PLACES = frozenset({"postal_code", "timezone", "us_state"})
_MOMENTS = frozenset({"date", "datetime"})
_NUMBERS = frozenset({"integer", "number"})
_NEVER_FITS: Mapping[str, frozenset[str]] = {
    "number": _MOMENTS | {"boolean", "email", "phone", "timezone", "us_state"},
    "date": _NUMBERS | _PLACES | {"boolean", "email", "phone"},
    "datetime": _NUMBERS | _PLACES | {"boolean", "email", "phone"},
    "email": _NUMBERS | _PLACES | _MOMENTS | {"boolean", "phone"},
    "phone": _MOMENTS | {"boolean", "email", "timezone", "us_state"},
    "website": _NUMBERS | _PLACES | _MOMENTS | {"boolean", "phone"},
    "boolean": _PLACES | _MOMENTS | {"email", "phone"},
}
"""By the account's DataType, the converters whose results never are such a value."""


@dataclass(frozen=True)
class PreflightSettings:
    """The settings that are checked against the account.

    Attributes:
        search_by: The setting.
        opt_out_fields: The setting.
        boolean_values: The setting.
    """

    search_by: str = AUTO
    opt_out_fields: Iterable[str] = ()
    boolean_values: Sequence[str] = ("true", "false")


@dataclass
class Findings:
    """What is wrong between a mapping and an account, in sentences without values.

    Attributes:
        errors: They stop the run in every mode.
        problems: They stop a run in `strict`, and are warnings in `warn`.
        warnings: No reason to stop.
        notes: No action is needed.
        left_out: Fields that are not sent; those inside a custom field set with a dot.
    """

    errors: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    left_out: set[str] = field(default_factory=set)


def check_against_account(
    field_map: FieldMap, metadata: Sequence[Mapping[str, Any]], settings: PreflightSettings
) -> Findings:
    """Check a stream's map and the settings against an account.

    Args:
        field_map: The stream's map.
        metadata: The rows of ``LeadsMetaData.Get``; empty with `preflight: off`, where nothing is known.
        settings: The settings.

    Returns:
        What is wrong, and which fields are left out.
    """
    found = Findings()
    if LEAD_TYPE in field_map.fields:
        found.warnings.append(
            f"Stream {field_map.stream} fills {LEAD_TYPE}: LeadSquared lets it change from OT_0 only once for each "
            "lead, and never back"
        )
    if not metadata:
        found.left_out |= field_map.optional
        if field_map.optional:
            found.notes.append(
                "Not sent with preflight: off, for it is not known whether the account has them: "
                f"{_named(field_map.optional)}; map them in field_map to send them"
            )
        return found
    rows = {str(row["SchemaName"]): row for row in metadata}
    _search_field(settings.search_by, rows, found)
    found.errors += unknown_opt_outs(settings.opt_out_fields, rows.values())
    _lacking(field_map, rows, found)
    for rule in field_map.rules:
        if rule.field in rows:
            _fit(field_map, rule, rows[rule.field], settings, found)
    _identity(field_map, rows, settings.search_by, found)
    _mandatory(field_map, rows, found)
    return found


def _search_field(search_by: str, rows: Mapping[str, Mapping[str, Any]], found: Findings) -> None:
    if search_by in {AUTO, NONE, PROSPECT_ID_KEY, PROSPECT_ID}:
        return
    if search_by not in rows:
        found.errors.append(f"search_by: LeadSquared has no lead field {search_by}{did_you_mean(search_by, rows)}")
    elif search_by not in identifiers(rows.values()):
        found.problems.append(
            f"search_by: {search_by} does not identify a lead in this account, so that people may be merged; "
            f"identifying are {_named(identifiers(rows.values())) or 'none'}"
        )


def unknown_opt_outs(names: Iterable[str], metadata: Iterable[Mapping[str, Any]]) -> list[str]:
    """One sentence for each opt-out field that neither the account nor LeadSquared has."""
    known = {str(row.get("SchemaName")) for row in metadata}
    return [
        f"opt_out_fields: LeadSquared has no lead field {name}{did_you_mean(name, known)}"
        for name in sorted(set(names) - known - shipped_names())
    ]


def _lacking(field_map: FieldMap, rows: Mapping[str, Any], found: Findings) -> None:
    spelled = {name.casefold(): name for name in rows}
    lacking = sorted(field_map.fields - rows.keys() - {PROSPECT_ID})
    for name in lacking:
        if name in field_map.optional:
            continue
        where = f"field_map.{field_map.stream}.{name}"
        right = spelled.get(name.casefold())
        if right is not None:
            sentence = f"{where}: LeadSquared spells this field '{right}'"
        else:
            sentence = f"{where}: LeadSquared has no lead field {name}{did_you_mean(name, rows)}"
        if name in field_map.opt_outs:
            found.errors.append(
                f"{sentence}. It raises an opt-out, so it cannot just be left out: correct it, or leave the "
                "field out with false"
            )
        else:
            found.problems.append(sentence)
    optional = [name for name in lacking if name in field_map.optional]
    if optional:
        found.notes.append(f"Left out, for this account has no such lead fields: {_named(optional)}")
    found.left_out |= set(lacking)


def _fit(field_map: FieldMap, rule: Rule, row: Mapping[str, Any], settings: PreflightSettings, found: Findings) -> None:
    where = f"field_map.{field_map.stream}.{rule.field}"
    kind = str(row.get("DataType") or "").casefold()
    if rule.group:
        _fit_parts(where, rule, row, found)
        return
    if rule.converter.name in _NEVER_FITS.get(kind, ()):
        found.problems.append(
            f"{where}: the account's {rule.field} is of type {row['DataType']}, which the converter "
            f"{rule.converter.name} never makes"
        )
    if rule.is_opt_out and kind == "select" and not _offers(row, settings.boolean_values[0]):
        found.errors.append(
            f"{where}: the account's {rule.field} offers no '{settings.boolean_values[0]}' (boolean_values), so that "
            "it could not be raised"
        )
    if rule.allowed_values and any(_unlisted(rule, value) for value in (rule.literal, rule.default)):
        found.problems.append(f"{where}: its fixed value is none that the account offers for {rule.field}")
    if str(row.get("LockAfterCreate")) == "1":
        found.warnings.append(f"{rule.field} is locked after a lead's creation: updates of it may be rejected")


def _fit_parts(where: str, rule: Rule, row: Mapping[str, Any], found: Findings) -> None:
    """Check a custom field set's inner names against the account, where its response lists them."""
    known = {str(part["SchemaName"]) for part in parts_of_set(row)}
    for part in rule.group:
        if known and part.field not in known:
            found.problems.append(
                f"{where}.fields: {rule.field} has no field {part.field}{did_you_mean(part.field, known)}"
            )
            found.left_out.add(f"{rule.field}.{part.field}")


def _identity(field_map: FieldMap, rows: Mapping[str, Mapping[str, Any]], search_by: str, found: Findings) -> None:
    filled = field_map.fields - found.left_out
    if search_by not in {AUTO, NONE}:
        name = PROSPECT_ID if search_by == PROSPECT_ID_KEY else search_by
        if name not in filled:
            found.problems.append(
                f"Stream {field_map.stream}: nothing fills {name}, by which leads are found (search_by)"
            )
        return
    identifying = identifiers(rows.values()) or frozenset(DEFAULT_IDENTIFIERS)
    if not filled & (identifying | {PROSPECT_ID}):
        found.problems.append(
            f"Stream {field_map.stream}: nothing fills a field that identifies a lead ({_named(identifying)}), so that "
            "all its records are rejected"
        )


def _mandatory(field_map: FieldMap, rows: Mapping[str, Mapping[str, Any]], found: Findings) -> None:
    missing = [
        name
        for name, row in rows.items()
        if is_set(row.get("IsMandatory"))
        and row.get("DefaultValue") in (None, "")
        and not is_set(row.get("IsReadOnly"))
        and name not in field_map.fields - found.left_out
    ]
    if missing:
        found.problems.append(
            f"Stream {field_map.stream}: the account demands {_named(missing)} of new leads, and nothing fills "
            f"{'it' if len(missing) == 1 else 'them'}: new leads may be rejected"
        )


def _offers(row: Mapping[str, Any], value: str) -> bool:
    return any(isinstance(option, Mapping) and option.get("Value") == value for option in row.get("Options") or [])


def _unlisted(rule: Rule, value: Any) -> bool:
    return value is not MISSING and isinstance(value, str) and value not in rule.allowed_values


def _named(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
