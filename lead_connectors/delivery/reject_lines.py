"""Lines of reject files: Singer messages as they came in, with what became of them beside the record."""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import orjson

from lead_connectors.delivery.outcome import Outcome
from lead_connectors.reject_codes import RejectCode

CODE = "_sdc_reject_code"
REASON = "_sdc_reject_reason"
REJECTED_AT = "_sdc_rejected_at"
TARGET = "_sdc_reject_target"
LEAD_ID = "_sdc_lead_id"
OPEN_OPT_OUTS = "_sdc_open_opt_outs"

_TEXT = rb'"(?:[^"\\]|\\.)*"'
_MARKED_END = re.compile(
    rb',\s*"_sdc_reject_code":\s*"(?P<code>[a-z_]+)",\s*"_sdc_reject_reason":\s*' + _TEXT + rb","
    rb'\s*"_sdc_rejected_at":\s*(?P<at>[0-9.e+]+)'
    rb'(?:,\s*"_sdc_reject_target":\s*' + _TEXT + rb")?"
    rb'(?:,\s*"_sdc_lead_id":\s*' + _TEXT + rb',\s*"_sdc_open_opt_outs":\s*\[(?:' + _TEXT + rb",?\s*)*\])?\s*\}$"
)
"""Written by this package; blanks are those of people's own scripts. Older versions wrote no target."""


@dataclass(frozen=True)
class Mark:
    """What became of a record.

    Attributes:
        outcome: Why it was rejected.
        lead_id: The API's id of the lead whose opt-outs are not confirmed; None in any other case.
        open_opt_outs: These opt-outs.
    """

    outcome: Outcome
    lead_id: str | None = None
    open_opt_outs: frozenset[str] = frozenset()

    @property
    def code(self) -> str:
        """The reject code."""
        return (self.outcome.code or RejectCode.API_REJECTED).value


def mark(line: bytes, mark: Mark, *, at: float, target: str) -> bytes:
    """Write beside a record what became of it; the record itself stays as it came in.

    Args:
        line: The RECORD message.
        mark: What became of it.
        at: When it was rejected, in seconds since the epoch.
        target: The target's name.
    """
    beside: dict[str, Any] = {
        CODE: mark.code,
        REASON: _clean(mark.outcome.reason),
        REJECTED_AT: round(at, 3),
        TARGET: target,
    }
    if mark.lead_id is not None:
        beside |= {LEAD_ID: _clean(mark.lead_id), OPEN_OPT_OUTS: sorted(map(_clean, mark.open_opt_outs))}
    return unmark(line).rstrip()[:-1] + b"," + orjson.dumps(beside)[1:]


def unmark(line: bytes) -> bytes:
    """The message as it came in, without the marks of an earlier reject."""
    return _MARKED_END.sub(b"}", line.strip())


def rejected_at(line: bytes) -> float | None:
    """When a message was rejected, in seconds since the epoch; None for a message that was not."""
    if b'"_sdc_rejected_at"' not in line or (found := _MARKED_END.search(line.strip())) is None:
        return None
    return float(found["at"])


def reject_code(line: bytes) -> str | None:
    """Why a message was rejected; None for a message that was not."""
    found = _MARKED_END.search(line.strip())
    return found["code"].decode() if found else None


def parse(line: bytes) -> dict[str, Any] | None:
    """A line as a Singer message; None for anything else, such as a line that was cut off."""
    try:
        message = orjson.loads(line)
    except orjson.JSONDecodeError:
        try:
            message = json.loads(line)  # NaN and Infinity, which some taps write
        except (ValueError, RecursionError):
            return None
    return message if isinstance(message, dict) and isinstance(message.get("type"), str) else None


def is_record(message: dict[str, Any]) -> bool:
    """Whether a message is a RECORD that a target can take."""
    return (
        message["type"] == "RECORD"
        and isinstance(message.get("stream"), str)
        and isinstance(message.get("record"), dict)
    )


def is_schema(message: dict[str, Any]) -> bool:
    """Whether a message is a SCHEMA that a target can take."""
    schema = message.get("schema")
    return (
        message["type"] == "SCHEMA"
        and isinstance(message.get("stream"), str)
        and isinstance(schema, dict)
        and isinstance(schema.get("properties"), dict)
    )


def open_opt_outs(line: bytes) -> tuple[str, frozenset[str]] | None:
    """Lead id and opt-out fields of a line with the code `opt_out_open`; None for any other line."""
    if b'"opt_out_open"' not in line or (message := parse(line)) is None:
        return None
    lead_id, fields = message.get(LEAD_ID), message.get(OPEN_OPT_OUTS)
    if message.get(CODE) != RejectCode.OPT_OUT_OPEN.value or not isinstance(lead_id, str):
        return None
    names = fields if isinstance(fields, list) else []
    return lead_id, frozenset(name for name in names if isinstance(name, str))


def record_digests(line: bytes, schema_line: bytes) -> tuple[bytes, bytes]:
    """Digests of a record: which record it is, and what it holds.

    Columns of Singer itself (`_sdc_...`) and `time_extracted` say when a record was read, and do not count.

    Args:
        line: Its RECORD message.
        schema_line: The SCHEMA message that it came under. Without a key there, each content is a record of its own.
    """
    try:
        message = json.loads(line, parse_float=Decimal)
        stream, values = message["stream"], message["record"]
        content = {name: value for name, value in values.items() if not name.startswith("_sdc_")}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        whole = _digest(unmark(line))
        return whole, whole
    content_digest = _digest(_canonical([stream, content]))
    key = [values.get(name) for name in _key_properties(schema_line)]
    if not key or None in key:
        return content_digest, content_digest
    return _digest(_canonical([stream, "key", key])), content_digest


@functools.lru_cache(maxsize=64)
def _key_properties(schema_line: bytes) -> Collection[str]:
    names = (parse(schema_line) or {}).get("key_properties")
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _canonical(value: Any) -> bytes:
    # Python's own JSON: numbers that a float does not hold exactly stay different.
    return json.dumps(value, sort_keys=True, default=repr).encode()


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).digest()


def _clean(text: str) -> str:
    """A text that JSON can hold: an API's own text may have half a character."""
    return text.encode("utf-8", "replace").decode()
