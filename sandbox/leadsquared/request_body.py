"""Parses the body of a write call: leads as arrays of Attribute and Value (`docs/api/leadsquared.md` 1.1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sandbox.http_messages import InvalidJsonError, JsonObject, read_json
from sandbox.leadsquared.errors import INVALID_INPUT, LeadError

SEARCH_BY = "SearchBy"


class BodyShapeError(ValueError):
    """The body has another shape than the documented one. Nothing of the call is written."""


@dataclass
class LeadInput:
    """One lead of a request. `error` is a mistake in its structure that concerns this lead only."""

    values: dict[str, str] = field(default_factory=dict)
    subfields: dict[str, list[JsonObject]] = field(default_factory=dict)
    search_by: str | None = None
    error: LeadError | None = None


def read_bulk(body: bytes, max_leads: int) -> list[LeadInput]:
    """Parse an array of leads.

    Args:
        body: The request's body.
        max_leads: How many leads the call accepts.

    Returns:
        The leads, in order.

    Raises:
        BodyShapeError: The body has another shape.
    """
    leads = _parse_json(body)
    if not isinstance(leads, list) or not leads:
        message = "expected an array of leads"
        raise BodyShapeError(message)
    if len(leads) > max_leads:
        message = f"{len(leads)} leads provided, the maximum is {max_leads}"
        raise BodyShapeError(message)
    return [lead_input(pairs) for pairs in leads]


def read_single(body: bytes) -> LeadInput:
    """Parse one lead, a flat array.

    Args:
        body: The request's body.

    Returns:
        The lead.

    Raises:
        BodyShapeError: The body has another shape.
    """
    return lead_input(_parse_json(body))


def _parse_json(body: bytes) -> Any:
    try:
        return read_json(body)
    except InvalidJsonError as error:
        message = "the body is no UTF-8 JSON"
        raise BodyShapeError(message) from error


def lead_input(pairs: Any) -> LeadInput:
    """Read one lead from its array of Attribute and Value.

    Raises:
        BodyShapeError: It is no such array.
    """
    if not isinstance(pairs, list) or not pairs:
        message = "each lead is an array of Attribute and Value"
        raise BodyShapeError(message)
    lead = LeadInput()
    for index, pair in enumerate(pairs):
        _check_pair(pair, {"Attribute", "Value", "Fields"})
        name, value = pair["Attribute"], pair["Value"]
        if name == SEARCH_BY:
            if index != len(pairs) - 1:
                lead.error = LeadError(INVALID_INPUT, "SearchBy must be the last attribute")
            lead.search_by = value
        elif name in lead.values:
            lead.error = LeadError(INVALID_INPUT, f"Attribute {name} is provided twice")
        else:
            lead.values[name] = value
        if "Fields" in pair:
            if not isinstance(pair["Fields"], list):
                message = "Fields is an array of Attribute and Value"
                raise BodyShapeError(message)
            for subfield in pair["Fields"]:
                _check_pair(subfield, {"Attribute", "Value"})
            lead.subfields[name] = pair["Fields"]
    return lead


def _check_pair(pair: Any, allowed: set[str]) -> None:
    if not isinstance(pair, dict) or not {"Attribute", "Value"} <= set(pair) <= allowed:
        message = "each attribute is an object with Attribute and Value"
        raise BodyShapeError(message)
    if not isinstance(pair["Attribute"], str) or not isinstance(pair["Value"], str):
        message = "Attribute and Value are strings"
        raise BodyShapeError(message)
