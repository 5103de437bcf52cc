"""The field map of one stream at work: a record in, what the API wants out. Pure: no I/O, and no record is changed.

`build_field_map` in `map_layers.py` makes a `FieldMap` from a SCHEMA, the built-in maps and the setting.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from lead_connectors.field_map.converters.registry import Converter
from lead_connectors.field_map.converters.values import ValueRejected, fit, invalid, is_blank
from lead_connectors.field_map.schema_paths import MISSING, NotAnObjectError, Path, read
from lead_connectors.reject_codes import RejectCode


@dataclass(frozen=True)
class Problem:
    """Why a record cannot be sent as it is.

    Attributes:
        field: The API field.
        code: One of the contract's reject codes.
        reason: The rest of the sentence; never holds a value.
    """

    field: str
    code: RejectCode
    reason: str

    def __str__(self) -> str:
        return f"{self.field} {self.reason}"


@dataclass
class Mapped:
    """What a record became.

    Attributes:
        fields: API field to converted value; None empties the field. Opt-out flags are among them, only ever true. A
            group (custom fields) is an object of its named fields.
        opt_outs: The opt-out flags that are true.
        problems: Why the record is refused; the fields that are good stand in `fields` all the same.
        cut: The fields whose text was cut to its length.
        warnings: Sentences about fields, without values.
    """

    fields: dict[str, Any] = field(default_factory=dict, repr=False)
    opt_outs: dict[str, bool] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Rule:
    """How one API field is filled, all questions settled.

    Attributes:
        field: The API field.
        kind: What the API takes there, for people.
        converter: What brings values into its form.
        options: The converter's.
        paths: Where to read; the first that is not null, for opt-outs any that is true.
        literal: The converted value itself; `MISSING` without one.
        default: The converted value where all paths are null; `MISSING` without one.
        max_length: In UTF-16 units.
        cut: Whether a longer text is cut.
        clear: Whether null empties the field.
        opt_out: Whether it is sent only when true.
        optional: Left out silently where the account lacks the field.
        listed: The only texts that the account offers here; empty where any will do.
        keep_unlisted: Whether another text is sent all the same, with a note.
        group: The named fields of a group, else empty.
    """

    field: str
    kind: str
    converter: Converter
    options: Mapping[str, Any]
    paths: tuple[Path, ...] = ()
    literal: Any = MISSING
    default: Any = MISSING
    max_length: int | None = None
    cut: bool = False
    clear: bool = False
    opt_out: bool = False
    optional: bool = False
    listed: frozenset[str] = frozenset()
    keep_unlisted: bool = True
    group: tuple[Rule, ...] = ()

    def converted(self, value: Any) -> tuple[Any, bool]:
        """Convert a value that is not null; second, whether it was cut. Raises `ValueRejected`."""
        result = self.converter.convert(value, self.options)
        return fit(result, self.max_length, cut=self.cut) if isinstance(result, str) else (result, False)

    def raw(self, record: Mapping[str, Any]) -> Any:
        """Return the first value that is not null or blank; else None, or `MISSING` where no property is there."""
        found = MISSING
        for path in self.paths:
            value = read(record, path)
            if not is_blank(value) and value is not MISSING:
                return value
            found = None if value is not MISSING else found
        return found

    def meaning(self) -> list[Any]:
        """Return all that decides what is sent, as JSON."""
        return [
            self.field,
            self.converter.name,
            json.dumps(self.options, sort_keys=True, default=repr),
            self.paths,
            None if self.literal is MISSING else repr(self.literal),
            None if self.default is MISSING else repr(self.default),
            [self.max_length, self.cut, self.clear, self.opt_out],
            [rule.meaning() for rule in self.group],
        ]

    def sources(self) -> tuple[Path, ...]:
        """Return all paths that the rule reads."""
        return self.paths + tuple(path for rule in self.group for path in rule.sources())


@dataclass(frozen=True)
class MapRow:
    """One line of the table that `--check` prints.

    Attributes:
        source: The properties as dotted paths, or ``(fixed value)``.
        field: The API field; inside a group with a dot.
        kind: What the API takes there.
        converter: The converter's name.
    """

    source: str
    field: str
    kind: str
    converter: str


@dataclass(frozen=True)
class FieldMap:
    """The map of one stream under one SCHEMA.

    Attributes:
        stream: The stream's name.
        rules: In the order in which fields are sent.
        properties: The names of the schema's properties.
    """

    stream: str
    rules: tuple[Rule, ...]
    properties: tuple[str, ...] = ()

    def apply(self, record: Mapping[str, Any]) -> Mapped:
        """Map one record.

        Args:
            record: As it came; it is not changed, and nothing of the result is part of it.

        Returns:
            The API's fields, with everything that is wrong; this raises nothing for a record's data.
        """
        mapped = Mapped()
        for rule in self.rules:
            if rule.group:
                _apply_group(rule, record, mapped)
            elif rule.opt_out:
                _apply_opt_out(rule, record, mapped)
            else:
                _apply_value(rule, rule.field, record, mapped.fields, mapped)
        return mapped

    @functools.cached_property
    def version(self) -> str:
        """A hash of all that decides what is sent: the same map has the same version in every run."""
        text = json.dumps([rule.meaning() for rule in self.rules], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @functools.cached_property
    def unmapped(self) -> tuple[str, ...]:
        """The stream's properties that no field reads, for one line of the log; those of Singer itself aside."""
        used = {path[0] for rule in self.rules for path in rule.sources()}
        return tuple(name for name in self.properties if name not in used and not name.startswith("_sdc_"))

    @property
    def fields(self) -> frozenset[str]:
        """The API fields that the map fills."""
        return frozenset(rule.field for rule in self.rules)

    @property
    def optional(self) -> frozenset[str]:
        """Those that a built-in map fills only where the account has them."""
        return frozenset(rule.field for rule in self.rules if rule.optional)

    @property
    def opt_outs(self) -> frozenset[str]:
        """Those that raise an opt-out."""
        return frozenset(rule.field for rule in self.rules if rule.opt_out)

    def without(self, fields: Collection[str]) -> FieldMap:
        """Return the map less some API fields (those that the account lacks); of a group's fields with a dot."""
        kept = []
        for rule in self.rules:
            if rule.field in fields:
                continue
            inner = tuple(part for part in rule.group if f"{rule.field}.{part.field}" not in fields)
            if inner or not rule.group:
                kept.append(dataclasses.replace(rule, group=inner))
        return dataclasses.replace(self, rules=tuple(kept))

    def rows(self) -> list[MapRow]:
        """Return the map as a table for people."""
        return [
            MapRow(_described(part), name, part.kind, part.converter.name)
            for rule in self.rules
            for name, part in ([(f"{rule.field}.{inner.field}", inner) for inner in rule.group] or [(rule.field, rule)])
        ]


def _described(rule: Rule) -> str:
    return ", ".join(".".join(path) for path in rule.paths) or "(fixed value)"


def _apply_value(rule: Rule, name: str, record: Mapping[str, Any], into: dict[str, Any], mapped: Mapped) -> None:
    try:
        value = rule.literal if rule.literal is not MISSING else rule.raw(record)
        if value is None or value is MISSING:
            if rule.default is not MISSING:
                into[rule.field] = rule.default
            elif value is None and rule.clear:
                into[rule.field] = None
            return
        if rule.literal is MISSING:
            value, was_cut = rule.converted(value)
            if was_cut:
                mapped.cut.append(name)
            if rule.listed and isinstance(value, str) and value not in rule.listed:
                if not rule.keep_unlisted:
                    raise invalid(reason="is none of the values that the account offers for the field")
                mapped.warnings.append(f"{name} held a value that the account does not offer; it was sent as it is")
        into[rule.field] = value
    except NotAnObjectError:
        reason = "is read from inside a property that is no object in this record"
        mapped.problems.append(Problem(name, RejectCode.INVALID_VALUE, reason))
    except ValueRejected as rejection:
        mapped.problems.append(Problem(name, rejection.code, rejection.reason))


def _apply_group(rule: Rule, record: Mapping[str, Any], mapped: Mapped) -> None:
    values: dict[str, Any] = {}
    for inner in rule.group:
        _apply_value(inner, f"{rule.field}.{inner.field}", record, values, mapped)
    if values:
        mapped.fields[rule.field] = values


def _apply_opt_out(rule: Rule, record: Mapping[str, Any], mapped: Mapped) -> None:
    """Raise the flag when any source says so; what cannot be read counts as true, null and false say nothing."""
    raised, unclear = rule.literal is True, False
    said_anything = rule.literal is not MISSING
    for path in rule.paths:
        try:
            value = read(record, path)
            if is_blank(value) or value is MISSING or value in ([], {}):
                continue
            said_anything = True
            answer = rule.converter.convert(value, rule.options)
            raised, unclear = raised or answer is True, unclear or not isinstance(answer, bool)
        except (ValueRejected, NotAnObjectError):
            said_anything = unclear = True
    if not said_anything and rule.default is True:
        raised = True
    if unclear:
        mapped.warnings.append(f"{rule.field} held a value that is neither true nor false; it was taken as an opt-out")
    if raised or unclear:
        mapped.fields[rule.field] = True
        mapped.opt_outs[rule.field] = True
