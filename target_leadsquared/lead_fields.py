"""LeadSquared's lead fields for the field map: those that it ships, and what an account says about its own (pure).

The account's part are the rows of ``LeadsMetaData.Get`` (docs/api/leadsquared.md).
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Any, cast

from lead_connectors.field_map.api_fields import ApiField, ApiFields
from lead_connectors.http.response import whole_number

SEARCH_BY = "SearchBy"

_DATE, _DATETIME = "%Y-%m-%d 00:00:00", "%Y-%m-%d %H:%M:%S"
_CONVERT_BY_TYPE = {
    "text": "text",
    "textarea": "text",
    "website": "text",
    "time": "text",
    "number": "number",
    "email": "email",
    "phone": "phone",
    "date": "date",
    "datetime": "datetime",
    "boolean": "boolean",
    "select": "choice",
}
_WITH_LENGTH = frozenset({"text", "email"})
_CUSTOM_FIELD_SET = "customobject"
_DO_NOT = re.compile(r"(mx_)?do_?not", re.IGNORECASE)


@functools.lru_cache(maxsize=1)
def _shipped_fields() -> dict[str, dict[str, Any]]:
    text = files("target_leadsquared").joinpath("mappings/lead_fields.json").read_text(encoding="utf-8")
    return cast("dict[str, dict[str, Any]]", json.loads(text)["fields"])


def shipped_names() -> frozenset[str]:
    """Return the names of the lead fields that LeadSquared ships."""
    return frozenset(_shipped_fields())


def lead_fields(
    *,
    phone_format: str = "international",
    default_country: str = "US",
    account: Iterable[Mapping[str, Any]] = (),
    unlisted: str = "keep",
) -> ApiFields:
    """Return what is known of the lead fields; any other attribute may be sent, too.

    Args:
        phone_format: The setting of that name.
        default_country: Region of phones without a country code.
        account: The rows of ``LeadsMetaData.Get``; their types, lengths and options go before the shipped ones.
        unlisted: What becomes of a text that is not among a dropdown's options: ``keep`` or ``reject``.

    Returns:
        The shipped fields in their order, then the account's others by name.
    """
    fields = {
        name: ApiField(
            name,
            convert=rules["convert"],
            can_cut=not rules.get("identifies", False),
            can_clear=not rules.get("identifies", False),
            by_name=rules.get("by_name", False),
        )
        for name, rules in _shipped_fields().items()
    }
    rows = {str(row.get("SchemaName")): row for row in account if row.get("SchemaName")}
    marked = identifiers(rows.values())
    for name in sorted(rows):
        shipped = fields.get(name) or ApiField(name, by_name=name.startswith("mx_"))
        fields[name] = _account_field(shipped, rows[name], marked, unlisted)
    return ApiFields(
        fields,
        closed=False,
        opt_outs=(
            *(name for name, rules in _shipped_fields().items() if rules.get("opt_out")),
            *(name for name in sorted(rows) if name not in _shipped_fields() and _is_opt_out(rows[name])),
        ),
        open_prefix="mx_",
        defaults={
            "phone": {"format": phone_format, "region": default_country},
            "date": {"output": _DATE},
            "datetime": {"output": _DATETIME},
        },
        reserved={SEARCH_BY: "is no lead field; the setting search_by says by which field leads are found"},
    )


def _is_opt_out(row: Mapping[str, Any]) -> bool:
    """Whether a field of the account's own is one more opt-out, such as ``mx_Do_Not_Mail``."""
    return str(row.get("DataType")).casefold() == "boolean" and bool(_DO_NOT.match(str(row["SchemaName"])))


def _account_field(shipped: ApiField, row: Mapping[str, Any], marked: frozenset[str], unlisted: str) -> ApiField:
    kind = _word(row.get("DataType"))
    if kind == "date" and _word(row.get("RenderTypeTextValue")) == "datetime":
        kind = "datetime"
    convert, options = _CONVERT_BY_TYPE.get(kind, shipped.convert), {}
    if convert == "choice":
        rows = row.get("Options")
        values = [each.get("Value") for each in rows if isinstance(each, Mapping)] if isinstance(rows, list) else []
        offered = [str(value) for value in values if isinstance(value, (str, int, float)) and value != ""]
        options = {"choices": offered, "other": "keep"}
        if not offered or is_set(row.get("AllowMultiple")):
            convert, options = "text", {}
    length = whole_number(row.get("MaxLength")) or 0
    listed = frozenset(options.get("choices", ()))
    fixed = shipped.name in marked or not shipped.can_clear
    return ApiField(
        shipped.name,
        convert=convert,
        options=options,
        max_length=length if convert in _WITH_LENGTH and length > 0 else None,
        can_cut=not fixed,
        can_clear=not fixed,
        by_name=shipped.by_name,
        is_group=kind == _CUSTOM_FIELD_SET,
        group_fields={
            str(part["SchemaName"]): _account_field(ApiField(str(part["SchemaName"])), part, frozenset(), unlisted)
            for part in parts_of_set(row)
        },
        allowed_values=listed,
        on_other_value=unlisted,
        documented=shipped,
    )


def parts_of_set(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the rows of a custom field set's own fields, where the account's response lists them."""
    inside = row.get("CustomObjectMetaData")
    parts = inside.get("Fields") if isinstance(inside, Mapping) else None
    listed = parts if isinstance(parts, list) else []
    return [part for part in listed if isinstance(part, Mapping) and _word(part.get("SchemaName"))]


def is_set(flag: Any) -> bool:
    """Tell whether a flag of the metadata is true, in any of its spellings."""
    return flag == 1 or _word(flag) in {"true", "1"}


def _word(value: Any) -> str:
    return value.casefold() if isinstance(value, str) else ""


def identifiers(account: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Return the fields that the rows of ``LeadsMetaData.Get`` mark as identifying a lead."""
    return frozenset(str(row["SchemaName"]) for row in account if is_set(row.get("IsLeadIdentifier")))
