"""A stream on its way to CareCycle leads."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from lead_connectors.delivery.sink import DeliverySink
from lead_connectors.field_map.rules import Mapped, Problem
from target_carecycle.upload_record import EXTERNAL_ID, PHONE, build_lead, check_lead

POLICIES = "policies"
TELLING = (PHONE, "email", "firstName", "lastName", "dateOfBirth")


class CareCycleSink(DeliverySink):
    """Makes a record of the upload of each record of the stream."""

    def complete(self, mapped: Mapped, record: Mapping[str, Any], key: Sequence[Any]) -> list[Problem]:
        """Add the external id (the key property, where the map fills none) and hold the lead against the contract."""
        if record.get(POLICIES):
            self._target.notes["have policies, which this upload does not take: they are sent as leads"] += 1
        if EXTERNAL_ID not in mapped.fields:
            # Errors in the answer name nothing but the external id, so each record has one, the same in every run.
            mapped.fields[EXTERNAL_ID] = "-".join(str(part) for part in key) or _id_from(mapped.fields)
        known = {problem.field for problem in mapped.problems}
        return [problem for problem in check_lead(build_lead(mapped.fields)) if problem.field not in known]

    def identify(self, fields: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
        """External id, phone and e-mail: CareCycle matches leads by them in an order that its pages do not tell."""
        shared = {EXTERNAL_ID: f"externalId:{fields[EXTERNAL_ID]}"}
        if phone := fields.get(PHONE):
            shared[PHONE] = f"phone:{re.sub(r'[^0-9]', '', str(phone))[-10:]}"
        if email := fields.get("email"):
            shared["email"] = f"email:{str(email).lower()}"
        return {}, shared


def _id_from(fields: Mapping[str, Any]) -> str:
    """An id for a record without a key, from what tells people apart."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, repr([fields.get(name) for name in TELLING])))
