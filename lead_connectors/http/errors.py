"""Errors of calls to an API, grouped by what the caller should do.

No message holds a record's value, a secret, a body, a header or a query string.
"""

from __future__ import annotations

from typing import Any

from lead_connectors.plugin.errors import ConnectorError, SettingsError


class DeniedError(SettingsError):
    """The API denies access to this account, path or host. Any other call would fail in the same way.

    Attributes:
        status: The HTTP status.
        body: The parsed response, to read codes from. Never print it.
    """

    def __init__(self, message: str, *, status: int, body: Any = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = body


class CallRejectedError(ConnectorError):
    """The API rejected this call and will never accept it unchanged. Final for the records in the call.

    Attributes:
        status: The HTTP status (200 if only the body reports an error).
        code: The API's code for the reason, or ``HTTP <status>`` if there is none.
        body: The parsed response, to read rows from. Never print it.
    """

    def __init__(self, *, status: int, code: str, body: Any = None, call: str = "the call") -> None:
        super().__init__(f"the API rejected {call} with {code}")
        self.status = status
        self.code = code
        self.body = body


class TransientError(ConnectorError):
    """A fault that can pass, but lasted longer than `max_retry_seconds`. Exit code 1: it is safe to run again."""


class AmbiguousError(ConnectorError):
    """A write was sent and no usable response came: nobody knows whether it was applied. Only with `Retry.ASK`."""


class StoppedError(ConnectorError):
    """The run is being stopped. The call was not sent, or nobody waits for its response any more."""


class UnexpectedResponseError(ConnectorError):
    """A response that contradicts the API's documentation. Exit code 1."""
