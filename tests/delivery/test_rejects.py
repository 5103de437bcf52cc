"""The reject file: messages as they came in, code and reason beside the record, and back again."""

from __future__ import annotations

import json
import time
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from lead_connectors.delivery.outcome import rejected
from lead_connectors.delivery.rejects import RejectFiles, file_name, mark, reject_code, rejected_at, unmark
from lead_connectors.delivery.replay import ReplayFiles
from lead_connectors.reject_codes import RejectCode
from tests.delivery.leads import SCHEMA_LINE, a_lead

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
RECORDS = st.dictionaries(st.text(), VALUES, max_size=5)


def message(record: object) -> bytes:
    return json.dumps({"type": "RECORD", "stream": "people", "record": record}).encode()


@given(record=RECORDS, code=st.sampled_from(RejectCode), reason=st.text(max_size=80), at=st.floats(0, 4e9))
def test_a_marked_message_holds_the_record_byte_for_byte_and_comes_back(
    record: dict[str, object], code: RejectCode, reason: str, at: float
) -> None:
    line = message(record)
    marked = mark(line, rejected(code, reason), at=at)
    assert marked.startswith(line[:-1])
    parsed = json.loads(marked)
    assert parsed["_sdc_reject_code"] == code.value
    assert parsed["_sdc_reject_reason"] == reason
    assert parsed["record"] == record
    assert (reject_code(marked), unmark(marked)) == (code.value, line)
    assert abs((rejected_at(marked) or 0.0) - at) < 0.001


@given(record=RECORDS)
def test_a_second_rejection_takes_the_place_of_the_first(record: dict[str, object]) -> None:
    first = mark(message(record), rejected(RejectCode.CONFLICT, 'says "no"'), at=1.0)
    second = mark(first, rejected(RejectCode.TOO_LONG, "Notes"), at=2.0)
    assert second == mark(message(record), rejected(RejectCode.TOO_LONG, "Notes"), at=2.0)


def test_a_message_that_was_never_rejected_has_no_marks() -> None:
    line = message({"note": ',"_sdc_reject_code":"conflict"'})
    assert (reject_code(line), rejected_at(line), unmark(line)) == (None, None, line)


def test_unsafe_characters_of_stream_names_are_replaced() -> None:
    assert file_name("public/odd stream:ä", "run1") == "public_odd_stream__-run1.singer"


def _written(folder: Path, *codes: RejectCode) -> Path:
    files = RejectFiles(folder, "run1")
    for number, code in enumerate(codes):
        files.add(a_lead(number, number, line=message({"id": number})), rejected(code, "because"))
    files.close()
    (path,) = folder.glob("*.singer")
    return path


def _kept(path: Path) -> list[int]:
    parsed = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["type"] for line in parsed[:1]] == ["SCHEMA"]
    return [line["record"]["id"] for line in parsed if line["type"] == "RECORD"]


def test_what_is_accepted_leaves_the_file_and_what_is_rejected_again_stays(tmp_path: Path) -> None:
    path = _written(tmp_path, RejectCode.CONFLICT, RejectCode.CONFLICT, RejectCode.TOO_LONG)
    first_rejections = [rejected_at(line) for line in path.read_bytes().splitlines()[1:]]
    replay = ReplayFiles([path])
    records = [line for line in replay if b'"RECORD"' in line]
    assert len(records) == 3
    replay.forget(a_lead(0, 0, line=records[0]))
    replay.add(a_lead(1, 1, line=records[1]), rejected(RejectCode.NOT_FOUND, "gone"))
    replay.close()
    assert _kept(path) == [1, 2]
    lines = path.read_bytes().splitlines()
    assert [reject_code(line) for line in lines] == [None, "not_found", "too_long"]
    assert [rejected_at(line) for line in lines[1:]] == first_rejections[1:], "it is as old as it was"


def test_only_one_code_is_sent_and_the_rest_stays(tmp_path: Path) -> None:
    path = _written(tmp_path, RejectCode.CONFLICT, RejectCode.TOO_LONG)
    replay = ReplayFiles([path], only="too_long")
    sent = [json.loads(line)["record"]["id"] for line in replay if b'"RECORD"' in line]
    assert sent == [1]
    for line in replay:
        if b'"RECORD"' in line:
            replay.forget(a_lead(1, 1, line=line))
    replay.close()
    assert _kept(path) == [0]


def test_an_empty_file_goes_and_an_untouched_one_stays_as_it_is(tmp_path: Path) -> None:
    path = _written(tmp_path, RejectCode.CONFLICT)
    before = path.read_bytes()
    ReplayFiles([path]).close()
    assert path.read_bytes() == before
    replay = ReplayFiles([path])
    for line in replay:
        if b'"RECORD"' in line:
            replay.forget(a_lead(0, 0, line=line))
    replay.close()
    assert not path.exists()


def test_a_line_without_marks_is_as_old_as_its_first_rejection(tmp_path: Path) -> None:
    path = tmp_path / "people.singer"
    path.write_bytes(SCHEMA_LINE + b"\n" + message({"id": 1}) + b"\n")
    before = time.time()
    replay = ReplayFiles([path])
    (line,) = [line for line in replay if b'"RECORD"' in line]
    replay.add(a_lead(0, 0, line=line), rejected(RejectCode.CONFLICT))
    replay.close()
    assert (rejected_at(path.read_bytes().splitlines()[1]) or 0.0) >= before - 1
