"""The fields of an API's call, as a field map needs to know them (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ApiField:
    """One field of an API's call.

    Attributes:
        name: As the API spells it.
        convert: The converter that brings a value into its form.
        options: The converter's options.
        max_length: In UTF-16 units; None where the API names none.
        cut: Whether a too long text may be cut on request; never so for what identifies someone.
        clear: Whether the field may be emptied.
        by_name: Whether a property of this very name goes here unasked.
        group: Whether it holds named fields (`fields` in a map) instead of a value.
        group_limit: How many of them at most.
        parts: Those of them that the account lists.
        part_defaults: For a converter's name the options that hold inside the group, before `ApiFields.defaults`.
        listed: The only texts that the account offers here; empty where any will do.
        unlisted: What becomes of another text: ``keep`` (sent, with a note) or ``reject``.
    """

    name: str
    convert: str = "auto"
    options: Mapping[str, Any] = field(default_factory=dict)
    max_length: int | None = None
    cut: bool = True
    clear: bool = True
    by_name: bool = False
    group: bool = False
    group_limit: int | None = None
    parts: Mapping[str, ApiField] = field(default_factory=dict)
    part_defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    listed: frozenset[str] = frozenset()
    unlisted: str = "keep"


@dataclass(frozen=True)
class ApiFields:
    """All fields of an API's call that are known.

    Attributes:
        fields: By name, in the order in which they are sent.
        closed: Whether the call takes no other fields.
        opt_outs: Those that raise an opt-out.
        open_prefix: Properties that start with it are fields of that name, where the call is open.
        defaults: For a converter's name the options that hold unless the map says otherwise.
        reserved: Names that no map may fill, and why, as the rest of a sentence.
    """

    fields: Mapping[str, ApiField]
    closed: bool
    opt_outs: tuple[str, ...] = ()
    open_prefix: str | None = None
    defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    reserved: Mapping[str, str] = field(default_factory=dict)

    def get(self, name: str) -> ApiField:
        """Return a field; one of unknown type where the call is open and the name not among the known ones."""
        return self.fields.get(name) or ApiField(name)

    def passes_by_name(self, name: str) -> bool:
        """Tell whether a property of this name goes to the field of the same name unasked."""
        known = self.fields.get(name)
        if known is not None:
            return known.by_name
        return self.open_prefix is not None and name.startswith(self.open_prefix) and name != self.open_prefix

    def converter_options(self, target: ApiField, convert: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Put a converter's options together: the API's, then the field's own, then the map's."""
        own = target.options if convert == target.convert else {}
        if convert == "auto":
            own = {name: self.defaults.get(name, {}) for name in ("date", "datetime")}
        return {**self.defaults.get(convert, {}), **own, **given}
