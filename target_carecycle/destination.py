"""A CareCycle account as delivery needs it: leads are uploaded, up to 100 a call (docs/api/carecycle.md, 2)."""

from __future__ import annotations

import logging
import re
import threading
import uuid
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from typing_extensions import override

from lead_connectors import carecycle
from lead_connectors.carecycle import FORBIDDEN
from lead_connectors.delivery.destination import Destination, FindsLeads, FittedMap, Prepared
from lead_connectors.delivery.outcome import Outcome
from lead_connectors.delivery.plan import Find, OptOutsOnly, Send
from lead_connectors.field_map.api_fields import ApiFields
from lead_connectors.field_map.builtin import BuiltinMaps, load_builtin_maps
from lead_connectors.field_map.config import ANY_STREAM
from lead_connectors.field_map.field_map import FieldMap
from lead_connectors.field_map.mapped import Mapped
from lead_connectors.http.errors import (
    AmbiguousError,
    CallRejectedError,
    DeniedError,
    StoppedError,
    TransientError,
)
from lead_connectors.http.session import ApiSession, Retry
from lead_connectors.plugin.errors import SettingsError
from target_carecycle.api_fields import upload_fields
from target_carecycle.custom_fields import (
    CUSTOM_FIELDS_PATH,
    CustomFields,
    check_keys,
    fetch_custom_fields,
    mapped_keys,
    maps_custom_fields,
    what_is_missing,
)
from target_carecycle.customers import find_customer
from target_carecycle.response import named_records, read_rejection, read_upload
from target_carecycle.upload_record import (
    EXTERNAL_ID,
    PHONE,
    build_record,
    check_fields,
    external_id,
    opt_out_fields,
)

logger = logging.getLogger("target-carecycle")

UPLOAD = "/v2/leads/upload"
ROWS_A_CALL = 100
MAX_RETRIES = 3
"""An upload may start outreach and cost `leadCost`: after ambiguous responses it is sent again so often and no more."""
SECONDS_BETWEEN = 2.0
POLICIES = "policies"
RECOGNISED = "customers"
"""The usual name of the stream whose built-in map fills externalId."""
DISTINGUISHING_FIELDS = (PHONE, "email", "firstName", "lastName", "dateOfBirth")
"""What tells people apart where a record has no key."""


class CareCycleDestination(Destination, FindsLeads):
    """See `Destination`.

    Args:
        config: The target's settings.
        session: The account's session.
        stopping: Set when the run is being stopped.
    """

    def __init__(self, config: Mapping[str, Any], session: ApiSession, stopping: threading.Event) -> None:
        self.session = session
        self.batch_size = config.get("batch_size_rows") or ROWS_A_CALL
        self._config = config
        self._stopping = stopping

    # The map

    @cached_property
    @override
    def api_fields(self) -> ApiFields:
        """The fields of the upload, with the account's custom fields where a map fills them."""
        is_mapped = maps_custom_fields(self._config.get("field_map"))
        return upload_fields(self._config["default_country"], self._custom_fields.definitions if is_mapped else {})

    @cached_property
    @override
    def documented_fields(self) -> ApiFields:
        """The fields of the upload."""
        return upload_fields(self._config["default_country"])

    @property
    @override
    def builtin_maps(self) -> BuiltinMaps:
        """The maps in the folder `mappings`."""
        return load_builtin_maps("target_carecycle")

    @cached_property
    def _custom_fields(self) -> CustomFields:
        """The account's custom fields, read once a run, where a map fills one."""
        return fetch_custom_fields(self.session)

    @override
    def fit_to_account(self, field_map: FieldMap) -> FittedMap:
        """The map, its custom fields known to the account."""
        if mapped_keys(field_map):
            check_keys(field_map, self._custom_fields)
        return FittedMap(field_map, warnings=what_is_missing(field_map))

    @override
    def check_settings(self) -> None:
        """Check that streams named in the settings do not share external ids, before anything is uploaded."""
        maps = self._config.get("field_map") or {}
        if EXTERNAL_ID in maps.get(ANY_STREAM, {}):
            return
        named = [*maps, *(self._config.get("streams") or [])]
        known_by_key = [
            stream
            for stream in dict.fromkeys(named)
            if not set("*?[") & set(stream) and stream != RECOGNISED and EXTERNAL_ID not in maps.get(stream, {})
        ]
        if len(known_by_key) > 1:
            raise SettingsError(ids_would_mix(*known_by_key[:2]))

    # One record

    @override
    def prepare(self, mapped: Mapped, record: Mapping[str, Any], key: Sequence[Any]) -> Prepared:
        """Add the external id, and check the fields against the call's schema."""
        fields = dict(mapped.fields)
        if EXTERNAL_ID not in fields:
            # Errors in the response name nothing but the external id, so each record has one, the same in every run.
            fields[EXTERNAL_ID] = external_id(key) if key else _id_from(fields)
        known = {problem.field for problem in mapped.problems}
        found = [problem for problem in check_fields(fields) if problem.field not in known]
        notes = ("have policies, which this upload does not take: they are sent as leads",)
        return Prepared(
            fields,
            problems=[*mapped.problems, *found],
            unique={EXTERNAL_ID: f"{EXTERNAL_ID}:{fields[EXTERNAL_ID]}"},
            shared=_identities(fields),
            notes=notes if record.get(POLICIES) else (),
        )

    @override
    def body(self, plan: Send) -> dict[str, Any]:
        """A record of the upload."""
        return build_record(plan.fields)

    @override
    def opt_out_body(self, plan: OptOutsOnly) -> dict[str, Any] | None:
        """Phone, place, external id and the opt-outs that are true; an upload without external id may be anybody's."""
        fewest = opt_out_fields(plan.fields, plan.lead.opt_outs) if plan.fields.get(EXTERNAL_ID) else None
        return None if fewest is None else build_record(fewest)

    @override
    def find(self, plan: Find) -> str | None:
        """Look for a customer with the lead's phone or e-mail and its own external id."""
        return find_customer(self.session, plan.fields)

    # Calls

    @override
    def send(self, call: str, bodies: Sequence[Any]) -> list[Outcome]:
        """Upload, again at most three times where it is not known what became of it."""
        _ = call
        retries = 0
        while True:
            try:
                response = self.session.call("POST", UPLOAD, json={"records": list(bodies)}, retry=Retry.ASK)
            except AmbiguousError as error:
                retries += 1
                self._wait_before_retry(len(bodies), retries, error)
            else:
                return read_upload(response, [str(body.get(EXTERNAL_ID)) for body in bodies])

    def _wait_before_retry(self, leads: int, retries: int, error: AmbiguousError) -> None:
        if retries > MAX_RETRIES:
            msg = (
                f"CareCycle gave no usable response to an upload of {leads} leads, {retries} times. They may have "
                "arrived. Nothing is lost: look in CareCycle, then run again."
            )
            raise TransientError(msg) from error
        logger.warning("%s. Uploading %d leads once more (%d of %d).", error, leads, retries, MAX_RETRIES)
        if self._stopping.wait(SECONDS_BETWEEN * retries):
            raise StoppedError(str(error)) from error
        self.session.count_retry()

    @override
    def culprits(self, error: CallRejectedError) -> Iterable[int]:
        """`failedRecords[].index` or `errors[].path`."""
        return named_records(error.body)

    @override
    def rejection(self, error: CallRejectedError) -> Outcome:
        """Read from the first of its errors."""
        return read_rejection(error.body)

    # The account

    @override
    def check_credentials(self) -> str | None:
        """Ask for one custom field: a key that may upload but not read them is good, too."""
        try:
            self.session.call("GET", CUSTOM_FIELDS_PATH, params={"page": "1", "limit": "1"})
        except DeniedError as error:
            if error.status != FORBIDDEN:
                raise
        return None

    @override
    def organisation(self) -> str | None:
        """Ask CareCycle for the id of the organisation (`clientId`)."""
        return carecycle.organisation(self.session)

    @override
    def describe_account(self) -> list[str]:
        """What an upload sets going."""
        return [
            "An upload can start outreach: leads enter campaigns with a Lead Created entry, and calls and texts follow."
        ]


def ids_would_mix(stream: str, other: str) -> str:
    """Say what to do where two streams would give their keys as the external ids of one account."""
    return (
        f"Streams {stream} and {other} would both use their keys as externalId, and two people with one key would be "
        "one customer in CareCycle. Map an externalId for each of them that the other cannot have (field_map), or "
        "deliver one of them only (streams)."
    )


def _identities(fields: Mapping[str, Any]) -> dict[str, str]:
    """External id, phone and e-mail: CareCycle matches leads by them in an order that its pages do not tell."""
    found = {EXTERNAL_ID: f"externalId:{fields[EXTERNAL_ID]}"}
    if phone := fields.get(PHONE):
        found[PHONE] = f"phone:{re.sub(r'[^0-9]', '', str(phone))[-10:]}"
    if email := fields.get("email"):
        found["email"] = f"email:{str(email).lower()}"
    return found


def _id_from(fields: Mapping[str, Any]) -> str:
    """An id for a record without a key, from what tells people apart."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, repr([fields.get(name) for name in DISTINGUISHING_FIELDS])))
