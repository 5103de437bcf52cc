"""What can go wrong on the way to an API, grouped by what the caller should do.

No message carries a record's value, a secret, a body, a header or a query string.
"""

from __future__ import annotations

from typing import Any

from lead_connectors.plugin.errors import ConnectorError, SettingsError


class DeniedError(SettingsError):
    """The API refuses the account, the path or the host: no other call would fare better.

    Attributes:
        status: The HTTP status.
        body: The parsed answer, for reading codes from; never to be printed.
    """

    def __init__(self, message: str, *, status: int, body: Any = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = body


class CallRejectedError(ConnectorError):
    """The API understood this call and will never accept it as it is. Final for what the call holds.

    Attributes:
        status: The HTTP status (200 where only the body says error).
        code: The API's own word for the reason: `code` or `ExceptionType`, else ``HTTP <status>``.
        body: The parsed answer, for reading rows from; never to be printed.
    """

    def __init__(self, *, status: int, code: str, body: Any = None) -> None:
        super().__init__(f"the API refused the call with {code}")
        self.status = status
        self.code = code
        self.body = body


class TransientError(ConnectorError):
    """A fault that may pass, but outlived `max_retry_seconds`. Ends the run with exit code 1, safe to run again."""


class AmbiguousError(ConnectorError):
    """A write was sent and no usable answer came back: it may have landed. Raised only where the caller asked."""


class StoppedError(ConnectorError):
    """The run is being stopped: nothing was sent for this call, or its answer is no longer waited for."""


class UnexpectedResponseError(ConnectorError):
    """An answer that contradicts the API's own pages. Ends the run with exit code 1."""
