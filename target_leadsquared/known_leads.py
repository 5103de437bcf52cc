"""Leads that LeadSquared has: updated by their id, looked up, and read back (docs/api/leadsquared.md, 1 and 6).

They go by Lead/Bulk/UpdateV2, which never creates a lead. An account without it updates them by create-or-update with
SearchBy of the id; no page says what that does with an id that no longer exists, so the id in its response is checked.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from lead_connectors.delivery.errors import PartlySentError
from lead_connectors.delivery.outcome import Outcome, id_key, rejected
from lead_connectors.http.errors import CallRejectedError, DeniedError
from lead_connectors.plugin.errors import ConnectorError
from lead_connectors.reject_codes import RejectCode
from target_leadsquared.account import UNAUTHORIZED
from target_leadsquared.attributes import (
    PHONES,
    PROSPECT_ID,
    PROSPECT_ID_KEY,
    Attribute,
    by_id,
    is_same,
)
from target_leadsquared.client import LeadSquaredClient, Named
from target_leadsquared.response import clean_lead_id, read_rejection

logger = logging.getLogger("target-leadsquared")

UNKNOWN_SPELLING = re.compile(r"(\w+: )?invalid searchby", re.IGNORECASE)
EMAIL = "EmailAddress"
GONE = "its lead no longer exists"
NOT_READ = "the keys' user may not read whether the lead exists"
NO_PERMISSION = "the lead exists, and the keys' user may not update it"


class KnownLeads:
    """The calls of one account that change no lead but the one that is named.

    Args:
        client: Makes the calls.
        key: How SearchBy spells the lead's id: ProspectId, or ProspectID.
        may_create: Whether a call that can create a lead may be made for one that was there.
    """

    def __init__(self, client: LeadSquaredClient, key: str = PROSPECT_ID_KEY, *, may_create: bool = True) -> None:
        self._client = client
        self._id_keys = [key, *({PROSPECT_ID_KEY, PROSPECT_ID} - {key})]
        self._may_create = may_create
        # Events, because several threads read them: each goes one way, once.
        self._lacks_bulk_update = threading.Event()
        self._spells_otherwise = threading.Event()

    def update(
        self, leads: Sequence[Named], identifiers: Collection[str], *, never_create: Collection[str] = ()
    ) -> list[Outcome]:
        """Update leads by their ids, 25 at most.

        Args:
            leads: The id and the attributes of each lead.
            identifiers: The account's unique fields, to tell which one is in conflict.
            never_create: Ids of leads of which an empty lead would be created, such as by opt-outs alone.

        Returns:
            One outcome a lead, in order; `not_found` only where the lead does not exist any more.

        Raises:
            CallRejectedError: LeadSquared rejected the call as a whole.
            ConnectorError: The run has to end.
        """

        def call() -> list[Outcome]:
            outcomes = self._bulk_update(leads, identifiers)
            return self._upsert_by_id(leads, identifiers, never_create) if outcomes is None else outcomes

        return self._proven(call, [lead_id for lead_id, _ in leads], identifiers)

    def update_single(self, lead: Named, *, post_updated_lead: bool) -> Outcome:
        """Update one lead by its id, with the account's automations where they are asked for. As `update`."""
        lead_id, attributes = lead

        def call(id_key: str) -> list[Outcome]:
            body = by_id(attributes, lead_id, id_key)
            return [self._client.upsert_single(body, post_updated_lead=post_updated_lead)]

        return self._proven(lambda: self._in_one_spelling(call), [lead_id])[0]

    def update_found(self, leads: Sequence[Named], search_by: str, identifiers: Collection[str]) -> list[Outcome]:
        """Update leads that a unique field finds, 25 at most; arguments and errors as `update`.

        Raises:
            SettingsError: The account does not have the call: what it would not find, no other call may create.
        """
        return self._client.bulk_update(leads, None if search_by == PROSPECT_ID else search_by, identifiers)

    def find(self, fields: Mapping[str, Any], search_by: str | None) -> str | None:
        """The id of the lead that LeadSquared finds by a field, looked up by e-mail or phone.

        Args:
            fields: API field to value, less what belongs to another lead.
            search_by: The field that finds the lead.

        Raises:
            CallRejectedError: Nobody was found, and not every look-up was answered.
        """
        rejection: CallRejectedError | None = None
        phones = [str(fields[name]) for name in PHONES if fields.get(name)]
        emails = [str(fields[EMAIL])] if fields.get(EMAIL) else []
        if search_by == EMAIL:
            phones = []
        elif search_by in PHONES:
            emails, phones = [], [str(fields[search_by])]
        for lookup in [*(([email], []) for email in emails), *(([], [phone]) for phone in phones)]:
            # What is rejected here is one lead's own fault, and what is denied finds nobody.
            try:
                for lead in self._client.find_all(*lookup):
                    if _is_found(lead, fields, search_by):
                        return clean_lead_id(lead.get(PROSPECT_ID))
            except CallRejectedError as error:
                rejection = error
            except DeniedError as error:
                if error.status == UNAUTHORIZED:
                    raise
                rejection = CallRejectedError(status=error.status, code="Denied")
        if rejection is not None:
            raise rejection
        return None

    def read(self, fields_by_id: Mapping[str, frozenset[str]], true_words: Collection[str]) -> dict[str, bool]:
        """By the id of each lead that exists: whether its fields are true.

        Args:
            fields_by_id: Lead id to fields, at most `MAX_IDS_A_CALL`.
            true_words: How the account may write true, in lower case.
        """
        columns = sorted({name for fields in fields_by_id.values() for name in fields})
        leads = self._client.read_leads(list(fields_by_id), columns)
        return {
            lead_id: all(str(leads[id_key(lead_id)].get(name)).strip().lower() in true_words for name in fields)
            for lead_id, fields in fields_by_id.items()
            if id_key(lead_id) in leads
        }

    def _bulk_update(self, leads: Sequence[Named], identifiers: Collection[str]) -> list[Outcome] | None:
        """Update by UpdateV2; None where the account does not have it."""
        if self._lacks_bulk_update.is_set():
            return None
        try:
            return self._client.bulk_update(leads, None, identifiers)
        except DeniedError as error:
            if error.status == UNAUTHORIZED:
                raise
        except CallRejectedError as error:
            if error.status not in {403, 404, 405} and error.code not in {
                "MXUnAuthorizedAccessException",
                "MXUnauthorizedRequestException",
            }:
                raise
        if not self._lacks_bulk_update.is_set():
            self._lacks_bulk_update.set()
            logger.warning(
                "LeadSquared does not offer Lead/Bulk/UpdateV2 to these keys. Known leads are updated by "
                "CreateOrUpdate with SearchBy of their id instead."
            )
        return None

    def _upsert_by_id(
        self, leads: Sequence[Named], identifiers: Collection[str], never_create: Collection[str]
    ) -> list[Outcome]:
        """Create-or-update by id; who must not be created is read first, for an id that is gone may create a lead."""
        asked = [lead_id for lead_id, _ in leads if not self._may_create or lead_id in never_create]
        there = self._there(asked) if asked else None
        gone = set() if there is None else {id_key(lead_id) for lead_id in asked} - set(there)
        left = [(lead_id, attributes) for lead_id, attributes in leads if id_key(lead_id) not in gone]

        def call(key: str) -> list[Outcome]:
            bodies = [by_id(attributes, lead_id, key) for lead_id, attributes in left]
            return self._client.bulk_upsert(bodies, identifiers)

        updated = iter(self._in_one_spelling(call) if left else [])
        is_gone = rejected(RejectCode.NOT_FOUND, GONE)
        return [is_gone if id_key(lead_id) in gone else next(updated) for lead_id, _ in leads]

    def _there(self, lead_ids: Sequence[str]) -> Collection[str] | None:
        """Which of these leads exist, by `id_key`; None where the account does not let them be read."""
        try:
            return self._client.read_leads(lead_ids, []).keys()
        except CallRejectedError:
            return None
        except DeniedError as error:
            if error.status == UNAUTHORIZED:
                raise
            return None

    def _in_one_spelling(self, call: Any) -> list[Outcome]:
        """Make a call with the id as SearchBy; where LeadSquared does not know the spelling, once in the other one."""
        first, other = self._id_keys
        if not self._spells_otherwise.is_set():
            try:
                outcomes: list[Outcome] = call(first)
            except CallRejectedError as error:
                if not UNKNOWN_SPELLING.match(read_rejection(error.body, error.code).reason):
                    raise
            else:
                if not any(UNKNOWN_SPELLING.match(outcome.reason) for outcome in outcomes):
                    return outcomes
            self._spells_otherwise.set()
        return list(call(other))

    def _proven(
        self, call: Callable[[], list[Outcome]], lead_ids: Sequence[str], identifiers: Collection[str] = ()
    ) -> list[Outcome]:
        """Make a call; no lead counts as gone without a proof, however the call ends."""
        try:
            outcomes = call()
        except PartlySentError as error:
            known = {place: one for place, one in error.outcomes.items() if not _is_doubtful(one, lead_ids[place])}
            if not known:
                raise error.error from error
            raise PartlySentError(known, error.error) from error
        except CallRejectedError as error:
            outcomes = [read_rejection(error.body, error.code, identifiers, status=error.status)]
            if len(lead_ids) > 1 or not _is_doubtful(outcomes[0], lead_ids[0]):
                raise
        return self._with_proof(outcomes, lead_ids)

    def _with_proof(self, outcomes: list[Outcome], lead_ids: Sequence[str]) -> list[Outcome]:
        """`not_found` for leads that reading does not find either, and for no other.

        A lead that is not found may lack a permission. And where create-or-update wrote to another lead, it may have
        created it, because the one that was asked for is gone.
        """
        doubtful = {
            place: lead_id
            for place, (outcome, lead_id) in enumerate(zip(outcomes, lead_ids, strict=True))
            if _is_doubtful(outcome, lead_id)
        }
        if not doubtful:
            return outcomes
        try:
            there = self._there(list(doubtful.values()))
        except ConnectorError as error:
            known = {place: outcome for place, outcome in enumerate(outcomes) if place not in doubtful}
            raise PartlySentError(known, error) from error
        for place, lead_id in doubtful.items():
            is_gone = there is not None and id_key(lead_id) not in there
            if is_gone and outcomes[place].is_delivered:
                outcomes[place] = rejected(RejectCode.NOT_FOUND, GONE)
            elif not is_gone and not outcomes[place].is_delivered:
                why = NOT_READ if there is None else NO_PERMISSION
                outcomes[place] = rejected(RejectCode.PERMISSION, f"{outcomes[place].reason}; {why}")
        return outcomes


def _is_found(lead: Mapping[str, Any], fields: Mapping[str, Any], search_by: str | None) -> bool:
    """Whether a lead that LeadSquared returned really has the value that it was looked for by."""
    if search_by is not None:
        return is_same(search_by, lead.get(search_by), fields.get(search_by))
    pairs = [(EMAIL, EMAIL), *((theirs, ours) for theirs in PHONES for ours in PHONES)]
    return any(is_same(theirs, lead.get(theirs), fields.get(ours)) for theirs, ours in pairs)


def _is_doubtful(outcome: Outcome, lead_id: str) -> bool:
    """Whether the lead may be gone: it was not found, or another one was written to."""
    is_other = outcome.is_delivered and outcome.lead_id is not None and id_key(outcome.lead_id) != id_key(lead_id)
    return is_other or (outcome.code is RejectCode.NOT_FOUND and outcome.reason != GONE)


def update_attributes(attributes: Sequence[Attribute], search_by: str | None) -> Named:
    """Take the value that names a lead out of its attributes."""
    value = next(str(pair["Value"]) for pair in attributes if pair["Attribute"] == search_by)
    return value, [pair for pair in attributes if pair["Attribute"] != search_by]
