"""The setting field_map in real runs: its mistakes, stream maps beside it, what is not mapped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.forked import run_forked
from tests.processes import carecycle, leadsquared, run, singer
from tests.sandbox_client import ACCESS_KEY, SECRET_KEY, Sandbox

LEADSQUARED, CARECYCLE = "target-leadsquared", "target-carecycle"
PEOPLE = [{"id": 1, "first_name": "Ann", "mail": "a@example.com", "tel": "+12125550123", "zip": "10001", "shoe": 38}]

MISTAKES: list[tuple[str, Any, str]] = [
    (LEADSQUARED, {"people": {"EmailAddress": "maill"}}, "did you mean 'mail'?"),
    (LEADSQUARED, {"people": {"Phone": {"property": "tel", "value": "1"}}}, "has two sources for one field"),
    (CARECYCLE, {"people": {"phoneNumbr": "tel"}}, "did you mean 'phoneNumber'?"),
    (CARECYCLE, {"other": {"FirstName": "first_name"}}, "the API spells this field 'firstName'"),
    (CARECYCLE, {"people": {"dateOfBirth": "shoe"}}, "is a number and never a date"),
]


def config(sandbox: Sandbox, command: str, **more: Any) -> dict[str, Any]:
    return leadsquared(sandbox, **more) if command == LEADSQUARED else carecycle(sandbox, **more)


def people() -> str:
    kinds = {name: {"type": "integer" if isinstance(value, int) else "string"} for name, value in PEOPLE[0].items()}
    return singer(PEOPLE, properties=kinds)


@pytest.mark.parametrize(("command", "field_map", "sentence"), MISTAKES)
def test_a_mistake_stops_with_exit_code_2_and_the_nearest_name(
    sandbox: Sandbox, tmp_path: Path, command: str, field_map: Any, sentence: str
) -> None:
    done = run_forked(command, config(sandbox, command, field_map=field_map), stdin=people(), cwd=tmp_path)
    assert done.code == 2, done.err
    assert "field_map" in done.err
    assert sentence in done.err
    assert "Traceback" not in done.err
    assert sandbox.history() == []


def test_a_mistake_in_the_environment(sandbox: Sandbox, tmp_path: Path) -> None:
    env = {
        "TARGET_LEADSQUARED_API_URL": sandbox.url,
        "TARGET_LEADSQUARED_ACCESS_KEY": ACCESS_KEY,
        "TARGET_LEADSQUARED_SECRET_KEY": SECRET_KEY,
    }
    for text, sentence in (
        (json.dumps({"people": {"EmailAddress": "maill"}}), "field_map.people.EmailAddress reads 'maill'"),
        ("{people", "TARGET_LEADSQUARED_FIELD_MAP (environment) must be an object (JSON)"),
    ):
        done = run(
            LEADSQUARED,
            Path("ENV"),
            stdin=people(),
            cwd=tmp_path,
            env={**env, "TARGET_LEADSQUARED_FIELD_MAP": text},
        )
        assert done.code == 2
        assert sentence in done.err


def test_names_are_wrong_before_any_stream_arrives(sandbox: Sandbox, tmp_path: Path) -> None:
    done = run_forked(CARECYCLE, carecycle(sandbox, field_map={"x": {"phoneNumbr": "a"}}), stdin="", cwd=tmp_path)
    assert done.code == 2
    assert "did you mean 'phoneNumber'?" in done.err
    assert sandbox.stats("carecycle")["calls"] == 0


def test_stream_maps_come_first_and_field_map_sees_their_result(sandbox: Sandbox, tmp_path: Path) -> None:
    settings = {
        "stream_maps": {
            "people": {
                "__alias__": "clients",
                "town": "str('Al' + 'bany')",
                "tel": None,
                "__else__": None,
                "mail": "mail",
                "id": "id",
                "first_name": "first_name.upper()",
            }
        },
        "field_map": {"clients": {"EmailAddress": "mail", "mx_City": "town"}},
    }
    done = run_forked(LEADSQUARED, leadsquared(sandbox, **settings), stdin=people(), cwd=tmp_path)
    assert done.code == 0, done.err
    (lead,) = sandbox.leads()
    assert (lead["EmailAddress"], lead["mx_City"], lead["FirstName"]) == ("a@example.com", "Albany", "ANN")
    assert not lead.get("Phone")
    removed = {**settings, "field_map": {"clients": {"EmailAddress": "mail", "Phone": "tel"}}}
    done = run_forked(LEADSQUARED, leadsquared(sandbox, **removed), stdin=people(), cwd=tmp_path)
    assert done.code == 2
    assert "reads 'tel', which the stream 'clients' does not have" in done.err


def test_what_is_not_mapped_is_named_once(sandbox: Sandbox, tmp_path: Path) -> None:
    messages = people() * 3
    done = run_forked(
        CARECYCLE, carecycle(sandbox, field_map={"people": {"phoneNumber": "tel"}}), stdin=messages, cwd=tmp_path
    )
    assert done.code == 0, done.err
    assert done.err.count("not mapped and not sent: id, mail, shoe.") == 1
    assert "a@example.com" not in done.err


def test_false_takes_a_field_out_and_common_names_fill_the_rest(sandbox: Sandbox, tmp_path: Path) -> None:
    own = {"people": {"Phone": False, "EmailAddress": "mail"}}
    done = run_forked(LEADSQUARED, leadsquared(sandbox, field_map=own), stdin=people(), cwd=tmp_path)
    assert done.code == 0, done.err
    (lead,) = sandbox.leads()
    assert (lead["FirstName"], lead["mx_Zip"]) == ("Ann", "10001")
    assert not lead.get("Phone")


def test_an_empty_map_asks_for_the_common_names(sandbox: Sandbox, tmp_path: Path) -> None:
    row = {"id": 1, "Email_Address": "a@example.com", "Phone": "+12125550123", "DNC": True, "unsubscribed": "no"}
    done = run_forked(LEADSQUARED, leadsquared(sandbox, field_map={"people": {}}), stdin=singer([row]), cwd=tmp_path)
    assert done.code == 0, done.err
    (lead,) = sandbox.leads()
    assert lead["EmailAddress"] == "a@example.com"
    assert str(lead["DoNotCall"]).lower() in {"1", "true"}
    assert str(lead.get("DoNotEmail")).lower() in {"0", "none", "false"}


def test_lead_type_only_on_purpose_and_with_a_warning(sandbox: Sandbox, tmp_path: Path) -> None:
    row = {"id": 1, "mail": "a@example.com", "LeadType": "OT_1"}
    unmapped = leadsquared(sandbox, field_map={"people": {"EmailAddress": "mail"}})
    done = run_forked(LEADSQUARED, unmapped, stdin=singer([row]), cwd=tmp_path)
    assert done.code == 0, done.err
    assert "not mapped and not sent: id, LeadType" in done.err
    asked = leadsquared(sandbox, field_map={"people": {"EmailAddress": "mail", "LeadType": "LeadType"}})
    done = run_forked(LEADSQUARED, asked, stdin=singer([row]), cwd=tmp_path)
    assert done.code == 0, done.err
    assert done.err.count("change from OT_0 only once") == 1
    assert sandbox.leads()[0]["LeadType"] == "OT_1"


def test_an_opt_out_that_is_no_date_and_no_word_is_raised(sandbox: Sandbox, tmp_path: Path) -> None:
    row = {"id": 1, "mail": "a@example.com", "left_at": "2026-01-01T00:00:00Z"}
    schema = {
        "id": {"type": "integer"},
        "mail": {"type": "string"},
        "left_at": {"type": "string", "format": "date-time"},
    }
    asked = leadsquared(sandbox, field_map={"people": {"EmailAddress": "mail", "DoNotEmail": "left_at"}})
    done = run_forked(LEADSQUARED, asked, stdin=singer([row], properties=schema), cwd=tmp_path)
    assert done.code == 0, done.err
    assert str(sandbox.leads()[0]["DoNotEmail"]).lower() in {"1", "true"}
    assert "1 records: DoNotEmail had a value that is neither true nor false" in done.err
