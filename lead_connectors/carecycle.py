"""What the tap and the target for CareCycle share: account, session, and advice on refusals."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from lead_connectors.http.address import account_of, base_address
from lead_connectors.http.quota import Quota
from lead_connectors.http.session import ApiSession

DEFAULT_API_URL = "https://api.carecycle.ai"
KEY_HEADER = "x-api-key"
UNAUTHORIZED, FORBIDDEN, NOT_FOUND = 401, 403, 404


def account_name(config: Mapping[str, Any]) -> str:
    """The account that CareCycle counts calls by; tap and target of one account share its quota.

    Args:
        config: The plugin's settings `api_url` and `api_key`.
    """
    return account_of(base_address(config["api_url"]), config["api_key"])


def open_session(config: Mapping[str, Any], quota: Quota, *, permission: str, stopping: threading.Event) -> ApiSession:
    """Open an account's session.

    Args:
        config: The plugin's settings `api_url`, `api_key`, `request_timeout` and `max_retry_seconds`.
        quota: Paces the calls.
        permission: What the key must be allowed to do, as the end of "the permission to".
        stopping: Set when the run is being stopped.
    """
    return ApiSession(
        "CareCycle",
        base_address(config["api_url"]),
        quota,
        headers={KEY_HEADER: config["api_key"]},
        timeout=config["request_timeout"],
        max_retry_seconds=config["max_retry_seconds"],
        advice={
            UNAUTHORIZED: "Check api_key: it is shown once, in the Developer Dashboard under API Keys.",
            FORBIDDEN: f"The key lacks the permission to {permission}: add it in the Developer Dashboard.",
            NOT_FOUND: "Check api_url.",
        },
        stopping=stopping,
    )
