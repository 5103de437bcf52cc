"""The settings that both targets share (`contract.md`, settings of both targets)."""

from __future__ import annotations

from typing import Any

from singer_sdk import typing as th

TEST_STREAM = "meltano_test_stream"
"""`meltano config test` sends a record on it; nobody wants that as a lead."""


def rate_limit_type() -> th.ObjectType:
    """``{"calls": n, "seconds": s, "calls_per_day": d}``."""
    return th.ObjectType(
        th.Property("calls", th.IntegerType(minimum=1), required=True, description="Calls in a window."),
        th.Property("seconds", th.NumberType(exclusive_minimum=0), required=True, description="The window's seconds."),
        th.Property("calls_per_day", th.IntegerType(minimum=1), description="Calls in any 24 hours."),
        additional_properties=False,
    )


def delivery_settings(
    *,
    vendor: str,
    api_url: str,
    most_rows: int,
    rows_help: str,
    max_in_flight: int,
    rate_limit: dict[str, Any],
    opt_out_fields: tuple[str, ...],
) -> list[th.Property[Any]]:
    """The shared settings with one target's defaults.

    Args:
        vendor: CareCycle or LeadSquared.
        api_url: The vendor's address.
        most_rows: Leads that one call may hold at the most.
        rows_help: What the call's limits are.
        max_in_flight: Default of the setting.
        rate_limit: Default of the setting.
        opt_out_fields: Default of the setting.
    """
    return [
        th.Property("api_url", th.StringType, default=api_url, title="API address", description=_url_help(vendor)),
        th.Property(
            "streams",
            th.ArrayType(th.StringType),
            title="Streams to deliver",
            description="Names or glob patterns. Without it: CareCycle customers (known by their schema) and what "
            "field_map names. Other streams are read, counted as skipped and named once: none becomes leads unasked.",
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
            description="omit leaves the field alone, clear empties it.",
        ),
        th.Property(
            "on_too_long",
            th.StringType(allowed_values=["reject", "cut"]),
            default="reject",
            title="Too long values",
            description="reject refuses the record, cut shortens the value and counts it.",
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
            th.IntegerType(minimum=1, maximum=most_rows),
            title="Leads a call",
            description=rows_help,
        ),
        th.Property(
            "max_in_flight",
            th.IntegerType(minimum=1, maximum=64),
            default=max_in_flight,
            title="Calls under way",
            description="At most so many at once, and no more than latency and quota need; order per lead is kept.",
        ),
        th.Property(
            "rate_limit",
            rate_limit_type(),
            default=rate_limit,
            title="Quota",
            description="calls in any so many seconds, and calls_per_day; never exceeded. A refusal that names a lower "
            "limit is believed for the rest of the run.",
        ),
        th.Property(
            "request_timeout",
            th.NumberType(exclusive_minimum=0),
            default=60,
            title="Time-out",
            description="Seconds until an answer is given up.",
        ),
        th.Property(
            "max_retry_seconds",
            th.NumberType(minimum=0),
            default=900,
            title="Patience",
            description="Seconds for which a transient failure is retried before the run fails.",
        ),
        th.Property(
            "rejects_path",
            th.StringType,
            default="rejects",
            title="Rejects folder",
            description="One replayable file a stream and run, for this user only.",
        ),
        th.Property(
            "max_reject_percent",
            th.NumberType(minimum=0, maximum=100),
            default=10,
            title="Most rejects",
            description="Of the records accounted for so far; above it (and above 10 rejects, conflicts not counted) "
            "the run stops with exit code 3.",
        ),
        th.Property(
            "ledger_path",
            th.StringType,
            title="Ledger",
            description="SQLite file of keyed hashes: leads that have not changed since they were last accepted are "
            "not sent again, and a second person with the same phone never overwrites the first.",
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
            description="Everything but the writes: counts what would be sent and rejected; no STATE, no file but the "
            "report.",
        ),
        th.Property("report_path", th.StringType, title="Report", description="File for the run's account as JSON."),
    ]


def _url_help(vendor: str) -> str:
    return f"Address of {vendor}'s API, with or without a scheme and path."
