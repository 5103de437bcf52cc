"""The arrays nested in a customer: campaigns, policies, dependents and the rest (`docs/api/carecycle.md` 1.4)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sandbox.carecycle.reference_data import CAMPAIGNS, CUSTOM_FIELDS, NODES
from sandbox.carecycle.seeded_random import SeededRandom
from sandbox.http_messages import JsonObject
from sandbox.timestamps import from_iso

POLICY_TYPES = ("MA", "MAPD", "PDP", "MS", "ACA", "Dental", "Vision", "Life", "Hospital Indemnity")
POLICY_STATUSES = ("Active", "Active", "Active", "Pending", "Cancelled", "Terminated", "Future Cancel")
CAMPAIGN_STATUSES = ("pending", "awaiting_call", "in_progress", "completed", "failed", "expired")
DRUGS = ("Metformin", "Lisinopril", "Atorvastatin", "Levothyroxine")

ARRAYS = (
    "campaigns",
    "customFields",
    "policies",
    "prescriptions",
    "providers",
    "scopeOfAppointments",
    "dependents",
)
VALUE_SLOTS = ("textValue", "numberValue", "booleanValue", "dateValue", "selectValue", "multiSelectValue")
SLOT_OF_TYPE = {
    "text": "textValue",
    "number": "numberValue",
    "boolean": "booleanValue",
    "date": "dateValue",
    "select": "selectValue",
    "multi_select": "multiSelectValue",
}


def make_nested_arrays(rng: SeededRandom, customer: JsonObject, latest: str) -> JsonObject:
    """Make all arrays of one customer; most of them are empty.

    Args:
        rng: The random generator.
        customer: The customer's own fields.
        latest: No timestamp is later than this one.

    Returns:
        The arrays by field name, in the list call's order.
    """
    makers = {
        "campaigns": (_campaign, 0.4, 2),
        "customFields": (_custom_field, 0.35, 3),
        "policies": (_policy, 0.8 if customer["status"] == "Active" else 0.05, 3),
        "prescriptions": (_prescription, 0.2, 3),
        "providers": (_provider, 0.2, 2),
        "scopeOfAppointments": (_scope_of_appointment, 0.1, 1),
        "dependents": (_dependent, 0.15, 3),
    }
    arrays: JsonObject = {}
    for name, (maker, chance, maximum) in makers.items():
        count = rng.randint(1, maximum) if rng.chance(chance) else 0
        arrays[name] = [maker(rng, customer, latest, index) for index in range(count)]
    return arrays


def custom_field_value(
    rng: SeededRandom, customer: JsonObject, definition: JsonObject, value: Any, timestamp: str
) -> JsonObject:
    """Return one custom field value as the API shows it: the slot of its type is filled, the others are null.

    Args:
        rng: The random generator, for the id.
        customer: The customer.
        definition: The custom field.
        value: The value, already of the field's type.
        timestamp: When it was written, as ISO text.

    Returns:
        The value's object.
    """
    item: JsonObject = {
        "id": rng.new_id(),
        "createdAt": timestamp,
        "updatedAt": timestamp,
        "fieldDefinitionId": definition["id"],
        "recordId": customer["id"],
        "recordType": "customers",
    }
    item |= dict.fromkeys(VALUE_SLOTS)
    item[SLOT_OF_TYPE[definition["fieldType"]]] = value
    return item


def _common_fields(rng: SeededRandom, customer: JsonObject, latest: str) -> JsonObject:
    created = rng.timestamp_between(customer["createdAt"], latest)
    updated = rng.timestamp_between(created, latest)
    return {"id": rng.new_id(), "createdAt": created, "updatedAt": updated, "customerId": customer["id"]}


def _campaign(rng: SeededRandom, customer: JsonObject, latest: str, index: int) -> JsonObject:
    campaign = CAMPAIGNS[(hash_of(customer) + index) % len(CAMPAIGNS)]
    return {
        **_common_fields(rng, customer, latest),
        "campaignId": campaign["id"],
        "campaignName": campaign["name"],
        "status": rng.choice(CAMPAIGN_STATUSES),
        "attempts": rng.choice([0, 0, 1, 3]),
        "currentNodeId": rng.choice([*NODES, None]),
    }


def _custom_field(rng: SeededRandom, customer: JsonObject, latest: str, index: int) -> JsonObject:
    definition = CUSTOM_FIELDS[(hash_of(customer) + index) % len(CUSTOM_FIELDS)]
    options = definition["options"] or []
    values: JsonObject = {
        "text": "spring_2026",
        "number": str(rng.randint(0, 100)),
        "boolean": rng.chance(0.5),
        "date": rng.timestamp_between(customer["createdAt"], latest)[:10],
        "select": options[0] if options else None,
        "multi_select": options[:2],
    }
    timestamp = rng.timestamp_between(customer["createdAt"], latest)
    item = custom_field_value(rng, customer, definition, values[definition["fieldType"]], timestamp)
    if rng.chance(0.2):
        item["createdAt"] = item["updatedAt"] = None
    return item


def _policy(rng: SeededRandom, customer: JsonObject, latest: str, _index: int) -> JsonObject:
    effective = rng.timestamp_between(customer["createdAt"], latest)
    return {
        **_common_fields(rng, customer, latest),
        "createdBy": customer["createdBy"],
        "updatedBy": customer["updatedBy"],
        "policyType": rng.choice(POLICY_TYPES),
        "policySubType": None,
        "policyNumber": f"P{rng.randint(10**8, 10**9 - 1)}",
        "applicationId": None,
        "carrierName": customer["carrierName"],
        "planName": customer["planName"],
        "planCode": customer["planCode"],
        "planState": customer["state"],
        "status": rng.choice(POLICY_STATUSES),
        "effectiveDate": effective[:10],
        "enrollmentDate": customer["createdAt"][:10],
        "terminationDate": None,
        "renewalDate": (from_iso(effective) + timedelta(days=365)).date().isoformat(),
        "monthlyPremium": f"{rng.randint(0, 400)}.{rng.randint(0, 99):02d}",
        "usingSubsidy": rng.choice([True, False, None]),
    }


def _prescription(rng: SeededRandom, customer: JsonObject, latest: str, _index: int) -> JsonObject:
    return {
        **_common_fields(rng, customer, latest),
        "name": rng.choice(DRUGS),
        "dosage": rng.choice(["10 mg", "500 mg", None]),
        "frequency": rng.choice(["daily", "twice a day", None]),
        "route": "Oral",
        "status": rng.choice(["Active", "Expired", "Discontinued"]),
    }


def _provider(rng: SeededRandom, customer: JsonObject, latest: str, index: int) -> JsonObject:
    return {
        **_common_fields(rng, customer, latest),
        "providerType": rng.choice(["Primary Care", "Specialist", "Pharmacy"]),
        "specialty": rng.choice(["Cardiology", None]),
        "providerName": "Dr. Renée Ortiz",
        "npi": str(rng.randint(10**9, 2 * 10**9)),
        "city": customer["city"],
        "state": customer["state"],
        "postalCode": customer["postalCode"],
        "isPrimaryProvider": index == 0,
        "isActive": True,
        "notes": None,
    }


def _scope_of_appointment(rng: SeededRandom, customer: JsonObject, latest: str, _index: int) -> JsonObject:
    # No page shows these items. They have no id here, so that a client cannot rely on one.
    common = _common_fields(rng, customer, latest)
    return {"createdAt": common["createdAt"], "signedAt": common["updatedAt"], "products": ["MA", "PDP"]}


def _dependent(rng: SeededRandom, customer: JsonObject, latest: str, index: int) -> JsonObject:
    return {
        **_common_fields(rng, customer, latest),
        "firstName": rng.choice(["Mia", "Noé", "Ada", "Łukasz"]),
        "lastName": customer["lastName"],
        "middleName": None,
        "dateOfBirth": f"20{rng.randint(0, 15):02d}-0{rng.randint(1, 9)}-11",
        "gender": rng.choice(["Male", "Female", None]),
        "annualIncome": None,
        "relationshipType": "Spouse" if index == 0 else "Child",
        "phone": None,
        "email": None,
        "ssn": None if rng.chance(0.5) else f"900-{rng.randint(10, 65)}-0000",
        "isCovered": rng.choice([True, False]),
        "isActive": True,
    }


def hash_of(customer: JsonObject) -> int:
    """Return a number that is the same for one customer in every process."""
    return int(str(customer["id"])[:8], 16)
