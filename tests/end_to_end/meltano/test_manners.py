"""What Meltano's users expect of a plugin: logs, errors, selection, maps, tenants, state backends."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.end_to_end.meltano.project import JOB, ROOT, Project, point_at
from tests.sandbox_client import ACCESS_KEY, CARECYCLE_KEY, SECRET_KEY, Sandbox

SANDBOX = "--environment=sandbox"
STATE_ID = "sandbox:tap-carecycle-to-target-leadsquared"


def loader(setting: dict[str, Any]) -> Callable[[Any], None]:
    """An edit of meltano.yml that adds settings to target-leadsquared."""

    def change(document: Any) -> None:
        document["plugins"]["loaders"][0].setdefault("config", {}).update(setting)

    return change


def extractor(**entries: Any) -> Callable[[Any], None]:
    """An edit of meltano.yml that adds entries to tap-carecycle."""

    def change(document: Any) -> None:
        document["plugins"]["extractors"][0].update(entries)

    return change


def test_logs_have_levels_and_counts_in_the_text_and_no_person(project: Project, sandbox: Sandbox) -> None:
    done = project.meltano("--log-format=json", SANDBOX, *JOB)
    lines = [json.loads(line) for line in done.all.splitlines() if line.startswith("{")]
    summary = next(line for line in lines if "Summary: customers read=" in line["event"])
    assert summary["level"] == "info"
    assert f"read={len([row for row in sandbox.customers() if not row['testCustomer']])}" in summary["event"]
    people = sandbox.customers()
    for name in ("email", "callerId", "lastName"):
        said = [row[name] for row in people if row.get(name) and len(row[name]) > 5 and row[name] in done.all]
        assert said == [], name


WRONG_SETTINGS = {
    "TARGET_LEADSQUARED_BATCH_SIZE_ROWS": "many",
    "TARGET_LEADSQUARED_DRY_RUN": "ture",
    "TARGET_LEADSQUARED_REQUEST_TIMEOUT": "soon",
    "TARGET_LEADSQUARED_WRITE_MODE": "guess",
}
SENTENCES = [
    "batch_size_rows must be a whole number",
    "dry_run must be true or false",
    "request_timeout must be a number",
    "write_mode must be one of upsert, create, update, upsert_single",
]


@pytest.mark.parametrize(
    ("variables", "sentences"),
    [
        (WRONG_SETTINGS, SENTENCES),
        ({"TAP_CARECYCLE_PAGE_SIZE": "many"}, ["page_size must be a whole number from 1 to 100"]),
        ({"TARGET_LEADSQUARED_SECRET_KEY": "wrong$key"}, ["LeadSquared"]),
        ({"TAP_CARECYCLE_API_KEY": "wrong$key"}, ["CareCycle"]),
    ],
    ids=["settings of the target", "setting of the tap", "key of the target", "key of the tap"],
)
def test_a_users_mistake_gets_a_sentence_and_no_traceback(
    project: Project, sandbox: Sandbox, variables: dict[str, str], sentences: list[str]
) -> None:
    keys = {
        "TAP_CARECYCLE_API_KEY": CARECYCLE_KEY,
        "TARGET_LEADSQUARED_ACCESS_KEY": ACCESS_KEY,
        "TARGET_LEADSQUARED_SECRET_KEY": SECRET_KEY,
    }
    done = project.meltano(*JOB, code=1, env={**point_at(sandbox), **keys, **variables})
    for sentence in sentences:
        assert sentence in done.all
    assert "Traceback" not in done.all
    assert "wrong$key" not in done.all
    failed = "Extractor failed" if next(iter(variables)).startswith("TAP_") else "Loader failed"
    assert failed in done.all
    assert sandbox.leads() == []


def test_select_metadata_and_inline_maps(project: Project, sandbox: Sandbox) -> None:
    listing = project.meltano("select", "tap-carecycle", "--list", "--all").out
    assert "customers.firstName" in listing
    project.edit(
        extractor(
            select=["customers.*", "!customers.callerId", "customer_policies.*"],
            metadata={"customers": {"replication-key": "createdAt"}},
            config={"stream_maps": {"customers": {"firstName": "'Mapped'", "lastName": "lastName"}}},
        )
    )
    done = project.meltano(SANDBOX, *JOB)
    leads = sandbox.leads()
    assert {lead.get("FirstName") for lead in leads if lead.get("FirstName")} == {"Mapped"}
    assert not any(lead.get("Phone") for lead in leads)
    assert "customer_policies" in done.all
    assert "skipped=" in done.all
    state = json.loads(project.meltano("state", "get", STATE_ID).out)["singer_state"]
    assert state["bookmarks"]["customers"]["replication_key"] == "createdAt"


def test_a_mapper_between_tap_and_target(project: Project, sandbox: Sandbox) -> None:
    def change(document: Any) -> None:
        document["plugins"]["mappers"] = [
            {
                "name": "meltano-map-transformer",
                "namespace": "meltano_map_transformer",
                "executable": str(ROOT / ".peers" / "mapper" / "bin" / "meltano-map-transform"),
                "mappings": [{"name": "to-leads", "config": {"stream_maps": {"customers": {"firstName": "'Mapped'"}}}}],
            }
        ]

    project.edit(change)
    project.meltano(SANDBOX, "run", "tap-carecycle", "to-leads", "target-leadsquared")
    names = {lead.get("FirstName") for lead in sandbox.leads()}
    assert names <= {"Mapped", None}
    assert "Mapped" in names


def test_config_test_of_the_tap(project: Project) -> None:
    done = project.meltano(SANDBOX, "config", "test", "tap-carecycle")
    assert "valid" in done.all


def test_two_accounts_side_by_side(project: Project, sandbox: Sandbox) -> None:
    def change(document: Any) -> None:
        plugins = document["plugins"]
        plugins["extractors"].append({"name": "tap-carecycle--north", "inherit_from": "tap-carecycle"})
        plugins["loaders"].append({"name": "target-leadsquared--north", "inherit_from": "target-leadsquared"})

    project.edit(change)
    variables = point_at(sandbox) | {
        "TAP_CARECYCLE__NORTH_API_KEY": CARECYCLE_KEY,
        "TARGET_LEADSQUARED__NORTH_ACCESS_KEY": ACCESS_KEY,
        "TARGET_LEADSQUARED__NORTH_SECRET_KEY": SECRET_KEY,
    }
    project.meltano("run", "tap-carecycle--north", "target-leadsquared--north", env=variables)
    assert (project.folder / "ledger" / "production" / "target-leadsquared--north.ledger").exists()
    assert not (project.folder / "ledger" / "production" / "target-leadsquared.ledger").exists()
    assert (project.folder / ".meltano" / "run" / "tap-carecycle--north").exists()
    listed = project.meltano("state", "list").out
    assert "production:tap-carecycle--north-to-target-leadsquared--north" in listed


def test_state_in_files(project: Project, sandbox: Sandbox) -> None:
    states = project.folder / "states"
    variables = {"MELTANO_STATE_BACKEND_URI": states.as_uri()}
    project.meltano(SANDBOX, *JOB, env=variables)
    (path,) = states.rglob("state.json")
    state = json.loads(path.read_text(encoding="utf-8"))
    assert "customers" in state["completed"]["singer_state"]["bookmarks"]
    before = len(sandbox.history())
    sandbox.post("change", {"insert": 1})
    project.meltano(SANDBOX, *JOB, env=variables)
    assert len(sandbox.history()) > before
