"""The arrays inside a customer: campaigns, policies, dependents and the rest."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sandbox.moments import from_iso
from sandbox.reference import CAMPAIGNS, CUSTOM_FIELDS, NODES

if TYPE_CHECKING:
    from sandbox.exchange import Row
    from sandbox.people import People

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


def arrays(people: People, row: Row, anchor: str) -> Row:
    """Make all arrays of one customer; most customers have few of them.

    Args:
        people: The maker, for ids and chance.
        row: The customer so far.
        anchor: The latest moment anything may bear.

    Returns:
        The arrays by field name, in the list call's order.
    """
    makers = {
        "campaigns": (_campaign, 0.4, 2),
        "customFields": (_custom_field, 0.35, 3),
        "policies": (_policy, 0.8 if row["status"] == "Active" else 0.05, 3),
        "prescriptions": (_prescription, 0.2, 3),
        "providers": (_provider, 0.2, 2),
        "scopeOfAppointments": (_scope_of_appointment, 0.1, 1),
        "dependents": (_dependent, 0.15, 3),
    }
    made: Row = {}
    for name, (maker, chance, most) in makers.items():
        count = people.rng.randint(1, most) if people.chance(chance) else 0
        made[name] = [maker(people, row, anchor, place) for place in range(count)]
    return made


def custom_field_value(people: People, row: Row, definition: Row, value: Any, moment: str) -> Row:
    """Write one custom field value as the API shows it: one slot filled, the others null.

    Args:
        people: The maker, for the id.
        row: The customer.
        definition: The custom field.
        value: The value, already of the field's type.
        moment: When it was written.

    Returns:
        The value's object.
    """
    shown: Row = {
        "id": people.new_id(),
        "createdAt": moment,
        "updatedAt": moment,
        "fieldDefinitionId": definition["id"],
        "recordId": row["id"],
        "recordType": "customers",
    }
    shown |= dict.fromkeys(VALUE_SLOTS)
    shown[SLOT_OF_TYPE[definition["fieldType"]]] = value
    return shown


def _stamped(people: People, row: Row, anchor: str) -> Row:
    created = people.moment_between(row["createdAt"], anchor)
    updated = people.moment_between(created, anchor)
    return {"id": people.new_id(), "createdAt": created, "updatedAt": updated, "customerId": row["id"]}


def _campaign(people: People, row: Row, anchor: str, place: int) -> Row:
    campaign = CAMPAIGNS[(hash_of(row) + place) % len(CAMPAIGNS)]
    return {
        **_stamped(people, row, anchor),
        "campaignId": campaign["id"],
        "campaignName": campaign["name"],
        "status": people.rng.choice(CAMPAIGN_STATUSES),
        "attempts": people.rng.choice([0, 0, 1, 3]),
        "currentNodeId": people.rng.choice([*NODES, None]),
    }


def _custom_field(people: People, row: Row, anchor: str, place: int) -> Row:
    definition = CUSTOM_FIELDS[(hash_of(row) + place) % len(CUSTOM_FIELDS)]
    options = definition["options"] or []
    values: Row = {
        "text": "spring_2026",
        "number": str(people.rng.randint(0, 100)),
        "boolean": people.chance(0.5),
        "date": people.moment_between(row["createdAt"], anchor)[:10],
        "select": options[0] if options else None,
        "multi_select": options[:2],
    }
    moment = people.moment_between(row["createdAt"], anchor)
    shown = custom_field_value(people, row, definition, values[definition["fieldType"]], moment)
    if people.chance(0.2):
        shown["createdAt"] = shown["updatedAt"] = None
    return shown


def _policy(people: People, row: Row, anchor: str, _place: int) -> Row:
    rng = people.rng
    effective = people.moment_between(row["createdAt"], anchor)
    return {
        **_stamped(people, row, anchor),
        "createdBy": row["createdBy"],
        "updatedBy": row["updatedBy"],
        "policyType": rng.choice(POLICY_TYPES),
        "policySubType": None,
        "policyNumber": f"P{rng.randint(10**8, 10**9 - 1)}",
        "applicationId": None,
        "carrierName": row["carrierName"],
        "planName": row["planName"],
        "planCode": row["planCode"],
        "planState": row["state"],
        "status": rng.choice(POLICY_STATUSES),
        "effectiveDate": effective[:10],
        "enrollmentDate": row["createdAt"][:10],
        "terminationDate": None,
        "renewalDate": (from_iso(effective) + timedelta(days=365)).date().isoformat(),
        "monthlyPremium": f"{rng.randint(0, 400)}.{rng.randint(0, 99):02d}",
        "usingSubsidy": rng.choice([True, False, None]),
    }


def _prescription(people: People, row: Row, anchor: str, _place: int) -> Row:
    return {
        **_stamped(people, row, anchor),
        "name": people.rng.choice(DRUGS),
        "dosage": people.rng.choice(["10 mg", "500 mg", None]),
        "frequency": people.rng.choice(["daily", "twice a day", None]),
        "route": "Oral",
        "status": people.rng.choice(["Active", "Expired", "Discontinued"]),
    }


def _provider(people: People, row: Row, anchor: str, place: int) -> Row:
    return {
        **_stamped(people, row, anchor),
        "providerType": people.rng.choice(["Primary Care", "Specialist", "Pharmacy"]),
        "specialty": people.rng.choice(["Cardiology", None]),
        "providerName": "Dr. Renée Ortiz",
        "npi": str(people.rng.randint(10**9, 2 * 10**9)),
        "city": row["city"],
        "state": row["state"],
        "postalCode": row["postalCode"],
        "isPrimaryProvider": place == 0,
        "isActive": True,
        "notes": None,
    }


def _scope_of_appointment(people: People, row: Row, anchor: str, _place: int) -> Row:
    # No page shows these: without an id, so that a reader cannot count on one.
    stamped = _stamped(people, row, anchor)
    return {"createdAt": stamped["createdAt"], "signedAt": stamped["updatedAt"], "products": ["MA", "PDP"]}


def _dependent(people: People, row: Row, anchor: str, place: int) -> Row:
    return {
        **_stamped(people, row, anchor),
        "firstName": people.rng.choice(["Mia", "Noé", "Ada", "Łukasz"]),
        "lastName": row["lastName"],
        "middleName": None,
        "dateOfBirth": f"20{people.rng.randint(0, 15):02d}-0{people.rng.randint(1, 9)}-11",
        "gender": people.rng.choice(["Male", "Female", None]),
        "annualIncome": None,
        "relationshipType": "Spouse" if place == 0 else "Child",
        "phone": None,
        "email": None,
        "ssn": None if people.chance(0.5) else f"900-{people.rng.randint(10, 65)}-0000",
        "isCovered": people.rng.choice([True, False]),
        "isActive": True,
    }


def hash_of(row: Row) -> int:
    """Return a number that is the same for the same customer in every process."""
    return int(str(row["id"])[:8], 16)
