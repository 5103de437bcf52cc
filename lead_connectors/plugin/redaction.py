"""Nothing personal and no secret leaves through a log.

The first line of defence is that no message is ever built from a record, a body, a header or a query string. This is
the second: third-party debug logs that print such things are switched off, and known secrets are struck out of
whatever is logged all the same, tracebacks included.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, quote_plus

STRUCK_OUT = "(hidden)"
SHORTEST_SECRET = 4

TALKATIVE = ("urllib3", "requests", "charset_normalizer", "singer_sdk", "hypothesis")
"""Loggers that print addresses, batches or states at DEBUG."""


class SecretFilter(logging.Filter):
    """Strikes known secrets out of log records: message, traceback, and fields added by `extra`.

    Args:
        secrets: The values of secret settings.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__()
        known = {s for s in secrets if len(s) >= SHORTEST_SECRET}
        spellings = {spell(secret) for secret in known for spell in (str, quote, quote_plus, lambda s: repr(s)[1:-1])}
        self._secrets = sorted(spellings, key=len, reverse=True)

    def filter(self, record: logging.LogRecord) -> bool:
        """Replace each secret; the record always passes."""
        message = f"{record.msg} {record.args}"
        with contextlib.suppress(Exception):  # arguments that do not fit: logging itself would print them
            message = record.getMessage()
        trace = record.exc_text or ""
        if isinstance(record.exc_info, tuple) and record.exc_info[0] is not None:
            trace = logging.Formatter().formatException(record.exc_info)
        if self._strike(trace) != trace:
            # The SDK's JSON formatter reads exc_info itself, so that the text has to move into the message.
            message = f"{message}\n{trace}"
            record.exc_info = record.exc_text = None
        if (clean := self._strike(message)) != message:
            record.msg, record.args = clean, ()
        for name, value in list(vars(record).items()):
            if name not in {"msg", "args", "exc_info"} and self._strike(text := str(value)) != text:
                setattr(record, name, self._strike(text))
        return True

    def _strike(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, STRUCK_OUT)
        return text


def silence_logs(secrets: Iterable[str] = (), *, plugin: str | None = None) -> None:
    """Keep records, addresses and secrets out of all logs of this process.

    Args:
        secrets: The values of secret settings.
        plugin: The plugin's own logger: singer-sdk prints whole batches and states through it at DEBUG.
    """
    for name in TALKATIVE:
        talkative = logging.getLogger(name)
        talkative.setLevel(max(logging.INFO, talkative.getEffectiveLevel()))
    if plugin is not None and logging.getLogger(plugin).getEffectiveLevel() < logging.INFO:
        logging.getLogger(plugin).setLevel(logging.INFO)
    strike_out = SecretFilter(secrets)
    known: list[Any] = [logging.getLogger(), *logging.getLogger().manager.loggerDict.values()]
    for handler in {handler for place in known for handler in getattr(place, "handlers", [])}:
        handler.addFilter(strike_out)
