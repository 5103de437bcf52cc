"""Checks a record against its stream's SCHEMA without showing its values."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

from jsonschema import SchemaError, ValidationError
from jsonschema.validators import extend
from referencing import Registry
from singer_sdk.exceptions import InvalidRecord
from singer_sdk.sinks.core import BaseJSONSchemaValidator
from singer_sdk.typing import DEFAULT_JSONSCHEMA_VALIDATOR
from typing_extensions import override

PLAIN_TYPES: dict[str, set[type]] = {
    "null": {type(None)},
    "boolean": {bool},
    "integer": {int},
    "number": {int, float, Decimal},
    "string": {str},
    "array": {list},
    "object": {dict},
}
ANNOTATIONS = {"title", "description", "default", "examples", "format", "contentMediaType", "readOnly", "writeOnly"}
VALUES = {"default", "examples", "enum", "const"}
"""Keywords that hold values, which are no schemas."""
DEFINITIONS = ("$defs", "definitions")
MAX_EXPONENT = 400
"""More than a float has. Beyond it the exact check of `multipleOf` would need too many digits."""


def _is_integer(_: Any, value: Any) -> bool:
    if isinstance(value, Decimal):
        return value.is_finite() and value == value.to_integral_value()
    return bool(DEFAULT_JSONSCHEMA_VALIDATOR.TYPE_CHECKER.is_type(value, "integer"))


def _multiple_of(validator: Any, step: Any, value: Any, _: Any) -> Iterator[ValidationError]:
    if validator.is_type(value, "number") and not _is_multiple(value, step):
        yield ValidationError("is no multiple")


def _is_multiple(value: Any, step: Any) -> bool:
    """Whether a number is a multiple as both are written: 0.3 is one of 0.1, and NaN is none."""
    number, divisor = (Decimal(repr(part)) if isinstance(part, float) else Decimal(part) for part in (value, step))
    if not number.is_finite() or abs(number.adjusted()) > MAX_EXPONENT or abs(divisor.adjusted()) > MAX_EXPONENT:
        return False
    return Fraction(number) % Fraction(divisor) == 0


_Validator: Any = extend(  # type: ignore[no-untyped-call]
    DEFAULT_JSONSCHEMA_VALIDATOR,
    {"multipleOf": _multiple_of},
    type_checker=DEFAULT_JSONSCHEMA_VALIDATOR.TYPE_CHECKER.redefine("integer", _is_integer),
)


class RecordValidator(BaseJSONSchemaValidator):
    """Names the property and the rule that it breaks; the SDK's own message quotes the value.

    Most properties state no more than their types. Those are checked without jsonschema, which takes two thirds of a
    plain target's time. A record that does not pass this way is left to jsonschema as a whole.

    Args:
        schema: The stream's schema. A part of it that is no JSON Schema is not checked.

    Attributes:
        faults: Property to what is wrong with its schema; the property "" stands for the schema around them.
    """

    def __init__(self, schema: dict[str, Any]) -> None:
        self.faults = _find_faults(schema)
        schema = _without(schema, self.faults)
        super().__init__(schema)
        # With a registry of its own it never asks the network for a schema. It checks no formats.
        self.validator = _Validator(schema, registry=Registry())
        self._types: dict[str, set[type]] = {}
        self._parts: dict[str, Any] = {}
        for name, part in schema["properties"].items():
            if (types := _plain_types(part)) is None:
                self._parts[name] = self.validator.evolve(schema=part)
            elif types:
                self._types[name] = types
        self._required = set(schema.get("required", ()))
        self._has_only_properties = set(schema) <= {
            "type",
            "properties",
            "required",
            "additionalProperties",
            *ANNOTATIONS,
        } and (schema.get("additionalProperties", True) is True)

    def _passes_quickly(self, record: dict[str, Any]) -> bool:
        if not self._has_only_properties or not self._required <= record.keys():
            return False
        for name, value in record.items():
            if (types := self._types.get(name)) is not None:
                if type(value) not in types:
                    return False
            elif (part := self._parts.get(name)) is not None and not part.is_valid(value):
                return False
        return True

    @override
    def validate(self, record: dict[str, Any]) -> None:
        """See the base class.

        Raises:
            InvalidRecord: The record breaks its SCHEMA.
        """
        if (problem := self.problem(record)) is not None:
            raise InvalidRecord(problem, {})

    def problem(self, record: dict[str, Any]) -> str | None:
        """What a record breaks of its stream's SCHEMA, without any value; None where it breaks nothing."""
        try:
            if self._passes_quickly(record):
                return None
            error = next(iter(self.validator.iter_errors(record)), None)
        except Exception as fault:  # noqa: BLE001  # whatever jsonschema makes of a value, it is this record's fault
            return f"the record: cannot be checked against its SCHEMA ({type(fault).__name__})"
        if error is None:
            return None
        place = ".".join(str(part) for part in error.absolute_path) or "the record"
        if error.validator == "required":
            missing = [name for name in error.validator_value if name not in error.instance]
            return f"{place}: {', '.join(missing)} is missing"
        rule = error.validator_value if error.validator in {"type", "format", "maxLength", "minLength"} else ""
        return f"{place}: breaks its SCHEMA ({error.validator}{f' {rule}' if rule else ''})"


def _plain_types(schema: Any) -> set[type] | None:
    """The Python types that a property takes, empty for any; None where its schema says more than types."""
    if schema is True:
        return set()
    if not isinstance(schema, dict) or not set(schema) <= {"type", *ANNOTATIONS}:
        return None
    names = schema.get("type", [])
    names = [names] if isinstance(names, str) else names
    return {kind for name in names for kind in PLAIN_TYPES[name]}


def _find_faults(schema: dict[str, Any]) -> dict[str, str]:
    """Return what cannot be checked, by property; see `RecordValidator.faults`."""
    around = {name: part for name, part in schema.items() if name != "properties"}
    root = _Validator(schema, registry=Registry())
    found = {name: _fault(part, root) for name, part in {"": around, **schema["properties"]}.items()}
    return {name: fault for name, fault in found.items() if fault is not None}


def _fault(part: Any, root: Any) -> str | None:
    """Return why a part of a schema cannot be checked, what it refers to included; None where it can."""
    if _has_known_types_only(part):
        return None
    seen: set[str] = set()
    waiting = [part]
    try:
        while waiting:
            schema = waiting.pop()
            _Validator.check_schema(schema)
            for reference in _references(schema):
                if reference not in seen:
                    seen.add(reference)
                    # jsonschema has no public way to resolve one.
                    waiting.append(root._resolver.lookup(reference).contents)  # noqa: SLF001
        root.evolve(schema=part).is_valid(None)  # a reference to itself has no end
    except SchemaError as error:
        keyword = next((part for part in reversed(error.absolute_path) if isinstance(part, str)), "schema")
        return f"is no valid JSON Schema ({keyword})"
    except RecursionError:
        return "refers to itself or is nested too deep"
    except Exception as error:  # noqa: BLE001  # whatever it is, this part cannot be checked
        return f"cannot be used ({type(error).__name__})"
    return None


def _has_known_types_only(part: Any) -> bool:
    try:
        return _plain_types(part) is not None
    except (KeyError, TypeError):
        return False


def _references(part: Any) -> Iterator[str]:
    inner = part if isinstance(part, list) else []
    if isinstance(part, dict):
        yield from (part[name] for name in ("$ref", "$dynamicRef") if isinstance(part.get(name), str))
        inner = [value for name, value in part.items() if name not in VALUES]
    for value in inner:
        yield from _references(value)


def _without(schema: dict[str, Any], faults: dict[str, str]) -> dict[str, Any]:
    """The schema with any value allowed where it has a fault."""
    around = {name: schema[name] for name in DEFINITIONS if name in schema} if "" in faults else schema
    parts = {name: {} if name in faults else part for name, part in schema["properties"].items()}
    return {**around, "properties": parts}
