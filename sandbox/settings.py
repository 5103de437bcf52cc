"""The settings of a sandbox, as the command line gives them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from typing_extensions import override

SEED_START = "2024-11-01T00:00:00.000Z"
SEED_END = "2026-11-01T00:00:00.000Z"
"""Seeded customers have timestamps in this period only, so that a seed gives the same customers on any day."""


@dataclass(frozen=True)
class Window:
    """A rate limit: at most `calls` calls in any `seconds` seconds. Zero calls means no limit."""

    calls: int
    seconds: float

    @classmethod
    def parse(cls, text: str) -> Window:
        """Parse `CALLS/SECONDS`, such as `60/60`.

        Args:
            text: Two numbers with a slash between them.

        Returns:
            The window; `0/0` stands for no limit.

        Raises:
            ValueError: The text has another form.
        """
        calls, slash, seconds = text.partition("/")
        if not slash:
            message = f"{text!r} is not CALLS/SECONDS, such as 60/60"
            raise ValueError(message)
        window = cls(int(calls), float(seconds))
        if window.calls < 0 or window.seconds < 0 or (window.calls and not window.seconds):
            message = f"{text!r} is not a valid limit: use 0/0 for no limit"
            raise ValueError(message)
        return window

    @override
    def __str__(self) -> str:
        return f"{self.calls}/{self.seconds:g}"


@dataclass(frozen=True)
class Settings:
    """All settings, with the defaults of the command line."""

    customers: int = 1000
    seed: int = 1
    carecycle_limit: Window = Window(60, 60)
    leadsquared_limit: Window = Window(25, 5)
    leadsquared_bulk_limit: Window = Window(0, 0)
    leadsquared_daily: int = 0
    carecycle_key: str = "cc_sandbox_0123456789abcdef"
    carecycle_key_without_permission: str = "cc_sandbox_without_permission"
    access_key: str = "u$rsandbox0123456789abcdef"
    secret_key: str = "sandboxsecret$0123456789abcdef"  # noqa: S105 - valid in the sandbox only
    account_host: str = ""
    without_fields: tuple[str, ...] = ()
    mandatory_fields: tuple[str, ...] = ()
    quirks: dict[str, Any] = field(default_factory=dict)
    faults: tuple[dict[str, Any], ...] = ()
