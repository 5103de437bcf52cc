"""The tap's settings (`contract.md`, tap-carecycle)."""

from __future__ import annotations

from singer_sdk import typing as th

from tap_carecycle.filters import FILTERS, PAGING

DEFAULT_API_URL = "https://api.carecycle.ai"
LARGEST_PAGE = 100

SETTINGS = th.PropertiesList(
    th.Property(
        "api_key",
        th.StringType(min_length=1),
        required=True,
        secret=True,
        title="API key",
        description="Key from CareCycle's Developer Dashboard, with permission to list customers; starts with cc_.",
    ),
    th.Property(
        "api_url",
        th.StringType(min_length=1),
        default=DEFAULT_API_URL,
        title="API address",
        description="Address of the CareCycle API, with or without scheme.",
    ),
    th.Property(
        "start_date",
        th.DateTimeType,
        title="Start date",
        description="First run: customers whose replication key lies here or later.",
    ),
    th.Property(
        "page_size",
        th.IntegerType(minimum=1, maximum=LARGEST_PAGE),
        default=LARGEST_PAGE,
        title="Page size",
        description="Customers a call, from 1 to 100.",
    ),
    th.Property(
        "requests_per_minute",
        th.IntegerType(minimum=1),
        default=60,
        title="Requests a minute",
        description="The account's quota, never exceeded in any 60 seconds; shared with target-carecycle on this host.",
    ),
    th.Property(
        "max_in_flight",
        th.IntegerType(minimum=1, maximum=64),
        default=4,
        title="Calls in flight",
        description="At most so many pages are read ahead, and only where latency would waste the quota.",
    ),
    th.Property(
        "request_timeout",
        th.NumberType(exclusive_minimum=0),
        default=60,
        title="Request time-out",
        description="Seconds until an answer is given up and asked for again.",
    ),
    th.Property(
        "max_retry_seconds",
        th.NumberType(minimum=0),
        default=900,
        title="Retry limit",
        description="Seconds for which a transient failure is retried before the run fails.",
    ),
    th.Property(
        "filters",
        th.ObjectType(additional_properties=True),
        default={},
        title="Filters",
        description="Filters of the list call by documented name; lists are joined by commas. Known: "
        + ", ".join(FILTERS)
        + ".",
    ),
    th.Property(
        "parameter_names",
        th.ObjectType(additional_properties=True),
        default={},
        title="Parameter names",
        description="Other names on the wire, by documented name, should the account's API spell them otherwise: "
        + ", ".join(PAGING)
        + " and the filters.",
    ),
    th.Property(
        "lookback_window",
        th.NumberType(minimum=0),
        default=60,
        title="Lookback window",
        description="Seconds before the bookmark that are read again.",
    ),
).to_dict()
