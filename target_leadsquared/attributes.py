"""From mapped fields to LeadSquared's arrays of ``{"Attribute", "Value"}``. Pure; the calls are in ``schemas``."""

from __future__ import annotations

import functools
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from importlib.resources import files
from typing import Any, cast

from jsonschema import Draft202012Validator

from lead_connectors.field_map.api_fields import ApiField, ApiFields
from lead_connectors.field_map.rules import Problem
from lead_connectors.reject_codes import RejectCode

Attribute = dict[str, Any]

SEARCH_BY = "SearchBy"
PROSPECT_ID = "ProspectID"
CARECYCLE_ID = "mx_CareCycle_Id"
AUTO, NONE = "auto", "none"
DEFAULT_IDENTIFIERS = ("EmailAddress", "Phone", "Mobile")
"""What identifies a lead where the account's metadata is not at hand."""

CALLS = {"upsert": "bulk_create_or_update", "create": "bulk_create", "upsert_single": "create_or_update"}
"""The schema of each `write_mode`'s call."""

_SEARCH_ORDER = ("EmailAddress", "Phone", "Mobile", PROSPECT_ID)
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


def _read_json(path: str) -> dict[str, Any]:
    text = files("target_leadsquared").joinpath(path).read_text(encoding="utf-8")
    return cast("dict[str, Any]", json.loads(text))


@functools.lru_cache(maxsize=1)
def _shipped_fields() -> dict[str, dict[str, Any]]:
    return cast("dict[str, dict[str, Any]]", _read_json("mappings/lead_fields.json")["fields"])


def shipped_names() -> frozenset[str]:
    """Return the names of the lead fields that LeadSquared ships."""
    return frozenset(_shipped_fields())


@functools.lru_cache(maxsize=8)
def _validator(call: str, *, one_lead: bool) -> Draft202012Validator:
    schema = _read_json(f"schemas/{call}.json")
    if one_lead:
        schema = {"$schema": schema["$schema"], "$ref": "#/$defs/lead", "$defs": schema["$defs"]}
    return Draft202012Validator(schema)


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
        unlisted: What becomes of a text that is none of a dropdown's options: ``keep`` or ``reject``.

    Returns:
        The shipped fields in their order, then the account's others by name.
    """
    fields = {
        name: ApiField(
            name,
            convert=rules["convert"],
            cut=not rules.get("identifies", False),
            clear=not rules.get("identifies", False),
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
        opt_outs=tuple(name for name, rules in _shipped_fields().items() if rules.get("opt_out")),
        open_prefix="mx_",
        defaults={
            "phone": {"format": phone_format, "region": default_country},
            "date": {"output": _DATE},
            "datetime": {"output": _DATETIME},
        },
        reserved={SEARCH_BY: "is no lead field; the setting search_by says by which field leads are found"},
    )


def _account_field(shipped: ApiField, row: Mapping[str, Any], marked: frozenset[str], unlisted: str) -> ApiField:
    kind = str(row.get("DataType") or "").casefold()
    if kind == "date" and str(row.get("RenderTypeTextValue") or "").casefold() == "datetime":
        kind = "datetime"
    convert, options = _CONVERT_BY_TYPE.get(kind, shipped.convert), {}
    if convert == "choice":
        choices = [option.get("Value") for option in row.get("Options") or [] if isinstance(option, Mapping)]
        offered = [str(choice) for choice in choices if choice not in (None, "")]
        options = {"choices": offered, "other": "keep"}
        if not offered or is_set(row.get("AllowMultiple")):
            convert, options = "text", {}
    length = str(row.get("MaxLength") or "")
    listed = frozenset(options.get("choices", ()))
    fixed = shipped.name in marked or not shipped.clear
    return ApiField(
        shipped.name,
        convert=convert,
        options=options,
        max_length=int(length) if convert in _WITH_LENGTH and length.isdecimal() and int(length) else None,
        cut=not fixed,
        clear=not fixed,
        by_name=shipped.by_name,
        group=kind == _CUSTOM_FIELD_SET,
        parts={
            str(part["SchemaName"]): _account_field(ApiField(str(part["SchemaName"])), part, frozenset(), unlisted)
            for part in parts_of_set(row)
        },
        listed=listed,
        unlisted=unlisted,
    )


def parts_of_set(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the rows of a custom field set's own fields, where the account's answer lists them."""
    inside = row.get("CustomObjectMetaData")
    parts = inside.get("Fields") if isinstance(inside, Mapping) else None
    listed = parts if isinstance(parts, list) else []
    return [part for part in listed if isinstance(part, Mapping) and part.get("SchemaName")]


def is_set(flag: Any) -> bool:
    """Tell whether a flag of the metadata is true, in any of its spellings."""
    return str(flag).casefold() in {"true", "1"}


def identifiers(account: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Return the fields that the rows of ``LeadsMetaData.Get`` mark as identifying a lead."""
    return frozenset(str(row["SchemaName"]) for row in account if is_set(row.get("IsLeadIdentifier")))


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
    """Build the smallest lead that raises opt-outs, for a lead that is refused otherwise.

    Args:
        fields: `Mapped.fields`, less what clashed with another lead.
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


def check_attributes(attributes: Sequence[Attribute], write_mode: str = "upsert") -> list[Problem]:
    """Hold one lead against its call's schema.

    Args:
        attributes: What `build_attributes` returned.
        write_mode: The setting.

    Returns:
        What is wrong, without values; empty where it can be sent.
    """
    if _plainly_fits(attributes, search=write_mode != "create"):
        return []
    problems = []
    for error in _validator(CALLS[write_mode], one_lead=True).iter_errors(list(attributes)):
        index = next((part for part in error.absolute_path if isinstance(part, int)), None)
        name = "the lead" if index is None else str(attributes[index].get("Attribute", f"attribute {index + 1}"))
        problems.append(Problem(name, RejectCode.INVALID_VALUE, f"breaks the rule {error.validator} of the call"))
    return problems


def _plainly_fits(attributes: Sequence[Attribute], *, search: bool) -> bool:
    """Tell quickly that a lead is in order; False leaves it to the schema, which takes 2 ms for a lead."""
    pairs = list(attributes)
    if search and pairs and pairs[-1].get("Attribute") == SEARCH_BY:
        last = pairs.pop()
        if not _is_pair(last) or not last["Value"]:
            return False
    return bool(pairs) and all(
        pair.get("Attribute") != SEARCH_BY and (_is_pair(pair) or _is_set_of(pair)) for pair in pairs
    )


def _is_pair(pair: Any) -> bool:
    if not isinstance(pair, dict) or pair.keys() != {"Attribute", "Value"}:
        return False
    return isinstance(pair["Attribute"], str) and pair["Attribute"] != "" and isinstance(pair["Value"], str)


def _is_set_of(attribute: Attribute) -> bool:
    fields = attribute.get("Fields")
    plain = _is_pair({name: part for name, part in attribute.items() if name != "Fields"})
    return (
        plain and attribute["Value"] == "" and isinstance(fields, list) and fields != [] and all(map(_is_pair, fields))
    )


def check_body(body: Any, write_mode: str = "upsert") -> bool:
    """Tell whether a call's whole body is what its schema says: the number of leads included."""
    whole = _validator(CALLS[write_mode], one_lead=False)
    leads = [body] if write_mode == "upsert_single" else body
    most = cast("dict[str, Any]", whole.schema).get("maxItems", 1) if leads is body else 1
    if isinstance(leads, list) and 0 < len(leads) <= most and all(_is_array(lead) for lead in leads):
        search = write_mode != "create"
        if all(_plainly_fits(lead, search=search) for lead in leads):
            return True
    return bool(whole.is_valid(body))


def _is_array(lead: Any) -> bool:
    return isinstance(lead, list) and all(isinstance(pair, dict) for pair in lead)
