"""The account's custom fields: read before the first upload, and the mapping checked against them.

The upload's other fields are the same for every account and are checked with the setting. CareCycle rejects a record
with an unknown key, or drops the key without a word.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lead_connectors.field_map.field_map import FieldMap
from lead_connectors.field_map.messages import did_you_mean, with_full_stop
from lead_connectors.http.errors import CallRejectedError, DeniedError
from lead_connectors.http.session import ApiSession
from lead_connectors.plugin.errors import SettingsError
from target_carecycle.upload_record import CUSTOM_FIELDS, PHONE, PLACES

logger = logging.getLogger("target-carecycle")

CUSTOM_FIELDS_PATH = "/v2/custom-fields"
PAGE_SIZE, MAX_PAGES = 100, 2
UNAUTHORIZED = 401


@dataclass(frozen=True)
class CustomFields:
    """An account's custom fields.

    Attributes:
        definitions: Those that were read, by key.
        is_complete: Whether these are all; if not, other keys may exist.
    """

    definitions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    is_complete: bool = False


def fetch_custom_fields(session: ApiSession) -> CustomFields:
    """Read the account's custom fields in at most two calls.

    Returns:
        The fields; not `is_complete` where the API key may not read them, or where there are more.

    Raises:
        SettingsError: CareCycle does not know the API key.
    """
    found: dict[str, Mapping[str, Any]] = {}
    for page in range(1, MAX_PAGES + 1):
        params = {"page": str(page), "limit": str(PAGE_SIZE)}
        try:
            response = session.call("GET", CUSTOM_FIELDS_PATH, params=params)
        except (DeniedError, CallRejectedError) as error:
            if error.status == UNAUTHORIZED:
                raise
            logger.warning(
                "The API key cannot read the account's custom fields (HTTP %d): customFields are not "
                "checked. Give it the permission, or check their spelling yourself.",
                error.status,
            )
            return CustomFields()
        items = response.get("items") if isinstance(response, dict) else None
        if not isinstance(response, dict) or not isinstance(items, list) or response.get("currentPage", page) != page:
            logger.warning("CareCycle's list of custom fields cannot be read: customFields are not checked.")
            return CustomFields()
        found.update(
            (item["fieldKey"], _usable(item))
            for item in items
            if isinstance(item, dict) and isinstance(item.get("fieldKey"), str) and item["fieldKey"]
        )
        if len(items) < PAGE_SIZE and not response.get("nextPage"):
            return CustomFields(found, is_complete=True)
    return CustomFields(found)


def _usable(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Return a definition whose options are texts, whatever the response holds in their place."""
    options = definition.get("options")
    texts = [option for option in options if isinstance(option, str)] if isinstance(options, list) else []
    kind = definition.get("fieldType")
    return {"fieldType": kind if isinstance(kind, str) else "", "options": texts}


def maps_custom_fields(setting: Any) -> bool:
    """Tell whether the setting `field_map`, as it is written, names custom fields anywhere."""
    maps = setting.values() if isinstance(setting, Mapping) else ()
    return any(isinstance(sources, Mapping) and sources.get(CUSTOM_FIELDS) for sources in maps)


def mapped_keys(field_map: FieldMap) -> list[str]:
    """Return the keys of custom fields that a map fills."""
    return sorted(part.field for rule in field_map.rules if rule.field == CUSTOM_FIELDS for part in rule.group)


def check_keys(field_map: FieldMap, known: CustomFields) -> None:
    """Check a map's custom fields against the account's.

    Args:
        field_map: A stream's map.
        known: What `fetch_custom_fields` returned.

    Raises:
        SettingsError: The account has no such custom field; the sentence names the nearest.
    """
    lacking = [key for key in mapped_keys(field_map) if key not in known.definitions]
    if not lacking:
        return
    if known.is_complete:
        wrong = [
            f"field_map.{field_map.stream}.{CUSTOM_FIELDS}.fields: CareCycle has no custom field "
            f"'{key}'{did_you_mean(key, known.definitions)}"
            for key in lacking
        ]
        raise SettingsError(" ".join(map(with_full_stop, wrong)))
    if known.definitions:
        count = len(known.definitions)
        logger.warning("Custom fields that are not among the account's first %d: %s.", count, ", ".join(lacking))


def what_is_missing(field_map: FieldMap) -> list[str]:
    """Return sentences on what every record of the stream will lack."""
    missing = []
    if PHONE not in field_map.fields:
        missing.append(PHONE)
    if not field_map.fields.intersection(PLACES):
        missing.append(" or ".join(PLACES))
    return [
        f"Stream {field_map.stream}: nothing fills {what}, without which every record is rejected." for what in missing
    ]
