"""This repository as a Meltano project: what it declares, and the main job in it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.end_to_end.meltano.project import JOB, ROOT, Project, point_at
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


def test_settings_are_those_of_the_plugins() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "scripts.repeat_settings", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_main_job_moves_everybody_once(project: Project, sandbox: Sandbox) -> None:
    project.meltano(SANDBOX, *JOB)
    people = {row["id"]: row for row in sandbox.customers() if not row["testCustomer"]}
    leads = {lead["mx_CareCycle_Id"]: lead for lead in sandbox.leads()}
    rejected = {
        message["record"]["id"]
        for path in (project.folder / "rejects" / "sandbox").glob("*.singer")
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


@pytest.mark.parametrize("way", ["dotenv", "shell", "config set"])
def test_keys_with_dollars_arrive_intact(project: Project, way: str) -> None:
    keys = {
        "TAP_CARECYCLE_API_KEY": CARECYCLE_KEY,
        "TARGET_LEADSQUARED_ACCESS_KEY": ACCESS_KEY,
        "TARGET_LEADSQUARED_SECRET_KEY": SECRET_KEY,
    }
    options = ("--carecycle-key", CARECYCLE_KEY, "--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY)
    with running_sandbox("--customers", "5", *options) as sandbox:
        env = point_at(sandbox)
        if way == "dotenv":
            project.dotenv(**keys)
        elif way == "shell":
            env |= keys
        else:
            for plugin, setting in (
                ("tap-carecycle", "api_key"),
                ("target-leadsquared", "access_key"),
                ("target-leadsquared", "secret_key"),
            ):
                value = keys[f"{plugin}_{setting}".replace("-", "_").upper()]
                done = project.meltano("config", "set", plugin, setting, value)
                assert value not in done.all
            assert (project.folder / ".env").exists()
            assert "secret_key:" not in (project.folder / "meltano.yml").read_text()
        done = project.meltano(*JOB, env=env)
        assert len(sandbox.leads()) >= 3
        assert not any(key in done.all for key in keys.values())


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
