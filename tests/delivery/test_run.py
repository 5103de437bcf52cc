"""A run's books in one process: STATE after outcomes, rejects before STATE, limits, opt-outs, stops."""

from __future__ import annotations

import queue
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lead_connectors.delivery.errors import PersonNeededError, SignalledError
from lead_connectors.delivery.lead import Lead
from lead_connectors.delivery.ledger import Ledger
from lead_connectors.delivery.outcome import Outcome, Status, rejected
from lead_connectors.delivery.report import Report
from lead_connectors.delivery.run import DeliveryRun, RunSettings
from lead_connectors.http.errors import TransientError
from lead_connectors.reject_codes import RejectCode
from tests.delivery.fake_destination import CapableDestination, FakeDestination
from tests.delivery.leads import a_lead

INVALID = rejected(RejectCode.INVALID_VALUE)


class Rejects:
    """A reject store that knows what is durable."""

    def __init__(self, log: list[str]) -> None:
        self.added: list[int] = []
        self.durable = 0
        self._log = log

    def add(self, lead: Lead, outcome: Outcome) -> None:
        assert outcome.status is Status.REJECTED
        self.added.append(lead.source.number)

    def forget(self, lead: Lead) -> None:
        """Nothing to forget."""

    def sync(self) -> None:
        if self.durable != len(self.added):
            self.durable = len(self.added)
            self._log.append("rejects")

    def close(self) -> None:
        self._log.append("closed")


class Books:
    """A run with a fake destination, and all that it wrote."""

    def __init__(self, destination: FakeDestination, ledger: Ledger | None = None, **settings: Any) -> None:
        self.destination = destination
        self.log: list[str] = []
        self.states: list[int] = []
        self.rejects = Rejects(self.log)
        self.report = Report("target-fake", "1", "run1", dry_run=bool(settings.get("dry_run")))
        self.events: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.run = DeliveryRun(
            destination,
            ledger=ledger or Ledger(None, account="a"),
            rejects=self.rejects,
            report=self.report,
            write_state=self._write_state,
            settings=RunSettings(**settings),
            useful_in_flight=lambda maximum: maximum,
            events=self.events,
        )

    def _write_state(self, state: dict[str, Any]) -> None:
        assert self.rejects.durable == len(self.rejects.added), "a STATE before its rejects are on disk"
        self.states.append(state["n"])
        self.log.append(f"state {state['n']}")

    def deliver(self, *leads: Callable[[int], Lead]) -> None:
        """Deliver leads with a STATE after each."""
        for make in leads:
            number = self.run.read("people")
            self.run.submit(make(number))
            self.run.state({"n": number + 1})
        self.run.finish()

    def counts(self) -> dict[str, Any]:
        found = self.report.as_dict(0, {})["streams"]["people"]
        kept: dict[str, Any] = {name: value for name, value in found.items() if value and name != "read"}
        return kept


def person(key: str, **values: Any) -> Callable[[int], Lead]:
    fields = values.pop("fields", {"Name": key, "Email": f"{key}@example.com"})
    return lambda number: a_lead(number, key, fields=fields, **values)


def test_every_record_is_accounted_for_and_the_last_state_is_written() -> None:
    books = Books(FakeDestination(batch_size=2))
    books.deliver(person("a"), person("b"), person("c", rejected=INVALID), person("d"))
    assert books.counts() == {"accepted": 3, "rejected": {"invalid_value": 1}}
    assert books.states[-1] == 4
    assert books.rejects.added == [2]


def test_no_state_passes_a_record_without_an_outcome() -> None:
    books = Books(FakeDestination(batch_size=2))
    books.destination.error = TransientError("gone")
    with pytest.raises(TransientError):
        books.deliver(person("a", rejected=INVALID), person("b"), person("c"))
    books.run.finish_in_flight(5.0)
    assert books.states == [1], "the reject before is accounted for, what failed is not"


def test_versions_that_wait_together_collapse_into_the_last() -> None:
    books = Books(FakeDestination())
    books.deliver(person("a", fields={"Email": "1"}), person("a", fields={"Email": "2"}))
    assert books.destination.calls == [[{"Email": "2"}]]
    assert books.counts() == {"accepted": 1, "collapsed": 1}


def test_too_many_rejects_stop_the_run_after_what_is_accounted_for() -> None:
    books = Books(FakeDestination(), max_reject_percent=10.0)
    with pytest.raises(PersonNeededError, match=r"11 of 11 records were rejected.*max_reject_percent \(10\)"):
        books.deliver(*(person(str(n), rejected=INVALID) for n in range(30)))
    assert books.rejects.added == list(range(11))


def test_conflicts_and_a_replay_do_not_count_against_the_limit() -> None:
    conflict = rejected(RejectCode.CONFLICT)
    books = Books(FakeDestination(), max_reject_percent=10.0)
    books.deliver(*(person(str(n), rejected=conflict) for n in range(30)))
    assert books.counts() == {"rejected": {"conflict": 30}}
    replay = Books(FakeDestination(), max_reject_percent=None, is_replay=True)
    replay.deliver(*(person(str(n), rejected=INVALID) for n in range(30)))
    assert replay.states == [], "a replay says nothing about the tap's position"


def test_a_dry_run_sends_nothing_and_writes_no_state_and_no_reject() -> None:
    books = Books(FakeDestination(), dry_run=True)
    books.deliver(person("a", opt_outs={"DoNotCall"}), person("b", rejected=INVALID, opt_outs={"DoNotCall"}))
    assert books.counts() == {"unsent": 1, "rejected": {"invalid_value": 1}}
    assert (books.destination.calls, books.destination.opt_out_calls) == ([], [])
    assert (books.states, books.rejects.added) == ([], [])


def test_what_has_not_changed_is_not_sent_unless_it_is_asked_for(tmp_path: Path) -> None:
    def books(**settings: Any) -> Books:
        return Books(FakeDestination(), Ledger(tmp_path / "x.ledger", account="a"), **settings)

    first, second, again = books(), books(), books(resend=True)
    for each in (first, second, again):
        each.deliver(person("a"))
        each.run.close()
    assert first.counts() == {"accepted": 1}
    assert second.counts() == {"unchanged": 1}
    assert again.counts() == {"accepted": 1}


def test_what_was_left_out_belongs_to_nobody_new(tmp_path: Path) -> None:
    destination = CapableDestination()
    ledger = Ledger(tmp_path / "x.ledger", account="a")
    books = Books(destination, ledger, on_conflict="leave_out")
    shared = {"Phone": "Phone:1"}
    both = {"Email": "x", "Phone": "1"}
    books.deliver(person("ann", fields=both, unique=shared), person("bob", fields=both, unique=shared))
    assert [sorted(body) for call in destination.calls for body in call] == [["Email", "Phone"], ["Email"]]
    assert ledger.look_up(a_lead(0, "ann", unique=shared)).owned_by_others == ()


def test_opt_outs_that_do_not_stay_need_a_person() -> None:
    destination = CapableDestination()
    destination.outcome_of = lambda body: Outcome(Status.UPDATED, lead_id=f"L-{body['Name']}")
    destination.lost_opt_outs = {"L-b"}
    books = Books(destination)
    with pytest.raises(PersonNeededError, match="1 opt-outs"):
        books.deliver(person("a", opt_outs={"DoNotCall"}), person("b", opt_outs={"DoNotSMS"}))
    assert destination.confirmed == {"L-a": {"DoNotCall"}, "L-b": {"DoNotSMS"}}
    assert (books.report.opt_outs_raised, books.report.opt_outs_open) == (2, 1)


def test_an_opt_out_that_no_call_takes_needs_a_person() -> None:
    destination = FakeDestination()
    destination.outcome_of = lambda _: INVALID
    books = Books(destination)
    with pytest.raises(PersonNeededError):
        books.deliver(person("a", opt_outs={"DoNotCall"}))
    assert (books.report.opt_outs_raised, books.report.opt_outs_open) == (0, 1)
    assert books.states == [1], "its record is in the reject file"


def test_a_signal_ends_the_run() -> None:
    books = Books(FakeDestination())
    with pytest.raises(SignalledError) as caught:
        books.run.attend(15)
    assert caught.value.exit_code == 143


def test_notes_are_counted_and_said_once() -> None:
    books = Books(FakeDestination())
    books.deliver(person("a", notes=("have policies",)), person("b", notes=("have policies",)))
    assert list(books.report.notes()) == ["2 records: have policies."]
