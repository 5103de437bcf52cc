"""Canaries: nothing of a record and no secret is found where it does not belong.

Unique names, phones, birthdays, Medicare numbers and keys run through every path; all that a run prints or leaves on
disk is searched for them. Mutants of the peers that this catches: the record logged (Multiwoven), values in validation
messages (SDK 0.54.9), body and URL in error texts (hotglue), records in STATE (hotglue), `--config` values in messages.
"""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.delivery.harness import CARECYCLE, TargetHarness, person
from tests.forked import run_forked
from tests.processes import Run, singer, start
from tests.sandbox_client import ACCESS_KEY, CARECYCLE_KEY, SECRET_KEY

NAME, BIRTHDAY, MEDICARE, NOTE = "Quetzalina", "1951-07-23", "1EG4-TE5-MK73", "Canaryville"
PHONE, PHONE_DIGITS, EMAIL = "+1 415 555 8261", "5558261", "quetzalina.canary@example.com"
SECRETS = (CARECYCLE_KEY, ACCESS_KEY, SECRET_KEY)
SPELLINGS = (
    NAME,
    NAME.lower(),
    NAME.upper(),
    BIRTHDAY,
    "07-23-1951",
    MEDICARE,
    "1EG4TE5MK73",
    NOTE,
    PHONE_DIGITS,
    PHONE,
)

CANARY: dict[str, Any] = {
    "first_name": NAME,
    "email": EMAIL,
    "phone": PHONE,
    "dob": BIRTHDAY,
    "medicare": MEDICARE,
    "city": NOTE,
}
FIELDS = {
    "carecycle": {"people": {"mbiNumber": "medicare"}},
    "leadsquared": {"people": {"mx_Medicare_Number": "medicare"}},
}


def search(text: str, where: str) -> None:
    for value in (*SPELLINGS, *SECRETS, *(base64.b64encode(secret.encode()).decode() for secret in SECRETS)):
        assert value not in text, f"{value} in {where}"


def check(harness: TargetHarness, done: Run, *, rejected: bool = False) -> None:
    """All that is printed and all that is left on disk, the reject files and what the test wrote aside."""
    search(done.err, "stderr")
    search(done.out, "stdout")
    for path in harness.folder.rglob("*"):
        own = path.name.startswith(".target-") or path.name.endswith(".config.json")
        if path.is_file() and not own and path.suffix != ".singer":
            search(path.read_bytes().decode("latin-1"), path.name)
    held = "".join(path.read_text() for path in harness.reject_files())
    assert (NAME in held) is rejected
    for secret in SECRETS:
        assert secret not in held


def canary(**changes: Any) -> dict[str, Any]:
    return person(1, **CANARY | changes)


def whole(harness: TargetHarness, **settings: Any) -> dict[str, Any]:
    return {"field_map": FIELDS[harness.api], "ledger_path": "kept/ledger.db", "max_retry_seconds": 3, **settings}


@pytest.mark.parametrize("level", ["INFO", "DEBUG"])
def test_a_run_of_all_kinds_of_records(harness: TargetHarness, level: str) -> None:
    """Good, rejected by the map, by the schema, by the API, and in each response that goes wrong."""
    harness.fault(
        "fail_row", match={"field": harness.field("last_name"), "value": "Rejected"}, message=f"Invalid data {NAME}"
    )
    harness.fault("sink_call", match={"field": harness.field("last_name"), "value": "Sunk"}, message=f"Invalid {PHONE}")
    harness.fault("html_502", times=1, after_calls=1)
    properties: dict[str, Any] = {name: {} for name in person(1, **CANARY)} | {"last_name": {"type": "string"}}
    rows = [
        canary(),
        canary(id="2", phone=f"no {PHONE}", email=None),
        canary(id="3", last_name={"nested": NAME}),
        canary(id="4", last_name="Rejected", email=f"4{EMAIL}", phone="+1 415 555 3004"),
        canary(id="5", last_name="Sunk", email=f"5{EMAIL}", phone="+1 415 555 3005"),
        canary(id=None),
        canary(id="7", first_name=NAME * 60, email=f"7{EMAIL}", phone="+1 415 555 3007"),
        canary(id="8", dob=f"born {BIRTHDAY}", dnc=f"perhaps {NAME}", email=f"8{EMAIL}", phone="+1 415 555 3008"),
    ]
    env = {"LOGLEVEL": level, "SINGER_SDK_LOG_LEVEL": level}
    done = harness.run(singer(rows, properties=properties, state_every=1), env=env, **whole(harness, batch_size_rows=2))
    assert done.code == 0, done.err
    assert any(NAME in json.dumps(entry["payload"]) for entry in harness.writes())
    assert harness.report()["streams"]["people"]["rejected"]
    check(harness, done, rejected=True)


@pytest.mark.parametrize(
    "line",
    [
        f'{{"type": "RECORD", "stream": "people", "record": {{"first_name": "{NAME}", ',
        f'{{"type": "RECORD", "stream": "people", "record": "{NAME}"}}',
        f'"{NAME}"',
        f'{{"type": "{NAME}"}}',
        f'{{"type": "SCHEMA", "stream": "people", "schema": "{NAME}", "key_properties": ["{MEDICARE}"]}}',
        f'{{"type": "STATE", "value": "{NAME}"}}',
        f'{{"type": "ACTIVATE_VERSION", "stream": "{NAME}", "version": "{MEDICARE}"}}',
        "\\ud800" + NAME,
    ],
)
def test_lines_that_cannot_be_read(leads: TargetHarness, line: str) -> None:
    done = leads.run(singer([person(0)], state_every=1) + line + "\n")
    assert done.code in {0, 1}
    assert "Traceback" not in done.err
    check(leads, done)


@pytest.mark.parametrize("kind", ["html_200", "unauthorized_401", "truncated", "mx_500", "status_400"])
def test_calls_that_end_badly(harness: TargetHarness, kind: str) -> None:
    if harness.is_carecycle:
        kind = {"truncated": "status_404", "mx_500": "status_403"}.get(kind, kind)
    harness.fault(kind, message=f"{NAME} {PHONE}")
    done = harness.run(singer([canary(), canary(id="2", email=f"2{EMAIL}", phone="+14155553000")]), **whole(harness))
    assert harness.report()["streams"]["people"]["read"] == 2
    check(harness, done, rejected=bool(harness.reject_files()))


def test_the_keys_in_the_query_are_in_no_log(leads: TargetHarness) -> None:
    """`auth_in: query`, where a URL in any message would tell them."""
    leads.fault("reset", times=1)
    done = leads.run(singer([canary()]), env={"LOGLEVEL": "DEBUG"}, **whole(leads, auth_in="query"))
    assert done.code == 0
    check(leads, done)
    done = leads.run(
        singer([canary()]), **whole(leads, auth_in="query", api_url="http://127.0.0.1:9", max_retry_seconds=0)
    )
    assert done.code == 1
    check(leads, done)


@pytest.mark.parametrize("value", [f"\n{NAME}", 15550417823651, {"key": NAME}, "", [NAME]])
def test_a_wrong_secret_is_not_shown(harness: TargetHarness, value: Any) -> None:
    name = "api_key" if harness.api == CARECYCLE else "secret_key"
    settings = harness.settings(**{name: value}, report_path=None)
    done = run_forked(harness.command, settings, stdin=singer([canary()]), cwd=harness.folder)
    assert done.code == 2
    last = done.err.splitlines()[-1]
    assert name in last or "api_url or a key" in last
    assert "15550417823651" not in done.err
    check(harness, done)


def test_an_unexpected_error_shows_its_place_alone(harness: TargetHarness) -> None:
    """A fault in the code itself, set up by a module that breaks the books with a value in its message."""
    (harness.folder / "sitecustomize.py").write_text(
        "import lead_connectors.delivery.run as broken\n"
        "def fail(self, lead): raise RuntimeError(str(lead.fields))\n"
        "broken.DeliveryRun.submit = fail\n"
    )
    path = [str(harness.folder), *_python_path()]
    done = harness.run(singer([canary()], state_every=1), env={"PYTHONPATH": ":".join(path), "LOGLEVEL": "DEBUG"})
    (harness.folder / "sitecustomize.py").unlink()
    assert done.code == 1
    assert done.states() == []
    assert "unexpected RuntimeError in" in done.err.splitlines()[-1]
    assert harness.report()["streams"]["people"]["unsent"] == 1
    check(harness, done)


def _python_path() -> list[str]:
    return [part for part in os.environ.get("PYTHONPATH", "").split(":") if part]


def test_about_shows_no_secret(harness: TargetHarness, tmp_path: Path) -> None:
    process = start(harness.command, harness.settings(), "--about", cwd=tmp_path)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    search(out.decode() + err.decode(), "--about")
