"""Settings that every plugin of this package has."""

from __future__ import annotations

from typing import Any

from singer_sdk import typing as th

MAX_SECONDS = 86_400


def connection_settings(vendor: str, api_url: str) -> list[th.Property[Any]]:
    """Return the settings of the connection to an API: `api_url`, `request_timeout`, `max_retry_seconds`.

    Args:
        vendor: The API's name as a user knows it.
        api_url: Default of the setting.
    """
    return [
        th.Property(
            "api_url",
            th.StringType(min_length=1),
            default=api_url,
            title="API address",
            description=f"Address of {vendor}'s API, with or without scheme and path.",
        ),
        th.Property(
            "request_timeout",
            th.NumberType(exclusive_minimum=0, maximum=MAX_SECONDS),
            default=60,
            title="Request timeout",
            description="Seconds to wait for a whole response before the call counts as failed.",
        ),
        th.Property(
            "max_retry_seconds",
            th.NumberType(minimum=0, maximum=MAX_SECONDS),
            default=900,
            title="Retry limit",
            description="Seconds for which a transient failure is retried before the run fails. A host that has never "
            "responded is given up within a minute.",
        ),
    ]
