"""What becomes a lead and what does not, dry runs, the test record, and STATE of several streams."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.end_to_end.delivery.harness import TargetHarness, people, person
from tests.processes import singer

CARECYCLE_CUSTOMER = {
    "id": "6d1f1d4e-0000-4000-8000-000000000001",
    "callerId": "+14155552001",
    "clientCustomerId": "agency-1",
    "lineType": "mobile",
    "firstName": "Ann",
    "email": "p1@example.com",
    "postalCode": "94110",
}
DEPENDENT = {"id": "d1", "customer_id": "c1", "first_name": "Kid", "phone": "+14155552009", "zip": "94110"}
SHOP = {"id": 1, "first_name": "Ann", "email": "p1@example.com", "orders_count": 3, "phone": "+14155552001"}


def state(**bookmarks: Any) -> str:
    return json.dumps({"type": "STATE", "value": {"bookmarks": bookmarks}}) + "\n"


def streams_of(harness: TargetHarness, text: str, **settings: Any) -> dict[str, Any]:
    done = harness.run(text, **{"streams": None} | settings)
    assert done.code == 0, done.err
    found: dict[str, Any] = harness.report()["streams"]
    return found


def test_a_shop_s_customers_are_no_leads_by_default(harness: TargetHarness) -> None:
    """Shopify and Stripe have a stream of this name, too."""
    text = singer([SHOP, SHOP | {"id": 2}], stream="customers", state_every=2)
    done = harness.run(text, streams=None)
    assert done.code == 2, "nothing of the run was asked for"
    assert done.states() == [], "its rows come again"
    assert harness.report()["streams"]["customers"]["skipped"] == 2
    assert harness.writes() == []
    assert "streams: [customers]" in done.err.splitlines()[-1]
    done = harness.run(text + singer([CARECYCLE_CUSTOMER], stream="mine", state_every=1), streams=None)
    assert done.code == 0
    assert done.states()[-1]["bookmarks"] == {"mine": {"n": 1}}, (
        "beside a wanted stream, what is skipped is accounted for"
    )
    assert done.err.count("streams: [customers]") == 1, "named once with the line that would deliver it"


def test_carecycle_customers_are_known_by_their_schema(harness: TargetHarness) -> None:
    streams = streams_of(harness, singer([CARECYCLE_CUSTOMER], stream="people_of_mine"))
    assert streams["people_of_mine"]["skipped"] == 0
    assert len(harness.writes()) == 1


def test_a_map_for_every_stream_leaves_nested_ones_out(harness: TargetHarness) -> None:
    fields = {"*": {harness.field("phone"): "phone"}}
    text = singer([DEPENDENT], stream="customer_dependents") + singer([person(2)], stream="others")
    streams = streams_of(harness, text, field_map=fields)
    assert streams["customer_dependents"]["skipped"] == 1
    assert streams["others"]["skipped"] == 0
    asked = streams_of(harness, singer([DEPENDENT], stream="customer_dependents"), streams=["customer_*"])
    assert asked["customer_dependents"]["skipped"] == 0


def test_a_map_of_a_stream_asks_for_it(harness: TargetHarness) -> None:
    fields = {"visitors": {harness.field("first_name"): "first_name"}}
    text = singer([person(1)], stream="visitors") + singer([person(2)], stream="others")
    streams = streams_of(harness, text, field_map=fields)
    assert streams["visitors"]["skipped"] == 0
    assert streams["others"]["skipped"] == 1


def test_the_test_record_of_meltano_is_accepted_and_never_written(harness: TargetHarness) -> None:
    text = singer([{"id": 1, "first_name": "Test"}], stream="meltano_test_stream")
    for streams in (None, ["*"]):
        done = harness.run(text, streams=streams)
        assert done.code == 0, done.err
        assert harness.report()["streams"]["meltano_test_stream"]["skipped"] == 1
    assert harness.writes() == []
    assert harness.write_calls() == 0
    assert harness.stats()["calls"] >= 1, "the credentials were checked"
    key = "api_key" if harness.is_carecycle else "secret_key"
    done = harness.run(text, **dict[str, Any]({key: "wrong$key"}))
    assert done.code == 2
    assert key in done.err.splitlines()[-1]


def test_a_dry_run_writes_nothing_anywhere(harness: TargetHarness) -> None:
    rows = [*people(4), person(4, phone="12", email="no"), person(5, id=None), person(6, dnc=True)]
    before = set(harness.folder.iterdir())
    done = harness.run(singer(rows, state_every=1), dry_run=True, ledger_path="kept/ledger.db")
    assert done.code == 0
    assert done.states() == []
    account = harness.report()
    assert account["dry_run"] is True
    assert account["streams"]["people"]["unsent"] == 5
    assert account["streams"]["people"]["rejected"] == {"invalid_value": 1, "key_missing": 1}
    assert harness.write_calls() == 0
    left = {path.name for path in set(harness.folder.iterdir()) - before if not path.name.startswith((".", "target-"))}
    assert left == {"report.json"}


def test_a_dry_run_knows_what_is_unchanged(harness: TargetHarness) -> None:
    harness.deliver(people(3), ledger_path="ledger.db")
    account = harness.deliver([*people(3), person(9)], ledger_path="ledger.db", dry_run=True)
    assert (account["unchanged"], account["unsent"]) == (3, 1)


def test_states_of_several_streams_interleaved(harness: TargetHarness) -> None:
    """Each STATE covers all streams: one bad record of one stream holds none of them back, one in flight all."""
    schemas = [singer([], stream=name, properties={n: {} for n in person(0)}) for name in ("a", "b", "no")]
    lines = [state(first=1), *schemas, state(first=2)]
    for n in range(12):
        name = ("a", "b", "no")[n % 3]
        bad = {"phone": "12", "email": "no"} if n == 4 else {}
        lines.append(json.dumps({"type": "RECORD", "stream": name, "record": person(n, **bad)}) + "\n")
        lines.append(state(first=2, n=n))
    lines.append(state(last=True))
    own_ids = {name: {"externalId": "id"} for name in ("a", "b")} if harness.is_carecycle else None
    done = harness.run("".join(lines), streams=["a", "b"], field_map=own_ids, batch_size_rows=2)
    assert done.code == 0
    assert done.states()[-1] == {"bookmarks": {"last": True}}
    streams = harness.report()["streams"]
    assert {name: streams[name]["read"] for name in streams} == {"a": 4, "b": 4, "no": 4}
    assert streams["no"]["skipped"] == 4
    assert sum(streams["b"]["rejected"].values()) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("\n\n", []),
        (state(n=1), [{"bookmarks": {"n": 1}}]),
        ('{"type": "STATE", "value": {}}\n', []),
        (state(n=1) + '{"type": "STATE", "value": {}}\n', [{"bookmarks": {"n": 1}}]),
        (singer([], properties={"id": {}}), []),
        (singer([person(0)]), []),
        (singer([person(0)], state_every=1) + state(n="end"), [{"bookmarks": {"n": "end"}}]),
    ],
)
def test_runs_with_little_in_them(harness: TargetHarness, text: str, expected: list[Any]) -> None:
    done = harness.run(text)
    assert done.code == 0
    assert done.states()[-1:] == expected
    assert {} not in done.states()


def test_records_after_the_last_state_are_delivered(harness: TargetHarness) -> None:
    text = singer(people(7), state_every=5)
    done = harness.run(text)
    assert done.states()[-1]["bookmarks"]["people"]["n"] == 5
    assert len(harness.arrived()) == 7, "the last partial batch is delivered though no STATE follows"
