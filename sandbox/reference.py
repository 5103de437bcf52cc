"""The fixed things of the synthetic agency: sources, campaigns, members, custom field definitions.

Their ids do not depend on the seed, so that a test may name them.
"""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent


def fixed_id(name: str) -> str:
    """Return the id that this name has in every sandbox."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"sandbox:{name}"))


CLIENT_ID = fixed_id("client")
API_USER_ID = fixed_id("api-user")
LSQ_OWNER_ID = fixed_id("lsq-owner")

SOURCES = [
    {"id": fixed_id(f"source:{public}"), "name": name, "sourceId": public}
    for name, public in (
        ("Website", "web-form"),
        ("TV", "tv-spring"),
        ("Radio", "radio-24"),
        ("Referral", "referral"),
    )
]
MEMBERS = [
    {
        "id": fixed_id(f"member:{email}"),
        "name": name,
        "email": email,
        "image": f"https://agency.example.com/{email.partition('@')[0]}.png",
    }
    for name, email in (
        ("Ana Muñoz", "ana@agency.example.com"),
        ("Ben Okafor", "ben@agency.example.com"),
        ("Chris Lee", "chris@agency.example.com"),
    )
]
CAMPAIGNS = [
    {"id": fixed_id(f"campaign:{name}"), "name": name}
    for name in ("Annual enrolment", "Turning 65", "Win back", "Dental add-on")
]
NODES = [fixed_id(f"node:{name}") for name in ("first call", "second call", "voicemail", "text")]

PLACES: list[dict[str, Any]] = json.loads((_HERE / "places.json").read_text("utf-8"))

CUSTOM_FIELDS: list[dict[str, Any]] = [
    {
        "id": fixed_id(f"custom-field:{each['fieldKey']}"),
        "createdAt": f"2025-01-{day:02d}T09:00:00.000Z",
        "updatedAt": None if day % 2 else f"2025-02-{day:02d}T09:00:00.000Z",
        "clientId": CLIENT_ID,
        "recordType": "customers",
        "fieldKey": each["fieldKey"],
        "fieldLabel": each["fieldLabel"],
        "fieldDescription": each["fieldDescription"],
        "fieldType": each["fieldType"],
        "isRequired": False,
        "options": each["options"],
        "validationRules": None,
    }
    for day, each in enumerate(json.loads((_HERE / "custom_fields.json").read_text("utf-8")), start=1)
]
CUSTOM_FIELD_BY_KEY = {each["fieldKey"]: each for each in CUSTOM_FIELDS}
