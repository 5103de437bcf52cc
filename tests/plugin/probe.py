"""A tap that does what the test says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from click.testing import Result
from singer_sdk import Stream, Tap
from typing_extensions import override

from lead_connectors.plugin.base import ConnectorPlugin

SECRET = "u$r-$HOME-secret"
PREFIX = "TAP_PROBE_"

SETTINGS: dict[str, dict[str, Any]] = {
    "api_key": {"type": "string", "secret": True, "minLength": 1},
    "start_date": {"type": ["string", "null"], "format": "date-time"},
    "page_size": {"type": "integer", "minimum": 1, "maximum": 100, "default": 100},
    "timeout": {"type": "number", "exclusiveMinimum": 0, "default": 60},
    "retries": {"type": ["integer", "null"], "minimum": 0},
    "share": {"type": "number", "maximum": 1},
    "resend": {"type": "boolean", "default": False},
    "mode": {"type": "string", "enum": ["upsert", "create"], "default": "upsert"},
    "streams": {"type": "array", "items": {"type": "string"}, "minItems": 1},
    "rate_limit": {
        "type": "object",
        "properties": {"calls": {"type": "integer", "minimum": 1}, "seconds": {"type": "number"}},
        "required": ["calls", "seconds"],
        "additionalProperties": False,
    },
    "field_map": {"type": "object", "additionalProperties": {"anyOf": [{"type": "string"}, {"type": "boolean"}]}},
    "never": {"not": {}},
    "nothing": False,  # type: ignore[dict-item]
}


class Probe(ConnectorPlugin, Tap):
    """A tap that does what the test says."""

    name = "tap-probe"
    does: ClassVar[Callable[[Probe], None]] = lambda _: None
    ran: ClassVar[list[Mapping[str, Any]]] = []

    config_jsonschema: ClassVar[dict[str, Any]] = {
        "type": "object",
        "properties": {name: definition for name, definition in SETTINGS.items() if isinstance(definition, dict)},
        "required": ["api_key"],
        "additionalProperties": True,
    }

    @override
    def discover_streams(self) -> list[Stream]:
        return []

    @override  # type: ignore[misc]
    def sync_all(self) -> None:
        type(self).ran.append(dict(self.config))
        type(self).does(self)


Run = Callable[..., tuple[Result, str]]
"""Runs the command with a configuration file. Returns the result and everything that was logged or printed."""
