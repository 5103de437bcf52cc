"""The fields of an API's call, as a field map needs to know them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ApiField:
    """One field of an API's call.

    Attributes:
        name: As the API spells it.
        convert: The name of the converter that brings a value into the field's form.
        options: The converter's options.
        max_length: In UTF-16 units; None where the API names none.
        can_cut: Whether `on_too_long: cut` may cut a text. False for what identifies a lead.
        can_clear: Whether null may empty the field.
        by_name: Whether a property of exactly this name is mapped to it without a setting.
        is_group: Whether it takes named fields (`fields` in a map) instead of one value.
        group_limit: The maximum number of named fields.
        group_fields: The named fields that the account defines.
        group_defaults: Options by converter name that hold inside the group, before `ApiFields.defaults`.
        allowed_values: The only texts that the account offers; empty where it takes any.
        on_other_value: What happens to another text: ``keep`` (it is sent, with a warning) or ``reject``.
        documented: The field as it is known without the account; None where the account says nothing about it.
    """

    name: str
    convert: str = "auto"
    options: Mapping[str, Any] = field(default_factory=dict)
    max_length: int | None = None
    can_cut: bool = True
    can_clear: bool = True
    by_name: bool = False
    is_group: bool = False
    group_limit: int | None = None
    group_fields: Mapping[str, ApiField] = field(default_factory=dict)
    group_defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    allowed_values: frozenset[str] = frozenset()
    on_other_value: str = "keep"
    documented: ApiField | None = None


@dataclass(frozen=True)
class ApiFields:
    """All known fields of an API's call.

    Attributes:
        fields: By name, in the order in which they are sent.
        closed: Whether the call takes no other fields.
        opt_outs: The fields that raise an opt-out.
        open_prefix: Where the call takes other fields: a property that starts with this is mapped to the field of its
            own name without a setting.
        defaults: Options by converter name that hold unless the map says otherwise.
        reserved: Names that no map may fill. The value is why, as the rest of a sentence.
    """

    fields: Mapping[str, ApiField]
    closed: bool
    opt_outs: tuple[str, ...] = ()
    open_prefix: str | None = None
    defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    reserved: Mapping[str, str] = field(default_factory=dict)

    def get(self, name: str) -> ApiField:
        """Return a field; for an unknown name one of unknown type."""
        return self.fields.get(name) or ApiField(name)

    def passes_by_name(self, name: str) -> bool:
        """Tell whether a property of this name is mapped to the field of the same name without a setting."""
        known = self.fields.get(name)
        if known is not None:
            return known.by_name
        return self.open_prefix is not None and name.startswith(self.open_prefix) and name != self.open_prefix

    def inside(self, group: ApiField) -> ApiFields:
        """Return the named fields of a group as the fields of a call that takes others, too."""
        return ApiFields(group.group_fields, closed=False, defaults={**self.defaults, **group.group_defaults})

    def converter_options(self, target: ApiField, convert: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Merge a converter's options.

        Args:
            target: The field to fill.
            convert: The converter's name.
            given: The options in the map.

        Returns:
            The API's defaults, then the field's options, then the map's. The later ones win.
        """
        own = target.options if convert == target.convert else {}
        if convert == "auto":
            own = {name: self.defaults.get(name, {}) for name in ("date", "datetime")}
        return {**self.defaults.get(convert, {}), **own, **given}
