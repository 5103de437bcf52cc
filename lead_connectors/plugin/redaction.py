"""Keeps secrets and personal data out of logs.

The first line of defence: no message is built from a record, a body, a header or a query string. This module is the
second one. It switches off debug logs of libraries that print such data, and it replaces known secrets in all log
records, tracebacks included.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, quote_plus

from typing_extensions import override

REDACTED = "(hidden)"
MIN_SECRET_LENGTH = 4
"""Shorter secrets are not replaced: they would match parts of normal words."""

VERBOSE_LOGGERS = ("urllib3", "requests", "charset_normalizer", "singer_sdk", "hypothesis")
"""Loggers that print addresses, batches or states at DEBUG level."""


class SecretFilter(logging.Filter):
    """Replaces known secrets in log records: in the message, in the traceback, and in fields added by `extra`.

    Args:
        secrets: The values of secret settings.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__()
        known = {secret for secret in secrets if len(secret) >= MIN_SECRET_LENGTH}
        spellings = {spell(secret) for secret in known for spell in (str, quote, quote_plus, lambda s: repr(s)[1:-1])}
        self._secrets = sorted(spellings, key=len, reverse=True)

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        """Replace all secrets in a record. Every record passes."""
        message = f"{record.msg} {record.args}"
        with contextlib.suppress(Exception):  # arguments that do not match the message: logging would print them
            message = record.getMessage()
        trace = record.exc_text or ""
        if isinstance(record.exc_info, tuple) and record.exc_info[0] is not None:
            trace = logging.Formatter().formatException(record.exc_info)
        if self._redact(trace) != trace:
            # The SDK's JSON formatter reads exc_info itself, so the redacted text moves into the message.
            message = f"{message}\n{trace}"
            record.exc_info = record.exc_text = None
        if (redacted := self._redact(message)) != message:
            record.msg, record.args = redacted, ()
        for name, value in list(vars(record).items()):
            if name not in {"msg", "args", "exc_info"} and self._redact(text := str(value)) != text:
                setattr(record, name, self._redact(text))
        return True

    def _redact(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, REDACTED)
        return text


def redact_logs(secrets: Iterable[str] = (), *, plugin: str | None = None) -> None:
    """Keep records, addresses and secrets out of all logs of this process.

    Args:
        secrets: The values of secret settings.
        plugin: Name of the plugin's logger. singer-sdk prints whole batches and states to it at DEBUG level.
    """
    for name in VERBOSE_LOGGERS:
        logger = logging.getLogger(name)
        logger.setLevel(max(logging.INFO, logger.getEffectiveLevel()))
    if plugin is not None and logging.getLogger(plugin).getEffectiveLevel() < logging.INFO:
        logging.getLogger(plugin).setLevel(logging.INFO)
    secret_filter = SecretFilter(secrets)
    loggers: list[Any] = [logging.getLogger(), *logging.getLogger().manager.loggerDict.values()]
    for handler in {handler for logger in loggers for handler in getattr(logger, "handlers", [])}:
        handler.addFilter(secret_filter)
