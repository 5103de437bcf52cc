"""Creates leads without duplicates: after an ambiguous response it looks before it sends again."""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from lead_connectors.delivery.errors import PartlySentError
from lead_connectors.delivery.outcome import Outcome, Status, rejected
from lead_connectors.http.errors import AmbiguousError, CallRejectedError
from lead_connectors.plugin.errors import ConnectorError
from lead_connectors.reject_codes import RejectCode
from target_leadsquared.attributes import DEFAULT_IDENTIFIERS, PHONES, Attribute, is_same
from target_leadsquared.client import LeadSquaredClient
from target_leadsquared.lead_fields import SEARCH_BY
from target_leadsquared.response import NO_ROW, clean_lead_id

logger = logging.getLogger("target-leadsquared")

DISTINGUISHING_FIELDS = ("EmailAddress", "FirstName", "LastName")
"""These tell a lead from another one that has the same phone, such as a spouse's."""
CREATED_BEFORE = dt.timedelta(minutes=10)
"""A lead that is older than this when it is found after an ambiguous create was there before; clocks may differ."""


def create_leads(
    client: LeadSquaredClient, leads: Sequence[Sequence[Attribute]], identifiers: Collection[str]
) -> list[Outcome]:
    """Create leads in one call, and again those that an ambiguous call did not create.

    Args:
        client: Makes the calls.
        leads: The attributes of each lead.
        identifiers: The account's unique fields, to tell which one is in conflict.

    Returns:
        One outcome a lead, in order.

    Raises:
        CallRejectedError: LeadSquared rejected the call as a whole.
        ConnectorError: The run has to end.
    """
    outcomes: dict[int, Outcome] = {}
    try:
        _create(client, leads, identifiers, outcomes)
    except ConnectorError as error:
        if not outcomes:
            raise
        raise PartlySentError(outcomes, error) from error
    return [outcomes[place] for place in range(len(leads))]


def _create(
    client: LeadSquaredClient,
    leads: Sequence[Sequence[Attribute]],
    identifiers: Collection[str],
    outcomes: dict[int, Outcome],
) -> None:
    left = list(range(len(leads)))
    first_fault: float | None = None
    attempt = 0
    sent_at = dt.datetime.now(tz=dt.timezone.utc)
    while left:
        try:
            rows = client.bulk_create([leads[place] for place in left], identifiers)
        except AmbiguousError as error:
            first_fault = time.monotonic() if first_fault is None else first_fault
            attempt += 1
            # Wait first: a call that timed out may arrive a little after its caller gave up.
            client.wait_to_retry(attempt, first_fault)
            logger.warning("%s. Looking for %d leads before any is sent again.", error, len(left))
            for place in left:
                if (outcome := _created(client, leads[place], sent_at)) is not None:
                    outcomes[place] = outcome
        except PartlySentError as error:
            outcomes |= {left[position]: outcome for position, outcome in error.outcomes.items()}
            raise error.error from error
        else:
            outcomes |= dict(zip(left, rows, strict=True))
        left = [place for place in left if place not in outcomes]


def _created(client: LeadSquaredClient, lead: Sequence[Attribute], sent_at: dt.datetime) -> Outcome | None:
    """What became of a create: its outcome, or None where the lead is not there and may be sent again."""
    values = {pair["Attribute"]: pair["Value"] for pair in lead if pair["Attribute"] != SEARCH_BY}
    emails = [str(email) for email in [values.get("EmailAddress")] if email]
    phones = [str(phone) for phone in (values.get("Phone"), values.get("Mobile")) if phone]
    if not emails and not phones:
        return rejected(RejectCode.NO_RESPONSE, f"{NO_ROW}, and it has no e-mail or phone to look for")
    try:
        found = client.find(emails, phones)
    except CallRejectedError as error:
        # Passed on, it would look like a rejection of the create, and the lead would be sent again.
        return rejected(RejectCode.NO_RESPONSE, f"{NO_ROW}, and looking for it was rejected ({error.code})")
    return None if found is None else _compared(found, values, sent_at)


def _compared(found: dict[str, Any], values: dict[str, Any], sent_at: dt.datetime) -> Outcome:
    """Whether a lead that was found by an e-mail or phone is the one that was sent, or another person's."""
    for name in DISTINGUISHING_FIELDS:
        if values.get(name) and str(values[name]).casefold() != str(found.get(name) or "").casefold():
            return _conflict("another lead has this e-mail or phone", found, values)
    try:
        created = dt.datetime.strptime(f"{str(found.get('CreatedOn'))[:19]} +0000", "%Y-%m-%d %H:%M:%S %z")
    except ValueError:
        created = None
    if created is not None and created < sent_at - CREATED_BEFORE:
        return _conflict("a lead with this e-mail or phone was there before", found, values)
    return Outcome(Status.CREATED, lead_id=clean_lead_id(found["ProspectID"]))


def _conflict(reason: str, found: Mapping[str, Any], values: Mapping[str, Any]) -> Outcome:
    """A conflict in the fields that the lead shares with the one that was found."""
    theirs = [
        name
        for name in DEFAULT_IDENTIFIERS
        for other in (PHONES if name in PHONES else (name,))
        if is_same(name, values.get(name), found.get(other))
    ]
    return rejected(RejectCode.CONFLICT, reason, conflicting_fields=tuple(dict.fromkeys(theirs)))
