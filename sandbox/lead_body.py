"""The shape of a lead on the wire: arrays of Attribute and Value, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sandbox.exchange import NotJsonError, Row, read_json
from sandbox.lead_rules import INVALID_INPUT, LeadError

SEARCH_BY = "SearchBy"


class ShapeError(ValueError):
    """The body is not of the documented shape; nothing of the call may be written."""


@dataclass
class WireLead:
    """One lead of a request. `flaw` is what is wrong with it apart from its values."""

    values: dict[str, str] = field(default_factory=dict)
    parts: dict[str, list[Row]] = field(default_factory=dict)
    search_by: str | None = None
    flaw: LeadError | None = None


def read_bulk(body: bytes, most: int) -> list[WireLead]:
    """Read an array of leads.

    Args:
        body: The request's bytes.
        most: How many leads the call takes.

    Returns:
        The leads in order.

    Raises:
        ShapeError: The body is anything else.
    """
    leads = _json(body)
    if not isinstance(leads, list) or not leads:
        message = "expected an array of leads"
        raise ShapeError(message)
    if len(leads) > most:
        message = f"{len(leads)} leads provided, the maximum is {most}"
        raise ShapeError(message)
    return [_lead(pairs) for pairs in leads]


def read_single(body: bytes) -> WireLead:
    """Read one lead as a flat array.

    Args:
        body: The request's bytes.

    Returns:
        The lead.

    Raises:
        ShapeError: The body is anything else.
    """
    return _lead(_json(body))


def _json(body: bytes) -> Any:
    try:
        return read_json(body)
    except NotJsonError as error:
        message = "the body is no UTF-8 JSON"
        raise ShapeError(message) from error


def _lead(pairs: Any) -> WireLead:
    if not isinstance(pairs, list) or not pairs:
        message = "each lead is an array of Attribute and Value"
        raise ShapeError(message)
    lead = WireLead()
    for place, pair in enumerate(pairs):
        _check_pair(pair, {"Attribute", "Value", "Fields"})
        name, value = pair["Attribute"], pair["Value"]
        if name == SEARCH_BY:
            if place != len(pairs) - 1:
                lead.flaw = LeadError(INVALID_INPUT, "SearchBy must be the last attribute")
            lead.search_by = value
        elif name in lead.values:
            lead.flaw = LeadError(INVALID_INPUT, f"Attribute {name} is provided twice")
        else:
            lead.values[name] = value
        if "Fields" in pair:
            if not isinstance(pair["Fields"], list):
                message = "Fields is an array of Attribute and Value"
                raise ShapeError(message)
            for part in pair["Fields"]:
                _check_pair(part, {"Attribute", "Value"})
            lead.parts[name] = pair["Fields"]
    return lead


def _check_pair(pair: Any, allowed: set[str]) -> None:
    if not isinstance(pair, dict) or not {"Attribute", "Value"} <= set(pair) <= allowed:
        message = "each attribute is an object with Attribute and Value"
        raise ShapeError(message)
    if not isinstance(pair["Attribute"], str) or not isinstance(pair["Value"], str):
        message = "Attribute and Value are strings"
        raise ShapeError(message)
