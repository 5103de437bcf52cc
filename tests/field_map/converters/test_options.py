"""Converters' options."""

from __future__ import annotations

from typing import Any

import pytest

from lead_connectors.field_map.converters.registry import CONVERTERS


@pytest.mark.parametrize(
    ("name", "options", "part"),
    [
        ("email", {"x": 1}, "no option 'x' (it has: none)"),
        ("phone", {"format": "us"}, "international"),
        ("phone", {"region": "us"}, "two capital letters"),
        ("phone", {"region": []}, "two capital letters"),
        ("date", {"formats": []}, "strptime"),
        ("date", {"formats": ["%d.%m."]}, "with its year"),
        ("date", {"formats": ["%Q %Y"]}, "strptime"),
        ("date", {"formats": [5]}, "strptime"),
        ("datetime", {"timezone": "Mars/Base"}, "IANA"),
        ("datetime", {"timezone": 5}, "IANA"),
        ("join", {}, "needs the option 'separator'"),
        ("join", {"separator": ""}, "at least one character"),
        ("boolean", {"true": "yes"}, "list of words"),
        ("choice", {"choices": ["a"], "aliases": {"x": 1}}, "spellings"),
        ("integer", {"minimum": True}, "whole number"),
        ("text", {"max_length": 0}, "above 0"),
        ("postal_code", {"pad": "yes"}, "true or false"),
        ("us_state", {"other": "drop"}, "reject, keep"),
    ],
)
def test_options_are_checked(name: str, options: dict[str, Any], part: str) -> None:
    error = CONVERTERS[name].option_error(options)
    assert error is not None
    assert part in error
