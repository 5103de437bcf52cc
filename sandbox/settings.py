"""What the command line decides about a sandbox."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

ANCHOR = "2026-11-01T00:00:00.000Z"
"""Seeded people end here, so that a seed gives the same people on any day."""


@dataclass(frozen=True)
class Window:
    """At most `calls` calls in any `seconds` seconds; zero calls means no limit."""

    calls: int
    seconds: float

    @classmethod
    def parse(cls, text: str) -> Window:
        """Read `60/60`, that is calls/seconds.

        Args:
            text: Two numbers with a slash between them.

        Returns:
            The window; `0/0` is a window that never refuses.

        Raises:
            ValueError: The text is not of that form.
        """
        calls, slash, seconds = text.partition("/")
        if not slash:
            message = f"{text!r} is not CALLS/SECONDS, such as 60/60"
            raise ValueError(message)
        window = cls(int(calls), float(seconds))
        if window.calls < 0 or window.seconds < 0 or (window.calls and not window.seconds):
            message = f"{text!r} is no window: use 0/0 for no limit"
            raise ValueError(message)
        return window

    def __str__(self) -> str:
        return f"{self.calls}/{self.seconds:g}"


@dataclass(frozen=True)
class Settings:
    """All settings of one sandbox, with the defaults of the command line."""

    customers: int = 1000
    seed: int = 1
    carecycle_limit: Window = Window(60, 60)
    leadsquared_limit: Window = Window(25, 5)
    leadsquared_bulk_limit: Window = Window(0, 0)
    leadsquared_daily: int = 0
    carecycle_key: str = "cc_sandbox_0123456789abcdef"
    carecycle_powerless_key: str = "cc_sandbox_without_permission"
    access_key: str = "u$rsandbox0123456789abcdef"
    secret_key: str = "sandboxsecret$0123456789abcdef"  # noqa: S105 - opens nothing but this sandbox
    account_host: str = ""
    without_fields: tuple[str, ...] = ()
    mandatory_fields: tuple[str, ...] = ()
    quirks: dict[str, Any] = field(default_factory=dict)
    faults: tuple[dict[str, Any], ...] = ()
