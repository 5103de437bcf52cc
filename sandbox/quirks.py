"""Quirks: ways in which a response can differ from the usual one. Each has its own switch."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

CHOICES = {
    "next_page": ("null", "zero", "missing", "plus_one"),
    "over_end": ("empty", "404"),
    "timestamps": ("iso", "postgres", "postgres_offset"),
    "postal_or_timezone": ("request", "record"),
    "unknown_fields": ("refuse", "drop"),
    "unknown_attribute": ("row", "call"),
    "unlisted_options": ("refuse", "store"),
    "phone_forms": ("known", "any"),
    "limit_form": ("429", "403", "200"),
    "boolean_form": ("true_false", "one_zero", "yes_no"),
    "boolean_reads": ("one_zero", "true_false", "yes_no"),
    "update_v2": ("on", "missing", "denied", "denied_200"),
    "search_by_gone_id": ("error", "create"),
    "search_by_spelling": ("ProspectId", "ProspectID"),
    "duplicate_text": ("same", "constraint", "attribute"),
    "row_success": ("flags", "affected_rows"),
    "upload_match": ("external_id", "phone", "email"),
    "errors_when_none": ("list", "null", "missing"),
}


@dataclass
class Quirks:
    """All switches with their defaults. The names are those of `POST /__sandbox__/quirks`, see `README.md`."""

    shuffle_ties: bool = False
    ignore_page: bool = False
    ignore_limit: bool = False
    ignore_sort: bool = False
    page_size_cap: int = 0
    parameter_names: dict[str, str] = field(default_factory=dict)
    next_page: str = "null"
    over_end: str = "empty"
    null_items: int = 0
    duplicate_ids: int = 0
    without_id: int = 0
    null_updated_at: int = 0
    items_total_offset: int = 0
    extra_fields: dict[str, Any] = field(default_factory=dict)
    timestamps: str = "iso"

    upload_max: int = 100
    body_limit: int = 102400
    failed_records: bool = True
    upload_results: bool = False
    postal_or_timezone: str = "request"
    unknown_fields: str = "refuse"
    upload_match: str = "external_id"
    errors_when_none: str = "list"

    unknown_attribute: str = "row"
    unlisted_options: str = "refuse"
    boolean_form: str = "true_false"
    boolean_reads: str = "one_zero"
    lost_opt_outs: list[str] = field(default_factory=list)
    organisation_hidden: bool = False
    phone_forms: str = "known"
    related_id: bool = False
    update_v2: str = "on"
    search_by_gone_id: str = "error"
    search_by_spelling: str = "ProspectId"
    duplicate_text: str = "same"
    row_success: str = "flags"
    upper_case_ids: bool = False

    limit_form: str = "429"
    retry_after_header: bool = False
    latency: float = 0.0

    def change(self, changes: Mapping[str, Any]) -> None:
        """Set some switches; none where one is invalid.

        Args:
            changes: New values by name.

        Raises:
            ValueError: A name is unknown or a value is invalid.
        """
        known = {switch.name: switch for switch in dataclasses.fields(self)}
        for name, value in changes.items():
            if name not in known:
                message = f"no quirk {name!r}; there are {', '.join(sorted(known))}"
                raise ValueError(message)
            default = type(getattr(self, name))
            if type(value) is not default and not (default is float and type(value) is int):
                message = f"quirk {name!r} takes a {default.__name__}"
                raise ValueError(message)
            if default is list and not all(isinstance(item, str) for item in value):
                message = f"quirk {name!r} takes a list of texts"
                raise ValueError(message)
            if name in CHOICES and value not in CHOICES[name]:
                message = f"quirk {name!r} is one of {', '.join(CHOICES[name])}"
                raise ValueError(message)
        for name, value in changes.items():
            setattr(self, name, value)

    def clear(self) -> None:
        """Set all switches to their defaults."""
        default = Quirks()
        for switch in dataclasses.fields(self):
            setattr(self, switch.name, getattr(default, switch.name))

    def as_dict(self) -> dict[str, Any]:
        """Return all values by name."""
        return dataclasses.asdict(self)
