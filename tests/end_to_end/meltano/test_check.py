"""`meltano invoke target-...:check`: the targets' --check with the settings that Meltano holds."""

from __future__ import annotations

from typing import Any

from tests.end_to_end.meltano.project import Project
from tests.sandbox_client import ACCESS_KEY, SECRET_KEY, Sandbox

SANDBOX = "--environment=sandbox"


def test_check_finds_the_settings_of_meltano_yml(project: Project, sandbox: Sandbox) -> None:
    def change(document: Any) -> None:
        loader = next(one for one in document["plugins"]["loaders"] if one["name"] == "target-leadsquared")
        own = {"EmailAddress": "mail", "mx_DOB": {"property": ["born", "dob"]}, "mx_City": False}
        loader.setdefault("config", {})["field_map"] = {"public-people": own}
        document["plugins"]["loaders"].append(
            {"name": "target-leadsquared--north", "inherit_from": "target-leadsquared", "config": {"on_null": "clear"}}
        )

    project.edit(change)
    done = project.meltano(SANDBOX, "invoke", "target-leadsquared:check")
    assert done.out == ""
    assert "Stream public-people" in done.err
    assert "born, dob" in done.err
    assert "Check passed" in done.err
    assert not any(secret in done.err for secret in (ACCESS_KEY, SECRET_KEY))
    assert sandbox.leads() == []

    inherited = {"TARGET_LEADSQUARED__NORTH_SEARCH_BY": "mx_Cty"}
    done = project.meltano(SANDBOX, "invoke", "target-leadsquared--north:check", code=None, env=inherited)
    assert done.code == 2
    assert "search_by: LeadSquared has no lead field mx_Cty; did you mean 'mx_City'?" in done.err


def test_check_of_carecycle(project: Project, sandbox: Sandbox) -> None:
    done = project.meltano(SANDBOX, "invoke", "target-carecycle:check")
    assert "An upload can start outreach" in done.err
    assert sandbox.stats("carecycle")["calls"] == 1
