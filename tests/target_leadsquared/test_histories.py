"""Random histories of two people: no lead holds two of them, no opt-out is on the wrong lead, nobody is lost.

They change, swap and share e-mails and phones, opt out, are rejected, and their leads are deleted and merged in
LeadSquared; runs are killed before and after calls. `IDENTITY_HISTORIES` sets how many histories are tried.
"""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.target_leadsquared.local_account import LocalAccount

HISTORIES = int(os.environ.get("IDENTITY_HISTORIES", "25"))
EMAILS = ("a@example.com", "b@example.com", "c@example.com", None)
PHONES = ("+14155552001", "+14155552002", "+14155552003", None)
PEOPLE = ("Ann", "Bob")
SCHEMA = {
    "type": "SCHEMA",
    "stream": "people",
    "schema": {"properties": {name: {} for name in ("id", "first_name", "last_name", "email", "phone", "dnc")}},
    "key_properties": ["id"],
}


@dataclasses.dataclass(frozen=True)
class Step:
    """One thing that happens; each kind reads the numbers in its own way.

    Attributes:
        kind: What happens; see `STEP`.
        person: Whose record it is about.
        email: Position of an e-mail.
        phone: Position of a phone.
        flags: Bits; see `History`.
        at: The call at which a run is killed, or the lead that something is done to.
    """

    kind: str
    person: int = 0
    email: int = 0
    phone: int = 0
    flags: int = 0
    at: int = 1


STEP = st.builds(
    Step,
    st.sampled_from(["update", "update", "update", "run", "run", "kill", "replay", "delete", "merge", "edit"]),
    st.integers(0, 1),
    st.integers(0, 3),
    st.integers(0, 3),
    st.integers(0, 7),
    st.integers(1, 5),
)


class History:
    """Plays steps and watches what may never happen."""

    def __init__(self, folder: Path, **config: Any) -> None:
        self.account = LocalAccount(folder)
        self.config = config
        self.sent: list[dict[str, Any]] = []
        self.versions = 0
        self.current = {name: {"email": EMAILS[n], "phone": PHONES[n]} for n, name in enumerate(PEOPLE)}
        self.opted_out: set[str] = set()
        self.seen_writes = 0
        self.owner: dict[str, str] = {}
        self.opted_by_merge: set[str] = set()

    def play(self, step: Step) -> None:
        """Let one step happen."""
        if step.kind == "update":
            self.update(PEOPLE[step.person], EMAILS[step.email], PHONES[step.phone], step.flags)
        elif step.kind in {"run", "kill"}:
            self.run(**({"kill_at": step.at, "applied": bool(step.flags & 1)} if step.kind == "kill" else {}))
        elif step.kind == "replay":
            self.account.run([], replay=True, **self.config)
        else:
            self.in_the_crm(step)
        self.check()

    def update(self, name: str, email: str | None, phone: str | None, flags: int) -> None:
        """The tap sees a new version of a record: flag 1 opts out, flag 2 breaks it."""
        self.versions += 1
        self.current[name] = {"email": email, "phone": phone}
        record = {
            "id": name,
            "first_name": name,
            "last_name": "x" * 300 if flags & 2 else f"V{self.versions}",
            "email": email,
            "phone": phone,
            "dnc": True if flags & 1 else None,
        }
        self.sent.append({"type": "RECORD", "stream": "people", "record": record})
        if flags & 1:
            self.opted_out.add(name)

    def run(self, **options: Any) -> None:
        """The tap sends what its bookmark does not cover."""
        done = self.account.last_state.get("n", 0)
        messages: list[dict[str, Any]] = [SCHEMA]
        for number, message in enumerate(self.sent[done:], done + 1):
            messages += [message, {"type": "STATE", "value": {"n": number}}]
        self.account.run(messages, **self.config, **options)

    def in_the_crm(self, step: Step) -> None:
        """A person in LeadSquared deletes a lead, merges two, or raises nothing."""
        leads = sorted(self.account.leads)
        store = self.account.backend.leads
        if not leads:
            return
        one = leads[step.at % len(leads)]
        if step.kind == "delete":
            store.delete(one)
        elif step.kind == "merge" and len(leads) > 1:
            other = next(lead for lead in leads if lead != one)
            lost, kept = (one, other) if step.flags & 1 else (other, one)
            if store.by_id[lost]["DoNotCall"] == "1":
                self.opted_by_merge.add(kept)
            store.merge(lost, kept)
        elif step.kind == "edit":
            store.edit(one, {"mx_City": "Springfield"})

    def check(self) -> None:
        """What holds after every step."""
        for entry in self.account.backend.stats.history[self.seen_writes :]:
            name = entry["payload"].get("FirstName")
            if name is not None:
                owner = self.owner.setdefault(entry["id"], name)
                assert owner == name, f"a lead of {owner} was written with the data of {name}"
        self.seen_writes = len(self.account.backend.stats.history)
        for lead_id, lead in self.account.leads.items():
            assert lead["FirstName"], "an empty lead"
            if lead["DoNotCall"] == "1":
                own = self.owner[lead_id] in self.opted_out or lead_id in self.opted_by_merge
                assert own, f"the opt-out of somebody else is on the lead of {self.owner[lead_id]}"
        assert self.account.backend.stats.opt_outs_lowered == []

    def end(self) -> None:
        """Everything calms down: each person comes once more, then the rejects are sent again."""
        self.run()
        for name in PEOPLE:
            self.update(name, self.current[name]["email"], self.current[name]["phone"], flags=0)
        self.run()
        self.check()
        for _ in range(2):
            self.account.run([], replay=True, **self.config)
            self.check()
        leads = defaultdict(list)
        for lead_id, lead in self.account.leads.items():
            leads[self.owner[lead_id]].append(lead)
        rejected = {message["record"]["id"] for message in self.account.rejected()}
        for name in PEOPLE:
            last = [message["record"] for message in self.sent if message["record"]["id"] == name][-1]
            own = [lead for lead in leads[name] if lead["LastName"] == last["last_name"]]
            assert own or name in rejected, f"{name} is lost"
            assert len(own) <= 1, f"{name} has two leads"
            if name in self.opted_out and name not in rejected:
                assert own[0]["DoNotCall"] == "1", f"the opt-out of {name} is missing"


def _play(steps: list[Step], **config: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        history = History(Path(folder), **config)
        for step in steps:
            history.play(step)
        history.end()


@pytest.mark.parametrize("on_conflict", ["reject", "leave_out"])
@settings(max_examples=HISTORIES, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(STEP, max_size=14))
@example(steps=[Step("update", 0, 0, 0), Step("run"), Step("update", 0, 2, 0, 1), Step("run")])
@example(steps=[Step("update", 0, 0, 0), Step("update", 1, 1, 1), Step("run"), Step("merge", at=1), Step("run")])
def test_two_people_stay_two_people(on_conflict: str, steps: list[Step]) -> None:
    _play(steps, on_conflict=on_conflict)
