"""CareCycle's customers through tap-carecycle into other people's targets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.end_to_end.foreign.conftest import ON_ONE_WORKER, Database, peer, selected_catalog
from tests.processes import BIN, carecycle, pipe, write_config
from tests.sandbox_client import Sandbox

TAP = "tap-carecycle"
PLAIN = ("callerId", "firstName", "lastName", "email", "status", "state", "doNotCall", "totalCalls", "dateOfBirth")


def expected(sandbox: Sandbox) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in sandbox.customers() if not row["testCustomer"]}


@ON_ONE_WORKER
def test_customers_and_their_policies_become_rows(sandbox: Sandbox, database: Database, tmp_path: Path) -> None:
    tap = carecycle(sandbox)
    catalog = selected_catalog(str(BIN / TAP), write_config(tmp_path, TAP, tap), tmp_path)
    target = {
        "sqlalchemy_url": database.url,
        "default_target_schema": "care",
        "add_record_metadata": False,
        "activate_version": False,
        "load_method": "upsert",
    }
    for _ in range(2):  # the second run changes nothing
        runs = pipe(
            [(TAP, tap, ["--catalog", str(catalog)]), (peer("postgres", "target-postgres"), target, [])], cwd=tmp_path
        )
        assert [run.code for run in runs] == [0, 0], runs[0].err + runs[1].err
        assert runs[1].states()[-1]["bookmarks"]["customers"]
    customers = expected(sandbox)
    columns = ", ".join(f'"{name}"' for name in ("id", *PLAIN))
    rows = database.rows(f"select {columns} from care.customers")
    assert len(rows) == len(customers) > 100
    for row in rows:
        customer = customers[row["id"]]
        for name in PLAIN:
            assert row[name] == customer[name], name
    policies = database.rows("select customer_id, id, status from care.customer_policies")
    assert {(row["customer_id"], row["id"], row["status"]) for row in policies} == {
        (customer["id"], policy["id"], policy["status"])
        for customer in customers.values()
        for policy in customer["policies"]
    }


def test_customers_become_lines(sandbox: Sandbox, tmp_path: Path) -> None:
    target = {"destination_path": str(tmp_path), "do_timestamp_file": False}
    runs = pipe([(TAP, carecycle(sandbox), []), (peer("target-jsonl", "target-jsonl"), target, [])], cwd=tmp_path)
    assert [run.code for run in runs] == [0, 0], runs[0].err + runs[1].err
    lines = [json.loads(line) for line in (tmp_path / "customers.jsonl").read_text(encoding="utf-8").splitlines()]
    customers = expected(sandbox)
    assert {line["id"] for line in lines} == set(customers)
    assert len(lines) == len(customers)
    for line in lines:
        for name in PLAIN:
            assert line.get(name) == customers[line["id"]][name], name
