"""The reject file: messages as they came in, code and reason beside the record, and what a later run makes of them."""

from __future__ import annotations

import errno
import json
import os
import stat
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lead_connectors.delivery.lead import Lead
from lead_connectors.delivery.outcome import rejected
from lead_connectors.delivery.private_files import PathError
from lead_connectors.delivery.reject_file import file_name
from lead_connectors.delivery.reject_lines import Mark, mark, reject_code, rejected_at, unmark
from lead_connectors.delivery.rejects import RejectFiles
from lead_connectors.plugin.errors import SettingsError
from lead_connectors.reject_codes import RejectCode
from tests.delivery.leads import a_lead

TARGET = "target-fake"
CONFLICT, TOO_LONG = rejected(RejectCode.CONFLICT, "because"), rejected(RejectCode.TOO_LONG, "Notes")
SCHEMA_LINE = b'{"type":"SCHEMA","stream":"people","schema":{"properties":{}},"key_properties":["id"]}'
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
RECORDS = st.dictionaries(st.text(), VALUES, max_size=5)


def message(record: object, **more: Any) -> bytes:
    return json.dumps({"type": "RECORD", "stream": "people", "record": record} | more).encode()


def lead(
    number: int, record: object, *, schema_line: bytes = SCHEMA_LINE, stream: str = "people", **values: Any
) -> Lead:
    made = a_lead(number, number, line=message(record), **values)
    (source,) = made.sources
    object.__setattr__(source, "schema_line", schema_line)
    object.__setattr__(source, "stream", stream)
    return made


def a_store(folder: Path, run: str = "run1", target: str = TARGET) -> RejectFiles:
    return RejectFiles(folder, run, target)


def records(folder: Path, run: str = "*") -> list[dict[str, Any]]:
    """All RECORD messages of the folder; each file starts with its SCHEMA."""
    found = []
    for path in sorted((folder / TARGET).glob(f"*-{run}.singer")):
        parsed = [json.loads(line) for line in path.read_text().splitlines()]
        assert parsed[0]["type"] == "SCHEMA"
        found += [line for line in parsed if line["type"] == "RECORD"]
    return found


def kept(folder: Path, run: str = "*") -> list[tuple[Any, str]]:
    return [(line["record"]["id"], line["_sdc_reject_code"]) for line in records(folder, run)]


# Lines


@given(
    record=RECORDS,
    code=st.sampled_from(RejectCode),
    reason=st.text(max_size=80),
    at=st.floats(0, 4e9),
    opt_outs=st.none() | st.tuples(st.text(max_size=9), st.frozensets(st.text(max_size=9), max_size=3)),
)
def test_a_marked_message_holds_the_record_byte_for_byte_and_comes_back(
    record: dict[str, object], code: RejectCode, reason: str, at: float, opt_outs: tuple[str, frozenset[str]] | None
) -> None:
    line = message(record)
    lead_id, fields = opt_outs or (None, frozenset())
    marked = mark(line, Mark(rejected(code, reason), lead_id, fields), at=at, target=TARGET)
    assert marked.startswith(line[:-1])
    parsed = json.loads(marked)
    assert parsed["_sdc_reject_code"] == code.value
    assert parsed["_sdc_reject_reason"] == reason
    assert parsed["_sdc_reject_target"] == TARGET
    assert parsed.get("_sdc_lead_id") == lead_id
    assert parsed["record"] == record
    assert (reject_code(marked), unmark(marked)) == (code.value, line)
    assert abs((rejected_at(marked) or 0.0) - at) < 0.001


@given(record=RECORDS)
def test_a_second_rejection_takes_the_place_of_the_first(record: dict[str, object]) -> None:
    first = mark(message(record), Mark(rejected(RejectCode.CONFLICT, 'says "no"')), at=1.0, target=TARGET)
    second = mark(first, Mark(TOO_LONG), at=2.0, target=TARGET)
    assert second == mark(message(record), Mark(TOO_LONG), at=2.0, target=TARGET)


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_marks_of_an_older_version_and_of_a_persons_own_script_are_known(separators: tuple[str, str]) -> None:
    marks = {"_sdc_reject_code": "conflict", "_sdc_reject_reason": 'a "b"', "_sdc_rejected_at": 5.5}
    line = json.dumps({"type": "RECORD", "stream": "people", "record": {}, **marks}, separators=separators).encode()
    assert (reject_code(line), rejected_at(line)) == ("conflict", 5.5)
    assert json.loads(unmark(line)) == {"type": "RECORD", "stream": "people", "record": {}}


def test_a_message_that_was_never_rejected_has_no_marks() -> None:
    line = message({"note": ',"_sdc_reject_code":"conflict"'})
    assert (reject_code(line), rejected_at(line), unmark(line)) == (None, None, line)


def test_half_a_character_in_a_reason_is_no_reason_to_stop() -> None:
    marked = mark(message({}), Mark(rejected(RejectCode.API_REJECTED, "bad \ud800")), at=1.0, target=TARGET)
    assert json.loads(marked)["_sdc_reject_reason"] == "bad ?"


# Names and modes


def test_unsafe_characters_of_stream_names_are_replaced() -> None:
    assert file_name("public/odd stream:ä", "run1") == "public_odd_stream__-run1.singer"
    assert file_name(".hidden", "run1") == "_hidden-run1.singer", "a shell's * does not find hidden files"


def test_two_streams_with_one_safe_name_have_a_file_each(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    for number, stream in enumerate(["a/b", "a:b", "a_b", "x" * 100, "x" * 101]):
        store.add(lead(number, {"id": number}, stream=stream), CONFLICT)
    store.close()
    assert len(store.paths) == 5
    assert sorted(who for who, _ in kept(tmp_path)) == list(range(5))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_folders_that_are_made_are_private_and_ignored_by_git(tmp_path: Path) -> None:
    store = a_store(tmp_path / "rejects")
    assert not store.folder
    store.add(lead(0, {"id": 0}), CONFLICT)
    store.close()
    assert store.folder == str(tmp_path / "rejects" / TARGET)
    (path,) = store.paths
    assert path.parent == tmp_path / "rejects" / TARGET
    assert [mode(each) for each in (path, path.parent, path.parent.parent)] == [0o600, 0o700, 0o700]
    assert (tmp_path / "rejects" / ".gitignore").read_text() == "*\n"


def test_a_folder_that_was_there_stays_as_it_is(tmp_path: Path) -> None:
    """`rejects_path: .` must not close the project, or hide it from git."""
    tmp_path.chmod(0o755)
    store = a_store(tmp_path)
    store.add(lead(0, {"id": 0}), CONFLICT)
    store.close()
    assert mode(tmp_path) == 0o755
    assert not (tmp_path / ".gitignore").exists()
    assert mode(tmp_path / TARGET) == 0o700
    assert (tmp_path / TARGET / ".gitignore").read_text() == "*\n"


def test_nothing_is_made_before_the_first_reject(tmp_path: Path) -> None:
    store = a_store(tmp_path / "rejects")
    assert store.open_opt_outs() == {}
    store.settle(["L1"])
    store.forget(lead(0, {"id": 0}))
    store.sync()
    store.close()
    assert list(tmp_path.iterdir()) == []


# The same reject again


def run(folder: Path, name: str, *leads: Lead, outcome: Any = CONFLICT, **more: Any) -> list[bool]:
    store = a_store(folder, name)
    added = [store.add(each, outcome, **more) for each in leads]
    store.close()
    return added


def test_the_same_reject_in_run_after_run_is_written_once(tmp_path: Path) -> None:
    first = {"id": 1, "note": 1.50, "_sdc_extracted_at": "monday", "_sdc_batched_at": None}
    again = {"_sdc_extracted_at": "tuesday", "note": 1.50, "id": 1}
    assert run(tmp_path, "run1", lead(0, first), lead(1, {"id": 2})) == [True, True]
    assert run(tmp_path, "run2", lead(0, again), lead(1, {"id": 2})) == [False, False]
    assert run(tmp_path, "run3", lead(0, again), outcome=TOO_LONG) == [True], "another code"
    assert run(tmp_path, "run4", lead(0, again | {"note": 2})) == [True], "other content"
    assert kept(tmp_path, "run2") == []
    assert not list((tmp_path / TARGET).glob("*run2*"))
    assert run(tmp_path, "run5", lead(0, {"id": 2}, rejected_at=9.0)) == [True], "its own file may be deleted next"


def test_numbers_that_a_float_does_not_hold_are_different_records(tmp_path: Path) -> None:
    assert run(tmp_path, "run1", lead(0, {"id": 12345678901234567890})) == [True]
    assert run(tmp_path, "run2", lead(0, {"id": 12345678901234567891})) == [True]


def test_a_value_that_goes_back_is_written_again(tmp_path: Path) -> None:
    """Of A, B, A the last one has to win when all of them are sent again."""
    for number, (name, note) in enumerate([("run1", "a"), ("run2", "b"), ("run3", "a")]):
        assert run(tmp_path, name, lead(number, {"id": 1, "note": note})) == [True]
    assert run(tmp_path, "run4", lead(3, {"id": 1, "note": "a"})) == [False]
    assert run(tmp_path, "run5", lead(4, {"id": 1, "note": "a"}), accepted_at=time.time()) == [True], (
        "another version was accepted meanwhile: the replay would take the old line for older than that"
    )


def test_another_targets_rejects_do_not_count(tmp_path: Path) -> None:
    run(tmp_path, "run1", lead(0, {"id": 1}))
    other = a_store(tmp_path, "run2", "target-other")
    assert other.add(lead(0, {"id": 1}), CONFLICT)
    other.close()
    assert b'"_sdc_reject_target":"target-other"' in other.paths[0].read_bytes()


def test_collapsed_versions_are_kept_where_one_may_hold_an_opt_out(tmp_path: Path) -> None:
    both = lead(0, {"id": 1, "dnc": True}, opt_outs={"DoNotCall"}).replaced_by(lead(1, {"id": 1, "dnc": None}))
    plain = lead(2, {"id": 2, "note": "old"}).replaced_by(lead(3, {"id": 2, "note": "new"}))
    assert run(tmp_path, "run1", both, plain) == [True, True]
    assert [line["record"].get("dnc", line["record"].get("note")) for line in records(tmp_path)] == [True, None, "new"]
    assert run(tmp_path, "run2", both, plain) == [False, False]


# Open opt-outs


def test_open_opt_outs_are_written_down_and_found_by_the_next_run(tmp_path: Path) -> None:
    first = a_store(tmp_path)
    ann, bob, cat = (lead(n, {"id": n}, opt_outs={"DoNotCall"}) for n in range(3))
    first.keep_open(ann, "L-ann", {"DoNotCall"})
    first.keep_open(bob, "L-bob", {"DoNotCall"})
    first.add(cat, CONFLICT)
    first.keep_open(bob, "L-bob", {"DoNotSMS"})
    first.forget(ann)
    first.forget(cat)
    first.close()
    assert kept(tmp_path) == [(2, "conflict"), (1, "opt_out_open")], "the last line of a lead counts, with all fields"
    assert records(tmp_path)[-1]["_sdc_lead_id"] == "L-bob"
    second = a_store(tmp_path, "run2")
    assert second.open_opt_outs() == {"L-bob": {"DoNotCall", "DoNotSMS"}}
    second.settle(["L-bob", "L-other"])
    assert second.open_opt_outs() == {}
    second.close()
    assert kept(tmp_path) == [(2, "conflict")]
    assert a_store(tmp_path, "run3").open_opt_outs() == {}


def test_a_killed_run_leaves_its_open_opt_outs(tmp_path: Path) -> None:
    killed = a_store(tmp_path)
    killed.keep_open(lead(0, {"id": 0}, opt_outs={"DoNotCall"}), "L0", {"DoNotCall"})
    killed.sync()
    assert a_store(tmp_path, "run2").open_opt_outs() == {}, "a run that has not ended keeps its own"
    for file in killed._files.values():
        file.close()
    assert a_store(tmp_path, "run2").open_opt_outs() == {"L0": {"DoNotCall"}}


def test_a_file_that_is_empty_in_the_end_is_gone(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    ann = lead(0, {"id": 0}, opt_outs={"DoNotCall"})
    store.keep_open(ann, "L0", {"DoNotCall"})
    store.sync()
    store.forget(ann)
    store.close()
    assert (store.paths, list((tmp_path / TARGET).glob("*.singer"))) == ([], [])
    store = a_store(tmp_path, "run2")
    store.keep_open(ann, "L0", {"DoNotCall"})
    store.close()
    a_store(tmp_path, "run3").settle(["L0"])
    assert list((tmp_path / TARGET).glob("*.singer")) == []


def test_what_stays_open_in_run_after_run_is_one_line_with_all_its_fields(tmp_path: Path) -> None:
    for name, field in [("run1", "DoNotCall"), ("run2", "DoNotSMS")]:
        store = a_store(tmp_path, name)
        store.keep_open(lead(0, {"id": 0}, opt_outs={field}), "L0", {field})
        store.close()
    assert kept(tmp_path) == [(0, "opt_out_open")]
    assert a_store(tmp_path, "run3").open_opt_outs() == {"L0": {"DoNotCall", "DoNotSMS"}}


def test_a_line_that_a_person_removes_is_acknowledged(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    store.keep_open(lead(0, {"id": 0}, opt_outs={"DoNotCall"}), "L0", {"DoNotCall"})
    store.close()
    (path,) = store.paths
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    assert a_store(tmp_path, "run2").open_opt_outs() == {}


# The disk


def test_one_fsync_for_each_file_at_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = a_store(tmp_path)
    store.add(lead(0, {"id": 0}), CONFLICT)
    store.add(lead(1, {"id": 1}, stream="others"), CONFLICT)
    store.sync()
    calls: list[int] = []
    monkeypatch.setattr(os, "fsync", calls.append)
    for number in range(100):
        store.add(lead(number, {"id": f"more{number}"}), CONFLICT)
    store.sync()
    store.sync()
    assert len(calls) == 1, "only one of two files was touched, once"
    monkeypatch.undo()
    store.close()
    assert len(kept(tmp_path)) == 102


def full_disk(*_: Any) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("call", ["write", "fsync", "open"])
def test_a_full_disk_is_told_with_its_setting_and_no_sync_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    store = a_store(tmp_path)
    if call != "open":
        store.add(lead(0, {"id": 0}), CONFLICT)
        store.sync()
    monkeypatch.setattr(os, call, full_disk)
    with pytest.raises(PathError, match=r"rejects_path: .*\(No space left on device\)") as caught:  # noqa: PT012
        store.add(lead(1, {"id": 1}), CONFLICT)
        store.sync()
    monkeypatch.undo()
    assert caught.value.exit_code == 1
    with pytest.raises(PathError):
        store.sync()
    with pytest.raises(PathError):
        store.add(lead(2, {"id": 2}), CONFLICT)
    store.close()
    assert {who for who, _ in kept(tmp_path)} <= {0, 1}


def test_half_a_line_is_taken_back_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = a_store(tmp_path)
    store.add(lead(0, {"id": 0}), CONFLICT)
    write = os.write
    room = [20]

    def a_few_bytes(handle: int, data: Any) -> int:
        return write(handle, data[: room.pop()]) if room else full_disk()

    monkeypatch.setattr(os, "write", a_few_bytes)
    with pytest.raises(PathError):
        store.add(lead(1, {"id": 1}), CONFLICT)
    monkeypatch.undo()
    store.close()
    assert kept(tmp_path) == [(0, "conflict")]


def test_a_full_disk_leaves_files_of_earlier_runs_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = a_store(tmp_path)
    first.keep_open(lead(0, {"id": 0}, opt_outs={"DoNotCall"}), "L0", {"DoNotCall"})
    first.add(lead(1, {"id": 1}), CONFLICT)
    first.close()
    before = first.paths[0].read_bytes()
    second = a_store(tmp_path, "run2")
    assert second.open_opt_outs()
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(PathError, match="rejects_path"):
        second.settle(["L0"])
    monkeypatch.undo()
    assert first.paths[0].read_bytes() == before
    assert [path.name for path in (tmp_path / TARGET).iterdir() if path.suffix == ".new"] == []


@pytest.mark.parametrize("where", ["rejects", f"rejects/{TARGET}"])
def test_a_folder_that_is_a_file_is_a_wrong_setting(tmp_path: Path, where: str) -> None:
    (tmp_path / where).parent.mkdir(exist_ok=True)
    (tmp_path / where).write_text("")
    store = a_store(tmp_path / "rejects")
    with pytest.raises(SettingsError, match="rejects_path: "):
        store.add(lead(0, {"id": 0}), CONFLICT)
    with pytest.raises(SettingsError, match="rejects_path: "):
        a_store(tmp_path / "rejects").open_opt_outs()
