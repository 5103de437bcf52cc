"""All leads of the LeadSquared account, with the uniqueness the account insists on."""

from __future__ import annotations

import random
import uuid
from typing import Any

from sandbox.exchange import Row
from sandbox.lead_body import WireLead
from sandbox.lead_fields import BOOLEAN, CUSTOM_FIELD_SET, LeadField
from sandbox.lead_rules import (
    DUPLICATE,
    INVALID_INPUT,
    MANDATORY,
    NOT_FOUND,
    UNKNOWN,
    LeadError,
    comparable,
    field_set_value,
    stored_value,
)
from sandbox.moments import Clock
from sandbox.quirks import Quirks
from sandbox.reference import LSQ_OWNER_ID

PROSPECT_ID = "ProspectID"
SEARCH_BY_ID = "ProspectId"
EMAIL = "EmailAddress"
OPT_OUTS = ("DoNotCall", "DoNotEmail", "DoNotSMS", "DoNotTrack", "mx_Do_Not_Mail")

Values = dict[str, Any]


class LeadStore:
    """Leads by id; writes go through `prepare`, `match` and `write`."""

    def __init__(self, fields: dict[str, LeadField], quirks: Quirks, clock: Clock, seed: int) -> None:
        self.fields = fields
        self.leads: dict[str, Row] = {}
        self._quirks = quirks
        self._clock = clock
        self._rng = random.Random(seed)
        self._unique = [field for field in fields.values() if field.unique]
        self._owners: dict[tuple[str, str], str] = {}

    def unknown_attributes(self, lead: WireLead) -> list[str]:
        """Return the attributes the account does not have, in this very spelling."""
        return [name for name in lead.values if name not in self.fields]

    def prepare(self, lead: WireLead) -> Values:
        """Check a lead's attributes one by one.

        Args:
            lead: The lead as it came.

        Returns:
            What would be kept, without the lead's own id.

        Raises:
            LeadError: An attribute is unknown or does not take its value.
        """
        if lead.flaw is not None:
            raise lead.flaw
        if unknown := self.unknown_attributes(lead):
            raise LeadError(UNKNOWN, f"Attribute(s) does not exist - {','.join(unknown)}")
        self._check_search_by(lead)
        values: Values = {}
        for name, value in lead.values.items():
            field = self.fields[name]
            parts = lead.parts.get(name)
            if name == PROSPECT_ID and lead.search_by == SEARCH_BY_ID:
                continue
            if field.data_type == CUSTOM_FIELD_SET:
                values[name] = field_set_value(field, value, parts, self._quirks)
            elif parts is not None:
                raise LeadError(INVALID_INPUT, f"Attribute {name} takes no Fields")
            else:
                values[name] = stored_value(field, value, self._quirks)
        return values

    def match(self, lead: WireLead) -> str | None:
        """Return the id of the lead that is meant, None when there is none yet.

        Args:
            lead: A lead that `prepare` found good.

        Returns:
            The id; without SearchBy only the e-mail is looked at.

        Raises:
            LeadError: A lead is asked for by an id that does not exist.
        """
        if lead.search_by == SEARCH_BY_ID:
            lead_id = lead.values[PROSPECT_ID]
            if lead_id not in self.leads:
                raise LeadError(NOT_FOUND, "Lead not found")
            return lead_id
        name = lead.search_by or EMAIL
        value = lead.values.get(name)
        if not value:
            return None
        owner = self._owners.get((name, comparable(self.fields[name], value)))
        # A phone in another spelling is not found by SearchBy, though it is not unique either.
        if owner is not None and name != EMAIL and self.leads[owner][name] != value:
            return None
        return owner

    def match_key(self, lead: WireLead) -> tuple[str, str] | None:
        """Return what two leads of one call must not share."""
        name = PROSPECT_ID if lead.search_by == SEARCH_BY_ID else lead.search_by or EMAIL
        value = lead.values.get(name)
        return (name, comparable(self.fields[name], value)) if value else None

    def identities(self, lead: WireLead) -> set[tuple[str, str]]:
        """Return all the unique values of a lead, in comparable form."""
        return {
            (field.name, comparable(field, lead.values[field.name]))
            for field in self._unique
            if lead.values.get(field.name)
        }

    def write(self, lead_id: str | None, values: Values) -> tuple[str, list[str]]:
        """Create or change a lead.

        Args:
            lead_id: The lead to change, None for a new one.
            values: What `prepare` returned.

        Returns:
            The lead's id and the opt-out flags that were taken back.

        Raises:
            LeadError: The lead would break a rule of the account; nothing is changed then.
        """
        old = self.leads.get(lead_id) if lead_id is not None else None
        self._check_mandatory(values, new=old is None)
        self._check_lead_type(old, values)
        kept = {**(old or {}), **values}
        if not any(kept.get(field.name) for field in self._unique):
            names = ", ".join(field.name for field in self._unique)
            raise LeadError(MANDATORY, f"At least one unique field is mandatory - {names}")
        self._check_unique(lead_id, values)
        lowered = [name for name in OPT_OUTS if old and name in values and old[name] == "1" and values[name] != "1"]
        lead = self._new_lead() if old is None else old
        self._reindex(lead, values)
        for name, value in values.items():
            lead[name] = {**(lead[name] or {}), **value} if isinstance(value, dict) else value
        moment = self._clock.now().replace("T", " ").removesuffix("Z")
        lead["ModifiedOn"] = lead["LeadLastModifiedOn"] = moment[:19] + ".000"
        self.leads[lead[PROSPECT_ID]] = lead
        return lead[PROSPECT_ID], lowered

    def _check_search_by(self, lead: WireLead) -> None:
        name = lead.search_by
        if name is None:
            return
        field = self.fields.get(PROSPECT_ID if name == SEARCH_BY_ID else name)
        if field is None or not (field.identifier or name == SEARCH_BY_ID):
            raise LeadError(INVALID_INPUT, "Invalid SearchBy value provided")
        if not lead.values.get(field.name):
            raise LeadError(INVALID_INPUT, f"Value of SearchBy attribute {field.name} is missing")

    def _check_mandatory(self, values: Values, *, new: bool) -> None:
        missing = [
            field.name
            for field in self.fields.values()
            if field.mandatory
            and values.get(field.name) is None
            and (field.name in values or (new and field.default is None))
        ]
        if missing:
            raise LeadError(MANDATORY, f"Mandatory attribute(s) missing - {','.join(missing)}")

    def _check_lead_type(self, old: Row | None, values: Values) -> None:
        wanted = values.get("LeadType")
        if old and wanted and wanted != old["LeadType"] != self.fields["LeadType"].default:
            raise LeadError(INVALID_INPUT, "LeadType can be changed only once")

    def _check_unique(self, lead_id: str | None, values: Values) -> None:
        for field in self._unique:
            value = values.get(field.name)
            if not value:
                continue
            owner = self._owners.get((field.name, comparable(field, value)))
            if owner is not None and owner != lead_id:
                raise LeadError(DUPLICATE, f"A Lead with same {field.unique} already exists.")

    def _new_lead(self) -> Row:
        lead: Row = dict.fromkeys(self.fields)
        moment = self._clock.now().replace("T", " ")[:19] + ".000"
        for field in self.fields.values():
            lead[field.name] = "0" if field.data_type == BOOLEAN else field.default
        return lead | {
            PROSPECT_ID: str(uuid.UUID(int=self._rng.getrandbits(128), version=4)),
            "ProspectAutoId": str(len(self.leads) + 1),
            "Origin": "API",
            "OwnerId": LSQ_OWNER_ID,
            "OwnerIdName": "Sandbox Administrator",
            "OwnerIdEmailAddress": "admin@agency.example.com",
            "CreatedOn": moment,
            "CreatedBy": LSQ_OWNER_ID,
            "ModifiedBy": LSQ_OWNER_ID,
            "StatusCode": "0",
            "IsLead": "1",
        }

    def _reindex(self, lead: Row, values: Values) -> None:
        for field in self._unique:
            if field.name in values:
                if lead[field.name]:
                    self._owners.pop((field.name, comparable(field, lead[field.name])), None)
                if values[field.name]:
                    key = (field.name, comparable(field, values[field.name]))
                    self._owners[key] = lead[PROSPECT_ID]
