"""No secret gets into a log, on any way."""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Callable, Iterator

import pytest
import requests
from singer_sdk.logging import ConsoleFormatter, StructuredFormatter

from lead_connectors.plugin.redaction import VERBOSE_LOGGERS, SecretFilter, redact_logs
from tests.http.loopback import Loopback

SECRET = "u$r-top/secret\\key"
SPELLINGS = (SECRET, "u%24r-top/secret%5Ckey", "u%24r-top%2Fsecret%5Ckey", "u$r-top/secret\\\\key")


@pytest.fixture
def written() -> Iterator[tuple[logging.Logger, Callable[[], str]]]:
    """A logger with all the formatters in use, and what they wrote."""
    stream = io.StringIO()
    logger = logging.getLogger("written")
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    plain = logging.Formatter("%(message)s %(other)s", defaults={"other": ""})
    for formatter in (ConsoleFormatter(), StructuredFormatter(), plain):
        handler = logging.StreamHandler(stream)
        handler.setFormatter(formatter)
        handler.addFilter(SecretFilter([SECRET, "abc", ""]))
        logger.addHandler(handler)
    yield logger, stream.getvalue
    logger.handlers.clear()


@pytest.fixture(autouse=True)
def _loggers_of_a_new_process() -> Iterator[None]:
    """Other tests of this process may have changed their levels."""
    loggers = [logging.getLogger(name) for name in VERBOSE_LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.NOTSET)
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


Written = tuple[logging.Logger, Callable[[], str]]


def assert_silent(text: str, *, words: str) -> None:
    for spelling in SPELLINGS:
        assert spelling not in text
    assert words in text
    assert "(hidden)" in text


def test_in_a_message_and_its_arguments(written: Written) -> None:
    logger, text = written
    for spelling in SPELLINGS:
        logger.warning("key %s in %r and " + spelling, spelling, {"key": [spelling]})  # noqa: G003
    assert_silent(text(), words="key (hidden) in")


def fail_because_of_another() -> None:
    try:
        os.environ[SECRET]
    except KeyError as error:
        msg = "https://h?secretKey=" + SPELLINGS[2]
        raise ValueError(msg) from error


def test_in_an_exception_and_what_led_to_it(written: Written) -> None:
    logger, text = written
    try:
        fail_because_of_another()
    except ValueError:
        logger.exception("it failed")
    assert_silent(text(), words="it failed")
    assert "Traceback" in text()
    assert '"message":"it failed\\nTraceback' in text()


def test_in_a_stack_and_in_extra_fields(written: Written) -> None:
    logger, text = written
    SECRET_LINE = SECRET  # noqa: N806
    logger.info("extra", extra={"other": SECRET_LINE, "more": {"deep": [SECRET]}, "count": 7}, stack_info=True)
    assert_silent(text(), words='"count":7')


def test_text_without_a_secret_is_not_changed(written: Written) -> None:
    logger, text = written
    logger.info("%d customers, abc", 7, extra={"other": 5})
    try:
        int("plain")
    except ValueError:
        logger.exception("failed")
    assert "7 customers, abc 5" in text()
    assert "(hidden)" not in text()
    assert '"exception":{"type":"ValueError"' in text()


def test_arguments_that_do_not_match_are_redacted_too(written: Written, capsys: pytest.CaptureFixture[str]) -> None:
    logger, text = written
    logger.info("%d customers", SECRET)  # logging would print message and arguments itself
    assert_silent(text(), words="customers")
    assert capsys.readouterr().err == ""


def test_libraries_do_not_print_addresses_at_debug(server: Loopback, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    requests.get(server.url, params={"accessKey": "leak-1"}, timeout=5)
    assert "leak-1" in caplog.text
    caplog.clear()
    redact_logs()
    requests.get(server.url, params={"accessKey": "leak-2"}, timeout=5)
    logging.getLogger("singer_sdk.target").debug("leak-2")
    assert "leak-2" not in caplog.text


def test_the_plugins_own_logger_prints_nothing_at_debug(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    redact_logs(plugin="target-written")
    logging.getLogger("target-written").debug("a whole batch")
    logging.getLogger("target-written").info("a count")
    assert caplog.messages == ["a count"]


def test_no_logger_becomes_more_verbose_than_configured() -> None:
    logging.getLogger().setLevel(logging.ERROR)
    redact_logs(plugin="target-written-too")
    for name in ("urllib3", "singer_sdk", "target-written-too"):
        assert logging.getLogger(name).getEffectiveLevel() == logging.ERROR


def test_handlers_of_other_loggers_are_covered(capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("with-a-handler-of-its-own")
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logger.addHandler(handler)
    redact_logs([SECRET])
    logger.error(SECRET)
    logger.removeHandler(handler)
    assert stream.getvalue() == "(hidden)\n"
    assert SECRET not in capsys.readouterr().err
