"""How one API field is filled from a record. Pure: no I/O, and no record is changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lead_connectors.field_map.converters.base import ValueRejected, fit, invalid, is_blank
from lead_connectors.field_map.converters.registry import Converter
from lead_connectors.field_map.mapped import Mapped, Problem
from lead_connectors.field_map.property_paths import MISSING, NotAnObjectError, PropertyPath, read_property
from lead_connectors.reject_codes import RejectCode


@dataclass(frozen=True)
class Rule:
    """How one API field is filled.

    Attributes:
        field: The API field.
        field_type: What the API takes there, for people.
        converter: Brings values into the field's form.
        options: The converter's options.
        paths: The properties to read: the first that is not null, for opt-outs any that is true.
        literal: The converted literal; `MISSING` without one.
        default: The converted value for records where all paths are null; `MISSING` without one.
        max_length: In UTF-16 units; None without a limit.
        cuts: Whether a longer text is cut instead of rejected.
        clears: Whether null empties the field.
        is_opt_out: Whether the field raises an opt-out. It is then sent only when true.
        is_optional: Whether the field is left out without a warning where the account does not have it.
        allowed_values: The only texts that the account offers; empty where it takes any.
        keeps_other_values: Whether another text is sent with a warning instead of rejected.
        group: The rules of a group's named fields; empty for a field of one value.
        setting: What a person set and the API documents, as JSON: all of the rule that the account does not decide.
    """

    field: str
    field_type: str
    converter: Converter
    options: Mapping[str, Any]
    paths: tuple[PropertyPath, ...] = ()
    literal: Any = MISSING
    default: Any = MISSING
    max_length: int | None = None
    cuts: bool = False
    clears: bool = False
    is_opt_out: bool = False
    is_optional: bool = False
    allowed_values: frozenset[str] = frozenset()
    keeps_other_values: bool = True
    group: tuple[Rule, ...] = ()
    setting: tuple[Any, ...] = ()

    def apply(self, record: Mapping[str, Any], mapped: Mapped) -> None:
        """Fill the field.

        Args:
            record: As it came. It is not changed.
            mapped: Takes the value, or what is wrong with it. No record's data makes this raise.
        """
        if self.group:
            self._fill_group(record, mapped)
        elif self.is_opt_out:
            self._fill_opt_out(record, mapped)
        else:
            self._fill_value(record, mapped.fields, mapped, name=self.field)

    def convert(self, value: Any) -> tuple[Any, bool]:
        """Convert a value that is not null.

        Returns:
            The converted value, and whether it was cut.

        Raises:
            ValueRejected: The field cannot take it.
        """
        result = self.converter.convert(value, self.options)
        return fit(result, self.max_length, cut=self.cuts) if isinstance(result, str) else (result, False)

    def all_paths(self) -> tuple[PropertyPath, ...]:
        """Return the paths that the rule reads, those of a group's named fields included."""
        return self.paths + tuple(path for rule in self.group for path in rule.all_paths())

    def version_data(self) -> list[Any]:
        """Return what `FieldMap.version` is made of: see there before a change."""
        paths = [] if self.group else self.paths
        return [self.field, self.setting, paths, [rule.version_data() for rule in self.group]]

    def former_version_data(self) -> list[Any]:
        """Return what `FieldMap.former_version` is made of. It must never change."""
        return [
            self.field,
            self.converter.name,
            json.dumps(self.options, sort_keys=True, default=repr),
            self.paths,
            None if self.literal is MISSING else repr(self.literal),
            None if self.default is MISSING else repr(self.default),
            [self.max_length, self.cuts, self.clears, self.is_opt_out],
            [rule.former_version_data() for rule in self.group],
        ]

    def _first_value(self, record: Mapping[str, Any]) -> Any:
        """Return the first value that is not blank; else None, or `MISSING` where the record has no such property."""
        result = MISSING
        for path in self.paths:
            value = read_property(record, path)
            if value is not MISSING and not is_blank(value):
                return value
            result = result if value is MISSING else None
        return result

    def _fill_group(self, record: Mapping[str, Any], mapped: Mapped) -> None:
        values: dict[str, Any] = {}
        for rule in self.group:
            rule._fill_value(record, values, mapped, name=f"{self.field}.{rule.field}")  # noqa: SLF001
        if values:
            mapped.fields[self.field] = values

    def _fill_value(self, record: Mapping[str, Any], fields: dict[str, Any], mapped: Mapped, *, name: str) -> None:
        try:
            if self.literal is not MISSING:
                fields[self.field] = self.literal
                return
            value = self._first_value(record)
            if value is None or value is MISSING:
                if self.default is not MISSING:
                    fields[self.field] = self.default
                elif value is None and self.clears:
                    fields[self.field] = None
                return
            value, was_cut = self.convert(value)
            if was_cut:
                mapped.cut.append(name)
            if self.allowed_values and isinstance(value, str) and value not in self.allowed_values:
                if not self.keeps_other_values:
                    raise invalid(reason="is not one of the values that the account offers for the field")
                mapped.warnings.append(f"{name} had a value that the account does not offer; it was sent as it is")
            fields[self.field] = value
        except NotAnObjectError:
            reason = "is read from inside a property that is not an object in this record"
            mapped.problems.append(Problem(name, RejectCode.INVALID_VALUE, reason))
        except ValueRejected as rejection:
            mapped.problems.append(Problem(name, rejection.code, rejection.reason))

    def _fill_opt_out(self, record: Mapping[str, Any], mapped: Mapped) -> None:
        """Raise the opt-out when any property is true or unclear. Null and false never lower it."""
        is_raised, is_unclear = self.literal is True, False
        has_value = self.literal is not MISSING
        for path in self.paths:
            try:
                value = read_property(record, path)
                if value is MISSING or is_blank(value) or value == {}:
                    continue
                has_value = True
                flag = self.converter.convert(value, self.options)
                is_raised, is_unclear = is_raised or flag is True, is_unclear or not isinstance(flag, bool)
            except (ValueRejected, NotAnObjectError):
                has_value = is_unclear = True
        if is_unclear:
            mapped.warnings.append(
                f"{self.field} had a value that is neither true nor false; it was treated as an opt-out"
            )
        if is_raised or is_unclear or (not has_value and self.default is True):
            mapped.fields[self.field] = True
            mapped.opt_outs[self.field] = True
