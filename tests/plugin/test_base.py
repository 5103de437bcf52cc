"""What the base of the plugins changes in the SDK: signals, secrets, hidden settings."""

from __future__ import annotations

import logging
import signal
from typing import Any

import pytest

from tests.plugin.probe import SECRET, Probe


def test_a_signal_has_its_own_exit_code() -> None:
    plugin = Probe(config={"api_key": SECRET})
    for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
        with pytest.raises(SystemExit) as caught:
            plugin._handle_termination(number, None)
        assert caught.value.code == code


def test_secrets_are_those_that_the_schema_marks(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    plugin = Probe(config={"api_key": SECRET})
    assert plugin.secrets() == [SECRET]
    root = logging.getLogger()
    caplog.clear()
    root.error("the key is %s", SECRET)
    assert SECRET not in caplog.text


def test_settings_without_effect_are_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    schema: dict[str, Any] = {"properties": {}}
    Probe.append_builtin_config(schema)
    assert "flattening_enabled" in schema["properties"]
    monkeypatch.setattr(Probe, "hidden_settings", ("flattening_enabled",))
    schema = {"properties": {}}
    Probe.append_builtin_config(schema)
    assert schema["properties"]
    assert "flattening_enabled" not in schema["properties"]
