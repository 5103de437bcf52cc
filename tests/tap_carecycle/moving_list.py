"""A list of customers that moves between any two calls, for driving the scan without HTTP."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone

from tap_carecycle.pages import Page, Request, Row
from tap_carecycle.timestamps import utc_text

BASE = datetime(2026, 1, 1, tzinfo=timezone.utc)


@dataclass
class Person:
    id: str
    created: str
    caller: str
    passes: bool = True


@dataclass
class Moves:
    """How often what happens between two responses: each a chance of one more event."""

    insert: float = 0.0
    update: float = 0.0
    delete: float = 0.0
    swap: float = 0.0
    enter: float = 0.0
    leave: float = 0.0
    burst: int = 1


@dataclass
class MovingList:
    """The server: applies moves, responses requests, remembers who was there all the time.

    Args:
        groups: Sizes of the groups of equal creation, from the oldest to the newest.
        moves: What happens between two responses.
        seed: For all chance.
        shuffles: Equal rows come in another order each time.
        growing: The newest group may still grow.
        in_flight: How many calls the reader makes ahead.
        quirks: ``descending`` (ignores the direction), ``fixed`` (ignores the size), ``unsorted``.
    """

    groups: list[int]
    moves: Moves
    seed: int
    shuffles: bool = False
    growing: bool = False
    in_flight: int = 1
    largest: int = 100
    hours_apart: float = 0.0
    quirks: frozenset[str] = frozenset()
    households: bool = True
    people: dict[str, Person] = field(default_factory=dict, repr=False)
    calls: int = 0
    requests: list[Request] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.number = 0
        self.order: dict[str, float] = {}
        for size in self.groups:
            self.number += 1
            for _ in range(size):
                self._add(self.moment(self.number))
        self.settled = self.moment(self.number - 1 if self.growing else self.number)
        self.constant = {person.id for person in self.people.values() if person.passes}
        self.renumbered: set[str] = set()
        self.pending: list[tuple[Request, list[Page]]] = []

    def moment(self, number: int) -> str:
        """The creation moment of a group."""
        return utc_text(BASE + timedelta(seconds=number, hours=number * self.hours_apart))

    def _add(self, created: str, *, passes: bool = True) -> Person:
        name = f"c{len(self.order):06d}"
        caller = f"+1555{self.chance.randrange(10**6):07d}"
        if self.households and self.people and self.chance.random() < 0.2:
            caller = self.chance.choice(list(self.people.values())).caller if len(self.people) < 50 else caller
        person = Person(name, created, caller, passes)
        self.people[name] = person
        self.order[name] = self.chance.random()
        return person

    def _events(self, rate: float) -> int:
        return self.chance.randint(1, self.moves.burst) if self.chance.random() < rate else 0

    def _some(self, *, passing: bool) -> list[Person]:
        return [person for person in self.people.values() if person.passes is passing]

    def _remove(self, person: Person) -> None:
        del self.people[person.id]
        self.constant.discard(person.id)

    def _insert(self) -> None:
        if not (self.growing and self.chance.random() < 0.6):
            self.number += self.chance.randint(0, 1) if self.number > len(self.groups) else 1
        self._add(self.moment(self.number))

    def move(self) -> None:
        """Let something happen."""
        steps = {
            self._swap: self.moves.swap,
            self._delete: self.moves.delete,
            self._insert: self.moves.insert,
            self._renumber: self.moves.update,
            self._leave: self.moves.leave,
            self._enter: self.moves.enter,
        }
        for step, rate in steps.items():
            for _ in range(self._events(rate)):
                step()

    def _any(self, *, passing: bool = True) -> Person | None:
        people = self._some(passing=passing)
        return self.chance.choice(people) if people else None

    def _delete(self) -> None:
        if person := self._any():
            self._remove(person)

    def _swap(self) -> None:
        self._delete()
        self._insert()

    def _renumber(self) -> None:
        if person := self._any():
            person.caller = f"+1555{self.chance.randrange(10**6):07d}"
            self.renumbered.add(person.id)

    def _leave(self) -> None:
        if person := self._any():
            person.passes = False
            self.constant.discard(person.id)

    def _enter(self) -> None:
        if person := self._any(passing=False):
            person.passes = True
        else:
            self._add(self.moment(self.chance.randint(1, self.number)))

    def response(self, request: Request) -> Page:
        people = self._some(passing=True)
        if request.around is not None:
            near = date.fromisoformat(request.around[:10])
            people = [p for p in people if abs((date.fromisoformat(p.created[:10]) - near).days) <= 2]
        if self.shuffles:
            self.chance.shuffle(people)
        else:
            people.sort(key=lambda p: self.order[p.id], reverse=not request.ascending)
        size = 50 if "fixed" in self.quirks else request.size
        if "unsorted" not in self.quirks:
            ascending = request.ascending and "descending" not in self.quirks
            by_caller = request.sort == "callerId"
            people.sort(key=lambda p: p.caller if by_caller else p.created, reverse=not ascending)
        assert request.size <= self.largest
        start = (request.page - 1) * size
        has_next = start + size < len(people)
        rows = [Row(p.id, p.created, p.caller, {"id": p.id}) for p in people[start : start + size]]
        return Page.of(rows, len(people), has_next=has_next)

    def send(self, request: Request) -> list[Page]:
        ticket: list[Page] = []
        self.requests.append(request)
        self.pending.append((request, ticket))
        while self.in_flight > 1 and self.pending and self.chance.random() < 0.3:
            self._response_one()
        return ticket

    def receive(self, ticket: list[Page]) -> Page:
        while not ticket:
            self._response_one()
        return ticket[0]

    def _response_one(self) -> None:
        request, ticket = self.pending.pop(self.chance.randrange(len(self.pending)))
        if self.calls:
            self.move()
        self.calls += 1
        ticket.append(self.response(request))

    def may_be_in_flight(self) -> int:
        return self.in_flight
