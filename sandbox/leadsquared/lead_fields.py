"""The lead fields of the LeadSquared account, and their metadata as LeadsMetaData.Get returns it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sandbox.http_messages import JsonObject
from sandbox.ids import fixed_id

BOOLEAN = "Boolean"
CUSTOM_FIELD_SET = "CustomObject"
CARECYCLE_ID = "mx_CareCycle_Id"
OWNER_ID = fixed_id("lsq-owner")
USERS = {
    OWNER_ID: ("Sandbox Administrator", "admin@agency.example.com"),
    fixed_id("lsq-agent"): ("Sandbox Agent", "agent@agency.example.com"),
}
"""The users of the account who can own a lead, by id: their name and e-mail."""

RENDER_TYPES = {
    "Textbox": 1,
    "TextArea": 2,
    "Email": 4,
    "URL": 5,
    "Phone": 6,
    "Date": 8,
    "DateTime": 9,
    "CheckBox": 11,
    "Dropdown": 13,
    "CustomObject": 20,
}


@dataclass(frozen=True)
class LeadField:
    """One lead field.

    Attributes:
        unique: The field's name in the message about a duplicate; None for a field that is not unique.
        subfields: The fields of a custom field set.
    """

    name: str
    label: str
    data_type: str
    render_type: str
    max_length: int | None = None
    range_min: int = 0
    options: tuple[str, ...] = ()
    default: str | None = None
    mandatory: bool = False
    read_only: bool = False
    identifier: bool = False
    unique: str | None = None
    lock_after_create: int = 0
    subfields: tuple[LeadField, ...] = ()

    @classmethod
    def read(cls, row: JsonObject) -> LeadField:
        """Read an entry of `lead_fields.json`."""
        return cls(
            name=row["SchemaName"],
            label=row["DisplayName"],
            data_type=row["DataType"],
            render_type=row["RenderTypeTextValue"],
            max_length=int(row["MaxLength"]) if "MaxLength" in row else None,
            range_min=int(row.get("RangeMin", 0)),
            options=tuple(row.get("Options", ())),
            default=row.get("DefaultValue"),
            mandatory=row.get("IsMandatory", False),
            read_only=row.get("ReadOnly", False),
            identifier=row.get("IsLeadIdentifier", False),
            unique=row.get("Unique"),
            lock_after_create=row.get("LockAfterCreate", 0),
            subfields=tuple(cls.read(subfield) for subfield in row.get("Fields", ())),
        )

    def as_metadata(self, *, with_options: bool) -> JsonObject:
        """Return the field's metadata as LeadsMetaData.Get returns it."""
        metadata: dict[str, Any] = {
            "Entity": "1",
            "SchemaName": self.name,
            "DisplayName": self.label,
            "DataType": self.data_type,
            "IsMandatory": self.mandatory,
            "MaxLength": None if self.max_length is None else str(self.max_length),
            "EntityAttributeId": fixed_id(f"lead-field:{self.name}"),
            "Name": self.name,
            "Description": self.label,
            "EntityAttributeType": 2 if self.name.startswith("mx_") else 1,
            "RenderType": RENDER_TYPES[self.render_type],
            "RenderTypeTextValue": self.render_type,
            "IsVisible": True,
            "IsSearchable": True,
            "ShowInMailMerge": True,
            "DefaultValue": self.default,
            "RangeMin": str(self.range_min) if self.range_min else None,
            "AllowMultiple": self.data_type == "Phone",
            "ShowInImport": not self.read_only,
            "ShowInQuickAdd": not self.read_only,
            "CreatedBy": OWNER_ID,
            "CreatedOn": "/Date(1751910591000+0000)/",
            "ModifiedBy": OWNER_ID,
            "ModifiedOn": "/Date(1751910592000+0000)/",
            "OwnerIdName": "System",
            "IsLeadIdentifier": self.identifier,
            "LockAfterCreate": self.lock_after_create,
            "IsReadOnly": self.read_only,
            "IsSortable": True,
        }
        if with_options:
            metadata["Options"] = [{"Value": option} for option in self.options] or None
        if self.subfields:
            subfields = [subfield.as_metadata(with_options=with_options) for subfield in self.subfields]
            metadata["CustomObjectMetaData"] = {"Fields": subfields}
        return metadata


def account_fields(without_fields: tuple[str, ...], mandatory: tuple[str, ...]) -> dict[str, LeadField]:
    """Return the account's lead fields by schema name.

    Args:
        without_fields: Names of fields that this account does not have.
        mandatory: Names of fields that every new lead needs.

    Returns:
        The fields, in the order of the metadata.

    Raises:
        ValueError: A name is not a lead field of the account.
    """
    rows = json.loads((Path(__file__).parent / "lead_fields.json").read_text("utf-8"))
    fields = {row["SchemaName"]: LeadField.read(row) for row in rows}
    for name in (*without_fields, *mandatory):
        if name not in fields:
            message = f"the account has no lead field {name!r}"
            raise ValueError(message)
    for name in mandatory:
        fields[name] = replace(fields[name], mandatory=True)
    return {name: field_ for name, field_ in fields.items() if name not in without_fields}
