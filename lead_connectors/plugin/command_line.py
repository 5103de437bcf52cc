"""The click command of a plugin: each error ends with one sentence and an exit code, never with a traceback."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator
from typing import Any

import click
from singer_sdk.exceptions import ConfigValidationError
from typing_extensions import override

from lead_connectors.plugin.errors import ConnectorError, SettingsError


class ConnectorCommand(click.Command):
    """Turns errors into a sentence in the log and an exit code (`docs/promises.md`, exit codes).

    Args:
        log: The plugin's logger.
    """

    def __init__(self, *args: Any, log: logging.Logger, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._log = log

    @override
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the options. The SDK reads files, discovers and tests in their callbacks."""
        with self._exit_codes(ctx):
            return super().parse_args(ctx, args)

    @override
    def invoke(self, ctx: click.Context) -> Any:
        """Run the plugin."""
        with self._exit_codes(ctx):
            return super().invoke(ctx)

    @contextlib.contextmanager
    def _exit_codes(self, ctx: click.Context) -> Iterator[None]:
        try:
            yield
        except ConfigValidationError as error:
            for problem in error.errors:
                self._log.error("%s", problem)
            ctx.exit(SettingsError.exit_code)
        except ConnectorError as error:
            self._log.error("%s", error)
            ctx.exit(error.exit_code)
        except BrokenPipeError:
            # Nobody reads stdout any more: without this, the interpreter reports a second error while it exits.
            sys.stdout = None
            self._log.error("The reader of stdout has closed it. Stopping.")
            ctx.exit(ConnectorError.exit_code)
        except (click.exceptions.Exit, click.ClickException, SystemExit, KeyboardInterrupt):
            raise
        except Exception as error:  # noqa: BLE001  # an unknown error's own text could quote a record
            self._log.error(
                "Stopped by an unexpected %s in %s. The last STATE covers only records that are accounted for. "
                "Please report this.",
                type(error).__name__,
                _origin(error),
            )
            ctx.exit(ConnectorError.exit_code)


def _origin(error: BaseException) -> str:
    """Return module and line where an error was raised."""
    trace = error.__traceback__
    origin = "?"
    while trace is not None:
        origin = f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}"
        trace = trace.tb_next
    return origin
