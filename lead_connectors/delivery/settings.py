"""The settings that all targets share (docs/settings.md)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from singer_sdk import typing as th

from lead_connectors.field_map.converters.options import region
from lead_connectors.plugin.common_settings import connection_settings

PATHS = ("rejects_path", "ledger_path", "report_path")
MAX_CALLS = 1_000_000_000
TEST_STREAM = "meltano_test_stream"
"""`meltano config test` sends a record on this stream; it is no lead."""


def value_problems(config: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with country, paths and streams; see `ConnectorPlugin.value_problems`."""
    problems = []
    if "default_country" in config and (accepted := region(config["default_country"])):
        problems.append(f"default_country must be {accepted}.")
    for name in PATHS:
        try:
            is_path = b"\0" not in os.fsencode(Path(config.get(name, "")).expanduser())
        except (RuntimeError, UnicodeEncodeError):  # ~nobody, half a character
            is_path = False
        if not is_path:
            problems.append(f"{name} must be a path.")
    for name, calls in (config.get("rate_limit") or {}).items():
        if name != "seconds" and calls > MAX_CALLS:
            problems.append(f"rate_limit.{name} must be {MAX_CALLS} or less.")
    if config.get("streams") == []:
        problems.append("streams must name at least one stream, or be left out.")
    return problems


def rate_limit_type() -> th.ObjectType:
    """``{"calls": n, "seconds": s, "calls_per_day": d}``."""
    return th.ObjectType(
        th.Property("calls", th.IntegerType(minimum=1), required=True, description="Calls in a window."),
        th.Property("seconds", th.NumberType(exclusive_minimum=0), required=True, description="The window's seconds."),
        th.Property("calls_per_day", th.IntegerType(minimum=1), description="Calls in any 24 hours."),
        additional_properties=False,
    )


def default_country_setting() -> th.Property[Any]:
    """The setting `default_country`."""
    return th.Property(
        "default_country",
        th.StringType(min_length=2, max_length=2),
        default="US",
        title="Default country",
        description="Country (two letters) of phone numbers without a country code.",
    )


def delivery_settings(
    *,
    vendor: str,
    api_url: str,
    max_rows: int,
    rows_help: str,
    max_in_flight: int,
    rate_limit: dict[str, Any],
    opt_out_fields: tuple[str, ...],
    recognised: str | None = None,
) -> list[th.Property[Any]]:
    """The shared settings, with one target's defaults.

    Args:
        vendor: The API's name for people.
        api_url: The vendor's address.
        max_rows: The most leads that one call may hold.
        rows_help: What the call's limits are.
        max_in_flight: Default of the setting.
        rate_limit: Default of the setting.
        opt_out_fields: Default of the setting.
        recognised: The streams that the target's built-in maps recognise, for people; None without built-in maps.
    """
    by_schema = f"{recognised} (recognised by their schema) and " if recognised else ""
    return [
        *connection_settings(vendor, api_url),
        th.Property(
            "streams",
            th.ArrayType(th.StringType),
            title="Streams to deliver",
            description=f"Names or glob patterns. Without it: {by_schema}what field_map names. "
            "Other streams are read, counted as skipped and named once in the log. If nothing of a run is asked for, "
            "it ends with exit code 2 and writes no STATE.",
        ),
        th.Property(
            "field_map",
            th.ObjectType(additional_properties=True),
            title="Field map",
            description=f'{{"<stream or *>": {{"<{vendor} field>": SOURCE}}}}, where SOURCE is a property, a dotted '
            "path, false (leave the field out) or an object with property, value, default, convert, on_null or fields.",
        ),
        th.Property(
            "on_null",
            th.StringType(allowed_values=["omit", "clear"]),
            default="omit",
            title="Null values",
            description="omit leaves the field as it is, clear empties it.",
        ),
        th.Property(
            "on_too_long",
            th.StringType(allowed_values=["reject", "cut"]),
            default="reject",
            title="Values that are too long",
            description="reject rejects the record. cut shortens the value and counts it.",
        ),
        th.Property(
            "opt_out_fields",
            th.ArrayType(th.StringType),
            default=list(opt_out_fields),
            title="Opt-out fields",
            description="Sent when true, left out otherwise: a run can raise an opt-out and never lower one.",
        ),
        th.Property(
            "batch_size_rows",
            th.IntegerType(minimum=1, maximum=max_rows),
            title="Leads per call",
            description=rows_help,
        ),
        th.Property(
            "max_in_flight",
            th.IntegerType(minimum=1, maximum=64),
            default=max_in_flight,
            title="Calls in flight",
            description="At most so many calls at once, and no more than latency and quota need. Versions of one lead "
            "are sent in order.",
        ),
        th.Property(
            "rate_limit",
            rate_limit_type(),
            default=rate_limit,
            title="Quota",
            description="At most so many calls in any so many seconds, and calls_per_day in 24 hours; never exceeded. "
            "A response that names a lower limit sets the limit for the rest of the run. Other runs of the account on "
            "this computer that make a call within an hour keep to it, too, and log where it comes from.",
        ),
        th.Property(
            "rejects_path",
            th.StringType(min_length=1),
            default="rejects",
            title="Rejects folder",
            description="Folder for rejected records: in it a folder for each target, and there one file for each "
            "stream and run, ready to be sent again. Only this user can read it.",
        ),
        th.Property(
            "max_reject_percent",
            th.NumberType(minimum=0, maximum=100),
            default=10,
            title="Reject limit",
            description="Percentage of the records accounted for, judged from the 100th on and at the end. Above it "
            "(and above 10 rejects; conflicts do not count) the run stops with exit code 3.",
        ),
        th.Property(
            "ledger_path",
            th.StringType,
            title="Ledger",
            description="SQLite file that remembers which lead each record became and, as keyed hashes, what was "
            "accepted: leads that have not changed are not sent again, and a second person with the same phone never "
            "overwrites the first. Its key is in a file beside it: keep both together.",
        ),
        th.Property(
            "resend",
            th.BooleanType,
            default=False,
            title="Send all again",
            description="Send all leads once more, whatever the ledger says.",
        ),
        th.Property(
            "dry_run",
            th.BooleanType,
            default=False,
            title="Dry run",
            description="Do everything but the writes: count what would be sent and rejected. No STATE, and no file "
            "but the report.",
        ),
        th.Property("report_path", th.StringType, title="Report", description="File for the run's counts as JSON."),
    ]
