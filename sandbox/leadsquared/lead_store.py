"""All leads of the LeadSquared account, and the rules of the account: unique fields, mandatory fields, matching."""

from __future__ import annotations

import random
import uuid
from typing import Any

from sandbox.http_messages import JsonObject
from sandbox.leadsquared.errors import DUPLICATE, INVALID_INPUT, MANDATORY, NOT_FOUND, UNKNOWN, LeadError
from sandbox.leadsquared.field_values import comparison_key, stored_field_set, stored_value
from sandbox.leadsquared.lead_fields import BOOLEAN, CUSTOM_FIELD_SET, OWNER_ID, USERS, LeadField
from sandbox.leadsquared.request_body import LeadInput
from sandbox.quirks import Quirks
from sandbox.timestamps import Clock

PROSPECT_ID = "ProspectID"
SEARCH_BY_ID = "ProspectId"
EMAIL = "EmailAddress"
IDS = (SEARCH_BY_ID, PROSPECT_ID)
OWNER = "OwnerId"
SYSTEM_FIELDS = (PROSPECT_ID, "ProspectAutoId", "CreatedOn", "ModifiedOn", "LeadLastModifiedOn", OWNER)
OPT_OUTS = ("DoNotCall", "DoNotEmail", "DoNotSMS", "DoNotTrack", "mx_Do_Not_Mail")

Values = dict[str, Any]


class LeadStore:
    """Leads by id. A write call uses `prepare`, then `match`, then `write`."""

    def __init__(self, fields: dict[str, LeadField], quirks: Quirks, clock: Clock, seed: int) -> None:
        self.fields = fields
        self.by_id: dict[str, JsonObject] = {}
        self._quirks = quirks
        self._clock = clock
        self._rng = random.Random(seed)
        self._unique = [field for field in fields.values() if field.unique]
        self._owners: dict[tuple[str, str], str] = {}

    def unknown_attributes(self, lead: LeadInput) -> list[str]:
        """Return the attributes that are not lead fields of the account; upper and lower case differ."""
        return [name for name in lead.values if name not in self.fields]

    def prepare(self, lead: LeadInput) -> Values:
        """Check the attributes of a lead one by one.

        Args:
            lead: The lead of the request.

        Returns:
            The values to store, without the lead's id.

        Raises:
            LeadError: An attribute is unknown, or does not accept its value.
        """
        if lead.error is not None:
            raise lead.error
        if unknown := self.unknown_attributes(lead):
            raise LeadError(UNKNOWN, f"Attribute(s) does not exist - {','.join(unknown)}")
        self._check_search_by(lead)
        values: Values = {}
        for name, value in lead.values.items():
            field = self.fields[name]
            subfields = lead.subfields.get(name)
            if name == PROSPECT_ID and lead.search_by in IDS:
                continue
            if field.data_type == CUSTOM_FIELD_SET:
                values[name] = stored_field_set(field, value, subfields, self._quirks)
            elif subfields is not None:
                raise LeadError(INVALID_INPUT, f"Attribute {name} takes no Fields")
            else:
                values[name] = stored_value(field, value, self._quirks)
        if values.get(OWNER):
            values |= _owner_values(values[OWNER])
        return values

    def match(self, lead: LeadInput) -> str | None:
        """Find the stored lead that a lead of a request updates (`docs/api/leadsquared.md` 1.2).

        Args:
            lead: A lead that passed `prepare`.

        Returns:
            The id of the stored lead, None where there is none. Without SearchBy, only the e-mail is compared.

        Raises:
            LeadError: SearchBy is the lead's id, and no lead has this id.
        """
        if lead.search_by in IDS:
            lead_id = self.existing_id(lead.values[PROSPECT_ID])
            if lead_id is None and self._quirks.search_by_gone_id == "error":
                raise LeadError(NOT_FOUND, "Lead not found")
            return lead_id
        name = lead.search_by or EMAIL
        value = lead.values.get(name)
        if not value:
            return None
        owner = self._owners.get((name, comparison_key(self.fields[name], value)))
        # SearchBy does not find a phone number in another spelling, but the spelling does not make it unique either.
        if owner is not None and name != EMAIL and self.by_id[owner][name] != value:
            return None
        return owner

    def existing_id(self, lead_id: str) -> str | None:
        """Return the id of a stored lead as it is stored; None where there is none. The case of ids does not matter."""
        lead_id = lead_id.strip("{}").lower()
        return lead_id if lead_id in self.by_id else None

    def match_key(self, lead: LeadInput) -> tuple[str, str] | None:
        """Return the field and value by which a lead is matched. Two leads of one call must not have the same."""
        name = PROSPECT_ID if lead.search_by in IDS else lead.search_by or EMAIL
        value = lead.values.get(name)
        return (name, comparison_key(self.fields[name], value)) if value else None

    def identities(self, lead: LeadInput) -> set[tuple[str, str]]:
        """Return the values of all unique fields of a lead, as fields and comparison keys."""
        return {
            (field.name, comparison_key(field, lead.values[field.name]))
            for field in self._unique
            if lead.values.get(field.name)
        }

    def write(self, lead_id: str | None, values: Values) -> tuple[str, list[str]]:
        """Create or update a lead.

        Args:
            lead_id: The id of the lead to update, None for a new lead.
            values: The result of `prepare`.

        Returns:
            The lead's id, and the opt-outs that were set back to false.

        Raises:
            LeadError: The lead breaks a rule of the account. Nothing was written.
        """
        current = self.by_id.get(lead_id) if lead_id is not None else None
        self._check_mandatory(values, new=current is None)
        self._check_lead_type(current, values)
        merged = {**(current or {}), **values}
        if not any(merged.get(field.name) for field in self._unique):
            names = ", ".join(field.name for field in self._unique)
            raise LeadError(MANDATORY, f"At least one unique field is mandatory - {names}")
        self._check_unique(lead_id, values)
        lowered = [
            name for name in OPT_OUTS if current and name in values and current[name] == "1" and values[name] != "1"
        ]
        lead = self._new_lead() if current is None else current
        if self._loses_opt_outs(lead_id, merged):
            # Answered as success, and not stored: a locked field, a rule of the account.
            values = {name: value for name, value in values.items() if name not in OPT_OUTS}
        self._reindex(lead, values)
        for name, value in values.items():
            lead[name] = {**(lead[name] or {}), **value} if isinstance(value, dict) else value
        timestamp = self._clock.now().replace("T", " ").removesuffix("Z")
        lead["ModifiedOn"] = lead["LeadLastModifiedOn"] = timestamp[:19] + ".000"
        self.by_id[lead[PROSPECT_ID]] = lead
        return lead[PROSPECT_ID], lowered

    def delete(self, lead_id: str) -> None:
        """Delete a lead, as a person in LeadSquared does."""
        lead = self.by_id.pop(lead_id)
        self._owners = {key: owner for key, owner in self._owners.items() if owner != lead[PROSPECT_ID]}

    def merge(self, lost_id: str, kept_id: str) -> None:
        """Merge a lead into another: its id vanishes, its values fill the gaps of the lead that is kept."""
        lost, kept = self.by_id[lost_id], self.by_id[kept_id]
        self.delete(lost_id)
        gaps = {name: lost[name] for name in self.fields if not kept[name] and lost[name] and name not in SYSTEM_FIELDS}
        raised = {name: "1" for name in OPT_OUTS if "1" in (lost.get(name), kept.get(name))}
        self.edit(kept_id, gaps | raised)

    def edit(self, lead_id: str, values: Values) -> None:
        """Change fields of a lead, as a person in LeadSquared does.

        Raises:
            LeadError: Another lead has a value that is unique.
        """
        self._check_unique(lead_id, values)
        lead = self.by_id[lead_id]
        self._reindex(lead, values)
        lead.update(values)

    def _check_search_by(self, lead: LeadInput) -> None:
        name = lead.search_by
        if name is None:
            return
        by_id = name == self._quirks.search_by_spelling
        field = self.fields.get(PROSPECT_ID if by_id else name)
        if field is None or not (field.identifier or by_id):
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

    def _check_lead_type(self, current: JsonObject | None, values: Values) -> None:
        wanted = values.get("LeadType")
        if current and wanted and wanted != current["LeadType"] != self.fields["LeadType"].default:
            raise LeadError(INVALID_INPUT, "LeadType can be changed only once")

    def _check_unique(self, lead_id: str | None, values: Values) -> None:
        for field in self._unique:
            value = values.get(field.name)
            if not value:
                continue
            owner = self._owners.get((field.name, comparison_key(field, value)))
            if owner is not None and owner != lead_id:
                raise LeadError(DUPLICATE, self._duplicate_text(field, value))

    def _duplicate_text(self, field: LeadField, value: str) -> str:
        texts = {
            "same": f"A Lead with same {field.unique} already exists.",
            "constraint": f"Duplicate entry '{value}' for key 'UQ_Prospect_Base_{field.name}'",
            "attribute": f"A lead with {field.name} {value} already exists",
        }
        return texts[self._quirks.duplicate_text]

    def _loses_opt_outs(self, lead_id: str | None, values: Values) -> bool:
        """Return whether the quirk `lost_opt_outs` names this lead, by its id or a value of a unique field."""
        names = self._quirks.lost_opt_outs
        if "all" in names or (lead_id is not None and lead_id in (name.strip("{}").lower() for name in names)):
            return True
        return any(
            comparison_key(field, values[field.name]) == comparison_key(field, name)
            for field in self._unique
            if values.get(field.name)
            for name in names
        )

    def _new_lead(self) -> JsonObject:
        lead: JsonObject = dict.fromkeys(self.fields)
        timestamp = self._clock.now().replace("T", " ")[:19] + ".000"
        for field in self.fields.values():
            lead[field.name] = "0" if field.data_type == BOOLEAN else field.default
        return lead | {
            PROSPECT_ID: str(uuid.UUID(int=self._rng.getrandbits(128), version=4)),
            "ProspectAutoId": str(len(self.by_id) + 1),
            "Origin": "API",
            **_owner_values(OWNER_ID),
            "CreatedOn": timestamp,
            "CreatedBy": OWNER_ID,
            "ModifiedBy": OWNER_ID,
            "StatusCode": "0",
            "IsLead": "1",
        }

    def _reindex(self, lead: JsonObject, values: Values) -> None:
        for field in self._unique:
            if field.name in values:
                if lead[field.name]:
                    self._owners.pop((field.name, comparison_key(field, lead[field.name])), None)
                if values[field.name]:
                    key = (field.name, comparison_key(field, values[field.name]))
                    self._owners[key] = lead[PROSPECT_ID]


def _owner_values(owner_id: str) -> Values:
    """Return the fields of a lead that name its owner.

    Raises:
        LeadError: The account has no such user.
    """
    known_id = owner_id.strip("{}").lower()
    if known_id not in USERS:
        raise LeadError(NOT_FOUND, f"{OWNER} does not exist")
    name, email = USERS[known_id]
    return {OWNER: known_id, "OwnerIdName": name, "OwnerIdEmailAddress": email}
