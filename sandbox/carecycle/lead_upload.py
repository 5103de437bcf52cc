"""POST /v2/leads/upload (`docs/api/carecycle.md` 2): rejects the request, or returns an outcome for each record."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from typing import Any

from sandbox.carecycle import errors
from sandbox.carecycle.customer_store import CustomerStore
from sandbox.carecycle.nested_arrays import SLOT_OF_TYPE, custom_field_value
from sandbox.carecycle.reference_data import API_USER_ID, CLIENT_ID, CUSTOM_FIELD_BY_KEY, SOURCES
from sandbox.carecycle.upload_schema import FIELDS, lacks_location, schema_issues
from sandbox.http_messages import InvalidJsonError, JsonObject, Request, Response, read_json
from sandbox.quirks import Quirks
from sandbox.stats import Stats

PHONE_FORMS = re.compile(r"(?:\+1)?(\d{3})(\d{3})(\d{4})|\((\d{3})\) (\d{3})-(\d{4})")
IDENTITY_FIELDS = ("externalId", "phoneNumber", "email")
SAME_NAME_FIELDS = frozenset(FIELDS) - {"phoneNumber", "externalId", "sourceId", "leadCost", "dateOfBirth"}


class RecordError(ValueError):
    """One record is rejected; the other records of the request are not affected."""


class LeadUpload:
    """Serves the upload call: writes leads into the customer store."""

    def __init__(self, store: CustomerStore, quirks: Quirks, stats: Stats) -> None:
        self._store = store
        self._quirks = quirks
        self._stats = stats

    def respond(self, request: Request) -> Response:
        """Respond to one upload."""
        if 0 < self._quirks.body_limit < len(request.body):
            return errors.error_response(413)
        try:
            # As in Express, a body of another content type is not read.
            is_json = request.headers.get("content-type", "").startswith("application/json")
            body = read_json(request.body) if is_json else None
        except InvalidJsonError:
            return errors.error_response(400, "Unexpected token in JSON")
        if not isinstance(body, dict) or not isinstance(body.get("records"), list):
            records = body.get("records") if isinstance(body, dict) else None
            name = errors.type_name(records)
            message = f"Invalid input: expected array, received {name}"
            return errors.validation_error([errors.Issue(("records",), message, "array", name, "invalid_type")])
        return self._schema_rejection(body, body["records"]) or self._write(request, body["records"])

    def _schema_rejection(self, body: JsonObject, records: list[Any]) -> Response | None:
        max_records = self._quirks.upload_max
        if not 1 <= len(records) <= max_records:
            code = "too_big" if records else "too_small"
            message = f"Expected array to have 1 to {max_records} items"
            return errors.validation_error([errors.Issue(("records",), message, "array", str(len(records)), code)])
        issues = []
        failed_records: list[JsonObject] = []
        if self._quirks.unknown_fields == "refuse":
            issues = [
                errors.Issue((), f'Unrecognized key: "{name}"', "never", "undefined", "unrecognized_keys")
                for name in body
                if name != "records"
            ]
        for index, record in enumerate(records):
            found = schema_issues(
                record,
                index,
                drop_unknown=self._quirks.unknown_fields == "drop",
                location_required=self._quirks.postal_or_timezone == "request",
            )
            if found:
                issues += found
                shown = record if isinstance(record, dict) else {}
                names = ("phoneNumber", "firstName", "lastName", "externalId")
                failed_records.append({"index": index, **{name: shown.get(name) for name in names}})
        if not issues:
            return None
        return errors.validation_error(issues, failed_records if self._quirks.failed_records else None)

    def _write(self, request: Request, records: list[JsonObject]) -> Response:
        timestamp = self._store.clock.now()
        id_counts = Counter(record.get("externalId") for record in records)
        failures: list[JsonObject] = []
        written: list[JsonObject] = []
        for index, record in enumerate(records):
            request.identities.update(_identities(record))
            is_duplicate = record.get("externalId") is not None and id_counts[record["externalId"]] > 1
            fault = request.failing.get(index)
            rejection = "Duplicate externalId in request" if is_duplicate else fault.message if fault else None
            outcome = self._outcome(request, record, timestamp, rejection)
            (failures if "error" in outcome else written).append(outcome)
        self._stats.apis[request.api].rows_per_call.append(len(records))
        self._stats.uploads.append(
            {
                "call": request.number,
                "records": len(records),
                "succeeded": len(written),
                "failed": len(failures),
            }
        )
        body: JsonObject = {"succeeded": len(written), "failed": len(failures), "errors": failures}
        if not failures and self._quirks.errors_when_none == "null":
            body["errors"] = None
        elif not failures and self._quirks.errors_when_none == "missing":
            del body["errors"]
        if self._quirks.upload_results:
            body["results"] = [_webhook_form(customer) for customer in written]
        return Response(200, body)

    def _outcome(self, request: Request, record: JsonObject, timestamp: str, rejection: str | None) -> JsonObject:
        """Return the written customer, or an entry of `errors` (only the entry has the key `error`)."""
        try:
            if rejection is None:
                return self._write_record(request, record, timestamp)
        except RecordError as error:
            rejection = str(error)
        customer = self._store.find(record.get("externalId"))
        return {
            "id": customer["id"] if customer else None,
            "externalId": record.get("externalId"),
            "error": rejection,
        }

    def _write_record(self, request: Request, record: JsonObject, timestamp: str) -> JsonObject:
        if lacks_location(record):
            message = "Either postalCode or timezone is required"
            raise RecordError(message)
        changes: JsonObject = {name: value for name, value in record.items() if name in SAME_NAME_FIELDS}
        changes["callerId"] = _e164(record["phoneNumber"])
        if "dateOfBirth" in record:
            changes["dateOfBirth"] = _iso_date(record["dateOfBirth"])
        source = _find_source(record.get("sourceId"))
        values = _parse_custom_fields(record.get("customFields", []))
        customer = self._match(record, changes["callerId"])
        if customer is None:
            customer = self._new_lead(record.get("externalId"), timestamp)
            self._store.add(customer)
        elif lowered := self._store.lowered_opt_outs(customer, changes):
            self._stats.record_lowered_opt_outs(request, customer["id"], lowered)
        if source is not None:
            changes |= {"currentSourceId": source["id"], "source": dict(source)}
            changes["originalSourceId"] = customer["originalSourceId"] or source["id"]
        self._store.update(customer, changes, timestamp, by=API_USER_ID)
        self._set_custom_fields(customer, values, timestamp)
        identity = {name: record[name] for name in IDENTITY_FIELDS if record.get(name) is not None}
        self._stats.record_write(request, customer["id"], identity, record)
        return customer

    def _match(self, record: JsonObject, phone: str) -> JsonObject | None:
        """Find the customer that a record updates; with the quirk `upload_match`, also one whose id is another."""
        external_id = record.get("externalId")
        customer = self._store.find(external_id)
        if customer is not None or self._quirks.upload_match == "external_id":
            return customer
        if self._quirks.upload_match == "phone":
            customer = self._store.find_by_phone(phone)
        else:
            customer = self._store.find_by_email(record.get("email"))
        if customer is not None and external_id is not None:
            self._store.set_external_id(customer, external_id)
        return customer

    def _new_lead(self, external_id: str | None, timestamp: str) -> JsonObject:
        return self._store.empty_customer() | {
            "id": self._store.factory.rng.new_id(),
            "createdAt": timestamp,
            "createdBy": API_USER_ID,
            "updatedAt": timestamp,
            "clientId": CLIENT_ID,
            "clientCustomerId": external_id,
            "status": "Lead",
            "totalCalls": 0,
            "testCustomer": False,
        }

    def _set_custom_fields(self, customer: JsonObject, values: dict[str, Any], timestamp: str) -> None:
        items = {item["fieldDefinitionId"]: item for item in customer["customFields"]}
        for key, value in values.items():
            definition = CUSTOM_FIELD_BY_KEY[key]
            shown = custom_field_value(self._store.factory.rng, customer, definition, value, timestamp)
            if definition["id"] in items:
                old = items[definition["id"]]
                shown |= {"id": old["id"], "createdAt": old["createdAt"]}
            items[definition["id"]] = shown
        customer["customFields"] = list(items.values())


def _identities(record: JsonObject) -> set[str]:
    found = {f"{name}:{str(record[name]).lower()}" for name in ("externalId", "email") if record.get(name)}
    return found | {f"phoneNumber:{re.sub(r'[^0-9]', '', record['phoneNumber'])[-10:]}"}


def _e164(number: str) -> str:
    found = PHONE_FORMS.fullmatch(number)
    area, exchange, line = [part for part in found.groups() if part] if found else ("", "", "")
    # Area codes and exchanges never start with 0 or 1; N11 are service numbers.
    if not area or {area[0], exchange[0]} & {"0", "1"} or "11" in (area[1:], exchange[1:]):
        message = "Invalid phone number"
        raise RecordError(message)
    return f"+1{area}{exchange}{line}"


def _iso_date(value: str | None) -> str | None:
    if value is None:
        return None
    try:
        return date(int(value[6:]), int(value[:2]), int(value[3:5])).isoformat()
    except ValueError as error:
        message = "Invalid date of birth"
        raise RecordError(message) from error


def _find_source(source_id: str | None) -> JsonObject | None:
    if source_id is None:
        return None
    for source in SOURCES:
        if source_id in (source["id"], source["sourceId"]):
            return source
    message = "Source not found"
    raise RecordError(message)


def _parse_custom_fields(entries: list[JsonObject]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for entry in entries:
        key = entry["fieldKey"]
        if key not in CUSTOM_FIELD_BY_KEY:
            message = f"Custom field not found: {key}"
            raise RecordError(message)
        if key in values:
            message = f"Custom field given twice: {key}"
            raise RecordError(message)
        values[key] = _parse_custom_field(CUSTOM_FIELD_BY_KEY[key], entry["value"])
    return values


def _parse_custom_field(definition: JsonObject, text: str) -> Any:
    kind = definition["fieldType"]
    parts = [part.strip() for part in text.split(",")]
    is_valid = {
        "text": True,
        "number": re.fullmatch(r"-?\d+(\.\d+)?", text) is not None,
        "boolean": text in ("true", "false"),
        "date": re.fullmatch(r"\d{4}-\d{2}-\d{2}", text) is not None,
        "select": text in (definition["options"] or ()),
        "multi_select": set(parts) <= set(definition["options"] or ()),
    }
    if not is_valid[kind]:
        message = f"Invalid value for custom field: {definition['fieldKey']}"
        raise RecordError(message)
    return {"booleanValue": text == "true", "multiSelectValue": parts}.get(SLOT_OF_TYPE[kind], text)


def _webhook_form(customer: JsonObject) -> JsonObject:
    shown = {name: value for name, value in customer.items() if name != "policies"}
    shown["phoneNumber"] = shown.pop("callerId")
    shown["externalId"] = shown.pop("clientCustomerId")
    shown["hasMedicaid"] = shown.pop("medicaid")
    return shown
