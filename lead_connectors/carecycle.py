"""What tap-carecycle and target-carecycle share: the account, the session, and how CareCycle reports errors."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lead_connectors.http.address import account_of, base_address
from lead_connectors.http.errors import CallRejectedError, DeniedError
from lead_connectors.http.quota import Quota
from lead_connectors.http.response import ErrorFormat
from lead_connectors.http.session import ApiSession
from lead_connectors.plugin.redaction import REDACTED

DEFAULT_API_URL = "https://api.carecycle.ai"
CUSTOMERS = "/v2/customers"
MAX_PAGE = 100
KEY_HEADER = "x-api-key"
UNAUTHORIZED, FORBIDDEN, NOT_FOUND = 401, 403, 404

ERRORS = ErrorFormat(rate_limit_codes=frozenset({"RATE_LIMIT_EXCEEDED"}), wait_key="retryAfter")
"""``{message, code, ...}``: `docs/api/carecycle.md` 3."""


@dataclass(frozen=True)
class FieldError:
    """One entry of `errors` in the body of a VALIDATION_ERROR (`docs/api/carecycle.md` 2.5).

    Attributes:
        path: Keys and positions that lead to the field, for example ``("records", "3", "dateOfBirth")``.
        message: CareCycle's text. It can quote the value: log `safe_message` instead.
        received: The value that CareCycle says it received, as text. Never log it.
    """

    path: tuple[str, ...]
    message: str
    received: str

    @property
    def safe_message(self) -> str:
        """The message without the received value."""
        return self.message.replace(self.received, REDACTED) if self.received else self.message


def account_name(config: Mapping[str, Any]) -> str:
    """Return the name of the account whose calls CareCycle counts. Tap and target of one account share its quota.

    Args:
        config: The plugin's settings. `api_url` and `api_key` are read.
    """
    return account_of(base_address(config["api_url"]), config["api_key"])


def open_session(config: Mapping[str, Any], quota: Quota, *, permission: str, stopping: threading.Event) -> ApiSession:
    """Open a session for an account.

    Args:
        config: The plugin's settings. `api_url`, `api_key`, `request_timeout` and `max_retry_seconds` are read.
        quota: Paces the calls.
        permission: What the key must be allowed to do. It completes the words "the permission to".
        stopping: Set when the run is being stopped.
    """
    return ApiSession(
        "CareCycle",
        base_address(config["api_url"]),
        quota,
        headers={KEY_HEADER: config["api_key"]},
        errors=ERRORS,
        timeout=config["request_timeout"],
        max_retry_seconds=config["max_retry_seconds"],
        advice={
            UNAUTHORIZED: "Check api_key: it is shown once, in the Developer Dashboard under API Keys.",
            FORBIDDEN: f"The key lacks the permission to {permission}: add it in the Developer Dashboard.",
            NOT_FOUND: "CareCycle's API has no such path at this address: check api_url.",
        },
        stopping=stopping,
    )


def search_customers(session: ApiSession, text: str) -> list[dict[str, Any]]:
    """Return the customers that a search finds (`docs/api/carecycle.md` 1.1); none where the key may not list them.

    Args:
        session: The account's session.
        text: A phone number, an e-mail address or another text.
    """
    try:
        page = session.call("GET", CUSTOMERS, params={"search": text, "limit": str(MAX_PAGE)})
    except (DeniedError, CallRejectedError) as error:
        if error.status == UNAUTHORIZED:
            raise
        return []
    items = page.get("items") if isinstance(page, dict) else None
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def field_errors(body: Any) -> list[FieldError]:
    """Read the field errors from the body of a rejected call.

    Args:
        body: The parsed JSON. Parts that are not as documented are skipped.
    """
    errors = body.get("errors") if isinstance(body, dict) else None
    return [_field_error(error) for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []


def _field_error(error: Mapping[str, Any]) -> FieldError:
    path = error.get("path")
    return FieldError(
        path=tuple(str(part) for part in path) if isinstance(path, list) else (),
        message=str(error.get("message") or ""),
        received=str(error.get("received") or ""),
    )
