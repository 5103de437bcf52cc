"""The mapping held against the account's own lead fields, before the first write.

One unknown attribute makes LeadSquared refuse a whole lead (`api/leadsquared.md` 7), so what the account does not have
is left out here, or stops the run.
"""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from api_session.errors import ApiSessionError, DeniedError, SettingsError, UnexpectedAnswerError
from api_session.session import ApiSession
from lead_delivery.mapping import FieldMap
from lead_delivery.schema_paths import nearest
from target_leadsquared.attributes import AUTO, NONE, PROSPECT_ID, identifiers

logger = logging.getLogger("target-leadsquared")

METADATA = "/v2/LeadManagement.svc/LeadsMetaData.Get"
USER_BY_KEY = "/v2/Authentication.svc/UserByAccessKey.Get"
HOST = re.compile(r"\bapi(?:-[a-z0-9]+)?\.leadsquared\.com\b", re.IGNORECASE)
OFF, STRICT = "off", "strict"


def fetch_metadata(session: ApiSession) -> list[dict[str, Any]]:
    """Read the account's lead fields, one call.

    Raises:
        UnexpectedAnswerError: The answer is no list of fields.
    """
    answer = session.call("GET", METADATA)
    fields = (
        [row for row in answer if isinstance(row, dict) and row.get("SchemaName")] if isinstance(answer, list) else []
    )
    if not fields:
        msg = "LeadSquared's list of lead fields (LeadsMetaData.Get) is empty. Try again, or set preflight: off."
        raise UnexpectedAnswerError(msg)
    return fields


def fit_to_account(field_map: FieldMap, metadata: Sequence[Mapping[str, Any]], search_by: str, mode: str) -> FieldMap:
    """Leave out what the account does not have.

    Args:
        field_map: A stream's map.
        metadata: The rows of ``LeadsMetaData.Get``; empty with `preflight: off`.
        search_by: The setting.
        mode: The setting `preflight`.

    Returns:
        The map less the fields that would make LeadSquared refuse every lead.

    Raises:
        SettingsError: With `strict`, for any field that the account lacks; in every mode for an opt-out and for the
            field to search by, without which nobody should be written.
    """
    if mode == OFF:
        return field_map.without(field_map.optional)
    known = {str(row["SchemaName"]) for row in metadata}
    if search_by not in {AUTO, NONE, "ProspectId", PROSPECT_ID}:
        _check_search_by(search_by, known, metadata)
    lacking = sorted(field_map.fields - known - {PROSPECT_ID})
    optional = [name for name in lacking if name in field_map.optional]
    wanted = [name for name in lacking if name not in field_map.optional]
    for name in wanted:
        sentence = f"LeadSquared has no lead field {name}{nearest(name, known)}"
        if mode == STRICT or name in field_map.opt_outs:
            msg = f"{sentence}. Mend field_map.{field_map.stream}.{name}, or take the field out with false."
            raise SettingsError(msg)
        logger.warning("%s: it is left out.", sentence)
    if optional:
        logger.info("Left out, for this account has no such lead fields: %s.", ", ".join(optional))
    return field_map.without(lacking)


def _check_search_by(search_by: str, known: set[str], metadata: Sequence[Mapping[str, Any]]) -> None:
    if search_by not in known:
        msg = f"search_by: LeadSquared has no lead field {search_by}{nearest(search_by, known)}."
        raise SettingsError(msg)
    if search_by not in identifiers(metadata):
        logger.warning("search_by: %s does not identify a lead in this account: leads may be merged.", search_by)


def right_host(error: DeniedError, session: ApiSession, used: str) -> str | None:
    """The account's own API host, from the refusal's text or from ``UserByAccessKey.Get``, which any host answers."""
    texts = [str(error.body)]
    with contextlib.suppress(ApiSessionError):
        texts.append(str(session.call("GET", USER_BY_KEY)))
    hosts = {host.lower() for text in texts for host in HOST.findall(text)} - {used.lower()}
    return min(hosts) if hosts else None
