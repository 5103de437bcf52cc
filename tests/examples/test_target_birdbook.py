"""The example target against a small BirdBook of its own: fields, rejects, opt-outs, STATE, `--check`, ledger."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from examples.target_birdbook import TargetBirdBook
from lead_connectors.delivery.errors import PersonNeededError
from lead_connectors.plugin.errors import SettingsError

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "target_birdbook.py"
KEY = "made-up-key"
MAX_ENTRIES = 10
CAN_BE_NULL = ("full_name", "birthday", "city")
FORMS = {
    "id": r".+",
    "phone": r"\+[1-9][0-9]{7,14}",
    "full_name": r".{1,60}",
    "birthday": r"[0-9]{2}\.[0-9]{2}\.[0-9]{4}",
    "city": r"[^0-9]{1,40}",
}


class Book:
    """What BirdBook holds, and the calls that it got."""

    def __init__(self) -> None:
        self.entries: dict[str, dict[str, Any]] = {}
        self.calls: list[list[dict[str, Any]]] = []
        self.unnamed: set[str] = set()
        self._lock = threading.Lock()

    def post(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Store a batch, or reject all of it for its first entry in the wrong form. The response omits `unnamed`."""
        with self._lock:
            entries = body["entries"]
            self.calls.append(entries)
            problem = problem_of(entries)
            if problem:
                return 422, {"problem": problem}
            stored, held = {}, {}
            for entry in entries:
                number = entry.get("phone")
                if number and any(
                    number == other.get("phone") for other in self.entries.values() if other["id"] != entry["id"]
                ):
                    held[entry["id"]] = "number_in_use"
                else:
                    self.entries[entry["id"]] = {**self.entries.get(entry["id"], {}), **entry}
                    stored[entry["id"]] = len(self.calls)
            named = {name: number for name, number in reversed(stored.items()) if name not in self.unnamed}
            return 200, {"held": held, "stored": named}


def problem_of(entries: list[dict[str, Any]]) -> dict[str, str] | None:
    if len(entries) > MAX_ENTRIES:
        return {"at": "entries", "kind": "too_many"}
    if len({entry.get("id") for entry in entries}) < len(entries):
        return {"at": "entries", "kind": "same_id_twice"}
    for position, entry in enumerate(entries):
        wrong = wrong_field(entry)
        if wrong:
            return {"at": f"entries[{position}].{wrong[0]}", "kind": wrong[1]}
    return None


def wrong_field(entry: dict[str, Any]) -> tuple[str, str] | None:
    if "id" not in entry or ("phone" not in entry and set(entry) != {"id", "silent"}):
        return "phone" if "id" in entry else "id", "missing"
    for name, value in entry.items():
        if name == "silent":
            is_right = isinstance(value, bool)
        elif value is None:
            is_right = name in CAN_BE_NULL
        elif name in FORMS:
            is_right = isinstance(value, str) and re.fullmatch(FORMS[name], value) is not None
        else:
            return name, "unknown_field"
        if not is_right:
            return name, "bad_form"
    return None


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
def address(book: Book) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._respond("/v1/book", lambda _: (200, {"book": {"title": "Sparrows"}}))

        def do_POST(self) -> None:
            self._respond("/v1/entries:batch", book.post)

        def _respond(self, path: str, make: Any) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.path != path:
                status, body = 404, {"problem": {"at": "path", "kind": "not_here"}}
            elif self.headers.get("X-Book-Key") != KEY:
                status, body = 401, {"problem": {"at": "header", "kind": "wrong_key"}}
            else:
                status, body = make(json.loads(content or b"{}"))
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        @override
        def log_message(self, format: str, *args: Any) -> None:
            """Write nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def config(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.chdir(tmp_path)
    return {"key": KEY, "api_url": address, "field_map": {"people": {"birthday": "born"}}, "report_path": "report.json"}


def person(number: int, **more: Any) -> dict[str, Any]:
    return {"no": number, "phone": f"(212) 555-01{number:02}", **more}


def messages(*records: dict[str, Any], key: str | None = "no") -> str:
    names = ("no", "phone", "full_name", "born", "city", "silent")
    schema = {"type": "object", "properties": {name: {} for name in names}}
    lines: list[dict[str, Any]] = [
        {"type": "SCHEMA", "stream": "people", "schema": schema, "key_properties": [key] if key else []}
    ]
    lines += [{"type": "RECORD", "stream": "people", "record": record} for record in records]
    lines.append({"type": "STATE", "value": {"read": len(records)}})
    return "".join(json.dumps(line) + "\n" for line in lines)


def deliver(config: dict[str, Any], *records: dict[str, Any], key: str | None = "no") -> dict[str, Any]:
    """Run the target in this process, and return its report without the numbers that are 0."""
    TargetBirdBook(config=config).deliver(io.StringIO(messages(*records, key=key)))
    report = json.loads(Path("report.json").read_text())
    counts = {name: value for name, value in report["streams"]["people"].items() if value}
    return {**counts, "opt_outs": report["opt_outs"]["raised"], "open": report["opt_outs"]["open"]}


def rejects() -> dict[int, tuple[str, str]]:
    lines = [json.loads(line) for path in Path("rejects").rglob("*.singer") for line in path.read_text().splitlines()]
    records = [line for line in lines if line["type"] == "RECORD"]
    return {line["record"]["no"]: (line["_sdc_reject_code"], line["_sdc_reject_reason"]) for line in records}


def command(config: dict[str, Any], *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    Path("config.json").write_text(json.dumps(config))
    line = [sys.executable, str(SCRIPT), "--config", "config.json", *arguments]
    return subprocess.run(line, input=stdin, capture_output=True, text=True, timeout=60, check=False)


def test_records_become_entries_in_the_form_of_the_api(
    book: Book, config: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    ann = person(1, full_name=" Ann Lee ", born="1950-03-04", city="Albany", silent="yes")
    counts = deliver(config, ann, person(2, full_name="Bo", silent=False))
    assert counts == {"read": 2, "accepted": 2, "opt_outs": 1, "open": 0}
    assert book.entries == {
        "1": {
            "id": "1",
            "phone": "+12125550101",
            "full_name": "Ann Lee",
            "birthday": "04.03.1950",
            "city": "Albany",
            "silent": True,
        },
        "2": {"id": "2", "phone": "+12125550102", "full_name": "Bo"},
    }
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()][-1] == {"read": 2}


@pytest.mark.parametrize(
    ("entries", "problem"),
    [
        ([{"id": str(number), "silent": True} for number in range(11)], {"at": "entries", "kind": "too_many"}),
        ([{"id": "1", "silent": True}] * 2, {"at": "entries", "kind": "same_id_twice"}),
        ([{"id": "1", "phone": "+12125550101", "hat": "red"}], {"at": "entries[0].hat", "kind": "unknown_field"}),
        ([{"id": "1", "city": "Albany"}], {"at": "entries[0].phone", "kind": "missing"}),
        ([{"id": "1", "silent": True}, {"id": "2", "phone": "555"}], {"at": "entries[1].phone", "kind": "bad_form"}),
    ],
)
def test_the_book_is_strict(book: Book, entries: list[dict[str, Any]], problem: dict[str, str]) -> None:
    assert book.post({"entries": entries}) == (422, {"problem": problem})
    assert book.entries == {}


def test_null_empties_a_field_on_request(book: Book, config: dict[str, Any]) -> None:
    assert deliver({**config, "on_null": "clear"}, person(1, city=None))["accepted"] == 1
    assert book.entries["1"] == {"id": "1", "phone": "+12125550101", "city": None}


def test_a_record_without_phone_is_rejected_without_a_call(book: Book, config: dict[str, Any]) -> None:
    assert deliver(config, {"no": 1, "city": "Albany"}) == {
        "read": 1,
        "rejected": {"required_missing": 1},
        "opt_outs": 0,
        "open": 0,
    }
    assert rejects() == {1: ("required_missing", "phone is required")}
    assert book.calls == []


def test_a_stream_without_a_key_is_rejected(book: Book, config: dict[str, Any]) -> None:
    assert deliver(config, person(1), key=None)["rejected"] == {"required_missing": 1}
    assert rejects() == {1: ("required_missing", "id is required")}
    assert book.calls == []


def test_an_entry_in_the_wrong_form_does_not_hurt_its_neighbours(book: Book, config: dict[str, Any]) -> None:
    counts = deliver(config, *(person(number, city="7" if number == 5 else "Albany") for number in range(25)))
    assert counts == {"read": 25, "accepted": 24, "rejected": {"invalid_value": 1}, "opt_outs": 0, "open": 0}
    assert rejects() == {5: ("invalid_value", "entry.city: bad_form")}
    assert set(book.entries) == {str(number) for number in range(25) if number != 5}
    assert max(map(len, book.calls)) == MAX_ENTRIES
    calls_with_it = [len(call) for call in book.calls if any(entry["id"] == "5" for entry in call)]
    assert len(calls_with_it) == 2, "the error names its position, so the second call has it alone"
    assert calls_with_it[-1] == 1


def test_an_entry_that_is_held_does_not_hurt_its_neighbours(book: Book, config: dict[str, Any]) -> None:
    book.entries["old"] = {"id": "old", "phone": "+12125550102"}
    counts = deliver(config, person(1), person(2), person(3))
    assert counts == {"read": 3, "accepted": 2, "rejected": {"conflict": 1}, "opt_outs": 0, "open": 0}
    assert rejects() == {2: ("conflict", "number_in_use")}
    assert set(book.entries) == {"old", "1", "3"}


def test_an_entry_that_the_response_does_not_name_is_rejected(book: Book, config: dict[str, Any]) -> None:
    book.unnamed.add("2")
    counts = deliver(config, person(1), person(2), person(3))
    assert counts == {"read": 3, "accepted": 2, "rejected": {"no_response": 1}, "opt_outs": 0, "open": 0}
    assert rejects() == {2: ("no_response", "the response does not name this entry")}


def test_an_opt_out_is_sent_although_the_birthday_is_invalid(book: Book, config: dict[str, Any]) -> None:
    config["ledger_path"] = "ledger.sqlite"
    deliver(config, person(2))
    counts = deliver(config, person(1), person(2, born="soon", silent=True))
    assert counts == {"read": 2, "accepted": 1, "rejected": {"invalid_value": 1}, "opt_outs": 1, "open": 0}
    assert book.entries["2"]["silent"] is True


def test_the_opt_out_of_nobody_makes_no_entry(book: Book, config: dict[str, Any]) -> None:
    with pytest.raises(PersonNeededError, match="1 opt-outs are open"):
        deliver(config, person(2, born="soon", silent=True))
    assert book.entries == {}


def test_a_second_run_with_a_ledger_sends_nothing(book: Book, config: dict[str, Any]) -> None:
    config["ledger_path"] = "ledger.sqlite"
    assert deliver(config, person(1), person(2))["accepted"] == 2
    calls = len(book.calls)
    assert deliver(config, person(1), person(2))["unchanged"] == 2
    assert len(book.calls) == calls == 1


def test_a_wrong_key_stops_the_run(config: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="Check key") as caught:
        deliver({**config, "key": "wrong"}, person(1))
    assert caught.value.exit_code == 2


def test_the_command_reads_stdin_and_writes_the_last_state(book: Book, config: dict[str, Any]) -> None:
    done = command(config, stdin=messages(person(1), {"no": 2}, person(3)))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {"read": 3}
    assert set(book.entries) == {"1", "3"}
    assert KEY not in done.stderr


def test_check_names_the_book_and_finds_a_wrong_key(book: Book, config: dict[str, Any]) -> None:
    good, bad = command(config, "--check"), command({**config, "key": "wrong"}, "--check")
    assert (good.returncode, bad.returncode) == (0, 2), good.stderr + bad.stderr
    assert "Sparrows" in good.stderr
    assert "Check key" in bad.stderr
    assert book.calls == []
