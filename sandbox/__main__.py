"""Command line: `python -m sandbox`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from sandbox.app import Sandbox
from sandbox.backend import Backend
from sandbox.control_api import ControlApi
from sandbox.faults import FaultError, parse_fault, parse_value
from sandbox.http_messages import JsonObject
from sandbox.leadsquared.lead_fields import CARECYCLE_ID
from sandbox.quirks import CHOICES
from sandbox.server import Connections, serve
from sandbox.settings import Settings, Window

DEFAULTS = Settings()
LIMITS = {
    "--carecycle-limit": DEFAULTS.carecycle_limit,
    "--leadsquared-limit": DEFAULTS.leadsquared_limit,
    "--leadsquared-bulk-limit": DEFAULTS.leadsquared_bulk_limit,
}


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(
        prog="python -m sandbox",
        description="A strict, stateful local server for the CareCycle and LeadSquared APIs. "
        "It prints one line when it is ready. Control it through /__sandbox__/ (see sandbox/README.md).",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = result.add_argument
    add("--host", default="127.0.0.1", help="address to listen on")
    add("--port", type=int, default=8765, help="port to listen on, 0 for any free one")
    add("--customers", type=int, default=DEFAULTS.customers, help="number of synthetic customers")
    add("--seed", type=int, default=DEFAULTS.seed, help="the same seed gives the same customers")
    for name, window in LIMITS.items():
        help_text = "calls/seconds in a sliding window, 0/0 for no limit"
        add(name, type=Window.parse, default=window, metavar="CALLS/SECONDS", help=help_text)
    add("--leadsquared-daily", type=int, default=0, metavar="N", help="calls a day, 0 for no limit")
    add(
        "--limit-form", choices=CHOICES["limit_form"], default="429", help="status of LeadSquared's rate limit response"
    )
    add("--latency", type=float, default=0.0, metavar="SECONDS", help="added to the time of every response")
    add("--carecycle-key", default=DEFAULTS.carecycle_key, help="the valid x-api-key")
    add("--access-key", default=DEFAULTS.access_key, help="LeadSquared's valid access key")
    add("--secret-key", default=DEFAULTS.secret_key, help="LeadSquared's valid secret key")
    add("--account-host", default="", metavar="HOST[:PORT]", help="the only valid host for LeadSquared")
    add("--no-carecycle-id", action="store_true", help=f"an account without the lead field {CARECYCLE_ID}")
    add("--without-field", action="append", default=[], metavar="NAME", help="a lead field that the account lacks")
    add("--mandatory-field", action="append", default=[], metavar="NAME", help="a lead field that new leads need")
    add(
        "--fault",
        action="append",
        default=[],
        type=_fault,
        metavar="KIND[,NAME=VALUE...]",
        help="a fault, also as JSON; can be repeated",
    )
    add(
        "--quirk",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a switch of sandbox/README.md, such as over_end=404; can be repeated",
    )
    add("--timestamps", choices=CHOICES["timestamps"], default="iso", help="form of CareCycle's timestamps")
    return result


def _fault(text: str) -> JsonObject:
    try:
        return parse_fault(text)
    except FaultError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _quirk(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    # The options of a quirk are text, also where they look like a number (404).
    return name, value if name in CHOICES else parse_value(value)


def settings_from(arguments: argparse.Namespace) -> Settings:
    """Turn parsed arguments into settings."""
    without_fields = [*arguments.without_field, *([CARECYCLE_ID] if arguments.no_carecycle_id else [])]
    return Settings(
        customers=arguments.customers,
        seed=arguments.seed,
        carecycle_limit=arguments.carecycle_limit,
        leadsquared_limit=arguments.leadsquared_limit,
        leadsquared_bulk_limit=arguments.leadsquared_bulk_limit,
        leadsquared_daily=arguments.leadsquared_daily,
        carecycle_key=arguments.carecycle_key,
        access_key=arguments.access_key,
        secret_key=arguments.secret_key,
        account_host=arguments.account_host,
        without_fields=tuple(without_fields),
        mandatory_fields=tuple(arguments.mandatory_field),
        faults=tuple(arguments.fault),
        quirks={
            "timestamps": arguments.timestamps,
            "limit_form": arguments.limit_form,
            "latency": arguments.latency,
            **dict(_quirk(text) for text in arguments.quirk),
        },
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the sandbox until a signal stops it.

    Args:
        argv: The arguments; None for those of the process.

    Returns:
        The exit code: 0, or 2 for an invalid setting or an address that is not available.
    """
    arguments = parser().parse_args(argv)
    try:
        backend = Backend(settings_from(arguments))
        connections = Connections()
        app = Sandbox(backend, ControlApi(backend).app(), connections)
        serve(app, connections, arguments.host, arguments.port)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"sandbox: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
