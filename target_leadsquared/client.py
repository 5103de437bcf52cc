"""The calls to LeadSquared that deliver leads and look them up (docs/api/leadsquared.md, 1 and 2)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from lead_connectors.delivery.errors import PartlySentError
from lead_connectors.delivery.outcome import Outcome, id_key
from lead_connectors.http.errors import CallRejectedError, TransientError
from lead_connectors.http.session import ApiSession, Retry
from lead_connectors.plugin.errors import ConnectorError
from target_leadsquared.attributes import PROSPECT_ID, PROSPECT_ID_KEY, Attribute
from target_leadsquared.response import clean_lead_id, read_rows, read_single, read_update

SERVICE = "/v2/LeadManagement.svc"
BULK_UPSERT = f"{SERVICE}/Lead/Bulk/CreateOrUpdate"
BULK_CREATE = f"{SERVICE}/Lead/Bulk/Create"
BULK_UPDATE = f"{SERVICE}/Lead/Bulk/UpdateV2"
UPSERT_SINGLE = f"{SERVICE}/Lead.CreateOrUpdate"
BY_IDS = f"{SERVICE}/Leads/Retrieve/ByIds"
BY_EMAIL = f"{SERVICE}/Leads.GetByEmailaddress"
BY_PHONE = f"{SERVICE}/RetrieveLeadByPhoneNumber"

MAX_IDS_A_CALL = 1000
MAX_TRIES = 10
"""So often rows that LeadSquared rejects for its rate limit are sent."""


Named = tuple[str, Sequence[Attribute]]
"""The value that names a lead, and what is to be written to it."""


class LeadSquaredClient:
    """Makes the calls of one account.

    Args:
        session: The account's session.
    """

    def __init__(self, session: ApiSession) -> None:
        self._session = session

    def wait_to_retry(self, attempt: int, first_fault: float) -> None:
        """Wait before an ambiguous call is retried; see `ApiSession.wait_to_retry`."""
        self._session.wait_to_retry(attempt, first_fault)

    def bulk_upsert(self, leads: Sequence[Sequence[Attribute]], identifiers: Collection[str]) -> list[Outcome]:
        """Create or update leads, 25 at most. A second call changes nothing, so it is retried freely.

        Args:
            leads: The attributes of each lead.
            identifiers: The account's unique fields, to tell which one is in conflict.

        Returns:
            One outcome a lead, in order.

        Raises:
            CallRejectedError: LeadSquared rejected the call as a whole.
            ConnectorError: The run has to end.
        """
        return self._rows(BULK_UPSERT, leads, identifiers, Retry.ALWAYS)

    def bulk_create(self, leads: Sequence[Sequence[Attribute]], identifiers: Collection[str]) -> list[Outcome]:
        """Create leads, 50 at most, without a search. Arguments and errors as `bulk_upsert`.

        Raises:
            AmbiguousError: The leads may have been created.
        """
        return self._rows(BULK_CREATE, leads, identifiers, Retry.ASK)

    def bulk_update(self, leads: Sequence[Named], search_by: str | None, identifiers: Collection[str]) -> list[Outcome]:
        """Update leads that exist, 25 at most; nobody is created. Arguments and errors as `bulk_upsert`.

        Args:
            leads: The value that names each lead, and its attributes, the naming one left out.
            search_by: The field that names them; None for the lead's id.
            identifiers: The account's unique fields, to tell which one is in conflict.

        Raises:
            DeniedError: The account does not have this call, or its user may not make it.
        """
        key = PROSPECT_ID_KEY if search_by is None else search_by
        outcomes: dict[int, Outcome] = {}

        def call(places: Sequence[int]) -> list[Outcome | None]:
            fields = [[{"Attribute": key, "Value": leads[place][0]}, *leads[place][1]] for place in places]
            body = {
                **({} if search_by is None else {"SearchByKey": search_by}),
                "Options": {"PushNonExistentLeadsToUnProcessedList": True},
                "LeadPropertiesList": [{"Fields": attributes} for attributes in fields],
            }
            response = self._session.call("POST", BULK_UPDATE, json=body)
            names = [leads[place][0] for place in places]
            return read_update(response, names, identifiers, by_lead_id=search_by is None)

        self._until_no_row_is_limited(len(leads), call, outcomes)
        return [outcomes[place] for place in range(len(leads))]

    def upsert_single(self, lead: Sequence[Attribute], *, post_updated_lead: bool) -> Outcome:
        """Create or update one lead. Errors as `bulk_upsert`.

        Args:
            lead: Its attributes.
            post_updated_lead: Whether the account's automations on lead update are fired.
        """
        params = {"postUpdatedLead": "true" if post_updated_lead else "false"}
        return read_single(self._session.call("POST", UPSERT_SINGLE, params=params, json=list(lead)))

    def find(self, emails: Sequence[str], phones: Sequence[str]) -> dict[str, Any] | None:
        """The first lead that has one of these e-mails or phones; None where there is none."""
        return next(self.find_all(emails, phones), None)

    def find_all(self, emails: Sequence[str], phones: Sequence[str]) -> Iterator[dict[str, Any]]:
        """The leads that have one of these e-mails or phones; one call each, as far as they are asked for."""
        lookups = [(BY_EMAIL, "emailaddress", email) for email in emails]
        lookups += [(BY_PHONE, "phone", phone) for phone in phones]
        for path, parameter, value in lookups:
            response = self._session.call("GET", path, params={parameter: value})
            for lead in response if isinstance(response, list) else []:
                if isinstance(lead, dict) and clean_lead_id(lead.get(PROSPECT_ID)) is not None:
                    yield lead

    def read_leads(self, ids: Sequence[str], columns: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Some columns of leads, by `id_key` of their id.

        Args:
            ids: At most `MAX_IDS_A_CALL`.
            columns: Names of lead fields.

        Raises:
            CallRejectedError: LeadSquared rejected the call, or its response is no list of leads.
        """
        body = {
            "SearchParameters": {"LeadIds": list(ids)},
            "Columns": {"Include_CSV": ",".join([PROSPECT_ID, *columns])},
            "Paging": {"PageIndex": 1, "PageSize": MAX_IDS_A_CALL},
        }
        response = self._session.call("POST", BY_IDS, json=body)
        rows = response.get("Leads") if isinstance(response, dict) else None
        if not isinstance(rows, list):
            # A response without the list proves of no lead that it does not exist.
            raise CallRejectedError(status=200, code="NoLeads", call="Leads/Retrieve/ByIds")
        found = [row for row in rows if isinstance(row, dict)]
        return {id_key(lead_id): row for row in found if (lead_id := clean_lead_id(row.get(PROSPECT_ID))) is not None}

    def _rows(
        self, path: str, leads: Sequence[Sequence[Attribute]], identifiers: Collection[str], retry: Retry
    ) -> list[Outcome]:
        outcomes: dict[int, Outcome] = {}

        def call(places: Sequence[int]) -> list[Outcome | None]:
            response = self._session.call("POST", path, json=[list(leads[place]) for place in places], retry=retry)
            return read_rows(response, len(places), identifiers)

        self._until_no_row_is_limited(len(leads), call, outcomes)
        return [outcomes[place] for place in range(len(leads))]

    def _until_no_row_is_limited(
        self, leads: int, call: Callable[[Sequence[int]], list[Outcome | None]], outcomes: dict[int, Outcome]
    ) -> None:
        """Make a bulk call; rows that were rejected for the rate limit are sent again.

        Raises:
            PartlySentError: The rest of the leads could not be sent.
            ConnectorError: None of them could be sent.
        """
        left = list(range(leads))
        for attempt in range(MAX_TRIES):
            try:
                if attempt:
                    self._session.quota.pause(self._session.quota.longest_window())
                    self._session.count_retry()
                rows = call(left)
            except ConnectorError as error:
                if outcomes:
                    raise PartlySentError(outcomes, error) from error
                raise
            outcomes.update({place: row for place, row in zip(left, rows, strict=True) if row is not None})
            left = [place for place, row in zip(left, rows, strict=True) if row is None]
            if not left:
                return
        msg = "LeadSquared keeps rejecting single rows for its rate limit. Nothing is lost: run again later."
        raise PartlySentError(outcomes, TransientError(msg))
