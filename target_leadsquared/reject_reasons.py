"""Why LeadSquared rejected a lead: from an exception's type and text to a reject code and fields in conflict (pure).

A text can quote a value of the lead, and a value can say anything. So the field in conflict comes only from the place
where LeadSquared names a field or an index, and quoted values are ignored. See docs/api/leadsquared.md, 4.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from lead_connectors.delivery.outcome import Outcome, rejected
from lead_connectors.reject_codes import RejectCode
from target_leadsquared.attributes import DEFAULT_IDENTIFIERS
from target_leadsquared.errors import ERRORS, RATE_LIMIT_TYPE

TYPE_KEY = "ExceptionType"
TEXT_KEYS = ("ErrorMessage", "ExceptionMessage", "Error", "Exception")
HTTP_NOT_FOUND = 404

CODE_BY_TYPE = {
    "MXDuplicateEntryException": RejectCode.CONFLICT,
    "MXUnknownAttributeException": RejectCode.UNKNOWN_FIELD,
    "MXMandatoryAttributeMissingException": RejectCode.REQUIRED_MISSING,
    "MXInvalidInputException": RejectCode.INVALID_VALUE,
    "MXInvalidDataTypeException": RejectCode.INVALID_VALUE,
    "MXInvalidEntityReferenceException": RejectCode.NOT_FOUND,
    "MXUnAuthorizedAccessException": RejectCode.PERMISSION,
    "MXUnauthorizedRequestException": RejectCode.PERMISSION,
}

CODE_BY_TEXT = (
    (re.compile(r"duplicate lead\(s\)", re.IGNORECASE), RejectCode.DUPLICATE),
    (re.compile(r"duplicate", re.IGNORECASE), RejectCode.CONFLICT),
    (re.compile(r"attribute\(s\) does not exist", re.IGNORECASE), RejectCode.UNKNOWN_FIELD),
    (re.compile(r"mandatory", re.IGNORECASE), RejectCode.REQUIRED_MISSING),
    (re.compile(r"max\w* length|too long|exceeds? the", re.IGNORECASE), RejectCode.TOO_LONG),
    (re.compile(r"invalid", re.IGNORECASE), RejectCode.INVALID_VALUE),
    (re.compile(r"not found|does not exist", re.IGNORECASE), RejectCode.NOT_FOUND),
    (re.compile(r"permission|not allowed", re.IGNORECASE), RejectCode.PERMISSION),
)

QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
LABELS = {"Email": "EmailAddress", "Phone Number": "Phone", "Mobile Number": "Mobile"}
"""LeadSquared's texts name these fields in words."""

# LeadSquared's own words stand at the start of a text, before any value.
INDEX_CLASH = re.compile(r"\W*(?:[\w.]+:\s*)?duplicate entry\s", re.IGNORECASE)
LEAD_CLASH = re.compile(
    r"\W*(?:[\w.]+:\s*)?(?:(?:an?|another|the)\s+)?(?:lead|prospect|contact|record)\s+(already exists\s+)?with\s+"
    r"(?:the\s+)?(same\s+)?",
    re.IGNORECASE,
)
ALREADY_EXISTS = re.compile(r"already exists\W*\Z", re.IGNORECASE)
INDEX_NAME = re.compile(r".*\bfor key\s+['\"`]?([\w.]+)", re.IGNORECASE | re.DOTALL)
"""The last one: the value stands before it."""
LABEL_END = re.compile(r"(?=[\s:='\"(/,]|\Z)")
NEXT_LABEL = re.compile(r"\s*(?:[/,]|\bor\b|\band\b)\s*", re.IGNORECASE)


def is_rate_limit(kind: str, text: str) -> bool:
    """Tell whether a row was rejected for the rate limit: it may be sent again."""
    if kind == RATE_LIMIT_TYPE or text.startswith(RATE_LIMIT_TYPE):
        return True
    limit = ERRORS.rate_limit_text
    is_another_error = kind in CODE_BY_TYPE or _clash(text, ())[0]
    return not is_another_error and limit is not None and limit.search(QUOTED.sub("''", text)) is not None


def error_of(row: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return type and text of a row's error, or None without one."""
    kind = row.get(TYPE_KEY)
    text = next((row[key] for key in TEXT_KEYS if isinstance(row.get(key), str) and row[key]), "")
    has_error = kind or any(row.get(key) for key in TEXT_KEYS) or row.get("Status") == "Error"
    return (kind if isinstance(kind, str) else "", text) if has_error else None


def read_reason(kind: str, text: str, identifiers: Collection[str] = (), *, status: int = 0) -> Outcome:
    """Return the outcome of a rejected lead.

    Args:
        kind: The exception's type, or ``HTTP <status>`` without one.
        text: The exception's text, or the reason of a row.
        identifiers: The account's unique fields. The usual ones are known without it.
        status: The HTTP status of a call that was rejected as a whole.
    """
    has_clash, conflicting = _clash(text, identifiers)
    without_values = QUOTED.sub("''", text)
    by_text = next((code for pattern, code in CODE_BY_TEXT if pattern.search(without_values)), None)
    if has_clash:
        by_text = RejectCode.CONFLICT
    code = CODE_BY_TYPE.get(kind) or by_text
    if code is RejectCode.INVALID_VALUE and by_text is not None:
        code = by_text  # these types stand for many faults: a text over its length, one lead twice in a call
    if code is None:
        code = RejectCode.NOT_FOUND if status == HTTP_NOT_FOUND else RejectCode.API_REJECTED
    return rejected(
        code,
        f"{kind}: {text}".strip(": "),
        conflicting_fields=conflicting if code is RejectCode.CONFLICT else (),
    )


def _clash(text: str, identifiers: Collection[str]) -> tuple[bool, tuple[str, ...]]:
    """Tell whether a text says that another lead has one of these identifiers, and which ones it names."""
    labels = _labels(identifiers)
    if index := INDEX_CLASH.match(text):
        named = INDEX_NAME.match(text, index.end())
        return True, _field_of_index(named[1], labels) if named else ()
    lead = LEAD_CLASH.match(text)
    if lead is None or not (lead[1] or ALREADY_EXISTS.search(text)):
        return False, ()
    return True, _named_fields(text[lead.end() :], labels, has_values=not lead[2])


def _field_of_index(index: str, labels: Mapping[str, str]) -> tuple[str, ...]:
    """Return the field of an index such as ``UQ_Prospect_Base_EmailAddress``."""
    ends = [label for label in labels if f"_{index}".lower().endswith(f"_{label}".lower())]
    return (labels[max(ends, key=len)],) if ends else ()


def _named_fields(text: str, labels: Mapping[str, str], *, has_values: bool) -> tuple[str, ...]:
    """Return the fields whose names a text starts with: several only where no value can follow the first name."""
    found: list[str] = []
    # A value that starts with "Number" must not turn Phone into another field's name.
    choose = min if has_values else max
    while fitting := _labels_at_start(text, labels):
        label = choose(fitting, key=len)
        found.append(labels[label])
        text = text[len(label) :]
        following = NEXT_LABEL.match(text)
        if has_values or following is None:
            break
        text = text[following.end() :]
    return tuple(dict.fromkeys(found))


def _labels_at_start(text: str, labels: Collection[str]) -> list[str]:
    return [label for label in labels if text.lower().startswith(label.lower()) and LABEL_END.match(text, len(label))]


def _labels(identifiers: Collection[str]) -> dict[str, str]:
    """Return how texts may name each field: by its name, or by the words that people see."""
    names = [*DEFAULT_IDENTIFIERS, *identifiers]
    in_words = {name.removeprefix("mx_").replace("_", " "): name for name in names}
    return {**in_words, **LABELS, **{name: name for name in names}}
