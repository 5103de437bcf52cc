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
KEY_HEADER = "x-api-key"
ORGANISATION_PATHS = ("/v2/customers", "/v2/custom-fields")
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
            UNAUTHORIZED: "Check api_key: it may have been rotated or revoked. A new one is shown once, in the "
            "Developer Dashboard under API Keys.",
            FORBIDDEN: f"The key lacks the permission to {permission}: add it in the Developer Dashboard.",
            NOT_FOUND: "CareCycle's API has no such path at this address: check api_url.",
        },
        stopping=stopping,
    )


def organisation(session: ApiSession) -> str | None:
    """Ask which organisation the key belongs to, at most two calls: it stays the same when keys are rotated.

    Returns:
        The `clientId` of any customer, else of any custom field; None where the key may read neither, or there is none.

    Raises:
        DeniedError: The key is not known.
    """
    for path in ORGANISATION_PATHS:
        try:
            response = session.call("GET", path, params={"page": "1", "limit": "1"})
        except CallRejectedError:
            continue
        except DeniedError as error:
            if error.status == UNAUTHORIZED:
                raise
            continue
        items = response.get("items") if isinstance(response, dict) else None
        first = items[0] if isinstance(items, list) and items else None
        client = first.get("clientId") if isinstance(first, dict) else None
        if isinstance(client, str) and client.strip():
            return client.strip().lower()
    return None


def field_errors(body: Any) -> list[FieldError]:
    """Read the field errors from the body of a rejected call.

    Args:
        body: The parsed JSON. Parts that are not as documented are skipped.
    """
    errors = body.get("errors") if isinstance(body, dict) else None
    return [_field_error(error) for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []


def _field_error(error: Mapping[str, Any]) -> FieldError:
    path, message = error.get("path"), error.get("message")
    return FieldError(
        path=tuple(str(part) for part in path if isinstance(part, (str, int))) if isinstance(path, list) else (),
        message=message if isinstance(message, str) else "",
        received=_text(error.get("received") or ""),
    )


def _text(value: Any) -> str:
    try:
        return str(value)
    except RecursionError:  # lists in lists in lists
        return ""
