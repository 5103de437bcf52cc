"""The tap: settings, streams, stopping."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Mapping
from datetime import datetime, timezone
from functools import partial
from types import FrameType
from typing import Any, ClassVar

import click
from singer_sdk import Tap
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.helpers.capabilities import CapabilitiesEnum, PluginCapabilities

from lead_connectors.http.errors import StoppedError
from lead_connectors.plugin.base import CarefulPlugin
from tap_carecycle.client import CustomersApi
from tap_carecycle.filters import problems_with
from tap_carecycle.pages import Reader, Request
from tap_carecycle.read_ahead import ReadAhead
from tap_carecycle.settings import SETTINGS
from tap_carecycle.stream import CareCycleStream
from tap_carecycle.streams import CHILDREN, Customers
from tap_carecycle.timestamps import moment_text
from tap_carecycle.writer import OrjsonWriter


class TapCareCycle(CarefulPlugin, Tap):
    """Singer tap that reads the customers of a CareCycle account."""

    name = "tap-carecycle"
    package_name = "carecycle-leadsquared-connectors"
    config_jsonschema: ClassVar[dict[str, Any]] = SETTINGS
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        each for each in Tap.capabilities if each is not PluginCapabilities.BATCH
    ]
    message_writer_class = OrjsonWriter
    _signal: ClassVar[int] = signal.SIGTERM

    def __init__(self, **kwargs: Any) -> None:
        self.stopping = threading.Event()
        self.started_at = datetime.now(timezone.utc)
        self._api: CustomersApi | None = None
        super().__init__(**kwargs)

    def discover_streams(self) -> list[CareCycleStream]:
        """All streams; nothing is asked of the API."""
        customers = Customers(self)
        children = [child(self) for child in CHILDREN]
        for child in children:
            # On the instance, not on the class: the SDK would log a line for each, in every run.
            child.parent_stream_type = Customers
            customers.child_streams.append(child)
        return [customers, *children]

    @property
    def api(self) -> CustomersApi:
        """The account's list of customers; made at its first use, so that discovery needs no credentials."""
        if self._api is None:
            self._api = CustomersApi(self.config, self.stopping)
        return self._api

    def reader(self, query: Mapping[str, str]) -> Reader:
        """Reads pages under these filters."""
        return ReadAhead(
            partial(self.api.fetch, query=query),
            self.api.quota.useful_calls_in_flight,
            self.config["max_in_flight"],
            self.stopping,
        )

    def flush(self) -> None:
        """Hand over what the writer holds back."""
        if isinstance(self.message_writer, OrjsonWriter):
            self.message_writer.flush()

    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        problems = super()._validate_config(raise_errors=raise_errors)
        if not problems:
            problems = problems_with(self._config.get("filters", {}), self._config.get("parameter_names", {}))
            if "start_date" in self._config and moment_text(self._config["start_date"]) is None:
                problems.append("start_date must be a moment such as 2026-01-31T00:00:00Z.")
        if problems and raise_errors:
            summary = "Config validation failed"
            raise ConfigValidationError(summary, errors=problems, schema=self.config_jsonschema)
        return problems

    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Stop at the next whole line; at once when asked a second time."""
        if self.stopping.is_set():
            os._exit(128 + signum)
        type(self)._signal = signum  # noqa: SLF001
        self.stopping.set()

    @classmethod
    def invoke(cls, **kwargs: Any) -> None:
        """Run, with the exit code of the signal that ended the run."""
        try:
            super().invoke(**kwargs)
        except StoppedError:
            cls.logger.info("Stopped: what was written is whole, and the last STATE covers what is to be kept.")
            sys.exit(128 + cls._signal)

    @classmethod
    def cb_test(cls, ctx: click.Context, param: click.Option, value: str) -> None:
        """Make one call of one row and say what it saw; no record is printed."""
        if value != "all":
            super().cb_test(ctx, param, value)
            return
        given = ctx.params["config"]
        tap = cls(config=given.config, parse_env_config=given.parse_env, validate_config=True)
        page = tap.api.fetch(Request(1, 1, ascending=False), {})
        cls.logger.info(
            "%s answers: %d customers, each with %d fields. Nothing was written.",
            Customers.name,
            page.total,
            len(page.rows[0].data) if page.rows else 0,
        )
        ctx.exit()
