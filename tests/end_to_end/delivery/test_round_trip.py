"""`tap-carecycle | target-carecycle` in plain pipes, on one account: nobody is doubled, nobody loses an id."""

from __future__ import annotations

from pathlib import Path

from tests.processes import assert_balanced, carecycle, pipe, report
from tests.sandbox_client import Sandbox, running_sandbox


def own_ids(sandbox: Sandbox) -> dict[str, str | None]:
    return {row["id"]: row["clientCustomerId"] for row in sandbox.customers()}


def test_a_round_trip_keeps_every_customer_and_the_agencys_own_ids(tmp_path: Path) -> None:
    with running_sandbox("--customers", "250", "--carecycle-limit", "10/2") as sandbox:
        before = own_ids(sandbox)
        target = carecycle(
            sandbox,
            report_path="report.json",
            max_reject_percent=100,
            rate_limit={"calls": 10, "seconds": 2},
        )
        read, written = pipe(
            [
                ("tap-carecycle", carecycle(sandbox), []),
                ("target-carecycle", target, []),
            ],
            cwd=tmp_path,
        )
        after = own_ids(sandbox)
        counted = sandbox.stats("carecycle")
    assert read.code == 0, read.err
    assert written.code in {0, 3}, written.err  # 3: an opt-out of somebody who has no valid phone
    account = report(tmp_path)
    assert_balanced(account)
    people = account["streams"]["customers"]
    assert people["read"] == 250
    assert people["accepted"] + sum(people["rejected"].values()) == 250
    assert after.keys() == before.keys(), "a customer came back as somebody new"
    for name, own_id in before.items():
        assert after[name] == own_id or (own_id is None and after[name] == name), "the agency's own id is gone"
    assert counted["rate_limited_calls"] == 0, "tap and target share one quota"
