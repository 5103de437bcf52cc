"""What all three plugins do alike around the SDK: settings, exit codes, and errors without anybody's data.

singer-sdk 0.54.9 quotes the offending value of a wrong setting (a secret's too), ends with exit code 1 for it, prints
tracebacks for a user's mistake, and dies with a bare ValueError where an environment variable is no number.
"""

from __future__ import annotations

import contextlib
import difflib
import json
import math
import os
import sys
from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from types import FrameType
from typing import TYPE_CHECKING, Any, cast

import click
from dotenv import find_dotenv
from dotenv.main import DotEnv
from jsonschema import Draft7Validator, ValidationError
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.helpers._classproperty import classproperty

from lead_connectors.plugin.errors import ConnectorError, SettingsError
from lead_connectors.plugin.redaction import silence_logs

if TYPE_CHECKING:
    from singer_sdk.plugin_base import PluginBase as _Base
else:
    _Base = object

MANY = 10
TRUE_WORDS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


def settings_from_environment(schema: Mapping[str, Any], prefix: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """Settings as they stand in environment variables, each in the type that its schema asks for.

    Args:
        schema: The plugin's settings as JSON Schema.
        prefix: ``TAP_CARECYCLE_`` and the like.
        environment: The variables.

    Raises:
        SettingsError: A variable's text is not of the setting's type.
    """
    found: dict[str, Any] = {}
    for name, definition in schema.get("properties", {}).items():
        variable = prefix + name.upper().replace("-", "_")
        if variable in environment:
            found[name] = _typed(environment[variable], definition, variable)
    return found


def _typed(text: str, definition: Mapping[str, Any], variable: str) -> Any:
    types = definition.get("type", "string")
    types = {types} if isinstance(types, str) else set(types)
    if "string" in types:
        return text
    try:
        if "boolean" in types:
            return TRUE_WORDS[text.strip().lower()]
        value = json.loads(text)
    except (ValueError, KeyError, RecursionError):
        wanted = _wanted({**definition, "type": sorted(types - {"null"})})
        msg = f"{variable} (environment) must be {wanted}."
        raise SettingsError(msg) from None
    return _nested(value) if isinstance(value, dict) else value


def _nested(flat: dict[str, Any]) -> dict[str, Any]:
    """Undo what Meltano makes of objects in its plugins' environment: ``{"people.Phone": "tel"}``.

    A name with dots stands for objects within objects only where its value is no object, so that what a person wrote
    is left alone.
    """
    nested: dict[str, Any] = {}
    for name, value in flat.items():
        path = name.split(".") if not isinstance(value, dict) else [name]
        inside = nested
        for part in path[:-1]:
            inside = inside.setdefault(part, {})
            if not isinstance(inside, dict):  # "a" and "a.b" at once: no flattened object
                return flat
        inside[path[-1]] = value
    return nested


def describe_problem(error: ValidationError) -> str:
    """One sentence on a wrong setting that names it and what it accepts, and never shows its value."""
    path = ".".join(str(part) for part in error.absolute_path)
    schema: dict[str, Any] = dict(error.schema) if isinstance(error.schema, Mapping) else {}
    if error.validator == "required":
        required = cast("list[str]", error.validator_value)
        missing = [_joined(path, name) for name in required if name not in cast("dict[str, Any]", error.instance)]
        return f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing: please set it."
    if error.validator == "additionalProperties":
        known = list(schema.get("properties", {}))
        unknown = next((name for name in cast("dict[str, Any]", error.instance) if name not in known), "?")
        return f"{_joined(path, unknown)} is not a setting{_hint(unknown, known)}"
    return f"{path or 'the configuration'} must be {_wanted(schema)}."


def _hint(unknown: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(unknown, known, n=1)
    if near:
        return f"; did you mean {near[0]}?"
    return f"; known are {', '.join(sorted(known))}." if len(known) < MANY else "."


def _plain(value: Any) -> Any:
    """Numbers as Python calculates with them: the SDK reads a file's as Decimal, which no float can be added to.

    NaN and Infinity, which JSON does not know, become text, for no numeric setting accepts that.
    """
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    value = float(value) if isinstance(value, Decimal) else value
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _from_text(value: Any, definition: Mapping[str, Any]) -> Any:
    """Read a number or a boolean that arrives as text; what cannot be read stays text, and is refused with a sentence.

    Meltano has no sound kind for numbers, answers a wrong one with a traceback, and takes ``dry_run: ture`` for false.
    """
    types = definition.get("type", [])
    types = {types} if isinstance(types, str) else set(types)
    if not isinstance(value, str) or not types or types - {"boolean", "integer", "number", "null"}:
        return value
    word = value.strip().lower()
    if "boolean" in types:
        return TRUE_WORDS.get(word, value)
    for read in (int, float):
        try:
            return read(word)
        except ValueError:
            continue
    return value


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _wanted(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return "one of " + ", ".join(str(value) for value in schema["enum"] if value is not None)
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else list(types)
    words = {
        "string": "text",
        "integer": "a whole number",
        "number": "a number",
        "boolean": "true or false",
        "object": "an object (JSON)",
        "array": "a list (JSON)",
    }
    text = " or ".join(words[name] for name in types if name in words) or "of the documented form"
    if "minimum" in schema and "maximum" in schema:
        text += f" from {schema['minimum']} to {schema['maximum']}"
    elif "minimum" in schema:
        text += f", {schema['minimum']} or more"
    elif "exclusiveMinimum" in schema:
        text += f" above {schema['exclusiveMinimum']}"
    elif "maximum" in schema:
        text += f", {schema['maximum']} or less"
    if schema.get("minLength") or schema.get("minItems") or schema.get("pattern"):
        text += ", not empty"
    if "maxLength" in schema:
        text += f", at most {schema['maxLength']} characters"
    return text


class CarefulCommand(click.Command):
    """Ends with the contract's exit codes and one sentence, never with a traceback or a value."""

    def __init__(self, *args: Any, plugin: type[CarefulPlugin], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._plugin = plugin

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the options, in whose callbacks the SDK reads files, discovers and tests."""
        with self._exit_codes(ctx):
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the plugin."""
        with self._exit_codes(ctx):
            return super().invoke(ctx)

    @contextlib.contextmanager
    def _exit_codes(self, ctx: click.Context) -> Iterator[None]:
        """Turn each error into its sentence and exit code."""
        log = self._plugin.logger
        try:
            yield
        except ConfigValidationError as error:
            for problem in error.errors:
                log.error("%s", problem)  # noqa: TRY400
            ctx.exit(SettingsError.exit_code)
        except ConnectorError as error:
            log.error("%s", error)  # noqa: TRY400
            ctx.exit(error.exit_code)
        except BrokenPipeError:
            # Whoever read stdout is gone: nobody is left to be told there.
            sys.stdout = None
            log.error("The reader of stdout has gone: stopping.")  # noqa: TRY400
            ctx.exit(1)
        except (click.exceptions.Exit, click.ClickException, SystemExit, KeyboardInterrupt):
            raise
        except Exception as error:  # noqa: BLE001  # the last line: an unknown error may quote a record
            log.error(  # noqa: TRY400
                "Stopped by an unexpected %s in %s; the last STATE covers only what is accounted for. Please report.",
                type(error).__name__,
                _place(error),
            )
            ctx.exit(1)


def _file_problem(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, OSError):
        # Whoever gave the settings themselves in place of a path would see a secret in the file's name.
        name = str(error.filename or "the file")
        return f"{'the file' if '{' in name else name} cannot be read ({error.strerror or type(error).__name__})"
    return "the file is not a JSON object"


def _place(error: BaseException) -> str:
    """Module and line where an error was raised, without any of its values."""
    trace = error.__traceback__
    place = "?"
    while trace is not None:
        place = f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


class CarefulPlugin(_Base):
    """Mixin for a tap or target: stands before the SDK's class in the list of bases."""

    hidden_settings: tuple[str, ...] = ("faker_config",)
    """Built-in settings of the SDK that would do nothing here."""

    def __init__(self, **kwargs: Any) -> None:
        silence_logs(plugin=self.name)
        super().__init__(**kwargs)
        silence_logs(self.secrets(), plugin=self.name)

    @classmethod
    def cb_config(cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]) -> Any:
        """Read the configuration files.

        Raises:
            SettingsError: One cannot be read or is no JSON object.
        """
        try:
            return super().cb_config(ctx, param, value)
        except (OSError, ValueError, TypeError, RecursionError) as error:
            msg = f"--config: {_file_problem(error)}."
        raise SettingsError(msg)

    def secrets(self) -> list[str]:
        """The values of all settings that are marked secret."""
        properties = self.config_jsonschema["properties"]
        return [
            str(self.config[name]) for name in properties if properties[name].get("secret") and self.config.get(name)
        ]

    @classproperty
    def _env_var_config(cls) -> dict[str, Any]:  # noqa: N805
        schema = cls.config_jsonschema
        cls.append_builtin_config(schema)
        # What is set for this very run stands above what lies in a file.
        DotEnv(find_dotenv(usecwd=True), interpolate=False, override=False).set_as_environment_variables()
        return settings_from_environment(schema, cls._env_var_prefix, os.environ)

    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """End with the exit code that says which signal it was; the SDK says success."""
        sys.exit(128 + signum)

    @classmethod
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        """Add the SDK's own settings, less those that would do nothing here."""
        super().append_builtin_config(config_jsonschema)
        for name in cls.hidden_settings:
            config_jsonschema["properties"].pop(name, None)

    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """Check the settings against their schema and add its defaults; see `describe_problem` for the sentences."""
        schema = self.config_jsonschema
        self.append_builtin_config(schema)
        for name, definition in schema["properties"].items():
            if self._config.get(name) is None and definition.get("default") is not None:
                self._config[name] = definition["default"]
        # Meltano hands over null for a setting that is not set.
        self._config = {
            str(name): _plain(_from_text(value, schema["properties"].get(name, {})))
            for name, value in self._config.items()
            if value is not None
        }
        # Not an error: one file of settings may serve several plugins.
        for name in sorted(set(self._config) - set(schema["properties"])):
            self.logger.warning("%s is not a setting%s", name, _hint(name, schema["properties"]))
        errors = sorted(
            Draft7Validator(schema).iter_errors(self._config), key=lambda e: list(map(str, e.absolute_path))
        )
        problems = list(dict.fromkeys(describe_problem(error) for error in errors))
        if problems and raise_errors:
            summary = "Config validation failed"
            raise ConfigValidationError(summary, errors=problems, schema=schema)
        return problems

    @classmethod
    def get_singer_command(cls) -> click.Command:
        """The SDK's command with the contract's exit codes."""
        command = super().get_singer_command()
        return CarefulCommand(
            name=command.name,
            callback=command.callback,
            params=command.params,
            help=command.help,
            context_settings=command.context_settings,
            plugin=cls,
        )
