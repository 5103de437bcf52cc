"""What a Singer message must have; one that lacks it is named by its line, never quoted (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lead_connectors.delivery.errors import InputError


def schema_stream(message: Mapping[str, Any], line: int) -> str:
    """Return the stream of a SCHEMA message.

    Args:
        message: The message.
        line: The number of its line.

    Raises:
        InputError: It lacks its stream, its schema with properties, or the names of its key.
    """
    stream, schema, keys = message.get("stream"), message.get("schema"), message.get("key_properties") or []
    has_properties = isinstance(schema, dict) and isinstance(schema.get("properties"), dict)
    if not isinstance(stream, str) or not has_properties:
        raise InputError(_sentence(line, "SCHEMA without stream, schema or properties"))
    if not isinstance(keys, list) or not all(isinstance(name, str) for name in keys):
        raise InputError(_sentence(line, "SCHEMA whose key_properties are no list of names"))
    return stream


def record_of(message: Mapping[str, Any], line: int) -> tuple[str, dict[str, Any]]:
    """Return stream and record of a RECORD message.

    Raises:
        InputError: It lacks one of them.
    """
    stream, record = message.get("stream"), message.get("record")
    if not isinstance(stream, str) or not isinstance(record, dict):
        raise InputError(_sentence(line, "RECORD without stream or record"))
    return stream, record


def state_of(message: Mapping[str, Any], line: int) -> dict[str, Any]:
    """Return the value of a STATE message.

    Raises:
        InputError: It has none.
    """
    value = message.get("value")
    if not isinstance(value, dict):
        raise InputError(_sentence(line, "STATE without a value"))
    return value


def _sentence(line: int, what: str) -> str:
    return f"Line {line} of the input is a {what}."
