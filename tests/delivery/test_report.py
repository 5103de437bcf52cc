"""The report balances whatever happens, and shows counts, codes and names only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lead_connectors.delivery.outcome import Outcome, Status, rejected
from lead_connectors.delivery.report import Report, api_counts
from lead_connectors.field_map.api_fields import ApiField, ApiFields
from lead_connectors.field_map.build import MapSettings, build_field_map
from lead_connectors.field_map.builtin import BuiltinMaps
from lead_connectors.reject_codes import RejectCode
from tests.delivery.leads import a_lead

OUTCOMES = st.sampled_from([*(Outcome(status) for status in Status), *(rejected(code) for code in RejectCode)])
NO_CALLS = api_counts(None)


def a_report(*, dry_run: bool = False) -> Report:
    return Report("target-fake", "1.0", "run1", dry_run=dry_run)


@given(outcomes=st.lists(st.tuples(st.sampled_from(["people", "customers"]), OUTCOMES | st.none()), max_size=60))
def test_read_is_the_sum_of_the_other_columns(outcomes: list[tuple[str, Outcome | None]]) -> None:
    report = a_report()
    for stream, outcome in outcomes:
        report.read(stream)
        if outcome is not None:
            report.count(stream, outcome)
    report.close_open_records()
    streams = report.as_dict(1, NO_CALLS)["streams"]
    for name, counts in streams.items():
        columns = sum(value for column, value in counts.items() if column not in {"read", "rejected"})
        assert counts["read"] == columns + sum(counts["rejected"].values())
        assert counts["read"] == sum(stream == name for stream, _ in outcomes)
    skipped = sum(counts["skipped"] for counts in streams.values())
    assert report.accounted == len(outcomes) - skipped


def test_the_file_says_what_the_summary_says(tmp_path: Path) -> None:
    report = a_report()
    for outcome in (Outcome(Status.CREATED), rejected(RejectCode.CONFLICT), rejected(RejectCode.TOO_LONG)):
        report.read("people")
        report.count("people", outcome)
    report.opt_outs_raised = 2
    report.write(tmp_path / "reports" / "report.json", 0, NO_CALLS)
    written = json.loads((tmp_path / "reports" / "report.json").read_text())
    assert written["streams"]["people"] == {
        "read": 3, "created": 1, "updated": 0, "accepted": 0, "unchanged": 0, "collapsed": 0, "skipped": 0,
        "unsent": 0, "rejected": {"conflict": 1, "too_long": 1},
    }  # fmt: skip
    assert (written["plugin"], written["run_id"], written["exit_code"]) == ("target-fake", "run1", 0)
    assert written["opt_outs"] == {"raised": 2, "open": 0}
    assert written["started_at"] <= written["ended_at"]
    assert report.summary(0, NO_CALLS) == (
        "Summary: people read=3 created=1 rejected=2 (conflict: 1, too_long: 1); opt-outs raised=2 open=0; "
        "api calls=0 retries=0 http_429=0 seconds_waiting=0.0 quota_used=0.0; exit code 0"
    )
    assert report.rejected_without_conflicts == 1


def test_a_dry_run_counts_each_field_of_the_map() -> None:
    report = a_report(dry_run=True)
    api = ApiFields({"Email": ApiField("Email"), "DoNotCall": ApiField("DoNotCall")}, closed=True)
    settings = MapSettings({"people": {"Email": "mail", "DoNotCall": "dnc"}}, opt_out_fields=["DoNotCall"])
    schema: dict[str, Any] = {"properties": {"mail": {}, "dnc": {}}}
    report.start_stream("people", build_field_map("people", schema, api, BuiltinMaps(), settings))
    report.count_fields(a_lead(0, "a", fields={"Email": "a@example.com"}, opt_outs={"DoNotCall"}))
    report.count_fields(a_lead(1, "b", fields={"Email": "b@example.com"}))
    lines = list(report.field_lines())
    assert len(lines) == 2
    assert any(line.startswith("Dry run, stream people: mail -> Email") and "filled in 2" in line for line in lines)
    assert any("dnc -> DoNotCall" in line and "filled in 1" in line for line in lines)
    assert not any("example.com" in line for line in lines)
