"""Data that the synthetic customers refer to: sources, campaigns, members, cities and custom field definitions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sandbox.ids import fixed_id

_HERE = Path(__file__).parent

CLIENT_ID = fixed_id("client")
API_USER_ID = fixed_id("api-user")

SOURCES = [
    {"id": fixed_id(f"source:{public_id}"), "name": name, "sourceId": public_id}
    for name, public_id in (
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

CITIES: list[dict[str, Any]] = json.loads((_HERE / "us_cities.json").read_text("utf-8"))

CUSTOM_FIELDS: list[dict[str, Any]] = [
    {
        "id": fixed_id(f"custom-field:{definition['fieldKey']}"),
        "createdAt": f"2025-01-{day:02d}T09:00:00.000Z",
        "updatedAt": None if day % 2 else f"2025-02-{day:02d}T09:00:00.000Z",
        "clientId": CLIENT_ID,
        "recordType": "customers",
        "fieldKey": definition["fieldKey"],
        "fieldLabel": definition["fieldLabel"],
        "fieldDescription": definition["fieldDescription"],
        "fieldType": definition["fieldType"],
        "isRequired": False,
        "options": definition["options"],
        "validationRules": None,
    }
    for day, definition in enumerate(json.loads((_HERE / "custom_fields.json").read_text("utf-8")), start=1)
]
CUSTOM_FIELD_BY_KEY = {definition["fieldKey"]: definition for definition in CUSTOM_FIELDS}
