"""Nothing personal and no secret leaves through a log.

The first line of defence is that no message is ever built from a record, a body, a header or a query string. This is
the second: third-party debug logs that print such things are switched off, and known secrets are struck out of
whatever is logged all the same, tracebacks included.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

STRUCK_OUT = "(hidden)"
SHORTEST_SECRET = 4

TALKATIVE = ("urllib3", "requests", "charset_normalizer", "singer_sdk", "hypothesis")
"""Loggers that print addresses, batches or states at DEBUG."""


class SecretFilter(logging.Filter):
    """Strikes known secrets out of log records.

    Args:
        secrets: The values of secret settings.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__()
        self._secrets = sorted({s for s in secrets if len(s) >= SHORTEST_SECRET}, key=len, reverse=True)

    def filter(self, record: logging.LogRecord) -> bool:
        """Replace each secret in the message; the record always passes."""
        message = record.getMessage()
        clean = message
        for secret in self._secrets:
            clean = clean.replace(secret, STRUCK_OUT)
        if clean != message:
            record.msg, record.args = clean, ()
        return True


def silence_logs(secrets: Iterable[str] = (), *, plugin: str | None = None) -> None:
    """Keep records, addresses and secrets out of all logs of this process.

    Args:
        secrets: The values of secret settings.
        plugin: The plugin's own logger: singer-sdk prints whole batches and states through it at DEBUG.
    """
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.INFO)
    if plugin is not None and logging.getLogger(plugin).getEffectiveLevel() < logging.INFO:
        logging.getLogger(plugin).setLevel(logging.INFO)
    strike_out = SecretFilter(secrets)
    for handler in logging.getLogger().handlers:
        handler.addFilter(strike_out)
