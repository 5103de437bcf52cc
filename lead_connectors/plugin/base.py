"""The base of all three plugins: a mixin that changes how the SDK treats settings, secrets and signals."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from types import FrameType
from typing import TYPE_CHECKING, Any

import click
from dotenv import find_dotenv
from dotenv.main import DotEnv
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.helpers._classproperty import classproperty
from typing_extensions import override

from lead_connectors.plugin.command_line import ConnectorCommand
from lead_connectors.plugin.errors import SettingsError
from lead_connectors.plugin.redaction import redact_logs
from lead_connectors.plugin.settings import (
    SDK_SETTINGS,
    describe_file_problem,
    describe_problems,
    normalize_settings,
    settings_from_environment,
    unknown_setting,
    unknown_variables,
)

if TYPE_CHECKING:
    from singer_sdk.plugin_base import PluginBase as _Base
else:
    _Base = object


class ConnectorPlugin(_Base):
    """Mixin for a tap or target. It stands before the SDK's class in the list of bases."""

    hidden_settings: tuple[str, ...] = ("faker_config",)
    """Settings that the SDK adds to every plugin and that have no effect in this one."""

    def __init__(self, **kwargs: Any) -> None:
        redact_logs(plugin=self.name)
        super().__init__(**kwargs)
        redact_logs(self.secrets(), plugin=self.name)

    @override
    @classmethod
    def cb_config(cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]) -> Any:
        """Read the configuration files.

        Raises:
            SettingsError: A file cannot be read or is not a JSON object.
        """
        try:
            return super().cb_config(ctx, param, value)
        except (OSError, ValueError, TypeError, RecursionError) as error:
            msg = f"--config: {describe_file_problem(error)}."
        raise SettingsError(msg)

    def secrets(self) -> list[str]:
        """Return the values of all settings that are marked as secret."""
        properties = self.config_jsonschema["properties"]
        return [
            str(self.config[name]) for name in properties if properties[name].get("secret") and self.config.get(name)
        ]

    @override
    @classproperty
    def _env_var_config(cls) -> dict[str, Any]:  # noqa: N805
        schema = cls.config_jsonschema
        cls.append_builtin_config(schema)
        # A variable that is already set wins over the same name in a .env file.
        DotEnv(find_dotenv(usecwd=True), interpolate=False, override=False).set_as_environment_variables()
        if unknown := unknown_variables(schema, cls._env_var_prefix, os.environ):
            names = [f"{cls._env_var_prefix}{name.upper()}" for name in schema["properties"]]
            raise SettingsError(" ".join(unknown_setting(name, names) for name in unknown))
        return settings_from_environment(schema, cls._env_var_prefix, os.environ)

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """Exit with the code that names the signal. The SDK exits with 0."""
        sys.exit(128 + signum)

    @override
    @classmethod
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        """Add the SDK's own settings, except `hidden_settings`."""
        super().append_builtin_config(config_jsonschema)
        for name in cls.hidden_settings:
            config_jsonschema["properties"].pop(name, None)

    @override
    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """Normalize the settings and check them against their schema."""
        schema = self.config_jsonschema
        self.append_builtin_config(schema)
        self._config = normalize_settings(self._config, schema)
        known = schema["properties"]
        others = sorted(self._config.keys() - known.keys())
        if unused := [name for name in others if name in SDK_SETTINGS]:
            self.logger.info("Settings without effect in this plugin: %s.", ", ".join(unused))
        problems = [unknown_setting(name, known) for name in others if name not in SDK_SETTINGS]
        problems += describe_problems(self._config, schema)
        problems = problems or self.value_problems(self._config)
        if problems and raise_errors:
            summary = "Config validation failed"
            raise ConfigValidationError(summary, errors=problems, schema=schema)
        return problems

    def value_problems(self, config: Mapping[str, Any]) -> list[str]:
        """Return one sentence for each setting that its schema takes and the plugin cannot use; see `describe_problem`.

        Args:
            config: The settings; each has the form that its schema demands.
        """
        del config
        return []

    @override
    @classmethod
    def get_singer_command(cls) -> click.Command:
        """Return the SDK's command with this package's exit codes."""
        command = super().get_singer_command()
        return ConnectorCommand(
            name=command.name,
            callback=command.callback,
            params=command.params,
            help=command.help,
            context_settings=command.context_settings,
            log=cls.logger,
        )
