"""A destination without an API: it keeps what it is sent, and rejects what it is told to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from typing_extensions import override

from lead_connectors.delivery.destination import ConfirmsOptOuts, Destination, LeavesFieldsOut, Prepared
from lead_connectors.delivery.outcome import Outcome, Status, rejected
from lead_connectors.delivery.plan import Send
from lead_connectors.field_map.api_fields import ApiField, ApiFields
from lead_connectors.field_map.builtin import BuiltinMaps
from lead_connectors.field_map.mapped import Mapped
from lead_connectors.http.errors import CallRejectedError
from lead_connectors.reject_codes import RejectCode

Body = dict[str, Any]


class FakeDestination(Destination):
    """Takes every lead, unless told otherwise.

    Attributes:
        calls: The bodies of each call, in order.
        opt_out_calls: Those of calls that only raise opt-outs.
        outcome_of: The outcome of one body; accepted unless replaced.
        rejects_calls_with: Names of people whose lead makes the whole call fail.
        error: Raised by each call, where it is set.
    """

    def __init__(self, batch_size: int = 10) -> None:
        self.batch_size = batch_size
        self.calls: list[list[Body]] = []
        self.opt_out_calls: list[list[Body]] = []
        self.outcome_of: Callable[[Body], Outcome] = lambda _: Outcome(Status.ACCEPTED)
        self.rejects_calls_with: set[str] = set()
        self.error: Exception | None = None

    @property
    @override
    def api_fields(self) -> ApiFields:
        return ApiFields({"Email": ApiField("Email"), "DoNotCall": ApiField("DoNotCall")}, closed=False)

    @property
    @override
    def builtin_maps(self) -> BuiltinMaps:
        return BuiltinMaps()

    @override
    def prepare(self, mapped: Mapped, record: Mapping[str, Any], key: Sequence[Any]) -> Prepared:
        _ = record, key
        return Prepared(mapped.fields, mapped.problems)

    @override
    def body(self, fields: Mapping[str, Any]) -> Body:
        return dict(fields)

    @override
    def opt_out_body(self, fields: Mapping[str, Any], opt_outs: Iterable[str]) -> Body | None:
        found = {name: fields[name] for name in ("Email", "Phone") if name in fields}
        return {**found, **dict.fromkeys(opt_outs, True)} if found else None

    @override
    def send(self, bodies: Sequence[Any]) -> list[Outcome]:
        self.calls.append(list(bodies))
        return self._respond(bodies)

    @override
    def send_opt_outs(self, bodies: Sequence[Any]) -> list[Outcome]:
        self.opt_out_calls.append(list(bodies))
        return self._respond(bodies)

    def _respond(self, bodies: Sequence[Any]) -> list[Outcome]:
        if self.error is not None:
            raise self.error
        if self.rejects_calls_with & {body.get("Name") for body in bodies}:
            raise CallRejectedError(status=400, code="Bad")
        return [self.outcome_of(body) for body in bodies]

    @override
    def rejection(self, error: CallRejectedError) -> Outcome:
        return rejected(RejectCode.API_REJECTED, error.code)

    @override
    def check_credentials(self) -> str | None:
        return None


class CapableDestination(FakeDestination, LeavesFieldsOut, ConfirmsOptOuts):
    """Can do all that a destination may do besides.

    Attributes:
        lost_opt_outs: Ids of leads whose opt-outs do not stay.
        confirmed: What was read back.
    """

    def __init__(self, batch_size: int = 10) -> None:
        super().__init__(batch_size)
        self.lost_opt_outs: set[str] = set()
        self.confirmed: dict[str, frozenset[str]] = {}

    @override
    def can_send(self, plan: Send) -> bool:
        return bool(plan.fields.keys() & {"Email", "Phone"})

    @override
    def unconfirmed(self, opt_outs: Mapping[str, frozenset[str]]) -> int:
        self.confirmed.update(opt_outs)
        return len(self.lost_opt_outs & opt_outs.keys())
