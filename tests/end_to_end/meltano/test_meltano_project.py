"""This repository as a Meltano project: what it declares, and the main job in it."""

from __future__ import annotations

import json

import pytest

from tests.end_to_end.meltano.project import JOB, Project, point_at
from tests.sandbox_client import Sandbox, running_sandbox

SANDBOX = "--environment=sandbox"
CARECYCLE_KEY = "cc_$HOME$$x"
ACCESS_KEY = "u$r$PATH$0"
SECRET_KEY = "s$$1$HOMEx$"


def writes(sandbox: Sandbox) -> int:
    """How many leads were written to LeadSquared so far."""
    return sum(1 for write in sandbox.history() if write["api"] == "leadsquared")


def test_the_project_is_valid(project: Project) -> None:
    done = project.meltano("compile", "--lint")
    assert "warning" not in done.all.lower()


def test_the_main_job_moves_everybody_once(project: Project, sandbox: Sandbox) -> None:
    project.meltano(SANDBOX, *JOB)
    people = {row["id"]: row for row in sandbox.customers() if not row["testCustomer"]}
    leads = {lead["mx_CareCycle_Id"]: lead for lead in sandbox.leads()}
    rejected = {
        message["record"]["id"]
        for path in (project.folder / "rejects" / "sandbox").rglob("*.singer")
        for message in map(json.loads, path.read_text(encoding="utf-8").splitlines())
        if message["type"] == "RECORD"
    }
    assert set(leads) | rejected == set(people)
    for number, lead in leads.items():
        if number not in rejected:
            assert lead.get("FirstName") == people[number]["firstName"]
            assert lead.get("EmailAddress") == people[number]["email"]
    assert (project.folder / "ledger" / "sandbox" / "target-leadsquared.ledger").exists()

    before = writes(sandbox)
    changed = sandbox.post("change", {"update": 2, "insert": 1})
    project.meltano(SANDBOX, "run", "carecycle-to-leadsquared")
    by_id = {lead["ProspectID"]: lead["mx_CareCycle_Id"] for lead in sandbox.leads()}
    sent = [by_id[write["id"]] for write in sandbox.history()[before:]]
    assert set(changed["updated"] + changed["inserted"]) <= set(sent)
    assert set(sent) <= {*changed["updated"], *changed["inserted"], *rejected}

    state = project.meltano("state", "get", "sandbox:tap-carecycle-to-target-leadsquared").out
    bookmark = json.loads(state)["singer_state"]["bookmarks"]["customers"]
    assert bookmark["replication_key"] == "updatedAt"
    assert len(state) < 1000


def test_without_keys_production_stops_with_a_sentence_before_any_call(project: Project, sandbox: Sandbox) -> None:
    done = project.meltano(*JOB, code=1, env=point_at(sandbox))
    assert "Environment 'production' is active" in done.all
    assert "api_key is missing" in done.all
    assert "Traceback" not in done.all
    assert sandbox.stats("carecycle")["calls"] == sandbox.stats("leadsquared")["calls"] == 0


def test_the_sandbox_environment_outranks_dotenv(project: Project, sandbox: Sandbox) -> None:
    project.dotenv(
        TAP_CARECYCLE_API_KEY="cc_real",
        TARGET_LEADSQUARED_API_URL="http://127.0.0.1:9",
        TARGET_LEADSQUARED_SECRET_KEY="real",
    )
    project.meltano(SANDBOX, *JOB)
    assert sandbox.leads()


KEYS = {
    ("tap-carecycle", "api_key"): CARECYCLE_KEY,
    ("target-leadsquared", "access_key"): ACCESS_KEY,
    ("target-leadsquared", "secret_key"): SECRET_KEY,
}
VARIABLES = {f"{plugin}_{setting}".replace("-", "_").upper(): key for (plugin, setting), key in KEYS.items()}


@pytest.mark.parametrize("way", ["dotenv", "shell"])
def test_keys_with_dollars_arrive_intact_from(project: Project, way: str) -> None:
    if way == "dotenv":
        project.dotenv(**VARIABLES)
    env = VARIABLES if way == "shell" else {}
    found = {plugin: project.config(plugin, env=env) for plugin, _ in KEYS}
    assert {(plugin, setting): found[plugin][setting] for plugin, setting in KEYS} == KEYS


def test_keys_with_dollars_are_set_and_used_and_never_shown(project: Project) -> None:
    options = ("--carecycle-key", CARECYCLE_KEY, "--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY)
    with running_sandbox("--customers", "5", *options) as sandbox:
        for (plugin, setting), value in KEYS.items():
            assert value not in project.meltano("config", "set", plugin, setting, value).all
        dotenv, written = ((project.folder / name).read_text() for name in (".env", "meltano.yml"))
        assert all(value in dotenv and value not in written for value in KEYS.values())
        assert "secret_key:" not in written
        done = project.meltano(*JOB, env=point_at(sandbox))
        assert len(sandbox.leads()) >= 3
        assert not any(key in done.all for key in KEYS.values())


KINDS = {
    "search_by": ("Phone", "Phone"),
    "batch_size_rows": ("20", 20),
    "request_timeout": ("2.5", "2.5"),
    "resend": ("true", True),
    "on_conflict": ("leave_out", "leave_out"),
    "streams": ('["customers"]', ["customers"]),
    "rate_limit": ('{"calls": 24, "seconds": 2.5}', {"calls": 24, "seconds": 2.5}),
}


@pytest.mark.parametrize("way", ["dotenv", "shell", "meltano.yml"])
def test_a_setting_of_each_kind_arrives_from(project: Project, way: str) -> None:
    variables = {f"TARGET_LEADSQUARED_{name.upper()}": text for name, (text, _) in KINDS.items()}
    if way == "dotenv":
        project.dotenv(**variables)
    elif way == "meltano.yml":

        def change(document: object) -> None:
            plugins = document["plugins"]  # type: ignore[index]
            plugins["loaders"][0]["config"] |= {name: value for name, (_, value) in KINDS.items()}
            plugins["extractors"][0]["config"] = {"start_date": "2026-01-02"}

        project.edit(change)
    env = variables if way == "shell" else {}
    target = project.config("target-leadsquared", SANDBOX, env=env)
    # From the environment scalars arrive as text, which the plugins read: Meltano's own casts end in a traceback.
    typed = way == "meltano.yml"
    expected = {n: value if typed or isinstance(value, (list, dict)) else text for n, (text, value) in KINDS.items()}
    assert {name: target[name] for name in KINDS} == expected
    if way == "meltano.yml":
        assert project.config("tap-carecycle", SANDBOX)["start_date"].startswith("2026-01-02")
        project.meltano(SANDBOX, *JOB)
