"""A destination without an API: it keeps what it is sent, and rejects what it is told to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from typing_extensions import override

from lead_connectors.delivery.destination import ConfirmsOptOuts, Destination, FindsLeads, LeavesFieldsOut, Prepared
from lead_connectors.delivery.outcome import Outcome, Status, rejected
from lead_connectors.delivery.plan import Find, Free, OptOutsOnly, Send
from lead_connectors.field_map.api_fields import ApiField, ApiFields
from lead_connectors.field_map.builtin import BuiltinMaps
from lead_connectors.field_map.mapped import Mapped
from lead_connectors.http.errors import CallRejectedError
from lead_connectors.plugin.errors import ConnectorError
from lead_connectors.reject_codes import RejectCode

Body = dict[str, Any]
NEW, KNOWN = "new", "known"


class FakeDestination(Destination):
    """Takes every lead, unless told otherwise. It knows a person by the caller's own key.

    Attributes:
        calls: The bodies of each call, in order.
        outcome_of: The outcome of one body; accepted unless replaced.
        rejects_calls_with: Names of people whose lead makes the whole call fail.
        error: Raised by each call, where it is set.
    """

    def __init__(self, batch_size: int = 10) -> None:
        self.batch_size = batch_size
        self.calls: list[list[Body]] = []
        self.outcome_of: Callable[[Body], Outcome] = lambda _: Outcome(Status.ACCEPTED)
        self.rejects_calls_with: set[str] = set()
        self.error: Exception | None = None

    @property
    @override
    def api_fields(self) -> ApiFields:
        return ApiFields(
            {"Email": ApiField("Email"), "DoNotCall": ApiField("DoNotCall")}, closed=False, opt_outs=("DoNotCall",)
        )

    @property
    @override
    def builtin_maps(self) -> BuiltinMaps:
        return BuiltinMaps()

    @override
    def prepare(self, mapped: Mapped, record: Mapping[str, Any], key: Sequence[Any]) -> Prepared:
        _ = record, key
        return Prepared(mapped.fields, mapped.problems)

    @override
    def body(self, plan: Send) -> Body:
        return plan.fields

    @override
    def opt_out_body(self, plan: OptOutsOnly) -> Body | None:
        return {"key": plan.lead.key, **dict.fromkeys(plan.lead.opt_outs, True)}

    @override
    def send(self, call: str, bodies: Sequence[Any]) -> list[Outcome]:
        self.calls.append(list(bodies))
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


class CapableDestination(FakeDestination, LeavesFieldsOut, FindsLeads, ConfirmsOptOuts):
    """Can do all that a destination may do besides: its leads have ids.

    Attributes:
        found: By e-mail, the id of the lead that a look-up finds.
        looked_up: The e-mails that were looked up.
        lost_opt_outs: Ids of leads whose opt-outs do not stay.
        read: What was read back.
        raised: What was raised once more.
        read_error: Raised by each reading, where it is set.
    """

    max_read = 5

    def __init__(self, batch_size: int = 10) -> None:
        super().__init__(batch_size)
        self.found: dict[str, str] = {}
        self.looked_up: list[str] = []
        self.lost_opt_outs: set[str] = set()
        self.read: dict[str, frozenset[str]] = {}
        self.raised: dict[str, frozenset[str]] = {}
        self.read_error: ConnectorError | None = None
        self.outcome_of = lambda body: Outcome(Status.UPDATED, lead_id=body.get("id") or f"L-{body.get('Email')}")

    @override
    def call_of(self, plan: Send | OptOutsOnly | Free) -> str:
        return NEW if plan.lead_id is None else KNOWN

    @override
    def body(self, plan: Send) -> Body:
        return {**plan.fields, **({"id": plan.lead_id} if plan.lead_id else {})}

    @override
    def opt_out_body(self, plan: OptOutsOnly) -> Body | None:
        return {"id": plan.lead_id, **dict.fromkeys(plan.lead.opt_outs, True)} if plan.lead_id else None

    @override
    def can_send(self, plan: Send) -> bool:
        return bool(plan.fields.keys() & {"Email", "Phone"})

    @override
    def find(self, plan: Find) -> str | None:
        email = str(plan.fields.get("Email"))
        self.looked_up.append(email)
        return self.found.get(email)

    @override
    def read_opt_outs(self, opt_outs: Mapping[str, frozenset[str]]) -> dict[str, bool]:
        assert len(opt_outs) <= self.max_read
        if self.read_error is not None:
            raise self.read_error
        self.read.update(opt_outs)
        return {lead_id: lead_id not in self.lost_opt_outs for lead_id in opt_outs}

    @override
    def raise_opt_outs(self, opt_outs: Mapping[str, frozenset[str]]) -> None:
        self.raised.update(opt_outs)
