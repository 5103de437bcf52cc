"""A sink makes a lead of a record, and says why one cannot be sent without showing a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from typing_extensions import override

from lead_connectors.delivery.destination import Prepared
from lead_connectors.delivery.lead import Lead, Source
from lead_connectors.delivery.outcome import Status
from lead_connectors.delivery.sink import SINGER_COLUMNS, DeliverySink, without_singer_columns
from lead_connectors.field_map.api_fields import ApiFields
from lead_connectors.field_map.build import MapBuilder
from lead_connectors.field_map.config import MapSettings
from lead_connectors.field_map.mapped import Mapped, Problem
from lead_connectors.reject_codes import RejectCode
from target_leadsquared.target import TargetLeadSquared
from tests.delivery.fake_destination import FakeDestination
from tests.delivery.leads import LINE, SCHEMA_LINE

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"id": {"type": ["integer", "null"]}, "mail": {"type": "string"}, "dnc": {}, "_sdc_batched_at": {}},
}


class Picky(FakeDestination):
    """Needs an e-mail address, adds a field, and knows people by their e-mail address."""

    @override
    def prepare(self, mapped: Mapped, record: Mapping[str, Any], key: Sequence[Any]) -> Prepared:
        email = mapped.fields.get("Email")
        missing = [] if email else [Problem("Email", RejectCode.REQUIRED_MISSING, "is required")]
        unique = {"Email": f"Email:{email}"} if email else {}
        notes = ("have extras",) if "extra" in record else ()
        return Prepared({**mapped.fields, "Key": "-".join(map(str, key))}, missing, unique, notes=notes)


def sink(*, keys: Sequence[str] = ("id",), wanted: bool = True, validate: bool = True) -> DeliverySink:
    config = {"access_key": "a", "secret_key": "b", "validate_records": validate}
    destination = Picky()
    api: ApiFields = destination.api_fields
    settings = MapSettings({"people": {"Email": "mail", "DoNotCall": "dnc"}}, opt_out_fields=["DoNotCall"])
    field_map = MapBuilder(api, destination.builtin_maps, settings).build("people", SCHEMA) if wanted else None
    target = TargetLeadSquared(config=config)
    return DeliverySink(target, "people", dict(SCHEMA), keys, destination=destination, field_map=field_map)


def lead(record: dict[str, Any], line: bytes = LINE, **options: Any) -> Lead:
    return sink(**options).to_lead(record, Source(7, "people", line, SCHEMA_LINE))


def test_a_good_record_becomes_a_lead() -> None:
    found = lead({"id": 5, "mail": "a@example.com", "dnc": "yes", "extra": 1, "_sdc_batched_at": "now"})
    assert found.fields == {"Email": "a@example.com", "Key": "5"}
    assert found.opt_outs == {"DoNotCall"}
    assert found.key == ("people", "5")
    assert found.identities == {"people:['5']", "Email:a@example.com"}
    assert found.unique == {"Email": "Email:a@example.com"}
    assert (found.rejected, found.rejected_at, found.number) == (None, None, 7)
    assert found.notes == ("have extras",)


@pytest.mark.parametrize(
    ("record", "code"),
    [
        ({"id": None, "mail": "a@example.com"}, "key_missing"),
        ({"mail": "a@example.com"}, "key_missing"),
        ({"id": " ", "mail": "a@example.com"}, "key_missing"),
        ({"id": "n/a", "mail": "a@example.com"}, "key_missing"),
        ({"id": 1, "mail": ["a@example.com"]}, "schema_invalid"),
        ({"id": 1, "dnc": True}, "required_missing"),
    ],
)
def test_a_record_that_cannot_be_sent_says_why_and_keeps_its_opt_out(record: dict[str, Any], code: str) -> None:
    found = lead({"dnc": True, **record})
    assert found.rejected is not None
    assert found.rejected.status is Status.REJECTED
    assert found.rejected.code is not None
    assert found.rejected.code.value == code
    assert found.opt_outs == {"DoNotCall"}
    assert "example.com" not in found.rejected.reason


@pytest.mark.parametrize("blank", [None, "", " ", "NULL", float("nan"), [], {}])
def test_a_key_that_is_blank_in_any_part_is_nobodys_identity(blank: Any) -> None:
    found = lead({"id": 5, "mail": "a@example.com", "extra": blank}, keys=("id", "extra"))
    assert found.rejected is not None
    assert found.rejected.code is RejectCode.KEY_MISSING
    assert "extra" in found.rejected.reason
    assert found.key is None
    assert found.identities == {"Email:a@example.com"}


def test_a_stream_without_a_key_has_records_without_a_key() -> None:
    found = lead({"id": None, "mail": "a@example.com"}, keys=())
    assert (found.key, found.rejected) == (None, None)


def test_without_validation_only_what_is_sent_counts() -> None:
    assert lead({"id": "text", "mail": "a@example.com"}, validate=False).rejected is None


def test_a_reject_that_is_sent_again_knows_its_age() -> None:
    marks = b'{"record":{},"_sdc_reject_code":"conflict","_sdc_reject_reason":"","_sdc_rejected_at":12.5}'
    assert lead({"id": 5, "mail": "a@example.com"}, line=marks).rejected_at == 12.5


def test_a_stream_that_is_not_delivered_makes_no_lead() -> None:
    assert not sink(wanted=False).is_delivered
    with pytest.raises(ValueError, match="not delivered"):
        lead({"id": 5}, wanted=False)


def test_singers_own_columns_are_those_that_the_sdk_takes_out() -> None:
    record = dict.fromkeys([*SINGER_COLUMNS, "_sdc_other", "id"], 1)
    sink()._remove_sdc_metadata_from_record(record)
    assert set(record) == {"_sdc_other", "id"}
    schema: dict[str, Any] = {"properties": {name: {} for name in [*SINGER_COLUMNS, "_sdc_other", "id"]}}
    assert set(without_singer_columns(schema)["properties"]) == {"_sdc_other", "id"}
