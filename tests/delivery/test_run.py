"""A run's books in one process: STATE after outcomes, rejects before STATE, limits, opt-outs, stops."""

from __future__ import annotations

import queue
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from lead_connectors.delivery.errors import LedgerError, PartlySentError, PersonNeededError, SignalledError
from lead_connectors.delivery.lead import Lead
from lead_connectors.delivery.ledger import Ledger
from lead_connectors.delivery.outcome import Outcome, Status, rejected
from lead_connectors.delivery.report import Report
from lead_connectors.delivery.run import DeliveryRun, RunSettings
from lead_connectors.http.errors import CallRejectedError, DeniedError, TransientError
from lead_connectors.plugin.errors import ConnectorError
from lead_connectors.reject_codes import RejectCode
from tests.delivery.fake_destination import CapableDestination, FakeDestination
from tests.delivery.leads import a_lead

INVALID = rejected(RejectCode.INVALID_VALUE)


class Rejects:
    """A reject store that knows what is durable.

    Attributes:
        added: Numbers of rejected records.
        open: By lead id, the opt-outs whose records are kept open.
        from_before: The same, of earlier runs.
        known: Whether rejects were written down by an earlier run.
    """

    def __init__(self, log: list[str]) -> None:
        self.added: list[int] = []
        self.codes: list[str] = []
        self.open: dict[str, frozenset[str]] = {}
        self.from_before: dict[str, frozenset[str]] = {}
        self.known = False
        self.folder = "rejects"
        self.is_durable = True
        self._lead_ids: dict[Any, str] = {}
        self._log = log

    @property
    def paths(self) -> list[Path]:
        return []

    def expect(self, lead: Lead) -> None:
        """Nothing to expect."""

    def add(self, lead: Lead, outcome: Outcome, *, accepted_at: float | None = None) -> bool:
        assert outcome.status is Status.REJECTED
        _ = accepted_at
        self.added.append(lead.source.number)
        self.codes.append(outcome.code.value if outcome.code else "")
        self.is_durable = False
        return not self.known

    def keep_open(self, lead: Lead, lead_id: str, fields: Collection[str]) -> None:
        self.open[lead_id] = frozenset(fields)
        self._lead_ids[lead.key] = lead_id
        self.is_durable = False

    def forget(self, lead: Lead) -> None:
        self.open.pop(self._lead_ids.pop(lead.key, ""), None)

    def open_opt_outs(self) -> dict[str, frozenset[str]]:
        return dict(self.from_before)

    def settle(self, lead_ids: Collection[str]) -> None:
        for lead_id in lead_ids:
            self.from_before.pop(lead_id, None)

    def sync(self) -> None:
        if not self.is_durable:
            self.is_durable = True
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
            ledger=ledger or Ledger(None, credential="a"),
            rejects=self.rejects,
            report=self.report,
            write_state=self._write_state,
            settings=RunSettings(**settings),
            useful_in_flight=lambda maximum: maximum,
            events=self.events,
        )

    def _write_state(self, state: dict[str, Any]) -> None:
        assert self.rejects.is_durable, "a STATE before its rejects are on disk"
        self.states.append(state["n"])
        self.log.append(f"state {state['n']}")

    def deliver(self, *leads: Callable[[int], Lead]) -> None:
        """Deliver leads with a STATE after each."""
        self.run.start()
        for make in leads:
            number = self.run.read("people")
            self.run.submit(make(number))
            self.run.state({"n": number + 1})
        self.run.finish()

    def counts(self) -> dict[str, Any]:
        found = self.report.as_dict(0, {})["streams"]["people"]
        kept: dict[str, Any] = {name: value for name, value in found.items() if value and name != "read"}
        return kept


def kept(folder: Path) -> Ledger:
    return Ledger(folder / "x.ledger", credential="a", organisation=lambda: "org")


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


def test_too_many_rejects_stop_the_run_once_a_hundred_are_accounted_for() -> None:
    books = Books(FakeDestination(), max_reject_percent=10.0)
    with pytest.raises(PersonNeededError, match=r"100 of 100 records were rejected.*max_reject_percent \(10\)"):
        books.deliver(*(person(str(n), rejected=INVALID) for n in range(130)))
    assert books.rejects.added == list(range(100))


def test_the_order_of_a_few_records_does_not_decide_but_their_number_does_at_the_end() -> None:
    bad, good = [person(str(n), rejected=INVALID) for n in range(11)], [person(f"g{n}") for n in range(99)]
    Books(FakeDestination(), max_reject_percent=20.0).deliver(*bad, *good)
    books = Books(FakeDestination(), max_reject_percent=10.0)
    with pytest.raises(PersonNeededError, match="11 of 11"):
        books.deliver(*bad)


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
    assert books.destination.calls == []
    assert (books.states, books.rejects.added) == ([], [])


def test_what_has_not_changed_is_not_sent_unless_it_is_asked_for(tmp_path: Path) -> None:
    def books(**settings: Any) -> Books:
        return Books(FakeDestination(), kept(tmp_path), **settings)

    first, second, again = books(), books(), books(resend=True)
    for each in (first, second, again):
        each.deliver(person("a"))
        each.run.close()
    assert first.counts() == {"accepted": 1}
    assert second.counts() == {"unchanged": 1}
    assert again.counts() == {"accepted": 1}


def test_what_was_left_out_belongs_to_nobody_new(tmp_path: Path) -> None:
    destination = CapableDestination()
    ledger = kept(tmp_path)
    books = Books(destination, ledger, on_conflict="leave_out")
    shared = {"Phone": "Phone:1"}
    both = {"Email": "x", "Phone": "1"}
    books.deliver(person("ann", fields=both, unique=shared), person("bob", fields=both, unique=shared))
    assert [sorted(body) for call in destination.calls for body in call] == [["Email", "Phone"], ["Email"]]
    assert ledger.look_up(a_lead(0, "ann", unique=shared)).owned_by_others == ()


def opted(key: str, **values: Any) -> Callable[[int], Lead]:
    return person(key, opt_outs={"DoNotCall"}, **values)


def test_opt_outs_are_read_back_and_their_records_are_written_down_until_then() -> None:
    seen_open: list[int] = []

    class Looking(CapableDestination):
        @override
        def read_opt_outs(self, opt_outs: Mapping[str, frozenset[str]]) -> dict[str, bool]:
            seen_open.append(len(books.rejects.open))
            return super().read_opt_outs(opt_outs)

    destination = Looking(batch_size=1)
    books = Books(destination)
    books.deliver(*(opted(str(n)) for n in range(7)))
    assert seen_open[0] == 5, "as many as one reading takes"
    assert len(destination.read) == 7
    assert books.rejects.open == {}
    assert (books.report.opt_outs_raised, books.report.opt_outs_open) == (7, 0)
    assert books.counts() == {"updated": 7}


def test_opt_outs_that_do_not_stay_need_a_person_and_are_tried_first_by_the_next_run(tmp_path: Path) -> None:
    destination = CapableDestination()
    destination.lost_opt_outs = {"L-b@example.com"}
    books = Books(destination, kept(tmp_path))
    with pytest.raises(PersonNeededError, match="1 opt-outs are open"):
        books.deliver(opted("a"), opted("b"))
    books.run.close()
    assert (books.report.opt_outs_raised, books.report.opt_outs_open) == (1, 1)
    assert books.counts() == {"updated": 1, "rejected": {"opt_out_open": 1}}
    assert set(books.rejects.open) == {"L-b@example.com"}

    again = Books(destination, kept(tmp_path))
    again.rejects.from_before = dict(books.rejects.open)
    with pytest.raises(PersonNeededError):
        again.deliver()
    again.run.close()
    assert set(destination.raised) == {"L-b@example.com"}, "raised once more, and still not there"

    destination.lost_opt_outs = set()
    last = Books(destination, kept(tmp_path))
    last.rejects.from_before = dict(books.rejects.open)
    last.deliver()
    assert last.rejects.from_before == {}
    assert (last.report.opt_outs_raised, last.report.opt_outs_open) == (1, 0)


def test_the_open_opt_out_of_a_lead_that_is_gone_ends_with_that_of_the_new_lead(tmp_path: Path) -> None:
    destination = CapableDestination()
    destination.lost_opt_outs = {"L-ann@example.com"}
    books = Books(destination, kept(tmp_path))
    with pytest.raises(PersonNeededError):
        books.deliver(opted("ann"))
    books.run.close()

    destination.outcome_of = lambda body: (
        rejected(RejectCode.NOT_FOUND) if "id" in body else Outcome(Status.CREATED, lead_id="L-2")
    )
    again = Books(destination, kept(tmp_path))
    again.rejects.from_before = dict(books.rejects.open)
    again.deliver(opted("ann"))
    again.run.close()
    assert (again.report.opt_outs_raised, again.report.opt_outs_open) == (1, 0)
    assert again.rejects.from_before == {}
    ledger = kept(tmp_path)
    assert ledger.open_opt_outs() == {}
    assert ledger.look_up(a_lead(0, "ann")).lead_id == "L-2"


def test_taking_the_record_out_of_its_file_acknowledges_it(tmp_path: Path) -> None:
    destination = CapableDestination()
    destination.lost_opt_outs = {"L-b@example.com"}
    books = Books(destination, kept(tmp_path))
    with pytest.raises(PersonNeededError):
        books.deliver(opted("b"))
    books.run.close()
    for folder in ("", "other rejects"):
        elsewhere = Books(destination, kept(tmp_path))
        elsewhere.rejects.folder = folder
        with pytest.raises(PersonNeededError):
            elsewhere.deliver()
        elsewhere.run.close()
    Books(destination, kept(tmp_path)).deliver()


def test_a_kill_before_the_reading_leaves_the_opt_out_to_the_next_run(tmp_path: Path) -> None:
    destination = CapableDestination(batch_size=1)
    books = Books(destination, kept(tmp_path))
    books.run.submit(opted("a")(books.run.read("people")))
    books.run.attend(books.events.get(timeout=5))
    assert set(books.rejects.open) == {"L-a@example.com"}
    # no close: the process is gone
    destination.lost_opt_outs = {"L-a@example.com"}
    again = Books(destination, kept(tmp_path))
    with pytest.raises(PersonNeededError):
        again.deliver(opted("a"))
    assert again.counts() == {"rejected": {"opt_out_open": 1}}, "it is not taken as unchanged"


@pytest.mark.parametrize(
    "error",
    [
        CallRejectedError(status=400, code="Bad"),
        DeniedError("no", status=403),
        DeniedError("no", status=404),
        TransientError("gone"),
    ],
)
def test_every_reading_that_fails_leaves_the_opt_outs_open(error: ConnectorError) -> None:
    destination = CapableDestination()
    destination.read_error = error
    books = Books(destination)
    with pytest.raises(PersonNeededError):
        books.deliver(opted("a"), person("b"))
    assert (books.report.opt_outs_raised, books.report.opt_outs_open) == (0, 1)
    assert books.counts() == {"updated": 1, "rejected": {"opt_out_open": 1}}
    assert set(books.rejects.open) == {"L-a@example.com"}


def test_an_opt_out_of_nobody_is_told_once_and_creates_no_lead() -> None:
    destination = CapableDestination()
    books = Books(destination)
    with pytest.raises(PersonNeededError):
        books.deliver(opted("a", rejected=INVALID))
    assert destination.calls == []
    assert books.counts() == {"rejected": {"invalid_value": 1}}
    assert (books.report.opt_outs_open, books.states) == (1, [1])
    again = Books(destination)
    again.rejects.known = True
    again.deliver(opted("a", rejected=INVALID))
    assert again.report.opt_outs_open == 1


def test_an_opt_out_of_a_rejected_lead_goes_to_its_own_lead_and_to_nobody_elses(tmp_path: Path) -> None:
    destination = CapableDestination()
    ledger = kept(tmp_path)
    phone = {"Phone": "Phone:1"}
    books = Books(destination, ledger)
    books.deliver(person("ann", unique=phone))
    destination.found = {"bob@example.com": "L-bob", "eve@example.com": "L-ann@example.com"}
    later = Books(destination, ledger)
    with pytest.raises(PersonNeededError):
        later.deliver(opted("bob", rejected=INVALID), opted("eve", rejected=INVALID))
    assert destination.calls[1:] == [[{"id": "L-bob", "DoNotCall": True}]]
    assert (later.report.opt_outs_raised, later.report.opt_outs_open) == (1, 1)


def test_a_known_lead_is_updated_by_its_id_whatever_it_is_called_now(tmp_path: Path) -> None:
    destination = CapableDestination()
    Books(destination, kept(tmp_path)).deliver(person("ann"))
    Books(destination, kept(tmp_path)).deliver(person("ann", fields={"Email": "new@example.com"}))
    assert destination.calls[1] == [{"Email": "new@example.com", "id": "L-ann@example.com"}]


def test_a_response_that_names_another_lead_is_a_conflict(tmp_path: Path) -> None:
    destination = CapableDestination()
    ledger = kept(tmp_path)
    Books(destination, ledger).deliver(person("ann"))
    destination.outcome_of = lambda _: Outcome(Status.UPDATED, lead_id="L-ann@example.com")
    books = Books(destination, ledger)
    books.deliver(person("bob"))
    assert books.counts() == {"rejected": {"conflict": 1}}
    destination.outcome_of = lambda _: Outcome(Status.UPDATED, lead_id="L-other")
    books = Books(destination, ledger)
    books.deliver(person("ann", fields={"Name": "Ann"}))
    assert books.counts() == {"rejected": {"conflict": 1}}


def test_two_records_of_one_batch_never_become_one_lead() -> None:
    destination = CapableDestination()
    destination.outcome_of = lambda _: Outcome(Status.UPDATED, lead_id="L-7")
    books = Books(destination)
    books.deliver(person("ann"), person("bob"))
    assert books.counts() == {"updated": 1, "rejected": {"conflict": 1}}


def test_a_lead_that_is_gone_is_introduced_anew_once(tmp_path: Path) -> None:
    destination = CapableDestination()
    ledger = kept(tmp_path)
    Books(destination, ledger).deliver(person("ann"))
    destination.outcome_of = lambda body: (
        rejected(RejectCode.NOT_FOUND) if "id" in body else Outcome(Status.CREATED, lead_id="L-2")
    )
    books = Books(destination, ledger)
    books.deliver(person("ann", fields={"Email": "ann@example.com", "Name": "Anna"}))
    assert books.counts() == {"created": 1}
    assert destination.looked_up == ["ann@example.com"]
    assert ledger.look_up(a_lead(0, "ann")).lead_id == "L-2"
    destination.found = {"ann@example.com": "L-3"}
    books = Books(destination, ledger)
    books.deliver(person("ann", fields={"Email": "ann@example.com", "Name": "Annie"}))
    assert books.counts() == {"rejected": {"not_found": 1}}, "once, not for ever"


def test_those_who_are_gone_are_introduced_anew_in_whole_calls(tmp_path: Path) -> None:
    destination = CapableDestination(batch_size=10)
    ledger = kept(tmp_path)
    Books(destination, ledger, max_in_flight=4).deliver(*(person(str(n)) for n in range(40)))
    destination.calls.clear()
    destination.outcome_of = lambda body: (
        rejected(RejectCode.NOT_FOUND) if "id" in body else Outcome(Status.CREATED, lead_id=f"New-{body['Email']}")
    )
    changed = [person(str(n), fields={"Email": f"{n}@example.com", "Name": "New"}) for n in range(40)]
    Books(destination, ledger, max_in_flight=4).deliver(*changed)
    assert sorted(len(call) for call in destination.calls if "id" not in call[0])[-3:] == [10, 10, 10]
    assert len(destination.calls) <= 4 + 5


def test_a_whole_stream_in_conflict_with_the_ledger_stops_and_no_state_passes_it(tmp_path: Path) -> None:
    ledger = kept(tmp_path)
    people = [person(str(n), unique={"Email": f"Email:{n}"}) for n in range(30)]
    Books(CapableDestination(), ledger).deliver(*people)
    renamed = [person(f"other {n}", unique={"Email": f"Email:{n}"}) for n in range(30)]
    invalid = person("odd", rejected=rejected(RejectCode.INVALID_VALUE))
    books = Books(CapableDestination(), ledger, max_reject_percent=10.0)
    with pytest.raises(PersonNeededError, match=r"All 20 valid records of stream people .* renamed"):
        books.deliver(invalid, *renamed)
    books.run.finish_in_flight(1)
    assert books.states == []
    few = Books(CapableDestination(), ledger, max_reject_percent=10.0)
    few.deliver(*renamed[:19])
    assert few.states[-1] == 19


def test_what_a_batch_has_learned_is_kept_when_the_rest_of_it_fails(tmp_path: Path) -> None:
    class Fails(FakeDestination):
        @override
        def send(self, call: str, bodies: Sequence[Any]) -> list[Outcome]:
            raise PartlySentError({0: Outcome(Status.ACCEPTED)}, TransientError("gone"))

    books = Books(Fails(batch_size=2), kept(tmp_path))
    with pytest.raises(TransientError):
        books.deliver(person("a"), person("b"))
    books.run.finish_in_flight(1)
    assert books.states == [1]
    again = Books(FakeDestination(), kept(tmp_path))
    again.deliver(person("a"), person("b"))
    assert again.counts() == {"accepted": 1, "unchanged": 1}


def test_a_ledger_that_cannot_be_written_holds_the_state_back(tmp_path: Path) -> None:
    ledger = kept(tmp_path)
    books = Books(FakeDestination(batch_size=1), ledger)
    ledger._db.execute("DROP TABLE identities")  # as good as a full disk
    with pytest.raises(LedgerError, match="ledger_path"):
        books.deliver(person("a", unique={}), person("b"))
    books.run.finish_in_flight(1)
    assert books.states == []


def test_a_dry_run_sees_the_conflicts_that_the_run_would_have(tmp_path: Path) -> None:
    shared = {"Phone": "Phone:1"}
    books = Books(FakeDestination(), Ledger(tmp_path / "x", credential="a", read_only=True), dry_run=True)
    books.deliver(person("ann", unique=shared), person("bob", unique=shared))
    assert books.counts() == {"unsent": 1, "rejected": {"conflict": 1}}


def test_a_signal_ends_the_run() -> None:
    books = Books(FakeDestination())
    with pytest.raises(SignalledError) as caught:
        books.run.attend(15)
    assert caught.value.exit_code == 143


def test_notes_are_counted_and_said_once() -> None:
    books = Books(FakeDestination())
    books.deliver(person("a", notes=("have policies",)), person("b", notes=("have policies",)))
    assert list(books.report.notes()) == ["2 records: have policies."]
