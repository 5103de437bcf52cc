"""What LeadSquared says about the account: whose keys these are, on which host, and its lead fields."""

from __future__ import annotations

import contextlib
import re
from typing import Any
from urllib.parse import urlsplit

from lead_connectors.http.errors import DeniedError, UnexpectedResponseError
from lead_connectors.http.session import ApiSession
from lead_connectors.plugin.errors import ConnectorError, SettingsError

METADATA = "/v2/LeadManagement.svc/LeadsMetaData.Get"
USER_BY_KEY = "/v2/Authentication.svc/UserByAccessKey.Get"
HOST = re.compile(r"\bapi(?:-[a-z0-9]+)?\.leadsquared\.com\b", re.IGNORECASE)
UNAUTHORIZED, FORBIDDEN = 401, 403


def fetch_metadata(session: ApiSession) -> list[dict[str, Any]]:
    """Read the account's lead fields, one call.

    Raises:
        SettingsError: The keys do not belong to this host, or may not read the fields.
        UnexpectedResponseError: The response is no list of fields.
    """
    try:
        response = session.call("GET", METADATA)
    except DeniedError as error:
        if error.status == FORBIDDEN:
            msg = (
                "The keys' user may not read the account's lead fields (LeadsMetaData.Get): use an administrator's "
                "keys, or set preflight: off to write without checking the mapping."
            )
            raise SettingsError(msg) from error
        raise explained(error, session) from error
    fields = (
        [row for row in response if isinstance(row, dict) and row.get("SchemaName")]
        if isinstance(response, list)
        else []
    )
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
    used = urlsplit(session.base_url).netloc.lower()
    # any of the vendor's hosts answers this call, the wrong one too
    right = _hosts(response) - {used}
    if HOST.fullmatch(used) and right and used not in _hosts(response):
        raise _other_host(min(right))
    name = response.get("OrgDisplayName") if isinstance(response, dict) else None
    return name if isinstance(name, str) and name else None


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
    return {host.lower() for host in HOST.findall(str(response))}


def _other_host(host: str) -> SettingsError:
    return SettingsError(f"LeadSquared knows these keys on another host: set api_url to {host}.")
