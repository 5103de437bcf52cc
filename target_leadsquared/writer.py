"""Writes leads to LeadSquared: bulk create-or-update, bulk create, or one by one."""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from lead_connectors.delivery.lead import Lead
from lead_connectors.delivery.outcome import Outcome, Status, rejected
from lead_connectors.delivery.writer import BatchWriter
from lead_connectors.http.errors import AmbiguousError, CallRejectedError, TransientError
from lead_connectors.http.session import ApiSession, Retry
from lead_connectors.reject_codes import RejectCode
from target_leadsquared.attributes import (
    AUTO,
    DEFAULT_IDENTIFIERS,
    SEARCH_BY,
    build_attributes,
    check_body,
    choose_search_by,
    opt_out_attributes,
)
from target_leadsquared.response import NO_ROW, blamed_rows, read_refusal, read_rows, read_single

logger = logging.getLogger("target-leadsquared")

SERVICE = "/v2/LeadManagement.svc"
BULK_UPSERT = f"{SERVICE}/Lead/Bulk/CreateOrUpdate"
BULK_CREATE = f"{SERVICE}/Lead/Bulk/Create"
UPSERT_ONE = f"{SERVICE}/Lead.CreateOrUpdate"
BY_IDS = f"{SERVICE}/Leads/Retrieve/ByIds"
BY_EMAIL = f"{SERVICE}/Leads.GetByEmailaddress"
BY_PHONE = f"{SERVICE}/RetrieveLeadByPhoneNumber"

UPSERT, CREATE, SINGLE = "upsert", "create", "upsert_single"
LEADS_A_CALL = {UPSERT: 25, CREATE: 50, SINGLE: 1}
IDS_A_CALL = 1000
BAD_REQUEST = 400
MOST_REPEATS = 10
TELLING = ("EmailAddress", "FirstName", "LastName")
"""Tell a lead from another one that has the same phone: its spouse's."""
CREATED_BEFORE = dt.timedelta(minutes=10)
"""A lead found after an ambiguous create that is older than this was there before: the clocks may differ so far."""


@dataclass(frozen=True)
class WriteSettings:
    """The settings that decide how a lead is written.

    Attributes:
        write_mode: upsert, create or upsert_single.
        search_by: auto, none or a lead field.
        identifiers: The account's unique fields; empty where its metadata is not at hand.
        post_updated_lead: Fires the account's automations, with upsert_single.
        boolean_values: How true and false are written.
    """

    write_mode: str
    search_by: str
    identifiers: Collection[str]
    post_updated_lead: bool
    boolean_values: Sequence[str]


class LeadSquaredWriter(BatchWriter):
    """See `BatchWriter`.

    Args:
        session: The account's way to the API.
        batch_size: Leads a call.
        leaves_out: `on_conflict: leave_out`.
        settings: How leads are written; asked for with the first lead, since the account's metadata costs a call.
    """

    reads_back = True

    def __init__(
        self, session: ApiSession, batch_size: int, settings: Callable[[], WriteSettings], *, leaves_out: bool
    ) -> None:
        self._session = session
        self._read_settings = settings
        self.batch_size = batch_size
        self.leaves_out = leaves_out

    @property
    def _settings(self) -> WriteSettings:
        return self._read_settings()

    def body(self, lead: Lead) -> list[dict[str, Any]]:
        """The lead's attributes; SearchBy last, but for a create, which searches nothing."""
        fields = lead.fields_sent()
        search_by = None if self._settings.write_mode == CREATE else self._search_by(fields)
        return build_attributes(fields, search_by=search_by, boolean_values=self._settings.boolean_values)

    def opt_out_body(self, lead: Lead, clashed: Sequence[str]) -> list[dict[str, Any]] | None:
        """One identifier that did not clash, and the flags: a clashing one would silence somebody else."""
        fields = {name: value for name, value in lead.fields_sent().items() if name not in clashed}
        known = self._settings.identifiers
        search_by = self._search_by(fields) or choose_search_by(fields, AUTO, known)
        return opt_out_attributes(
            fields, lead.opt_outs, search_by, known=known, boolean_values=self._settings.boolean_values
        )

    def without(self, lead: Lead, fields: Sequence[str]) -> bool:
        """Whether an identifying field is left."""
        kept = {name: value for name, value in lead.fields_sent().items() if name not in fields}
        if self._settings.write_mode == CREATE:
            return any(kept.get(name) for name in self._settings.identifiers or DEFAULT_IDENTIFIERS)
        return self._search_by(kept) is not None

    def call(self, bodies: Sequence[Any]) -> list[Outcome]:
        """One call in the account's write mode; rows that were refused for pace are sent again."""
        if self._settings.write_mode == CREATE:
            return self._create(list(bodies))
        return self.opt_out_call(bodies)

    def opt_out_call(self, bodies: Sequence[Any]) -> list[Outcome]:
        """Create or update, whatever the write mode: an opt-out is for the lead that is there."""
        if self._settings.write_mode == SINGLE:
            return [self._upsert_one(body) for body in bodies]
        return self._rows(BULK_UPSERT, list(bodies), Retry.ALWAYS)

    def blame(self, error: CallRejectedError) -> Iterable[int]:
        """Rows with an error, where a refusal has rows."""
        return blamed_rows(error.body)

    def refused(self, error: CallRejectedError) -> Outcome:
        """Read from the exception's type and text."""
        return read_refusal(error.body, error.code, self._settings.identifiers)

    def unconfirmed(self, flags: dict[str, frozenset[str]]) -> int:
        """Read raised opt-outs back, up to 1,000 leads a call."""
        ids = sorted(flags)
        missing = 0
        for start in range(0, len(ids), IDS_A_CALL):
            chunk = ids[start : start + IDS_A_CALL]
            columns = sorted({name for lead_id in chunk for name in flags[lead_id]})
            try:
                read = self._read_leads(chunk, columns)
            except CallRejectedError as error:
                logger.warning("The opt-outs of %d leads could not be read back (%s).", len(chunk), error.code)
                continue
            for lead_id in chunk:
                lead = read.get(lead_id.lower(), {})
                missing += not all(str(lead.get(name)).lower() in {"1", "true"} for name in flags[lead_id])
        return missing

    def _search_by(self, fields: dict[str, Any]) -> str | None:
        return choose_search_by(fields, self._settings.search_by, self._settings.identifiers)

    def _read_leads(self, ids: Sequence[str], columns: Sequence[str]) -> dict[str, dict[str, Any]]:
        body = {
            "SearchParameters": {"LeadIds": list(ids)},
            "Columns": {"Include_CSV": ",".join(["ProspectID", *columns])},
            "Paging": {"PageIndex": 1, "PageSize": IDS_A_CALL},
        }
        answer = self._session.call("POST", BY_IDS, json=body)
        rows = answer.get("Leads") if isinstance(answer, dict) else None
        return {str(row.get("ProspectID")).lower(): row for row in rows or [] if isinstance(row, dict)}

    def _rows(self, path: str, bodies: list[Any], retry: Retry) -> list[Outcome]:
        _hold_against_schema(bodies, CREATE if path == BULK_CREATE else UPSERT)
        outcomes: dict[int, Outcome] = {}
        left = list(range(len(bodies)))
        for _ in range(MOST_REPEATS):
            answer = self._session.call("POST", path, json=[bodies[place] for place in left], retry=retry)
            rows = read_rows(answer, len(left), self._settings.identifiers)
            outcomes.update({place: row for place, row in zip(left, rows, strict=True) if row is not None})
            left = [place for place, row in zip(left, rows, strict=True) if row is None]
            if not left:
                return [outcomes[place] for place in range(len(bodies))]
            self._session.quota.pause(self._session.quota.longest_window())
            self._session.count_retry()
        msg = "LeadSquared keeps refusing single rows for their pace. Nothing is lost: run again later."
        raise TransientError(msg)

    def _upsert_one(self, body: Any) -> Outcome:
        _hold_against_schema(body, SINGLE)
        params = {"postUpdatedLead": "true" if self._settings.post_updated_lead else "false"}
        return read_single(self._session.call("POST", UPSERT_ONE, params=params, json=body))

    def _create(self, bodies: list[Any]) -> list[Outcome]:
        """Create; after an ambiguous answer look before sending again, so that no lead gets a twin."""
        outcomes: dict[int, Outcome] = {}
        left = list(range(len(bodies)))
        first_fault: float | None = None
        attempt = 0
        sent_at = dt.datetime.now(tz=dt.timezone.utc)
        while left:
            try:
                rows = self._rows(BULK_CREATE, [bodies[place] for place in left], Retry.ASK)
            except AmbiguousError as error:
                first_fault = time.monotonic() if first_fault is None else first_fault
                attempt += 1
                # First the wait: what timed out may land a little later than its caller gave up.
                self._session.wait_to_retry(attempt, first_fault)
                logger.warning("%s. Looking for %d leads before any is sent again.", error, len(left))
                found = {place: self._landed(bodies[place], sent_at) for place in left}
                outcomes.update({place: outcome for place, outcome in found.items() if outcome is not None})
            else:
                outcomes.update(zip(left, rows, strict=True))
            left = [place for place in left if place not in outcomes]
        return [outcomes[place] for place in range(len(bodies))]

    def _landed(self, body: Sequence[dict[str, Any]], sent_at: dt.datetime) -> Outcome | None:
        """What became of a create: its outcome, or None where the lead is not there and may be sent again."""
        values = {pair["Attribute"]: pair["Value"] for pair in body if pair["Attribute"] != SEARCH_BY}
        lookups = [(BY_EMAIL, "emailaddress", values.get("EmailAddress"))]
        lookups += [(BY_PHONE, "phone", values.get(name)) for name in ("Phone", "Mobile")]
        lookups = [lookup for lookup in lookups if lookup[2]]
        if not lookups:
            return rejected(RejectCode.NO_RESPONSE, f"{NO_ROW}, and it has no e-mail or phone to look for")
        for path, parameter, value in lookups:
            answer = self._session.call("GET", path, params={parameter: str(value)})
            for lead in answer if isinstance(answer, list) else []:
                if isinstance(lead, dict) and lead.get("ProspectID"):
                    return _found(lead, values, sent_at)
        return None


def _hold_against_schema(body: Any, write_mode: str) -> None:
    """Refuse what breaks the call's schema as LeadSquared would, before it costs a call."""
    if not check_body(body, write_mode):
        raise CallRejectedError(status=BAD_REQUEST, code="the call's schema")


def _found(lead: dict[str, Any], values: dict[str, Any], sent_at: dt.datetime) -> Outcome:
    """What a lead says that was found by an e-mail or phone: it is the one that was sent, or somebody else's."""
    for name in TELLING:
        if values.get(name) and str(values[name]).casefold() != str(lead.get(name) or "").casefold():
            return rejected(RejectCode.CONFLICT, "another lead has this e-mail or phone")
    try:
        created = dt.datetime.strptime(f"{str(lead.get('CreatedOn'))[:19]} +0000", "%Y-%m-%d %H:%M:%S %z")
    except ValueError:
        created = None
    if created is not None and created < sent_at - CREATED_BEFORE:
        return rejected(RejectCode.CONFLICT, "a lead with this e-mail or phone was there before")
    return Outcome(Status.CREATED, lead_id=str(lead["ProspectID"]))
