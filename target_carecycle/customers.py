"""Looks customers up in CareCycle before something is written about them (docs/api/carecycle.md, 1.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lead_connectors.carecycle import UNAUTHORIZED
from lead_connectors.http.errors import CallRejectedError, DeniedError
from lead_connectors.http.session import ApiSession
from target_carecycle.upload_record import EXTERNAL_ID, PHONE

CUSTOMERS = "/v2/customers"
CUSTOMER_EXTERNAL_ID = "clientCustomerId"
MAX_PAGE = 100


def find_customer(session: ApiSession, fields: Mapping[str, Any]) -> str | None:
    """Return the id of the customer who has a lead's own external id, searched by phone and e-mail.

    Args:
        session: The account's session.
        fields: The lead's fields, less what belongs to another one.

    Returns:
        The id; None where nobody is found, or where the key may not list customers.

    Raises:
        DeniedError: The key is not known.
    """
    external_id = fields.get(EXTERNAL_ID)
    texts = [str(fields[name]) for name in (PHONE, "email") if fields.get(name)]
    for text in texts if external_id else []:
        for customer in _search(session, text):
            found = customer.get("id")
            if customer.get(CUSTOMER_EXTERNAL_ID) == external_id and isinstance(found, str) and found:
                return found
    return None


def _search(session: ApiSession, text: str) -> list[dict[str, Any]]:
    try:
        page = session.call("GET", CUSTOMERS, params={"search": text, "limit": str(MAX_PAGE)})
    except (DeniedError, CallRejectedError) as error:
        if error.status == UNAUTHORIZED:
            raise
        return []
    items = page.get("items") if isinstance(page, dict) else None
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
