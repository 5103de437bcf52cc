"""One conversion by a converter's name, and options to test with."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from lead_connectors.field_map.converters.base import ValueRejected
from lead_connectors.field_map.converters.registry import CONVERTERS
from lead_connectors.reject_codes import RejectCode

UTC = dt.timezone.utc
CHOICES = {"choices": ["Male", "Female", "Non-Binary"], "aliases": {"M": "Male"}}
LEADSQUARED_TIME = {"output": "%Y-%m-%d %H:%M:%S"}


def convert(name: str, value: Any, **options: Any) -> Any:
    return CONVERTERS[name].convert(value, options)


def rejection(name: str, value: Any, **options: Any) -> RejectCode:
    with pytest.raises(ValueRejected) as caught:
        convert(name, value, **options)
    return caught.value.code
