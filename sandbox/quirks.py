"""Ways in which an answer may differ from the usual one, switched on one by one."""

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
    "boolean_form": ("true_false", "one_zero"),
}


@dataclass
class Quirks:
    """All switches with their everyday position. Names are those of `POST /__sandbox__/quirks`."""

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

    unknown_attribute: str = "row"
    unlisted_options: str = "refuse"
    boolean_form: str = "true_false"
    phone_forms: str = "known"
    related_id: bool = False

    limit_form: str = "429"
    retry_after_header: bool = False
    latency: float = 0.0

    def change(self, changes: Mapping[str, Any]) -> None:
        """Set some switches.

        Args:
            changes: New positions by name.

        Raises:
            ValueError: A name is unknown or a position is not allowed.
        """
        known = {each.name: each for each in dataclasses.fields(self)}
        for name, value in changes.items():
            if name not in known:
                message = f"no quirk {name!r}; there are {', '.join(sorted(known))}"
                raise ValueError(message)
            usual = type(getattr(self, name))
            if type(value) is not usual and not (usual is float and type(value) is int):
                message = f"quirk {name!r} takes a {usual.__name__}"
                raise ValueError(message)
            if name in CHOICES and value not in CHOICES[name]:
                message = f"quirk {name!r} is one of {', '.join(CHOICES[name])}"
                raise ValueError(message)
        for name, value in changes.items():
            setattr(self, name, value)

    def clear(self) -> None:
        """Put all switches into their everyday position."""
        usual = Quirks()
        for each in dataclasses.fields(self):
            setattr(self, each.name, getattr(usual, each.name))

    def as_dict(self) -> dict[str, Any]:
        """Return all positions by name."""
        return dataclasses.asdict(self)
