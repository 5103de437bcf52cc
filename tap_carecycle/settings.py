"""The tap's settings (`docs/promises.md`, tap-carecycle)."""

from __future__ import annotations

from singer_sdk import typing as th

from lead_connectors.carecycle import DEFAULT_API_URL
from lead_connectors.plugin.common_settings import connection_settings
from tap_carecycle.filters import FILTERS, PAGING

MAX_PAGE_SIZE = 100

SETTINGS = th.PropertiesList(
    th.Property(
        "api_key",
        th.StringType(min_length=1),
        required=True,
        secret=True,
        title="API key",
        description="Key from CareCycle's Developer Dashboard with the permission to list customers. Starts with cc_.",
    ),
    *connection_settings("CareCycle", DEFAULT_API_URL),
    th.Property(
        "start_date",
        th.DateTimeType,
        title="Start date",
        description="First run: read customers whose replication key is this date or later.",
    ),
    th.Property(
        "page_size",
        th.IntegerType(minimum=1, maximum=MAX_PAGE_SIZE),
        default=MAX_PAGE_SIZE,
        title="Page size",
        description="Customers per call, from 1 to 100.",
    ),
    th.Property(
        "requests_per_minute",
        th.IntegerType(minimum=1),
        default=60,
        title="Requests per minute",
        description="The account's quota. It is never exceeded in any 60 seconds, and it is shared with "
        "target-carecycle on the same host.",
    ),
    th.Property(
        "max_in_flight",
        th.IntegerType(minimum=1, maximum=64),
        default=4,
        title="Calls in flight",
        description="Maximum number of pages that are read ahead. Fewer are read ahead if they fill the quota.",
    ),
    th.Property(
        "filters",
        th.ObjectType(additional_properties=True),
        default={},
        title="Filters",
        description="Filters of the list call by documented name. Lists are joined with commas. Known: "
        + ", ".join(FILTERS)
        + ".",
    ),
    th.Property(
        "parameter_names",
        th.ObjectType(additional_properties=True),
        default={},
        title="Parameter names",
        description="Names of query parameters on the wire, by documented name, if the account's API has other names. "
        "Known: " + ", ".join(PAGING) + " and the filters.",
    ),
    th.Property(
        "lookback_window",
        th.NumberType(minimum=0),
        default=60,
        title="Lookback window",
        description="Seconds before the bookmark that are read again.",
    ),
).to_dict()
