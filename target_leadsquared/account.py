"""What LeadSquared says about the account: whose keys these are, on which host, and its lead fields."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from lead_connectors.http.errors import CallRejectedError, DeniedError, UnexpectedResponseError
from lead_connectors.http.session import ApiSession
from lead_connectors.plugin.errors import ConnectorError, SettingsError
from target_leadsquared.errors import KEYS_ADVICE, METADATA_ADVICE

METADATA = "/v2/LeadManagement.svc/LeadsMetaData.Get"
USER_BY_KEY = "/v2/Authentication.svc/UserByAccessKey.Get"
HOST = re.compile(r"\bapi(?:-[a-z0-9]+)?\.leadsquared\.com\b", re.IGNORECASE)
ORGANISATION_KEYS = ("OrgId", "OrgShortCode")
UNAUTHORIZED = 401


def fetch_metadata(session: ApiSession) -> list[dict[str, Any]]:
    """Read the account's lead fields, one call.

    Raises:
        SettingsError: The keys do not belong to this host, or may not read the fields.
        UnexpectedResponseError: The response is no list of fields.
    """
    try:
        response = session.call("GET", METADATA)
    except DeniedError as error:
        raise explained(error, session) from error
    except CallRejectedError as error:
        msg = f"LeadSquared rejected GET LeadsMetaData.Get ({error.code}). {METADATA_ADVICE}"
        raise SettingsError(msg) from error
    rows = response if isinstance(response, list) else []
    fields = [row for row in rows if isinstance(row, dict) and isinstance(row.get("SchemaName"), str)]
    fields = [row for row in fields if row["SchemaName"]]
    if not fields:
        msg = "LeadSquared's list of lead fields (LeadsMetaData.Get) is empty. Try again, or set preflight: off."
        raise UnexpectedResponseError(msg)
    return fields


def ask_whose_keys(session: ApiSession) -> str | None:
    """Check the keys with a harmless call.

    Returns:
        The name of the account's organisation, where LeadSquared names it.

    Raises:
        SettingsError: The keys are not known, or belong to another host, which the sentence names.
    """
    try:
        response = session.call("GET", USER_BY_KEY)
    except DeniedError as error:
        raise explained(error, session) from error
    except CallRejectedError as error:
        msg = f"LeadSquared rejected GET UserByAccessKey.Get ({error.code}). {KEYS_ADVICE}"
        raise SettingsError(msg) from error
    used = urlsplit(session.base_url).netloc.lower()
    # any of the vendor's hosts answers this call, the wrong one too
    right = _hosts(response) - {used}
    if HOST.fullmatch(used) and right and used not in _hosts(response):
        raise _other_host(min(right))
    name = response.get("OrgDisplayName") if isinstance(response, dict) else None
    return name if isinstance(name, str) and name else None


def organisation(session: ApiSession) -> str | None:
    """Ask which organisation the keys belong to, one call: it stays the same when keys are rotated.

    Returns:
        Its id, else its short code; None where LeadSquared does not tell.

    Raises:
        SettingsError: The keys are not known.
    """
    try:
        response = session.call("GET", USER_BY_KEY)
    except CallRejectedError:
        return None
    except DeniedError as error:
        if error.status == UNAUTHORIZED:
            raise explained(error, session) from error
        return None
    for key in ORGANISATION_KEYS:
        value = response.get(key) if isinstance(response, dict) else None
        text = str(value).strip("{} ").lower() if isinstance(value, (str, int)) else ""
        if text.strip("0-") and not isinstance(value, bool):
            return text
    return None


def explained(error: DeniedError, session: ApiSession) -> SettingsError:
    """The error with the account's right host, where LeadSquared names it in the response or to `USER_BY_KEY`."""
    if error.status != UNAUTHORIZED:
        return error
    hosts = _hosts(error.body)
    if not hosts:
        with contextlib.suppress(ConnectorError):
            hosts = _hosts(session.call("GET", USER_BY_KEY))
    hosts -= {urlsplit(session.base_url).netloc.lower()}
    return _other_host(min(hosts)) if hosts else error


def _hosts(response: Any) -> set[str]:
    return {host.lower() for text in _texts(response) for host in HOST.findall(text)}


def _texts(response: Any) -> Iterator[str]:
    """Yield all texts of a response, however deep they are."""
    left = [response]
    while left:
        value = left.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            left += value.values()
        elif isinstance(value, list):
            left += value


def _other_host(host: str) -> SettingsError:
    return SettingsError(f"LeadSquared knows these keys on another host: set api_url to {host}.")
