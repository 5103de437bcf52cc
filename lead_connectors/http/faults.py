"""Why a call got no response at all: told from calls that may have arrived, and said in words (pure)."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass

from urllib3.exceptions import (
    ConnectTimeoutError,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
    ReadTimeoutError,
)

NOT_SENT_REASONS: tuple[tuple[type[BaseException], str], ...] = (
    (ssl.SSLCertVerificationError, "its certificate is not trusted"),
    (ProxyError, "the proxy cannot be reached"),
    (NameResolutionError, "its name does not resolve"),
    (ConnectionRefusedError, "the connection is refused"),
    (ConnectTimeoutError, "it does not respond"),
    (NewConnectionError, "there is no way to it"),
)
"""Errors of a call that never left, the plainest reason first."""


@dataclass(frozen=True)
class Fault:
    """No response, and why.

    Attributes:
        problem: What went wrong, for a log line that starts with the API's name.
        was_sent: Whether the call may have arrived.
        reason: Why the host could not be reached, for a call that never left.
    """

    problem: str
    was_sent: bool = True
    reason: str = ""


def read_fault(error: BaseException | None, host: str | None, timeout: float) -> Fault:
    """Tell calls that were never sent from calls that may have arrived.

    Args:
        error: What was raised instead of a response.
        host: The host, for the sentence.
        timeout: Seconds that the call had.
    """
    causes = list(_causes(error)) if error else []
    for kind, reason in NOT_SENT_REASONS:
        if any(isinstance(cause, kind) for cause in causes):
            return Fault(f"no connection to {host}, {reason}", was_sent=False, reason=reason)
    if any(isinstance(cause, (ReadTimeoutError, TimeoutError)) for cause in causes):
        return Fault(f"no complete response within {timeout:g} s (request_timeout)")
    return Fault("the connection was closed")


def is_untrusted(error: BaseException) -> bool:
    """Tell whether the host's certificate is not trusted."""
    return any(isinstance(cause, ssl.SSLCertVerificationError) for cause in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all errors inside it: requests and urllib3 wrap them in arguments, reasons and causes."""
    yield error
    for part in (*error.args, getattr(error, "reason", None), error.__cause__):
        if isinstance(part, BaseException):
            yield from _causes(part)
