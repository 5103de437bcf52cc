"""The bodies of LeadSquared's four write calls as JSON Schemas, to hold what the target builds against them."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

FOLDER = Path(__file__).parent / "schemas"
CALLS = {
    "upsert": "bulk_create_or_update",
    "create": "bulk_create",
    "update": "bulk_update",
    "upsert_single": "create_or_update",
}
"""The schema of each `write_mode`'s call."""


@functools.lru_cache(maxsize=8)
def _validator(call: str, *, one_lead: bool) -> Draft202012Validator:
    schema = json.loads((FOLDER / f"{call}.json").read_text(encoding="utf-8"))
    if one_lead:
        schema = {"$schema": schema["$schema"], "$ref": "#/$defs/lead", "$defs": schema["$defs"]}
    return Draft202012Validator(schema)


def fits(body: Any, write_mode: str = "upsert") -> bool:
    """Whether a call's whole body is what its schema says."""
    return bool(_validator(CALLS[write_mode], one_lead=False).is_valid(body))


def lead_fits(attributes: Any, write_mode: str = "upsert") -> bool:
    """Whether one lead is what its call's schema says."""
    return bool(_validator(CALLS[write_mode], one_lead=True).is_valid(attributes))
