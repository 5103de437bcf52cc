"""The corpus `tests/singer_files`: one situation a file, and what both targets make of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.delivery.harness import DELIVERED, TargetHarness

FOLDER = Path(__file__).parents[2] / "singer_files"


@dataclasses.dataclass(frozen=True)
class Case:
    """What becomes of a file: exit code, records by column over all streams, the last STATE, and field values sent."""

    delivered: int = 0
    rejected: dict[str, int] = dataclasses.field(default_factory=dict)
    collapsed: int = 0
    unsent: int = 0
    code: int = 0
    state: dict[str, Any] | None = None
    names: tuple[str, ...] = ()
    carecycle: dict[str, Any] = dataclasses.field(default_factory=dict)
    leadsquared: dict[str, Any] = dataclasses.field(default_factory=dict)

    def of(self, api: str) -> Case:
        return dataclasses.replace(self, **getattr(self, api))


def n(number: int) -> dict[str, Any]:
    return {"n": number}


CASES = {
    "empty": Case(),
    "schema_only": Case(),
    "state_only": Case(state=n(1)),
    "state_before_any_record": Case(1, state=n(1)),
    "records_after_the_last_state": Case(2, state=n(1)),
    "empty_state": Case(2, state=n(1)),
    # In CareCycle, the ids of two streams would mix.
    "interleaved_streams": Case(3, state={"a": 2, "b": 1}, carecycle={"delivered": 0, "code": 2, "state": None}),
    "schema_changes_midway": Case(2, state=n(2)),
    "key_is_null": Case(1, {"key_missing": 1}, state=n(2)),
    "key_is_missing": Case(1, {"key_missing": 1}, state=n(2)),
    "no_key_properties": Case(2, state=n(2)),
    "composite_key": Case(2, collapsed=1, state=n(3), names=("Newer", "Ann1")),
    "versions_of_one_record": Case(2, collapsed=1, state=n(3), names=("New", "Ann2")),
    "the_same_line_twice": Case(1, collapsed=1, state=n(2)),
    "spouses_share_a_phone": Case(2, state=n(2), leadsquared={"delivered": 1, "rejected": {"conflict": 1}}),
    "nulls": Case(1, state=n(1)),
    "nothing_to_be_reached_by": Case(0, {"required_missing": 1}, state=n(1)),
    "names_of_the_world": Case(4, state=n(4), names=("Zoë", "李小龍", "محمد", "O'Neill-Śmith 🙂")),
    "crlf_line_ends": Case(1, state=n(1)),
    "blank_lines": Case(1, state=n(1)),
    "no_newline_at_the_end": Case(1, state=n(1)),
    "activate_version": Case(1, state=n(1)),
    "sdc_columns_and_times": Case(1, state=n(1)),
    "opt_outs_in_all_spellings": Case(7, state=n(7)),
    "not_a_number": Case(1, state=n(1)),
    "numbers_beyond_64_bits": Case(1, state=n(1)),
    "nested_objects": Case(1, state=n(1)),
    "an_object_where_text_is_due": Case(0, {"invalid_value": 1}, state=n(1)),
    "against_its_schema": Case(1, {"schema_invalid": 2}, state=n(3)),
    "half_a_character": Case(1, {"invalid_value": 1}, state=n(2)),
    "too_long": Case(1, {"too_long": 1}, state=n(2)),
    "phone_without_country": Case(1, {"invalid_value": 1}, state=n(2)),
    "ids_as_numbers": Case(2, collapsed=1, state=n(3), names=("New", "Ann2")),
    "record_before_schema": Case(code=1),
    "broken_line": Case(unsent=1, code=1),
    "unknown_message": Case(unsent=1, code=1),
    "batch_message": Case(code=1),
    "state_without_value": Case(unsent=1, code=1),
    "schema_without_properties": Case(code=1),
    "key_property_not_in_schema": Case(0, {"key_missing": 1}, state=n(1)),
    "a_byte_order_mark": Case(1, state=n(1)),
}


def test_each_file_has_its_outcome_stated() -> None:
    assert {path.stem for path in FOLDER.glob("*.singer")} == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_a_file_of_the_corpus(harness: TargetHarness, name: str) -> None:
    case = CASES[name].of(harness.api)
    done = harness.run((FOLDER / f"{name}.singer").read_bytes(), streams=["*"], max_reject_percent=100)
    assert done.code == case.code, done.err
    streams = harness.report()["streams"].values()
    found = Case(
        delivered=sum(stream[column] for stream in streams for column in DELIVERED),
        rejected={code: count for stream in streams for code, count in stream["rejected"].items()},
        collapsed=sum(stream["collapsed"] for stream in streams),
        unsent=sum(stream["unsent"] for stream in streams),
        code=done.code,
        state=done.states()[-1] if done.states() else None,
    )
    assert found == dataclasses.replace(case, names=(), carecycle={}, leadsquared={})
    assert len(harness.writes()) == case.delivered
    assert "Traceback" not in done.err
    if case.code:
        assert "ERROR" in done.err.splitlines()[-1]
    if case.names:
        assert {entry["payload"][harness.field("first_name")] for entry in harness.writes()} == set(case.names)
    if name == "opt_outs_in_all_spellings":
        raised = [
            harness.who(e) for e in harness.writes() if str(e["payload"].get(harness.field("dnc"))).lower() == "true"
        ]
        assert sorted(raised) == ["p1", "p2", "p3", "p7"]
