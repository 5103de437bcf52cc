"""Faults: which calls go wrong, how, and whether before or after the write is applied."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.exchange import CARECYCLE, LEADSQUARED, Call, NotJsonError, Row, RowError, read_json

ROW_KINDS = frozenset({"fail_row", "drop_row", "repeat_row", "unknown_row"})
TRANSPORT_KINDS = frozenset({"reset", "timeout", "truncated", "slow"})
ANSWER_KINDS = frozenset(
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
# A row that is dropped or repeated in the answer was applied; everything else happens before that.
AFTER_BY_DEFAULT = ROW_KINDS - {"fail_row"}
DEFAULT_SECONDS = {"timeout": 3600.0, "slow": 5.0}


class FaultError(ValueError):
    """A fault that is described wrongly."""


@dataclass
class Fault:
    """One fault as `POST /__sandbox__/faults` describes it."""

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
    def read(cls, row: Any) -> Fault:
        """Read one description.

        Args:
            row: The JSON object.

        Returns:
            The fault with all defaults filled in.

        Raises:
            FaultError: The description says something unknown.
        """
        known = set(cls.__dataclass_fields__) - {"seen", "fired"}
        if not isinstance(row, dict) or "kind" not in row or not set(row) <= known:
            message = f"a fault is an object with kind and any of {', '.join(sorted(known - {'kind'}))}"
            raise FaultError(message)
        found = cls(**row)
        kinds = ROW_KINDS | TRANSPORT_KINDS | ANSWER_KINDS
        if found.kind not in kinds and not STATUS_KIND.fullmatch(str(found.kind)):
            message = f"no fault kind {found.kind!r}; there are status_NNN, {', '.join(sorted(kinds))}"
            raise FaultError(message)
        if found.api not in (None, CARECYCLE, LEADSQUARED):
            message = f"api is {CARECYCLE} or {LEADSQUARED}"
            raise FaultError(message)
        found.when = found.when or ("after" if found.kind in AFTER_BY_DEFAULT else "before")
        if found.when not in ("before", "after"):
            message = "when is before or after"
            raise FaultError(message)
        if found.match and ("field" not in found.match or not {"value", "values"} & set(found.match)):
            message = "match is {field, value} or {field, values}"
            raise FaultError(message)
        if found.seconds is None:
            found.seconds = DEFAULT_SECONDS.get(found.kind, 0.0)
        return found

    def matching(self, records: Sequence[Mapping[str, Any]]) -> list[int]:
        """Return the places of the records that this fault is about."""
        values = self.match.get("values", [self.match.get("value")])
        return [place for place, record in enumerate(records) if record.get(self.match["field"]) in values]


@dataclass
class Plan:
    """What goes wrong with one call: at most one fault of the call, any number of rows."""

    fault: Fault | None = None
    rows: list[tuple[int, Fault]] = field(default_factory=list)


class Faults:
    """The faults that are switched on, with seeded chance."""

    def __init__(self, rows: Sequence[Row], seed: int) -> None:
        self._rng = random.Random(seed)
        self.active = [Fault.read(row) for row in rows]

    def plan(self, call: Call) -> Plan:
        """Choose what goes wrong with a call.

        Args:
            call: The call, which the limits let through.

        Returns:
            The plan; an empty one for a call that goes well.
        """
        plan = Plan()
        if not self.active:
            return plan
        records = records_of(call)
        for fault in self.active:
            is_row = fault.kind in ROW_KINDS
            if (plan.fault is not None and not is_row) or not self._fires(fault, call, records):
                continue
            fault.fired += 1
            if is_row:
                plan.rows += [(place, fault) for place in self._places(fault, records)]
            else:
                plan.fault = fault
        for place, fault in plan.rows:
            if fault.when == "before":
                call.failing[place] = row_error(fault)
        return plan

    def _fires(self, fault: Fault, call: Call, records: Sequence[Mapping[str, Any]]) -> bool:
        if fault.api not in (None, call.api) or fault.path not in call.path:
            return False
        if fault.times is not None and fault.fired >= fault.times:
            return False
        if fault.match and not fault.matching(records):
            return False
        if fault.kind == "sink_call" and not records:
            return False
        fault.seen += 1
        return fault.seen > fault.after_calls and self._rng.random() < fault.probability

    def _places(self, fault: Fault, records: Sequence[Mapping[str, Any]]) -> list[int]:
        if fault.match:
            return fault.matching(records)
        if fault.row is not None:
            return [fault.row - 1]
        return [self._rng.randrange(len(records)) if records else 0]


def row_error(fault: Fault) -> RowError:
    """Return the error that a failing row shows."""
    return RowError(fault.exception_type or "MXInvalidDataTypeException", fault.message or "Invalid data")


def records_of(call: Call) -> list[Row]:
    """Return the records a call carries: leads by attribute, uploads by field, else nothing."""
    try:
        body = read_json(call.body)
    except NotJsonError:
        return []
    if call.api == CARECYCLE:
        records = body.get("records") if isinstance(body, dict) else None
        return [each for each in records if isinstance(each, dict)] if isinstance(records, list) else []
    if not isinstance(body, list):
        return []
    leads = body if body and isinstance(body[0], list) else [body]
    return [
        {pair["Attribute"]: pair.get("Value") for pair in lead if isinstance(pair, dict) and "Attribute" in pair}
        for lead in leads
        if isinstance(lead, list)
    ]


def parse(text: str) -> Row:
    """Read a fault from the command line: JSON, or `kind,name=value,match.field=name,...`.

    Args:
        text: The argument.

    Returns:
        The description as an object.

    Raises:
        FaultError: The text is neither.
    """
    if text.startswith("{"):
        try:
            row = json.loads(text)
        except json.JSONDecodeError as error:
            message = f"fault {text!r} is no JSON"
            raise FaultError(message) from error
    else:
        kind, *pairs = text.split(",")
        row = {"kind": kind}
        for pair in pairs:
            name, _, value = pair.partition("=")
            target = row.setdefault("match", {}) if name.startswith("match.") else row
            target[name.removeprefix("match.")] = plain_value(value)
    Fault.read(row)
    return dict(row)


def plain_value(text: str) -> Any:
    """Read a value of the command line: JSON where it is some, else the text itself."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
