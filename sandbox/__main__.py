"""Command line: `python -m sandbox`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from sandbox.app import Sandbox
from sandbox.control import Control
from sandbox.exchange import Row
from sandbox.faults import FaultError, plain_value
from sandbox.faults import parse as parse_fault
from sandbox.lead_fields import CARECYCLE_ID
from sandbox.quirks import CHOICES
from sandbox.server import Connections, serve
from sandbox.settings import Settings, Window
from sandbox.world import World

DEFAULTS = Settings()
LIMITS = {
    "--carecycle-limit": DEFAULTS.carecycle_limit,
    "--leadsquared-limit": DEFAULTS.leadsquared_limit,
    "--leadsquared-bulk-limit": DEFAULTS.leadsquared_bulk_limit,
}


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    found = argparse.ArgumentParser(
        prog="python -m sandbox",
        description="Serves a strict, stateful double of the CareCycle and LeadSquared APIs on loopback. "
        "Prints one line when ready; steer it through /__sandbox__/ (see sandbox/README.md).",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = found.add_argument
    add("--host", default="127.0.0.1", help="address to listen on")
    add("--port", type=int, default=8765, help="port to listen on, 0 for any free one")
    add("--customers", type=int, default=DEFAULTS.customers, help="how many synthetic customers")
    add("--seed", type=int, default=DEFAULTS.seed, help="same seed, same people")
    for name, window in LIMITS.items():
        about = "calls/seconds in a sliding window, 0/0 is off"
        add(name, type=Window.parse, default=window, metavar="CALLS/SECONDS", help=about)
    add("--leadsquared-daily", type=int, default=0, metavar="N", help="calls a day, 0 is off")
    add("--limit-form", choices=("429", "403", "200"), default="429", help="how LeadSquared refuses")
    add("--latency", type=float, default=0.0, metavar="SECONDS", help="what every answer takes besides")
    add("--carecycle-key", default=DEFAULTS.carecycle_key, help="the x-api-key that opens")
    add("--access-key", default=DEFAULTS.access_key, help="LeadSquared's access key")
    add("--secret-key", default=DEFAULTS.secret_key, help="LeadSquared's secret key")
    add("--account-host", default="", metavar="HOST[:PORT]", help="the only host right for LeadSquared")
    add("--no-carecycle-id", action="store_true", help=f"an account without {CARECYCLE_ID}")
    add("--without-field", action="append", default=[], metavar="NAME", help="lead field to leave out")
    add("--mandatory-field", action="append", default=[], metavar="NAME", help="lead field new leads need")
    add(
        "--fault",
        action="append",
        default=[],
        type=_fault,
        metavar="KIND[,NAME=VALUE...]",
        help="a fault, also as JSON; may be given again",
    )
    add(
        "--quirk",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a switch of sandbox/README.md, such as over_end=404; may be given again",
    )
    add("--timestamps", choices=("iso", "postgres", "postgres_offset"), default="iso", help="CareCycle's form")
    return found


def _fault(text: str) -> Row:
    try:
        return parse_fault(text)
    except FaultError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _quirk(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    # Words such as 404 are text where the quirk's choices are.
    return name, value if name in CHOICES else plain_value(value)


def settings_from(arguments: argparse.Namespace) -> Settings:
    """Turn parsed arguments into settings."""
    without = [*arguments.without_field, *([CARECYCLE_ID] if arguments.no_carecycle_id else [])]
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
        without_fields=tuple(without),
        mandatory_fields=tuple(arguments.mandatory_field),
        faults=tuple(arguments.fault),
        quirks={
            "timestamps": arguments.timestamps,
            "limit_form": arguments.limit_form,
            "latency": arguments.latency,
            **dict(_quirk(each) for each in arguments.quirk),
        },
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the sandbox until it is told to stop.

    Args:
        argv: Arguments; those of the process without it.

    Returns:
        The exit code.
    """
    arguments = parser().parse_args(argv)
    try:
        world = World(settings_from(arguments))
        connections = Connections()
        app = Sandbox(world, Control(world).app(), connections)
        serve(app, connections, arguments.host, arguments.port)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"sandbox: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
