"""The log line about a scan's progress."""

from __future__ import annotations

import logging

import pytest

from tap_carecycle.progress import Progress
from tap_carecycle.scan import Batch


def test_the_log_line_comes_every_few_seconds(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    log = logging.getLogger("tap-progress-test")
    progress = Progress(log, 100, lambda: 60.0, clock=lambda: now[0])
    with caplog.at_level(logging.INFO):
        for number in range(1, 21):
            now[0] += 1.0
            progress.add(Batch([], number, 10_000 - 100 * number, 10_000, None), emitted=3)
    assert len(caplog.records) == 4
    assert caplog.records[0].message == "Page 5 of 100: 0 customers read, 15 emitted, 60 calls a minute, 119 s left."
    assert vars(caplog.records[-1])["pages_read"] == 20
    assert vars(caplog.records[-1])["customers_emitted"] == 60
