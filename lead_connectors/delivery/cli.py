"""The targets' command line: the SDK's own flags, `--check` and `--replay`."""

from __future__ import annotations

import abc
from pathlib import Path
from typing import IO, Any

import click
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.target_base import Target
from typing_extensions import override

from lead_connectors.delivery.input import drain_stdin
from lead_connectors.delivery.replay import ReplayFiles
from lead_connectors.plugin.base import ConnectorPlugin
from lead_connectors.plugin.errors import SettingsError
from lead_connectors.reject_codes import RejectCode


class CommandTarget(ConnectorPlugin, Target, metaclass=abc.ABCMeta):
    """A target whose command can do more than read stdin.

    Attributes:
        run_id: Names this run, in the report and in the reject files' names.
    """

    run_id: str

    @abc.abstractmethod
    def deliver(self, file_input: IO[str] | None = None, *, replay: ReplayFiles | None = None) -> None:
        """Read the input to its end and deliver it.

        Args:
            file_input: Singer messages; stdin without it.
            replay: Reject files to send again instead.
        """

    @abc.abstractmethod
    def check(self) -> None:
        """Check credentials, settings and mapping against the account."""

    @classmethod
    @override
    def invoke(  # type: ignore[override]
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: Any = None,
        file_input: IO[str] | None = None,
        check: bool = False,
        replay: bool = False,
        only: str | None = None,
        files: tuple[str, ...] = (),
    ) -> None:
        """Run the command."""
        super(Target, cls).invoke(about=about, about_format=about_format)
        if check and (replay or files):
            msg = "--check reads and sends nothing: leave out --replay and its files."
            raise click.UsageError(msg)
        if bool(files) != replay:
            msg = "--replay takes the reject files to send again: target-... --config C --replay FILE..."
            raise click.UsageError(msg)
        try:
            target = cls(config=config.config if config else {}, parse_env_config=bool(config and config.parse_env))
        except (ConfigValidationError, SettingsError):
            if not check and not replay:
                drain_stdin()
            raise
        if check:
            target.check()
            return
        target.logger.info("%s %s, run %s", cls.name, cls.plugin_version, target.run_id)
        if not replay:
            target.deliver(file_input)
            return
        rejects = ReplayFiles(
            [Path(name) for name in files], only, target=cls.name, keep=bool(target.config.get("dry_run"))
        )
        for sentence in rejects.warnings:
            target.logger.warning("%s", sentence)
        target.deliver(replay=rejects)

    @classmethod
    @override
    def get_singer_command(cls) -> click.Command:
        """The SDK's command, the check and the replay of rejects."""
        command = super().get_singer_command()
        codes = [code.value for code in RejectCode]
        command.params += [
            click.Option(
                ["--check"],
                is_flag=True,
                help="Check credentials, settings and mapping against the account, and send nothing; exit 0 or 2.",
            ),
            click.Option(["--replay"], is_flag=True, help="Send recorded rejects again: name their FILES."),
            click.Option(["--only"], type=click.Choice(codes), help="With --replay: only what has this code."),
            click.Argument(["files"], nargs=-1, type=click.Path(exists=True, dir_okay=False)),
        ]
        return command
