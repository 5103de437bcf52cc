"""A replay: the newest version wins, a line goes when all that it became was accepted, and files stay whole."""

from __future__ import annotations

import dataclasses
import errno
import itertools
import json
import os
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lead_connectors.delivery.lead import Lead, Source
from lead_connectors.delivery.outcome import rejected
from lead_connectors.delivery.private_files import PathError
from lead_connectors.delivery.reject_lines import Mark, mark, reject_code, rejected_at
from lead_connectors.delivery.rejects import RejectFiles
from lead_connectors.delivery.replay import ReplayFiles
from lead_connectors.plugin.errors import SettingsError
from lead_connectors.reject_codes import RejectCode
from tests.delivery.leads import a_lead

TARGET = "target-fake"
CONFLICT, TOO_LONG = rejected(RejectCode.CONFLICT, "because"), rejected(RejectCode.TOO_LONG, "Notes")
GONE = rejected(RejectCode.NOT_FOUND, "gone")


def schema(stream: str = "people", version: int = 1) -> bytes:
    properties = {"id": {}, "version": {"const": version}}
    return json.dumps({"type": "SCHEMA", "stream": stream, "schema": {"properties": properties}}).encode()


def record(number: int, *, stream: str = "people", **values: Any) -> bytes:
    return json.dumps({"type": "RECORD", "stream": stream, "record": {"id": number, **values}}).encode()


def reject(number: int, *, at: float = 1.0, code: Any = CONFLICT, target: str = TARGET, **values: Any) -> bytes:
    return mark(record(number, **values), Mark(code), at=at, target=target)


def a_file(folder: Path, *lines: bytes, name: str = "people.singer", end: bytes = b"\n") -> Path:
    path = folder / name
    path.write_bytes(end.join(lines) + end)
    return path


def a_replay(*paths: Path, **more: Any) -> ReplayFiles:
    return ReplayFiles(paths, target=TARGET, **more)


def sent(replay: ReplayFiles) -> Iterator[Lead]:
    """A lead for each record, as a target makes them: each after its own SCHEMA."""
    schemas: dict[str, bytes] = {}
    numbers = itertools.count()
    for line in replay:
        message = json.loads(line)
        if message["type"] == "SCHEMA":
            schemas[message["stream"]] = line
            continue
        assert message["type"] == "RECORD"
        made = a_lead(next(numbers), message["record"]["id"], rejected_at=rejected_at(line))
        source = Source(made.number, message["stream"], line, schemas[message["stream"]])
        yield dataclasses.replace(made, sources=(source,))


def who(lead: Lead) -> Any:
    return json.loads(lead.source.line)["record"]["id"]


def kept(path: Path) -> list[tuple[Any, str | None]]:
    lines = path.read_bytes().splitlines()
    return [(json.loads(line)["record"]["id"], reject_code(line)) for line in lines if b'"RECORD"' in line]


def test_what_is_accepted_leaves_the_file_and_what_is_rejected_again_stays(tmp_path: Path) -> None:
    path = a_file(tmp_path, schema(), reject(0, at=3), reject(1, at=1), reject(2, at=2), reject(3, at=4))
    before = {line for line in path.read_bytes().splitlines() if b'"id": 3' in line}
    replay = a_replay(path)
    leads = {who(lead): lead for lead in sent(replay)}
    assert list(leads) == [1, 2, 0, 3], "the oldest first"
    replay.forget(leads[0])
    replay.add(leads[1], GONE)
    replay.forget(leads[2])
    assert kept(path) == [(0, "conflict"), (1, "conflict"), (2, "conflict"), (3, "conflict")], "a kill loses nothing"
    replay.close()
    assert kept(path) == [(1, "not_found"), (3, "conflict")]
    lines = path.read_bytes().splitlines()
    assert rejected_at(lines[1]) == 1, "it is as old as it was"
    assert lines[2] in before
    assert path.stat().st_mode & 0o777 == 0o600
    assert replay.paths == [path]


def test_a_file_goes_when_all_is_accepted_and_one_without_outcomes_stays(tmp_path: Path) -> None:
    path = a_file(tmp_path, schema(), reject(0))
    before = path.stat()
    a_replay(path).close()
    assert path.stat() == before
    replay = a_replay(path)
    for lead in sent(replay):
        replay.forget(lead)
    replay.close()
    assert not path.exists()
    assert replay.paths == []


def test_only_one_code_is_sent_and_the_rest_stays(tmp_path: Path) -> None:
    path = a_file(tmp_path, schema(), reject(0), reject(1, code=TOO_LONG), reject(2))
    replay = a_replay(path, only="too_long")
    (lead,) = sent(replay)
    replay.forget(lead)
    replay.close()
    assert kept(path) == [(0, "conflict"), (2, "conflict")]


def test_a_dry_run_changes_no_file(tmp_path: Path) -> None:
    path = a_file(tmp_path, schema(), reject(0))
    before = path.read_bytes()
    replay = a_replay(path, keep=True)
    for lead in sent(replay):
        replay.forget(lead)
    replay.close()
    assert path.read_bytes() == before


# Versions of one record


@pytest.mark.parametrize("turned", [False, True])
def test_the_newest_version_comes_last_in_any_order_of_the_files(tmp_path: Path, turned: bool) -> None:  # noqa: FBT001
    old = a_file(tmp_path, schema(version=1), reject(1, at=5, v=1), reject(2, at=9, v=3), name="old.singer")
    new = a_file(tmp_path, schema(version=2), reject(1, at=7, v=2), reject(2, at=8, v=2), name="new.singer")
    replay = a_replay(*(new, old) if turned else (old, new))
    versions = [
        (values["id"], values["v"]) for lead in sent(replay) if (values := json.loads(lead.source.line)["record"])
    ]
    assert versions == [(1, 1), (1, 2), (2, 2), (2, 3)]
    under = [json.loads(lead.source.schema_line)["schema"]["properties"]["version"]["const"] for lead in sent(replay)]
    assert under == [1, 2, 2, 1], "each under the SCHEMA that it came under"


def test_an_unmarked_line_is_the_newest_and_as_old_as_its_first_rejection(tmp_path: Path) -> None:
    before = time.time()
    path = a_file(tmp_path, schema(), record(1), reject(2, at=before - 1000))
    replay = a_replay(path)
    first, second = sent(replay)
    assert [who(first), who(second)] == [2, 1]
    replay.forget(first)
    replay.add(second, CONFLICT)
    replay.close()
    assert (rejected_at(path.read_bytes().splitlines()[1]) or 0.0) >= before - 0.01


def test_a_collapsed_version_stays_only_where_it_may_hold_an_opt_out(tmp_path: Path) -> None:
    path = a_file(tmp_path, schema(), *(reject(who, at=at, v=at) for who in (1, 2) for at in (5, 6)))
    replay = a_replay(path)
    leads = list(sent(replay))
    plain = leads[0].replaced_by(leads[2])
    with_opt_outs = dataclasses.replace(leads[1], opt_outs=frozenset({"DoNotCall"})).replaced_by(leads[3])
    replay.add(plain, GONE)
    replay.add(with_opt_outs, GONE)
    replay.close()
    assert kept(path) == [(1, "not_found"), (2, "not_found"), (2, "not_found")]


def test_a_replaced_version_stays_while_its_own_opt_out_is_rejected(tmp_path: Path) -> None:
    """The newer version was accepted, and the older one's opt-out was not taken."""
    path = a_file(tmp_path, schema(), reject(1, at=5), reject(1, at=6))
    replay = a_replay(path)
    older, newer = sent(replay)
    replay.add(dataclasses.replace(older, opt_outs=frozenset({"DoNotCall"})), CONFLICT)
    replay.forget(newer)
    replay.close()
    lines = path.read_bytes().splitlines()
    assert [rejected_at(line) for line in lines[1:]] == [5.0]


# One message that becomes several leads


def two_leads(folder: Path) -> tuple[Path, ReplayFiles, list[Lead]]:
    path = a_file(folder, schema(), reject(1))
    replay = a_replay(path)
    (lead,) = sent(replay)
    other = dataclasses.replace(lead, stream="copy", sources=(dataclasses.replace(lead.source, number=1),))
    return path, replay, [lead, other]


@pytest.mark.parametrize("first", [0, 1])
def test_a_line_stays_while_one_of_its_leads_is_rejected(tmp_path: Path, first: int) -> None:
    path, replay, leads = two_leads(tmp_path)
    for lead in leads:
        replay.expect(lead)
    for lead in leads[first:] + leads[:first]:
        if lead is leads[0]:
            replay.forget(lead)
        else:
            replay.add(lead, GONE)
    replay.close()
    assert kept(path) == [(1, "not_found")]


def test_a_line_stays_while_one_of_its_leads_has_no_outcome(tmp_path: Path) -> None:
    path, replay, leads = two_leads(tmp_path)
    for lead in leads:
        replay.expect(lead)
    replay.forget(leads[0])
    replay.close()
    assert kept(path) == [(1, "conflict")]
    path, replay, leads = two_leads(tmp_path)
    for lead in leads:
        replay.expect(lead)
        replay.forget(lead)
    replay.close()
    assert not path.exists()


# Open opt-outs


def test_open_opt_outs_stay_where_they_stand_until_they_are_confirmed(tmp_path: Path) -> None:
    folder = tmp_path / TARGET
    folder.mkdir()
    path = a_file(folder, schema(), reject(1), reject(2))
    replay = a_replay(path)
    one, two = (dataclasses.replace(lead, opt_outs=frozenset({"DoNotCall"})) for lead in sent(replay))
    for lead in (one, two):
        replay.keep_open(lead, f"L{who(lead)}", {"DoNotCall"})
    replay.forget(two)
    assert replay.open_opt_outs() == {}
    replay.close()
    assert kept(path) == [(1, "opt_out_open")]
    assert RejectFiles(tmp_path, "run2", TARGET).open_opt_outs() == {"L1": {"DoNotCall"}}


def test_an_open_opt_out_is_told_before_another_lead_of_the_same_line(tmp_path: Path) -> None:
    path, replay, leads = two_leads(tmp_path)
    replay.keep_open(leads[0], "L1", {"DoNotCall"})
    replay.add(leads[1], GONE)
    replay.close()
    assert kept(path) == [(1, "opt_out_open")]
    replay = a_replay(path)
    (lead,) = sent(replay)
    other = dataclasses.replace(lead, sources=(dataclasses.replace(lead.source, number=1),))
    replay.keep_open(lead, "L1", {"DoNotCall"})
    replay.add(other, GONE)
    replay.forget(lead)
    replay.close()
    assert kept(path) == [(1, "not_found")]


# Whose files


def test_another_targets_file_is_a_wrong_argument(tmp_path: Path) -> None:
    path = a_file(tmp_path, schema(), reject(1), reject(2, target="target-other"))
    with pytest.raises(
        SettingsError, match=r"--replay: .*people\.singer holds rejects of another target \(target-other\)"
    ):
        a_replay(path)


def test_files_of_an_older_version_are_taken_with_one_warning(tmp_path: Path) -> None:
    older = reject(1).replace(f',"_sdc_reject_target":"{TARGET}"'.encode(), b"")
    paths = [a_file(tmp_path, schema(), older, older, name=f"{n}.singer") for n in range(2)]
    replay = a_replay(*paths, a_file(tmp_path, schema(), reject(3)))
    assert [lead.rejected_at for lead in sent(replay)] == [1.0] * 5
    (sentence,) = replay.warnings
    assert "2 of 3 files do not say which target" in sentence


# Files as people leave them


def test_of_a_link_the_file_behind_it_is_rewritten(tmp_path: Path) -> None:
    path = a_file(tmp_path, schema(), reject(1), reject(2))
    link = tmp_path / "latest"
    link.symlink_to(path.name)
    replay = a_replay(link)
    replay.forget(next(iter(sent(replay))))
    replay.close()
    assert link.is_symlink()
    assert kept(path) == [(2, "conflict")]


def test_the_same_file_twice_is_sent_once(tmp_path: Path) -> None:
    path = a_file(tmp_path, schema(), reject(1))
    (tmp_path / "link").symlink_to(path)
    (tmp_path / "hard").hardlink_to(path)
    replay = a_replay(path, tmp_path / "link", tmp_path / "hard", tmp_path / "." / "people.singer")
    assert [who(lead) for lead in sent(replay)] == [1]
    for lead in sent(replay):
        replay.forget(lead)
    replay.close()
    assert not path.exists()


def test_a_byte_order_mark_and_windows_line_ends_are_no_fault(tmp_path: Path) -> None:
    path = a_file(tmp_path, b"\xef\xbb\xbf" + schema(), reject(1), b"", reject(2), reject(3), end=b"\r\n")
    replay = a_replay(path)
    leads = list(sent(replay))
    assert ([who(lead) for lead in leads], replay.warnings) == ([1, 2, 3], [])
    replay.forget(leads[0])
    replay.add(leads[1], GONE)
    replay.close()
    assert kept(path) == [(2, "not_found"), (3, "conflict")]
    assert [who(lead) for lead in sent(a_replay(path))] == [2, 3]


def test_a_file_in_utf_16_is_named(tmp_path: Path) -> None:
    path = tmp_path / "people.singer"
    path.write_text(f"{schema().decode()}\n{reject(1).decode()}\n", encoding="utf-16")
    with pytest.raises(SettingsError, match=r"people\.singer is UTF-16"):
        a_replay(path)


def test_a_line_that_was_cut_off_stays_and_the_rest_is_sent(tmp_path: Path) -> None:
    path = a_file(tmp_path, schema(), reject(1), reject(2)[:40], end=b"\n")
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    other = a_file(tmp_path, schema(), reject(3), name="other.singer")
    replay = a_replay(path, other)
    leads = list(sent(replay))
    assert [who(lead) for lead in leads] == [1, 3]
    assert len(replay.warnings) == 1
    assert f"{path}: not sent, and left in the file: line 3." in replay.warnings[0]
    assert "RECORD" not in replay.warnings[0]
    for lead in leads:
        replay.forget(lead)
    replay.close()
    assert path.read_bytes().splitlines() == [schema(), reject(2)[:40]]
    assert not other.exists()


def test_what_no_target_can_take_stays_with_one_warning(tmp_path: Path) -> None:
    state = b'{"type": "STATE", "value": {}}'
    odd = [
        record(1),
        b"[]",
        b'{"type": "RECORD", "stream": "people"}',
        b'{"type": "SCHEMA", "stream": "x"}',
        b"{}",
        b"8",
    ]
    path = a_file(tmp_path, *odd, state, schema(), reject(7), record(8, stream="x"))
    replay = a_replay(path)
    (lead,) = sent(replay)
    assert who(lead) == 7, "a STATE in a reject file says nothing"
    (sentence,) = [sentence for sentence in replay.warnings if "not sent" in sentence]
    assert "line 1, 2, 3, 5, 6 and 1 more" in sentence
    replay.forget(lead)
    replay.close()
    lines = path.read_bytes().splitlines()
    assert set(lines) == {*odd, state, record(8, stream="x")} - {schema()}


def test_schemas_of_several_streams_stay_where_they_are_needed(tmp_path: Path) -> None:
    lines = [schema("a"), schema("b"), reject(1, stream="a"), reject(2, stream="b"), schema("a"), reject(3, stream="a")]
    path = a_file(tmp_path, *lines)
    replay = a_replay(path)
    leads = {who(lead): lead for lead in sent(replay)}
    replay.forget(leads[1])
    replay.close()
    assert path.read_bytes().splitlines() == [schema("b"), lines[3], schema("a"), lines[5]]


# Others on the same files, and the disk


def test_the_file_of_a_run_that_has_not_ended_is_left_alone(tmp_path: Path) -> None:
    store = RejectFiles(tmp_path, "run1", TARGET)
    store.add(a_lead(1, 1, line=record(1)), CONFLICT)
    store.sync()
    with pytest.raises(SettingsError, match="in use by a run that has not ended"):
        a_replay(*store.paths)
    store.close()
    assert len(list(sent(a_replay(*store.paths)))) == 1


def test_a_file_that_is_changed_meanwhile_is_left_as_it_is(tmp_path: Path) -> None:
    path = a_file(tmp_path, schema(), reject(1), reject(2))
    replay = a_replay(path)
    leads = list(sent(replay))
    path.write_bytes(path.read_bytes() + reject(3) + b"\n")
    for lead in leads:
        replay.forget(lead)
    with pytest.raises(PathError, match="was changed by somebody else"):
        replay.close()
    assert [number for number, _ in kept(path)] == [1, 2, 3]


def test_a_full_disk_leaves_each_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [a_file(tmp_path, schema(), reject(1), reject(2), name=f"{n}.singer") for n in range(3)]
    before = [path.read_bytes() for path in paths]
    replay = a_replay(*paths)
    for number, lead in enumerate(list(sent(replay))):
        if number % 2:
            replay.forget(lead)
    full = iter([True, False, False])
    fsync = os.fsync

    def fails_once(handle: int) -> None:
        if next(full, False):
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", fails_once)
    with pytest.raises(PathError, match=r"--replay: .*0\.singer cannot be written \(No space left on device\)"):
        replay.close()
    monkeypatch.undo()
    assert paths[0].read_bytes() == before[0]
    assert [len(kept(path)) for path in paths] == [2, 1, 1], "the others are in order"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.singer", "1.singer", "2.singer"]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"--replay: .*missing\.singer cannot be read"):
        a_replay(tmp_path / "missing.singer")


def test_records_are_not_kept_in_memory(tmp_path: Path) -> None:
    path = a_file(tmp_path, schema(), *(reject(number, note="x" * 50_000) for number in range(200)))
    tracemalloc.start()
    try:
        replay = a_replay(path)
        for lead in sent(replay):
            replay.add(lead, GONE)
        replay.close()
        assert tracemalloc.get_traced_memory()[1] < 2_000_000, "of 10 MB"
    finally:
        tracemalloc.stop()
    assert len(kept(path)) == 200
