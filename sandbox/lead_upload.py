"""POST /v2/leads/upload: refuses the request, or says for each record what became of it."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from typing import Any

from sandbox import carecycle_errors as errors
from sandbox.customer_store import CustomerStore
from sandbox.exchange import Answer, Call, NotJsonError, Row, read_json
from sandbox.nested import SLOT_OF_TYPE, custom_field_value
from sandbox.quirks import Quirks
from sandbox.reference import API_USER_ID, CLIENT_ID, CUSTOM_FIELD_BY_KEY, SOURCES
from sandbox.stats import Stats
from sandbox.upload_rules import FIELDS, flaws_of, lacks_place

PHONE_FORMS = re.compile(r"(?:\+1)?(\d{3})(\d{3})(\d{4})|\((\d{3})\) (\d{3})-(\d{4})")
IDENTITY = ("externalId", "phoneNumber", "email")
SAME_NAME = frozenset(FIELDS) - {"phoneNumber", "externalId", "sourceId", "leadCost", "dateOfBirth"}


class RecordError(ValueError):
    """One record is refused while its neighbours pass."""


class LeadUpload:
    """Writes uploaded leads into the customers."""

    def __init__(self, store: CustomerStore, quirks: Quirks, stats: Stats) -> None:
        self._store = store
        self._quirks = quirks
        self._stats = stats

    def answer(self, call: Call) -> Answer:
        """Answer one upload."""
        if 0 < self._quirks.body_limit < len(call.body):
            return errors.refuse(413)
        try:
            # Like Express, which leaves a body of another type unread.
            is_json = call.headers.get("content-type", "").startswith("application/json")
            body = read_json(call.body) if is_json else None
        except NotJsonError:
            return errors.refuse(400, "Unexpected token in JSON")
        if not isinstance(body, dict) or not isinstance(body.get("records"), list):
            records = body.get("records") if isinstance(body, dict) else None
            name = errors.type_name(records)
            message = f"Invalid input: expected array, received {name}"
            return errors.invalid([errors.Flaw(("records",), message, "array", name, "invalid_type")])
        return self._schema_refusal(body, body["records"]) or self._write(call, body["records"])

    def _schema_refusal(self, body: Row, records: list[Any]) -> Answer | None:
        most = self._quirks.upload_max
        if not 1 <= len(records) <= most:
            code = "too_big" if records else "too_small"
            message = f"Expected array to have 1 to {most} items"
            return errors.invalid([errors.Flaw(("records",), message, "array", str(len(records)), code)])
        flaws = []
        failed: list[Row] = []
        if self._quirks.unknown_fields == "refuse":
            flaws = [
                errors.Flaw((), f'Unrecognized key: "{name}"', "never", "undefined", "unrecognized_keys")
                for name in body
                if name != "records"
            ]
        for index, record in enumerate(records):
            found = flaws_of(
                record,
                index,
                drop_unknown=self._quirks.unknown_fields == "drop",
                place_needed=self._quirks.postal_or_timezone == "request",
            )
            if found:
                flaws += found
                shown = record if isinstance(record, dict) else {}
                names = ("phoneNumber", "firstName", "lastName", "externalId")
                failed.append({"index": index, **{name: shown.get(name) for name in names}})
        if not flaws:
            return None
        return errors.invalid(flaws, failed if self._quirks.failed_records else None)

    def _write(self, call: Call, records: list[Row]) -> Answer:
        moment = self._store.clock.now()
        copies = Counter(record.get("externalId") for record in records)
        failures: list[Row] = []
        written: list[Row] = []
        for index, record in enumerate(records):
            call.identities.update(_identities(record))
            twice = record.get("externalId") is not None and copies[record["externalId"]] > 1
            fault = call.failing.get(index)
            refusal = "Duplicate externalId in request" if twice else fault.message if fault else None
            outcome = self._outcome(call, record, moment, refusal)
            (failures if "error" in outcome else written).append(outcome)
        self._stats.apis[call.api].rows_per_call.append(len(records))
        self._stats.uploads.append(
            {
                "call": call.number,
                "records": len(records),
                "succeeded": len(written),
                "failed": len(failures),
            }
        )
        body: Row = {"succeeded": len(written), "failed": len(failures), "errors": failures}
        if self._quirks.upload_results:
            body["results"] = [_webhook_form(row) for row in written]
        return Answer(200, body)

    def _outcome(self, call: Call, record: Row, moment: str, refusal: str | None) -> Row:
        """Return the written customer, or the entry of `errors`, which alone holds an `error`."""
        try:
            if refusal is None:
                return self._write_record(call, record, moment)
        except RecordError as error:
            refusal = str(error)
        known = self._store.find(record.get("externalId"))
        return {
            "id": known["id"] if known else None,
            "externalId": record.get("externalId"),
            "error": refusal,
        }

    def _write_record(self, call: Call, record: Row, moment: str) -> Row:
        if lacks_place(record):
            message = "Either postalCode or timezone is required"
            raise RecordError(message)
        changes: Row = {name: value for name, value in record.items() if name in SAME_NAME}
        changes["callerId"] = _e164(record["phoneNumber"])
        if "dateOfBirth" in record:
            changes["dateOfBirth"] = _birthday(record["dateOfBirth"])
        source = _source(record.get("sourceId"))
        values = _custom_values(record.get("customFields", []))
        row = self._store.find(record.get("externalId"))
        if row is None:
            row = self._new_lead(record.get("externalId"), moment)
            self._store.add(row)
        elif lowered := self._store.lowered(row, changes):
            self._stats.record_lowered(call, row["id"], lowered)
        if source is not None:
            changes |= {"currentSourceId": source["id"], "source": dict(source)}
            changes["originalSourceId"] = row["originalSourceId"] or source["id"]
        self._store.touch(row, changes, moment, by=API_USER_ID)
        self._set_custom_fields(row, values, moment)
        identity = {name: record[name] for name in IDENTITY if record.get(name) is not None}
        self._stats.record_write(call, row["id"], identity, record)
        return row

    def _new_lead(self, external_id: str | None, moment: str) -> Row:
        return self._store.blank() | {
            "id": self._store.people.new_id(),
            "createdAt": moment,
            "createdBy": API_USER_ID,
            "updatedAt": moment,
            "clientId": CLIENT_ID,
            "clientCustomerId": external_id,
            "status": "Lead",
            "totalCalls": 0,
            "testCustomer": False,
        }

    def _set_custom_fields(self, row: Row, values: dict[str, Any], moment: str) -> None:
        kept = {each["fieldDefinitionId"]: each for each in row["customFields"]}
        for key, value in values.items():
            definition = CUSTOM_FIELD_BY_KEY[key]
            shown = custom_field_value(self._store.people, row, definition, value, moment)
            if definition["id"] in kept:
                old = kept[definition["id"]]
                shown |= {"id": old["id"], "createdAt": old["createdAt"]}
            kept[definition["id"]] = shown
        row["customFields"] = list(kept.values())


def _identities(record: Row) -> set[str]:
    found = {f"{name}:{str(record[name]).lower()}" for name in ("externalId", "email") if record.get(name)}
    return found | {f"phoneNumber:{re.sub(r'[^0-9]', '', record['phoneNumber'])[-10:]}"}


def _e164(number: str) -> str:
    found = PHONE_FORMS.fullmatch(number)
    area, exchange, line = [part for part in found.groups() if part] if found else ("", "", "")
    # No area or exchange starts with 0 or 1, and N11 are services.
    if not area or {area[0], exchange[0]} & {"0", "1"} or "11" in (area[1:], exchange[1:]):
        message = "Invalid phone number"
        raise RecordError(message)
    return f"+1{area}{exchange}{line}"


def _birthday(value: str | None) -> str | None:
    if value is None:
        return None
    try:
        return date(int(value[6:]), int(value[:2]), int(value[3:5])).isoformat()
    except ValueError as error:
        message = "Invalid date of birth"
        raise RecordError(message) from error


def _source(public: str | None) -> Row | None:
    if public is None:
        return None
    for source in SOURCES:
        if public in (source["id"], source["sourceId"]):
            return source
    message = "Source not found"
    raise RecordError(message)


def _custom_values(entries: list[Row]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for entry in entries:
        key = entry["fieldKey"]
        if key not in CUSTOM_FIELD_BY_KEY:
            message = f"Custom field not found: {key}"
            raise RecordError(message)
        if key in values:
            message = f"Custom field given twice: {key}"
            raise RecordError(message)
        values[key] = _custom_value(CUSTOM_FIELD_BY_KEY[key], entry["value"])
    return values


def _custom_value(definition: Row, text: str) -> Any:
    kind = definition["fieldType"]
    parts = [part.strip() for part in text.split(",")]
    good = {
        "text": True,
        "number": re.fullmatch(r"-?\d+(\.\d+)?", text) is not None,
        "boolean": text in ("true", "false"),
        "date": re.fullmatch(r"\d{4}-\d{2}-\d{2}", text) is not None,
        "select": text in (definition["options"] or ()),
        "multi_select": set(parts) <= set(definition["options"] or ()),
    }
    if not good[kind]:
        message = f"Invalid value for custom field: {definition['fieldKey']}"
        raise RecordError(message)
    return {"booleanValue": text == "true", "multiSelectValue": parts}.get(SLOT_OF_TYPE[kind], text)


def _webhook_form(row: Row) -> Row:
    shown = {name: value for name, value in row.items() if name != "policies"}
    shown["phoneNumber"] = shown.pop("callerId")
    shown["externalId"] = shown.pop("clientCustomerId")
    shown["hasMedicaid"] = shown.pop("medicaid")
    return shown
