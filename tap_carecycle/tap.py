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
from singer_sdk.helpers.capabilities import CapabilitiesEnum, PluginCapabilities
from typing_extensions import override

from lead_connectors.http.address import address_problems
from lead_connectors.http.errors import StoppedError
from lead_connectors.plugin.base import ConnectorPlugin
from tap_carecycle.base_stream import CareCycleStream
from tap_carecycle.client import CustomersApi
from tap_carecycle.filters import problems_with
from tap_carecycle.pages import Reader, Request
from tap_carecycle.read_ahead import ReadAhead
from tap_carecycle.settings import SETTINGS
from tap_carecycle.streams import CHILD_ARRAYS, ChildStream, Customers
from tap_carecycle.timestamps import timestamp_text
from tap_carecycle.writer import OrjsonWriter


class TapCareCycle(ConnectorPlugin, Tap):
    """Singer tap that reads the customers of a CareCycle account."""

    # It is the `Source` of its streams; the docstring is what --about shows.

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

    @override
    def discover_streams(self) -> list[CareCycleStream]:
        """Return all streams, without a call to the API."""
        customers = Customers(self, source=self)
        customers.child_streams.extend(ChildStream(self, source=self, array=array) for array in CHILD_ARRAYS)
        return [customers, *(child for child in customers.child_streams if isinstance(child, ChildStream))]

    @property
    def api(self) -> CustomersApi:
        """The account's list of customers. It is opened at its first use, so discovery needs no credentials."""
        if self._api is None:
            self._api = CustomersApi(self.config, self.stopping)
        return self._api

    def reader(self, query: Mapping[str, str]) -> Reader:
        """Return a reader of the pages that pass these filters."""
        return ReadAhead(
            partial(self.api.fetch, query=query),
            self.api.quota.useful_calls_in_flight,
            self.config["max_in_flight"],
            self.stopping,
        )

    def calls_a_minute(self) -> float:
        """Return the calls a minute of this run so far."""
        return self.api.quota.calls_a_minute()

    def wire_name(self, name: str) -> str:
        """Return a parameter's name on the wire."""
        return self.api.wire_name(name)

    def flush(self) -> None:
        """Write all messages that are still buffered."""
        if isinstance(self.message_writer, OrjsonWriter):
            self.message_writer.flush()

    @override
    def value_problems(self, config: Mapping[str, Any]) -> list[str]:
        """Address, filters, names of parameters and start date."""
        problems = address_problems(config)
        problems += problems_with(config.get("filters", {}), config.get("parameter_names", {}))
        if "start_date" in config and timestamp_text(config["start_date"]) is None:
            problems.append("start_date must be a timestamp such as 2026-01-31T00:00:00Z.")
        return problems

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """Stop after the current line. A second signal stops at once."""
        if self.stopping.is_set():
            os._exit(128 + signum)
        type(self)._signal = signum  # noqa: SLF001
        self.stopping.set()

    @override
    @classmethod
    def invoke(cls, **kwargs: Any) -> None:
        """Run, and exit with the code of the signal that stopped the run."""
        try:
            super().invoke(**kwargs)
        except StoppedError:
            cls.logger.info("Stopped. All written lines are complete, and the last STATE covers them.")
            sys.exit(128 + cls._signal)

    @override
    @classmethod
    def cb_test(cls, ctx: click.Context, param: click.Option, value: str) -> None:
        """Make one call for one customer and log what came back. No record is printed."""
        if value != "all":
            super().cb_test(ctx, param, value)
            return
        given = ctx.params["config"]
        tap = cls(config=given.config, parse_env_config=given.parse_env, validate_config=True)
        page = tap.api.fetch(Request(1, 1, ascending=False), {})
        cls.logger.info(
            "CareCycle responds: %d customers, each with %d fields. Nothing was written.",
            page.total,
            len(page.rows[0].data) if page.rows else 0,
        )
        ctx.exit()
