"""States, postal codes and time zones of the United States."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from lead_connectors.field_map.converters import us_places
from lead_connectors.field_map.converters.us_places import _STATES
from lead_connectors.reject_codes import RejectCode
from tests.field_map.converters.conversion import convert, rejection


@pytest.mark.parametrize("code", sorted(_STATES))
def test_every_state_by_code_and_name(code: str) -> None:
    assert convert("us_state", code.lower()) == convert("us_state", _STATES[code].upper()) == code


def test_state_elsewhere() -> None:
    assert rejection("us_state", "Ontario") is RejectCode.INVALID_VALUE
    assert convert("us_state", "Ontario", other="keep") == "Ontario"


@pytest.mark.parametrize(
    ("written", "code"),
    [("02134", "02134"), ("02134-1234", "02134"), ("021341234", "02134"), (2134, "02134"), (501, "00501"),
     (2134.0, "02134"),
     (21341234, "02134"), (Decimal(90210), "90210")],
)  # fmt: skip
def test_postal_code(written: Any, code: str) -> None:
    assert convert("postal_code", written) == code


@pytest.mark.parametrize("wrong", ["2134", "SW1A 1AA", "123456", 1234567890, 12, -2134, "0213x", True, "٠٢١٣٤"])
def test_postal_code_rejected(wrong: Any) -> None:
    assert rejection("postal_code", wrong) is RejectCode.INVALID_VALUE


def test_postal_code_padded_on_request() -> None:
    assert convert("postal_code", "2134", pad=True) == "02134"


def test_timezone() -> None:
    assert [convert("timezone", zone) for zone in ("america/new_york", "America/New York", "est", "CST")] == [
        "America/New_York", "America/New_York", "EST", "CST"
    ]  # fmt: skip
    assert rejection("timezone", "Eastern") is RejectCode.INVALID_VALUE
    assert rejection("timezone", "localtime") is RejectCode.INVALID_VALUE


def test_timezone_on_a_machine_without_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    us_places._zones.cache_clear()
    monkeypatch.setattr("zoneinfo.available_timezones", set)
    try:
        assert convert("timezone", "America/New_York") == "America/New_York"
        assert convert("timezone", "pst") == "PST"
        assert rejection("timezone", "Eastern") is RejectCode.INVALID_VALUE
    finally:
        us_places._zones.cache_clear()
