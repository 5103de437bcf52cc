"""Settings from files and from the environment, and a sentence for each wrong one that never shows its value (pure).

singer-sdk 0.54.9 quotes the value of a wrong setting, even if it is a secret, and raises a bare ValueError if an
environment variable is not a number.
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from typing import Any, cast

from jsonschema import Draft7Validator, ValidationError
from singer_sdk.helpers import capabilities

from lead_connectors.plugin.errors import SettingsError

MAX_LISTED_NAMES = 10
"""A sentence lists all known settings only if they are fewer."""
BOOLEAN_WORDS = {
    "true": True,
    "1": True,
    "yes": True,
    "on": True,
    "false": False,
    "0": False,
    "no": False,
    "off": False,
}
SDK_SETTINGS = frozenset(
    name
    for constant in vars(capabilities).values()
    if isinstance(constant, dict)
    for name in constant.get("properties", ())
)
"""Settings that singer-sdk adds to plugins, by their capabilities. Runners pass them to any plugin."""
RUNNER_SETTINGS = ("loglevel", "pip_url", "executable", "namespace")
"""What the SDK and Meltano read from the plugin's own variables."""
TYPE_WORDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "an object (JSON)",
    "array": "a list (JSON)",
}


def settings_from_environment(schema: Mapping[str, Any], prefix: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """Read the settings that are given as environment variables, each with the type that its schema names.

    Args:
        schema: The plugin's settings as JSON Schema.
        prefix: Start of each variable's name, for example ``TAP_EXAMPLE_``.
        environment: The variables.

    Raises:
        SettingsError: The text of a variable does not have the setting's type.
    """
    settings: dict[str, Any] = {}
    for name, definition in schema.get("properties", {}).items():
        variable = prefix + name.upper().replace("-", "_")
        if variable in environment:
            settings[name] = _parse_variable(environment[variable], definition, variable)
    return settings


def unknown_variables(schema: Mapping[str, Any], prefix: str, environment: Iterable[str]) -> list[str]:
    """Return the environment variables that look like settings of the plugin and are none.

    Args:
        schema: The plugin's settings as JSON Schema.
        prefix: Start of each variable's name, for example ``TAP_EXAMPLE_``.
        environment: The variables' names.

    Returns:
        The names. Left out are those of the SDK and of Meltano (``TAP_EXAMPLE_LOGLEVEL``, ``TAP_EXAMPLE__SELECT``),
        those that Meltano makes of the parts of an object (``TAP_EXAMPLE_FIELD_MAP_PEOPLE``), and those of a second
        plugin whose name is longer (``TAP_EXAMPLE_EU_API_KEY``).
    """
    known = {name.upper().replace("-", "_"): definition for name, definition in schema["properties"].items()}
    known |= {name.upper(): {} for name in (*SDK_SETTINGS, *RUNNER_SETTINGS)}
    objects = tuple(f"{name}_" for name, definition in known.items() if "object" in _types(definition, []))
    endings = tuple(f"_{name}" for name in known)
    return [
        variable
        for variable in sorted(environment)
        if variable.startswith(prefix)
        and (name := variable.removeprefix(prefix)) not in known
        and not name.startswith(("_", *objects))
        and not name.endswith(endings)
    ]


def normalize_settings(config: Mapping[Any, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Add defaults, drop nulls, and convert numbers and booleans that arrive as text.

    Meltano passes null for a setting that is not set. It has no reliable kind for numbers and booleans, so they
    arrive as text. Text that cannot be converted is kept, so that the schema rejects it.

    Args:
        config: The settings as the user gave them.
        schema: The plugin's settings as JSON Schema.
    """
    properties = schema["properties"]
    settings = {str(name): value for name, value in config.items() if value is not None}
    for name, definition in properties.items():
        if name not in settings and definition.get("default") is not None:
            settings[name] = definition["default"]
    return {name: _to_float(_parse_text(value, properties.get(name, {}))) for name, value in settings.items()}


def unknown_setting(name: str, known: Collection[str], path: str = "") -> str:
    """Return a sentence that names an unknown setting and suggests a known one.

    Args:
        name: The unknown name.
        known: All names that are known in its place.
        path: The setting that holds it, if it is part of an object.
    """
    full_name = _join(path, name)
    spelled = {each.casefold(): each for each in known}
    similar = difflib.get_close_matches(name.casefold(), spelled, n=1)
    if similar:
        return f"{full_name} is not a setting; did you mean {spelled[similar[0]]}?"
    names = f"; known are {', '.join(sorted(known))}" if len(known) < MAX_LISTED_NAMES else ""
    return f"{full_name} is not a setting{names}."


def describe_problems(config: Mapping[str, Any], schema: Mapping[str, Any]) -> list[str]:
    """Return one sentence for each setting that breaks the schema, in the order of the settings' names."""
    try:
        errors: list[ValidationError] = list(Draft7Validator(schema).iter_errors(config))
    except AttributeError:
        # In singer-sdk 0.54.9 the schema of stream_maps holds a word where a schema belongs. A wrong value comes to it.
        return ["stream_maps must be of the documented form."]
    ordered = sorted(errors, key=lambda error: list(map(str, error.absolute_path)))
    return list(dict.fromkeys(map(describe_problem, ordered)))


def describe_problem(error: ValidationError) -> str:
    """Return a sentence that names the wrong setting and what it accepts, but never its value."""
    path = ".".join(str(part) for part in error.absolute_path)
    schema: dict[str, Any] = dict(error.schema) if isinstance(error.schema, Mapping) else {}
    if error.validator == "required":
        required = cast("list[str]", error.validator_value)
        missing = [_join(path, name) for name in required if name not in cast("dict[str, Any]", error.instance)]
        verb, what = ("is", "it") if len(missing) == 1 else ("are", "them")
        return f"{' and '.join(missing)} {verb} missing: please set {what}."
    if error.validator == "additionalProperties":
        known = list(schema.get("properties", {}))
        unknown = [name for name in cast("dict[str, Any]", error.instance) if name not in known]
        return " ".join(unknown_setting(name, known, path) for name in unknown)
    return f"{path or 'the configuration'} must be {_accepted_values(schema)}."


def describe_file_problem(error: Exception) -> str:
    """Return why a settings file cannot be read, without its content."""
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, OSError):
        # A user can pass the settings themselves instead of a path: the file's name then holds a secret.
        name = str(error.filename or "the file")
        return f"{'the file' if '{' in name else name} cannot be read ({error.strerror or type(error).__name__})"
    return "the file is not a JSON object"


def _types(definition: Mapping[str, Any], default: str | list[str]) -> set[str]:
    types = definition.get("type", default)
    return {types} if isinstance(types, str) else set(types)


def _parse_variable(text: str, definition: Mapping[str, Any], variable: str) -> Any:
    types = _types(definition, "string")
    if "string" in types:
        return text
    try:
        if "boolean" in types:
            return BOOLEAN_WORDS[text.strip().lower()]
        value = json.loads(text)
    except (ValueError, KeyError, RecursionError):
        accepted = _accepted_values({**definition, "type": sorted(types - {"null"})})
        msg = f"{variable} (environment) must be {accepted}."
        raise SettingsError(msg) from None
    return _unflatten(value) if isinstance(value, dict) else value


def _unflatten(flat: dict[str, Any]) -> dict[str, Any]:
    """Rebuild objects that Meltano flattens in the environment of its plugins: ``{"people.Phone": "tel"}``.

    A name with dots is split only if its value is not an object. Objects that a person wrote stay as they are.
    """
    nested: dict[str, Any] = {}
    for name, value in flat.items():
        path = name.split(".") if not isinstance(value, dict) else [name]
        parent = nested
        for part in path[:-1]:
            parent = parent.setdefault(part, {})
            if not isinstance(parent, dict):  # "a" and "a.b" together: this is not a flattened object
                return flat
        parent[path[-1]] = value
    return nested


def _parse_text(value: Any, definition: Mapping[str, Any]) -> Any:
    types = _types(definition, [])
    if not isinstance(value, str) or not types or types - {"boolean", "integer", "number", "null"}:
        return value
    word = value.strip().lower()
    if "boolean" in types:
        return BOOLEAN_WORDS.get(word, value)
    for number_type in (int, float):
        try:
            return number_type(word)
        except ValueError:
            continue
    return value


def _to_float(value: Any) -> Any:
    """Convert Decimal, which the SDK reads from files and which cannot be added to a float.

    NaN and Infinity are not JSON. They become text, which no numeric setting accepts.
    """
    if isinstance(value, dict):
        return {name: _to_float(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_to_float(part) for part in value]
    value = float(value) if isinstance(value, Decimal) else value
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _accepted_values(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return "one of " + ", ".join(str(value) for value in schema["enum"] if value is not None)
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else list(types)
    text = " or ".join(TYPE_WORDS[name] for name in types if name in TYPE_WORDS) or "of the documented form"
    if "minimum" in schema and "maximum" in schema:
        text += f" from {schema['minimum']} to {schema['maximum']}"
    elif "minimum" in schema:
        text += f", {schema['minimum']} or more"
    elif "exclusiveMinimum" in schema:
        text += f" above {schema['exclusiveMinimum']}"
        text += f", {schema['maximum']} or less" if "maximum" in schema else ""
    elif "maximum" in schema:
        text += f", {schema['maximum']} or less"
    if schema.get("minLength") or schema.get("minItems") or schema.get("pattern"):
        text += ", not empty"
    if "maxLength" in schema:
        text += f", at most {schema['maxLength']} characters"
    return text
