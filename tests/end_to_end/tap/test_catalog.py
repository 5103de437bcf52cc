"""Discovery: static, quick, free of credentials; any change of the catalog shows as a diff."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.tap.conftest import LONGEST, TAP

SNAPSHOT = Path(__file__).with_name("catalog.json")


def discovered(folder: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TAP_CARECYCLE")}
    # A proxy that nobody serves: whoever calls out fails.
    environment |= {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
    done = subprocess.run(
        [str(TAP), "--discover"],
        capture_output=True,
        text=True,
        timeout=LONGEST,
        env=environment,
        cwd=folder,
        check=True,
    )
    return done.stdout


def test_the_catalog_is_the_committed_one(tmp_path: Path) -> None:
    found = json.dumps(json.loads(discovered(tmp_path)), indent=1, ensure_ascii=False) + "\n"
    if os.environ.get("UPDATE_CATALOG"):
        SNAPSHOT.write_text(found)
    assert found.splitlines() == SNAPSHOT.read_text().splitlines(), "meant? then run with UPDATE_CATALOG=1"


def streams() -> dict[str, dict[str, Any]]:
    return {each["tap_stream_id"]: each for each in json.loads(SNAPSHOT.read_text())["streams"]}


def test_only_customers_are_selected_by_default() -> None:
    chosen = {}
    for name, entry in streams().items():
        root = next(each["metadata"] for each in entry["metadata"] if not each["breadcrumb"])
        chosen[name] = (root["selected-by-default"], root.get("selected", False))
    assert chosen.pop("customers") == (True, True)
    assert set(chosen.values()) == {(False, False)}
    assert len(chosen) == 7


def test_keys_and_replication() -> None:
    found = streams()
    assert found["customers"]["key_properties"] == ["id"]
    assert found["customers"]["replication_key"] == "updatedAt"
    root = next(each["metadata"] for each in found["customers"]["metadata"] if not each["breadcrumb"])
    assert root["valid-replication-keys"] == ["updatedAt", "createdAt"]
    assert all("customer_id" in entry["key_properties"] for name, entry in found.items() if name != "customers")


@pytest.mark.parametrize("name", list(streams()) if SNAPSHOT.exists() else [])
def test_every_property_is_typed_and_no_enumeration_is_enforced(name: str) -> None:
    def look(schema: dict[str, Any]) -> None:
        assert "enum" not in schema
        assert schema["type"]
        if "object" in schema["type"]:
            assert "properties" in schema
        for each in schema.get("properties", {}).values():
            look(each)
        if "array" in schema["type"]:
            look(schema["items"])

    look(streams()[name]["schema"])


def test_about_tells_every_setting() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tap_carecycle", "--about", "--format=json"],
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=True,
    )
    settings = json.loads(done.stdout)["settings"]["properties"]
    names = "api_key api_url start_date page_size requests_per_minute max_in_flight request_timeout max_retry_seconds"
    for name in [*names.split(), "filters", "parameter_names", "lookback_window"]:
        assert settings[name]["title"]
        assert settings[name]["description"]
        assert settings[name]["type"]
    assert settings["api_key"]["secret"] is True
    assert "batch_config" not in settings
