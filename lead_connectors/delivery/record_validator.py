"""Checks a record against its stream's SCHEMA without showing its values."""

from __future__ import annotations

from typing import Any

from singer_sdk.sinks.core import JSONSchemaValidator

PLAIN_TYPES: dict[str, set[type]] = {
    "null": {type(None)},
    "boolean": {bool},
    "integer": {int},
    "number": {int, float},
    "string": {str},
    "array": {list},
    "object": {dict},
}
ANNOTATIONS = {"title", "description", "default", "examples", "format", "contentMediaType", "readOnly", "writeOnly"}


class RecordValidator(JSONSchemaValidator):
    """Names the property and the rule that it breaks; the SDK's own message quotes the value.

    Most properties state no more than their types. Those are checked without jsonschema, which takes two thirds of a
    plain target's time. A record that does not pass this way is left to jsonschema as a whole.
    """

    def __init__(self, schema: dict[str, Any], **options: Any) -> None:
        super().__init__(schema, **options)
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

    def problem(self, record: dict[str, Any]) -> str | None:
        """What a record breaks of its stream's SCHEMA, without any value; None where it breaks nothing."""
        if self._passes_quickly(record):
            return None
        error = next(iter(self.validator.iter_errors(record)), None)
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
