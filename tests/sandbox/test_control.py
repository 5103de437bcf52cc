from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.sandbox.client import LEADS, UPDATE, UPSERT, SandboxClient, lead, update


def by_id(sandbox: SandboxClient) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in sandbox.get("customers")}


def test_change(sandbox: SandboxClient) -> None:
    before = by_id(sandbox)
    moved = sandbox.post("change", {"update": 7, "insert": 3, "delete": 2})
    after = by_id(sandbox)
    assert (len(moved["updated"]), len(moved["inserted"]), len(moved["deleted"])) == (7, 3, 2)
    assert set(after) == set(before) - set(moved["deleted"]) | set(moved["inserted"])
    changed = {key for key in after.keys() & before.keys() if after[key] != before[key]}
    assert changed == set(moved["updated"])
    latest = max(row["updatedAt"] for row in before.values())
    for key in changed:
        assert after[key]["updatedAt"] > latest
        assert after[key]["address"] != before[key]["address"]
        assert after[key]["email"]
    for key in moved["inserted"]:
        assert after[key]["createdAt"] == after[key]["updatedAt"] > latest
    assert list(after)[-3:] == moved["inserted"]


def test_changes_are_seeded(sandbox: SandboxClient) -> None:
    first = sandbox.post("change", {"update": 2, "insert": 2})
    sandbox.post("reset")
    assert sandbox.post("change", {"update": 2, "insert": 2}) == first


@pytest.mark.parametrize("wrong", [{"updates": 1}, {"update": -1}, {"update": "1"}, [1]])
def test_wrong_changes_are_rejected(sandbox: SandboxClient, wrong: Any) -> None:
    assert sandbox.session.post(f"{sandbox.url}/__sandbox__/change", json=wrong).status_code == 400


def test_customers_move_between_list_calls(sandbox: SandboxClient) -> None:
    before = by_id(sandbox)
    script = {"calls": [{"insert": 2}, {"delete": 1, "update": 1}], "per_call": {"insert": 1}, "times": 3, "seed": 5}
    sandbox.post("scan-moves", {**script, "tie_group": True})
    totals = [sandbox.page(limit=1).json()["itemsTotal"] for _ in range(5)]
    assert totals == [300, 302, 301, 302, 302]
    log = sandbox.get("scan-moves")
    assert [len(step["inserted"]) for step in log] == [2, 0, 1]
    assert [len(step["deleted"]) for step in log] == [0, 1, 0]
    after = by_id(sandbox)
    inserted = [key for step in log for key in step["inserted"]]
    assert len({after[key]["createdAt"] for key in inserted}) == 1
    assert after[log[1]["updated"][0]]["updatedAt"] > before[log[1]["updated"][0]]["updatedAt"]
    sandbox.delete("scan-moves")
    assert sandbox.get("scan-moves") == []


def test_customers_enter_a_filter_with_an_old_moment(sandbox: SandboxClient) -> None:
    sandbox.post("scan-moves", {"per_call": {"flip": 2, "insert_old": 1}, "times": 1})
    before = by_id(sandbox)
    sandbox.page(status="Lead")
    (step,) = sandbox.get("scan-moves")
    after = by_id(sandbox)
    assert all({after[key]["status"], before[key]["status"]} == {"Lead", "Active"} for key in step["flipped"])
    (old,) = step["inserted_old"]
    assert after[old]["createdAt"] < max(row["createdAt"] for row in before.values())


def test_wrong_scripts_are_rejected(sandbox: SandboxClient) -> None:
    scripts: list[dict[str, Any]] = [{"each": {}}, {"per_call": {"grow": 1}}]
    for wrong in scripts:
        assert sandbox.session.post(f"{sandbox.url}/__sandbox__/scan-moves", json=wrong).status_code == 400


def test_reset_goes_back_to_the_start(sandbox: SandboxClient) -> None:
    start = sandbox.get("customers")
    sandbox.post("change", {"update": 5, "insert": 5, "delete": 5})
    sandbox.upsert(lead(EmailAddress="a@example.com"))
    sandbox.fault("status_500")
    sandbox.post("quirks", {"ignore_page": True})
    sandbox.post("limits", {"carecycle": "1/60"})
    sandbox.post("reset")
    assert sandbox.get("customers") == start
    assert sandbox.get("leads") == []
    assert sandbox.get("faults") == []
    assert sandbox.stats("leadsquared")["calls"] == 0
    assert [sandbox.page(page=2).json()["currentPage"] for _ in range(2)] == [2, 2]


def test_latency_does_not_serialise(sandbox: SandboxClient) -> None:
    sandbox.post("quirks", {"latency": 0.3})
    started = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: SandboxClient(sandbox.url).page(limit=1).status_code, range(8)))
    assert statuses == [200] * 8
    assert 0.3 <= time.monotonic() - started < 1.2
    seen = sandbox.stats("carecycle")
    assert seen["in_flight_maximum"] >= 4
    assert seen["arrivals"] == sorted(seen["arrivals"])
    assert abs(seen["arrivals"][-1] - time.time()) < 5


def test_two_writes_of_one_person_at_once_are_noticed(sandbox: SandboxClient) -> None:
    # The first write is applied, and its response is still on its way when the others come.
    sandbox.fault("drip", times=1)
    other = SandboxClient(sandbox.url)
    with sandbox.post_lsq(UPSERT, [lead(EmailAddress="a@example.com")], stream=True):
        by_email, _ = other.upsert(lead(EmailAddress="A@example.com"), lead(EmailAddress="b@example.com"))
        other.post_lsq(UPDATE, update(lead(ProspectId=by_email["LeadId"].upper(), mx_City="Reno")))
        other.upsert(lead(EmailAddress="c@example.com"))
    sandbox.wait_until_idle("leadsquared")
    other.upsert(lead(EmailAddress="a@example.com"))
    email, lead_id = "EmailAddress:a@example.com", f"ProspectID:{by_email['LeadId']}"
    noticed = sandbox.get("stats")["same_person_in_flight"]
    assert [entry["identities"] for entry in noticed] == [[email, lead_id], [lead_id]]


def test_reference_names_what_may_be_named(sandbox: SandboxClient) -> None:
    reference = sandbox.get("reference")
    assert [source["sourceId"] for source in reference["sources"]] == ["web-form", "tv-spring", "radio-24", "referral"]
    assert "utm_campaign" in reference["custom_fields"]
    assert "mx_CareCycle_Id" in reference["lead_fields"]


def test_control_calls_count_nowhere(sandbox: SandboxClient) -> None:
    sandbox.get("stats")
    sandbox.get_lsq(f"{LEADS}Leads.GetById", id="x")
    apis = sandbox.get("stats")["apis"]
    assert (apis["carecycle"]["calls"], apis["leadsquared"]["calls"]) == (0, 1)
    assert sandbox.session.get(f"{sandbox.url}/__sandbox__/nope").status_code == 404
