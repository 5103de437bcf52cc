"""Any JSON record under any SCHEMA with any field map becomes a lead or a reject, and nothing raises."""

from __future__ import annotations

import contextlib
import functools
import io
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from lead_connectors.delivery.json_line import TooDeepError, parse_line
from lead_connectors.delivery.lead import Source
from lead_connectors.delivery.plan import Send
from lead_connectors.delivery.sink import TOO_DEEP, DeliverySink
from lead_connectors.delivery.target import DeliveryTarget
from lead_connectors.field_map.build import MapBuilder
from lead_connectors.field_map.config import MapSettings
from lead_connectors.plugin.errors import ConnectorError, SettingsError
from target_carecycle.target import TargetCareCycle
from target_leadsquared.target import TargetLeadSquared

FIELDS = {
    "target-leadsquared": ["EmailAddress", "Phone", "FirstName", "mx_DOB", "DoNotCall", "mx_Custom", "mx_State"],
    "target-carecycle": [
        "phoneNumber",
        "email",
        "postalCode",
        "dateOfBirth",
        "doNotCall",
        "dependentCount",
        "leadCost",
    ],
}
USUAL = {
    "target-leadsquared": {"EmailAddress": "email", "Phone": "phone"},
    "target-carecycle": {"email": "email", "phoneNumber": "phone", "postalCode": "zip"},
}
PERSON: dict[str, Any] = {"id": 1, "email": "ann@example.com", "phone": "+14155552001", "zip": "94110"}
CONVERTERS = st.sampled_from(
    [
        *(
            "auto",
            "boolean",
            "date",
            "datetime",
            "email",
            "integer",
            "number",
            "phone",
            "postal_code",
            "text",
            "timezone",
        ),
        *(
            "us_state",
            {"join": {"separator": "; "}},
            {"choice": {"choices": ["a", "b"]}},
            {"number": {"output": "json"}},
        ),
    ]
)
NAMES = st.sampled_from(["id", "a", "b", "policies", "email", "phone", "zip"])
NUMBERS = st.sampled_from(
    [
        *("12345678901234567890123", "0.1000000000000000055511151231257827", "1e400", "-1e999999999", "1e-999999999"),
        *("NaN", "-Infinity", "-0.0", "1" + "0" * 5000, "5.0", "2147483648"),
    ]
).map(lambda text: parse_line(text.encode()))
TEXTS = st.text() | st.sampled_from(
    [
        "\ud800",
        "a\udfffb",
        "ann@example.com",
        "+14155552001",
        "94110",
        "NULL",
        "\x00",
        "9" * 400,
        "1950-02-30",
        "#" * 9000,
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | TEXTS, inner, max_size=3),
    max_leaves=8,
)
SCHEMAS = st.recursive(
    st.sampled_from(
        [{}, True, {"type": "uuid"}, {"type": ["string", "null"]}, {"type": "integer"}, {"multipleOf": 0.01}]
    )
    | st.sampled_from([{"$ref": "#/properties/a"}, {"$ref": "#/nowhere"}, {"pattern": "("}, {"pattern": "^a"}])
    | st.sampled_from([{"format": "date-time", "type": "string"}, {"minimum": 5}, {"enum": [1, "a"]}, {"maxLength": 3}])
    | JSON,
    lambda inner: (
        st.fixed_dictionaries({"properties": st.dictionaries(NAMES, inner, max_size=2)})
        | st.fixed_dictionaries({"anyOf": st.lists(inner, min_size=1, max_size=2)})
        | st.fixed_dictionaries({"items": inner})
    ),
    max_leaves=4,
)


@functools.cache
def target(name: str) -> DeliveryTarget:
    if name == "target-carecycle":
        return TargetCareCycle(config={"api_key": "cc_key"})
    return TargetLeadSquared(config={"access_key": "a", "secret_key": "b", "preflight": "off"})


@st.composite
def field_maps(draw: st.DrawFn, name: str) -> dict[str, Any]:
    source = NAMES | st.fixed_dictionaries(
        {"property": NAMES | st.lists(NAMES, min_size=1, max_size=2)},
        optional={"convert": CONVERTERS, "on_null": st.sampled_from(["omit", "clear"]), "default": st.just("x")},
    )
    drawn = draw(st.dictionaries(st.sampled_from(FIELDS[name]), source, max_size=4))
    return {draw(st.sampled_from(["people", "*"])): {**USUAL[name], **drawn}}


@pytest.mark.parametrize("name", list(FIELDS))
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(data=st.data())
def test_any_record_becomes_a_lead_or_a_reject(name: str, data: st.DataObject) -> None:
    destination = target(name).destination
    around = data.draw(st.dictionaries(st.sampled_from(["required", "type", "additionalProperties"]), JSON, max_size=1))
    anything: dict[str, Any] = {name: {} for name in ("id", "a", "b", "policies", "email", "phone", "zip")}
    schema = {**around, "properties": {**anything, **data.draw(st.dictionaries(NAMES, SCHEMAS, max_size=3))}}
    try:
        builder = MapBuilder(destination.api_fields, destination.builtin_maps, MapSettings(data.draw(field_maps(name))))
        field_map = builder.build("people", schema)
    except SettingsError:
        assume(False)  # noqa: FBT003
        raise
    keys = data.draw(st.lists(NAMES, max_size=2, unique=True))
    fitted = destination.fit_to_account(field_map).field_map
    sink = DeliverySink(target(name), "people", schema, keys, destination=destination, field_map=fitted)
    record = {**PERSON, **data.draw(st.dictionaries(NAMES, JSON, max_size=4))}
    lead = sink.to_lead(record, Source(0, "people", b"{}", b"{}"))
    assert not any("report" in note for note in lead.notes), lead.rejected
    if lead.rejected is None:
        json.dumps(destination.body(Send(lead)), allow_nan=False, default=vars).encode()
        assert not any(text in str(lead.identities) for text in ("\ud800", "\udfff")), (
            "an identity must be text that a hash can be made of"
        )


@pytest.mark.parametrize("depth", [50, 400, 900, 1500])
@pytest.mark.parametrize("property_name", ["id", "a", "email"])
def test_a_deep_record_becomes_a_lead_or_a_reject(depth: int, property_name: str) -> None:
    destination = target("target-carecycle").destination
    settings_ = MapSettings({"people": {"email": "email", "firstName": {"property": "a", "convert": "text"}}})
    schema: dict[str, Any] = {"properties": {"id": {}, "a": {"items": {"$ref": "#/properties/a"}}, "email": {}}}
    field_map = MapBuilder(destination.api_fields, settings=settings_).build("people", schema)
    sink = DeliverySink(
        target("target-carecycle"), "people", schema, ["id"], destination=destination, field_map=field_map
    )
    value = "[" * depth + "]" * depth
    try:
        record = parse_line(f'{{"id": 1, "{property_name}": {value}}}'.encode())
    except TooDeepError:
        assert depth > 900
        return
    lead = sink.to_lead(record, Source(0, "people", b"{}", b"{}"))
    assert not any("report" in note for note in lead.notes)
    if depth > 500 and property_name != "id":
        assert lead.rejected is not None
        assert TOO_DEEP in lead.rejected.reason or lead.rejected.code is not None


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    parts=st.dictionaries(NAMES, SCHEMAS, max_size=3),
    records=st.lists(st.dictionaries(NAMES, JSON, max_size=3), max_size=3),
    flattening=st.booleans(),
    expression=st.sampled_from([None, "a.b", "1 / a", "str(a)", "fake", "record['b']['id']", "md5(a)"]),
    dry_run=st.booleans(),
)
def test_any_input_ends_with_a_sentence_and_a_good_one_with_an_account(
    parts: dict[str, Any],
    records: list[dict[str, Any]],
    expression: str | None,
    tmp_path_factory: pytest.TempPathFactory,
    *,
    flattening: bool,
    dry_run: bool,
) -> None:
    folder = tmp_path_factory.mktemp("run")
    plain: dict[str, Any] = {
        "api_key": "cc_key",
        "streams": ["*"],
        "rejects_path": str(folder / "rejects"),
        "report_path": str(folder / "report.json"),
        "max_reject_percent": 100,
        "dry_run": dry_run,
        "flattening_enabled": flattening,
        "flattening_max_depth": 3,
    }
    maps = {} if expression is None else {"stream_maps": {"people": {"mapped": expression}}}
    plugin = TargetCareCycle(config={**plain, **maps})
    # None of these records has a phone number: each is a reject, and no call is made.
    schema = {"properties": {"id": {}, **{name: part for name, part in parts.items() if name != "phone"}}}
    lines = [{"type": "SCHEMA", "stream": "people", "schema": schema, "key_properties": ["id"]}]
    lines += [{"type": "RECORD", "stream": "people", "record": {"id": 1, **record}} for record in records]
    text = "".join(json.dumps(line, default=str) + "\n" for line in lines)
    with contextlib.suppress(ConnectorError):
        plugin.deliver(io.StringIO(text))
        streams = json.loads((folder / "report.json").read_text())["streams"]
        assert sum(stream["read"] for stream in streams.values()) == len(records)
        assert sum(sum(stream["rejected"].values()) for stream in streams.values()) == len(records)
