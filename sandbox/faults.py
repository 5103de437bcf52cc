"""Faults: which calls fail, how they fail, and whether before or after the write is applied."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.http_messages import CARECYCLE, LEADSQUARED, InvalidJsonError, JsonObject, Request, RowError, read_json

ROW_KINDS = frozenset({"fail_row", "drop_row", "repeat_row", "unknown_row"})
TRANSPORT_KINDS = frozenset({"reset", "timeout", "truncated", "slow", "drip"})
# The client gets the usual response, late.
DELAY_KINDS = frozenset({"slow", "drip"})
RESPONSE_KINDS = frozenset(
    {
        "limit_429",
        "limit_403",
        "limit_200",
        "mx_500",
        "html_502",
        "html_200",
        "empty_200",
        "cut_json",
        "forbidden_403",
        "unauthorized_401",
        "not_found_404",
        "sink_call",
    }
)
STATUS_KIND = re.compile(r"status_[1-5]\d\d")
# A row that is missing in the response or stands there twice was applied; all other faults prevent the write.
AFTER_BY_DEFAULT = ROW_KINDS - {"fail_row"}
DEFAULT_SECONDS = {"timeout": 3600.0, "slow": 5.0, "drip": 1.0}


class FaultError(ValueError):
    """The description of a fault is invalid."""


@dataclass
class Fault:
    """One fault as `POST /__sandbox__/faults` describes it, see `README.md`.

    Attributes:
        seen: How many calls matched so far.
        fired: How many of them failed.
    """

    kind: str
    api: str | None = None
    path: str = ""
    when: str = ""
    times: int | None = None
    after_calls: int = 0
    probability: float = 1.0
    match: dict[str, Any] = field(default_factory=dict)
    row: int | None = None
    seconds: float | None = None
    retry_after: int | None = None
    calls: int | None = None
    window: float | None = None
    status: int | None = None
    exception_type: str | None = None
    message: str | None = None
    named: bool = False
    seen: int = 0
    fired: int = 0

    @classmethod
    def read(cls, description: Any) -> Fault:
        """Read the description of one fault.

        Args:
            description: A JSON value; a valid one is an object.

        Returns:
            The fault with all its defaults.

        Raises:
            FaultError: The description is invalid.
        """
        names = set(cls.__dataclass_fields__) - {"seen", "fired"}
        if not isinstance(description, dict) or "kind" not in description or not set(description) <= names:
            message = f"a fault is an object with kind and any of {', '.join(sorted(names - {'kind'}))}"
            raise FaultError(message)
        fault = cls(**description)
        kinds = ROW_KINDS | TRANSPORT_KINDS | RESPONSE_KINDS
        if fault.kind not in kinds and not STATUS_KIND.fullmatch(str(fault.kind)):
            message = f"no fault kind {fault.kind!r}; there are status_NNN, {', '.join(sorted(kinds))}"
            raise FaultError(message)
        if fault.api not in (None, CARECYCLE, LEADSQUARED):
            message = f"api is {CARECYCLE} or {LEADSQUARED}"
            raise FaultError(message)
        fault.when = fault.when or ("after" if fault.kind in AFTER_BY_DEFAULT else "before")
        if fault.when not in ("before", "after"):
            message = "when is before or after"
            raise FaultError(message)
        if fault.match and ("field" not in fault.match or not {"value", "values"} & set(fault.match)):
            message = "match is {field, value} or {field, values}"
            raise FaultError(message)
        if fault.seconds is None:
            fault.seconds = DEFAULT_SECONDS.get(fault.kind, 0.0)
        return fault

    def matching(self, records: Sequence[Mapping[str, Any]]) -> list[int]:
        """Return the indexes of the records that match."""
        values = self.match.get("values", [self.match.get("value")])
        return [index for index, record in enumerate(records) if record.get(self.match["field"]) in values]


@dataclass
class FaultPlan:
    """The faults of one call: at most one of the call itself, and any number of row faults with their row indexes."""

    fault: Fault | None = None
    rows: list[tuple[int, Fault]] = field(default_factory=list)


class Faults:
    """All active faults. Probabilities are drawn from a seed."""

    def __init__(self, descriptions: Sequence[JsonObject], seed: int) -> None:
        self._rng = random.Random(seed)
        self.active = [Fault.read(description) for description in descriptions]

    def plan(self, request: Request) -> FaultPlan:
        """Choose the faults of a call, and note in the request which rows fail before the write.

        Args:
            request: A request within the limits.

        Returns:
            The faults; an empty plan for a call without a fault.
        """
        plan = FaultPlan()
        if not self.active:
            return plan
        records = request_records(request)
        for fault in self.active:
            is_row = fault.kind in ROW_KINDS
            if (plan.fault is not None and not is_row) or not self._fires(fault, request, records):
                continue
            fault.fired += 1
            if is_row:
                plan.rows += [(index, fault) for index in self._row_indexes(fault, records)]
            else:
                plan.fault = fault
        for index, fault in plan.rows:
            if fault.when == "before":
                request.failing[index] = row_error(fault)
        return plan

    def _fires(self, fault: Fault, request: Request, records: Sequence[Mapping[str, Any]]) -> bool:
        if fault.api not in (None, request.api) or fault.path not in request.path:
            return False
        if fault.times is not None and fault.fired >= fault.times:
            return False
        if fault.match and not fault.matching(records):
            return False
        if fault.kind == "sink_call" and not records:
            return False
        fault.seen += 1
        return fault.seen > fault.after_calls and self._rng.random() < fault.probability

    def _row_indexes(self, fault: Fault, records: Sequence[Mapping[str, Any]]) -> list[int]:
        if fault.match:
            return fault.matching(records)
        if fault.row is not None:
            return [fault.row - 1]
        return [self._rng.randrange(len(records)) if records else 0]


def row_error(fault: Fault) -> RowError:
    """Return the error of a row that fails."""
    return RowError(fault.exception_type or "MXInvalidDataTypeException", fault.message or "Invalid data")


def request_records(request: Request) -> list[JsonObject]:
    """Return the records in a request's body: leads by attribute name, uploads by field name, else nothing."""
    try:
        body = read_json(request.body)
    except InvalidJsonError:
        return []
    if request.api == CARECYCLE:
        records = body.get("records") if isinstance(body, dict) else None
        return [record for record in records if isinstance(record, dict)] if isinstance(records, list) else []
    if isinstance(body, dict):  # Lead/Bulk/UpdateV2
        rows = body.get("LeadPropertiesList")
        body = [row.get("Fields") or [] for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    if not isinstance(body, list):
        return []
    leads = body if body and isinstance(body[0], list) else [body]
    return [
        {pair["Attribute"]: pair.get("Value") for pair in lead if isinstance(pair, dict) and "Attribute" in pair}
        for lead in leads
        if isinstance(lead, list)
    ]


def parse_fault(text: str) -> JsonObject:
    """Parse a fault of the command line: JSON, or `kind,name=value,match.field=name,...`.

    Args:
        text: The argument.

    Returns:
        The description as a JSON object.

    Raises:
        FaultError: The text is neither, or describes an invalid fault.
    """
    if text.startswith("{"):
        try:
            description = json.loads(text)
        except json.JSONDecodeError as error:
            message = f"fault {text!r} is not JSON"
            raise FaultError(message) from error
    else:
        kind, *pairs = text.split(",")
        description = {"kind": kind}
        for pair in pairs:
            name, _, value = pair.partition("=")
            target = description.setdefault("match", {}) if name.startswith("match.") else description
            target[name.removeprefix("match.")] = parse_value(value)
    Fault.read(description)
    return dict(description)


def parse_value(text: str) -> Any:
    """Parse a value of the command line: as JSON where it is valid JSON, else as the text itself."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
