"""Synthetic customers: the same for one seed, as varied as life, and nobody real."""

from __future__ import annotations

import functools
import pickle
import random
import re
import unicodedata
import uuid
from datetime import date, timedelta
from typing import TypeVar, cast

from sandbox import nested
from sandbox.exchange import Row
from sandbox.moments import from_iso, iso
from sandbox.reference import API_USER_ID, CLIENT_ID, MEMBERS, PLACES, SOURCES
from sandbox.settings import ANCHOR

T = TypeVar("T")

MOST_KEPT = 10_000
YEARS_BACK = timedelta(days=730)
NAMES_PER_LOCALE = {"en_US": 400, "es_MX": 160, "fr_FR": 60, "pl_PL": 40, "zh_CN": 15}
EMAIL_HOSTS = ("example.com", "example.org", "example.net", "mail.example.com")
LINE_TYPES = ("mobile", "mobile", "mobile", "landline", "fixedVoip", "nonFixedVoip", "unknown")
CARRIERS = ("Blue Harbor", "Sunrise Health", "Evergreen Mutual", "Unión Salud")


class People:
    """Makes customers one after another, from a seed."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self._seed = seed
        self._phones: set[str] = set()
        self._count = 0

    def make(self, created: str, *, anchor: str = ANCHOR, test: bool = False, plain: bool = False) -> Row:
        """Make one customer.

        Args:
            created: When the customer came to be.
            anchor: The latest moment anything about the customer may bear.
            test: Whether it is one of the agency's test customers.
            plain: Whether to leave out what makes a customer hard to deliver: with a valid phone
                of its own, an e-mail of its own, a postal code and both names.

        Returns:
            The customer with every field of the list call.
        """
        self._count += 1
        rng = self.rng
        place = rng.choice(PLACES)
        first_names, last_names = _name_pools(self._seed)
        first, last = rng.choice(first_names), rng.choice(last_names)
        updated = self._later(created, anchor)
        born = self._birthday(anchor)
        source = self._maybe(0.92, rng.choice(SOURCES))
        member = self._maybe(0.6, rng.choice(MEMBERS))
        status = self._maybe(0.97, rng.choice(["Lead", "Lead", "Active", "Active", "Inactive"]))
        insured = status == "Active"
        phone = self.phone(place, valid=plain or self.chance(0.99))
        row = {
            "id": self.new_id(),
            "createdAt": created,
            "createdBy": self._maybe(0.8, API_USER_ID),
            "updatedAt": updated,
            "updatedBy": self._maybe(0.6, member["id"] if member else API_USER_ID),
            "clientId": CLIENT_ID,
            "clientCustomerId": self._maybe(0.3, f"AG-{self._count:06d}"),
            "status": status,
            "qualificationStatus": self._maybe(
                0.6,
                rng.choice(["Qualified", "Disqualified", "Pending Review", "Needs Information", "In Progress"]),
            ),
            "intent": self._maybe(0.6, rng.choice(["High", "Medium", "Low", "Unknown"])),
            "isDecisionMaker": self._maybe(0.7, self.chance(0.8)),
            "disqualificationReason": self._maybe(0.05, "Already covered"),
            "productInterest": self._maybe(0.5, rng.choice(["Medicare Advantage", "PDP", "Dental", "ACA"])),
            "productFamily": self._maybe(0.5, rng.choice(["Medicare", "ACA", "Ancillary"])),
            "salutation": self._maybe(0.2, rng.choice(["Mr.", "Mrs.", "Ms.", "Dr."])),
            "suffix": self._maybe(0.05, rng.choice(["Jr.", "Sr.", "III"])),
            "firstName": first if plain else self._maybe(0.98, first),
            "middleName": self._maybe(0.2, rng.choice(first_names)),
            "lastName": last if plain else self._maybe(0.97, last),
            "preferredName": self._maybe(0.1, rng.choice(first_names)),
            "callerId": phone,
            "lineType": self._maybe(0.8, rng.choice(LINE_TYPES)),
            "email": self._email(first, last) if plain else self._maybe(0.86, self._email(first, last)),
            "dateOfBirth": self._maybe(0.93, born.isoformat()),
            "language": self._maybe(0.6, rng.choice(["English", "English", "Spanish", "French"])),
            "ethnicity": self._maybe(0.2, rng.choice(["Hispanic or Latino", "Not Hispanic or Latino"])),
            "gender": self._maybe(
                0.85,
                rng.choice(["Male", "Male", "Female", "Female", "Non-Binary", "Other", "Prefer Not to Say"]),
            ),
            "maritalStatus": self._maybe(
                0.6,
                rng.choice(["Single", "Married", "Divorced", "Widowed", "Separated", "Domestic Partnership"]),
            ),
            **self._home(place, complete=plain),
            **self._medicare(born, anchor),
            **self._money(),
            "existingCoverage": self._maybe(0.6, rng.choice(["None", "Employer", "Medicare Advantage"])),
            "existingCoveragePlanName": self._maybe(0.2, "Silver Choice"),
            "existingCoverageCarrier": self._maybe(0.2, rng.choice(CARRIERS)),
            "desiredCoverageStartDate": self._maybe(0.2, "2027-01-01"),
            "currentSourceId": source["id"] if source else None,
            "originalSourceId": self._maybe(0.8, source["id"]) if source else None,
            "agentName": self._maybe(0.3, "Dana Whitfield"),
            "agentNpn": self._maybe(0.3, rng.randint(1_000_000, 19_999_999)),
            "memberId": member["id"] if member else None,
            "carrierName": rng.choice(CARRIERS) if insured else None,
            "planName": "Complete Care (HMO)" if insured else None,
            "planCode": f"H{rng.randint(1000, 9999)}-{rng.randint(1, 60):03d}" if insured else None,
            "enrollmentDate": self._day_after(created, anchor) if insured else None,
            "effectiveDate": self._day_after(created, anchor) if insured else None,
            "carrierAssignedCustomerId": self._maybe(0.1, f"C{rng.randint(10**7, 10**8 - 1)}"),
            "doNotCall": self._maybe(0.9, self.chance(0.07)),
            "doNotSMS": self._maybe(0.9, self.chance(0.06)),
            "doNotEmail": self._maybe(0.9, self.chance(0.05)),
            "doNotMail": self._maybe(0.9, self.chance(0.03)),
            "lastContactedAt": self._maybe(0.5, updated),
            "convertedAt": updated if insured else None,
            "testCustomer": True if test else self._maybe(0.9, value=False),
            "desiredCoverageStart": self._maybe(0.1, "Within 30 days"),
            **self._calls(updated),
        }
        row |= nested.arrays(self, row, anchor)
        row["source"] = dict(source) if source else None
        row["assignedMember"] = dict(member) if member else None
        return _in_page_order(row)

    def marry(self, first: Row, second: Row) -> None:
        """Let two customers share a home, a name and a phone, and sometimes an e-mail."""
        shared = ("lastName", "callerId", "lineType", "postalCode", "timezone", "state", "city", "county")
        for name in (*shared, "address", "address2"):
            second[name] = first[name]
        first["maritalStatus"] = second["maritalStatus"] = "Married"
        if first["email"] and self.chance(0.35):
            # The same mailbox, sometimes in other letters: e-mail compares without case.
            second["email"] = first["email"].upper() if self.chance(0.3) else first["email"]

    def move_house(self, row: Row) -> None:
        """Give a customer a new address, which shows in every mapping."""
        old = row["address"]
        while row["address"] == old:
            row.update(self._home(self.rng.choice(PLACES), complete=True))

    def chance(self, probability: float) -> bool:
        """Return true in that share of cases."""
        return self.rng.random() < probability

    def new_id(self) -> str:
        """Return the next id of this seed."""
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def phone(self, place: Row, *, valid: bool = True) -> str:
        """Return a phone number nobody else has; an invalid one looks right but cannot be called."""
        while True:
            area = self.rng.choice(place["areaCodes"])
            exchange = str(self.rng.randint(2, 9)) + f"{self.rng.randint(0, 99):02d}"
            if not valid:
                exchange = "0" + exchange[1:]
            phone = f"+1{area}{exchange}{self.rng.randint(0, 9999):04d}"
            # N11 and 555 are no exchanges of ordinary customers.
            if exchange[1:] != "11" and exchange != "555" and phone not in self._phones:
                self._phones.add(phone)
                return phone

    def moment_between(self, earliest: str, latest: str) -> str:
        """Return a moment between two others, both included."""
        start, end = from_iso(earliest), from_iso(latest)
        return iso(start + (end - start) * self.rng.random())

    def _maybe(self, chance: float, value: T) -> T | None:
        return value if self.chance(chance) else None

    def _email(self, first: str, last: str) -> str:
        words = [_ascii(first), _ascii(last)]
        local = ".".join(word for word in words if word) or "customer"
        return f"{local}{self._count}@{self.rng.choice(EMAIL_HOSTS)}"

    def _later(self, created: str, anchor: str) -> str:
        # A good third was never touched again.
        return created if self.chance(0.35) else self.moment_between(created, anchor)

    def _birthday(self, anchor: str) -> date:
        return from_iso(anchor).date() - timedelta(days=self.rng.randint(40 * 365, 95 * 365))

    def _day_after(self, created: str, anchor: str) -> str:
        return self.moment_between(created, anchor)[:10]

    def _home(self, place: Row, *, complete: bool) -> Row:
        rng = self.rng
        street = rng.choice(["Oak St", "Maple Ave", "2nd St", "Calle Ocho", "Peñasco Rd", "Lakeview Dr"])
        home = {
            "postalCode": place["postalCode"],
            "timezone": place["timezone"],
            "state": place["state"],
            "city": place["city"],
            "county": place["county"],
            "address": f"{rng.randint(1, 9999)} {street}",
        }
        if not complete:
            chances = {"postalCode": 0.94, "timezone": 0.85, "county": 0.9, "address": 0.9}
            home = {name: self._maybe(chances.get(name, 0.95), value) for name, value in home.items()}
        return {**home, "address2": self._maybe(0.15, f"Apt {rng.randint(1, 40)}")}

    def _medicare(self, born: date, anchor: str) -> Row:
        rng = self.rng
        eligible = born.replace(day=1).replace(year=born.year + 65)
        old_enough = eligible <= from_iso(anchor).date()
        veteran = self.chance(0.12)
        medicaid = self.chance(0.15)
        return {
            "mbiNumber": self._maybe(0.6, self._mbi()) if old_enough else None,
            "medicareCard": self._maybe(0.8, old_enough),
            "medicarePartADate": self._maybe(0.6, eligible.isoformat()) if old_enough else None,
            "medicarePartBDate": self._maybe(0.5, eligible.isoformat()) if old_enough else None,
            "medicaid": self._maybe(0.7, medicaid),
            "medicaidNumber": f"MD{rng.randint(10**8, 10**9 - 1)}" if medicaid else None,
            "socialSecurityDisability": self._maybe(0.6, self.chance(0.1)),
            "veteran": self._maybe(0.7, veteran),
            "vaNumber": f"VA{rng.randint(10**6, 10**7 - 1)}" if veteran else None,
            "healthSherpaCustomerId": self._maybe(0.1, f"HS{rng.randint(10**6, 10**7 - 1)}"),
        }

    def _mbi(self) -> str:
        # Position 2 of a real number is a letter; S, L, O, I, B and Z are never used, so these are not real.
        return "1S" + "".join(self.rng.choice("ACDEFGHJKMNPQRTUVWXY0123456789") for _ in range(9))

    def _money(self) -> Row:
        rng = self.rng
        return {
            "householdIncome": self._maybe(0.4, rng.randint(9_000, 160_000)),
            "annualIncome": self._maybe(0.4, rng.randint(9_000, 120_000)),
            "filingStatus": self._maybe(0.2, rng.choice(["Single", "Married Filing Jointly"])),
            "dependentCount": self._maybe(0.4, rng.randint(0, 4)),
            "subsidyAmount": self._maybe(0.1, rng.randint(0, 900)),
            "subsidyEligible": self._maybe(0.3, self.chance(0.5)),
        }

    def _calls(self, updated: str) -> Row:
        calls = self.rng.choice([0, 0, 1, 2, 3, 8])
        dispositions = ["Answered", "Voicemail", "No Answer", "Transferred"]
        return {
            "totalCalls": calls,
            "lastCallDate": updated if calls else None,
            "lastCallDisposition": self.rng.choice(dispositions) if calls else None,
        }


def _in_page_order(row: Row) -> Row:
    names = [name for name in row if name not in ("source", "assignedMember")]
    names.insert(names.index("campaigns") + 1, "source")
    return {name: row[name] for name in (*names, "assignedMember")}


def creation_times(rng: random.Random, count: int) -> list[str]:
    """Spread creations over two years, with bulk imports that share one moment.

    Args:
        rng: Where chance comes from.
        count: How many customers there are.

    Returns:
        As many moments, in ascending order.
    """
    latest = from_iso(ANCHOR)

    def moment() -> str:
        return iso(latest - YEARS_BACK * rng.random())

    thousand = 1000
    times: list[str] = []
    for size in (130, 60, 40, 25, 25, 12):
        for _ in range(max(1, count // thousand)):
            share = size if count >= thousand else size * count // thousand
            times += [moment()] * share
    return sorted([*times, *(moment() for _ in range(count - len(times)))])


def seeded(seed: int, count: int) -> tuple[People, list[Row]]:
    """Make the customers of a seed, `count` real ones and one test customer for every hundred.

    Args:
        seed: Same seed, same people.
        count: How many customers the list call shows by default.

    Returns:
        The maker, for later additions, and the customers in the order in which they came to be.
    """
    if count > MOST_KEPT:
        return _seeded(seed, count)
    return cast("tuple[People, list[Row]]", pickle.loads(_kept(seed, count)))  # noqa: S301 - own bytes


@functools.lru_cache(maxsize=1)
def _name_pools(seed: int) -> tuple[list[str], list[str]]:
    from faker import Faker  # noqa: PLC0415 - half a second that `--help` need not take

    first: list[str] = []
    last: list[str] = []
    for locale, count in NAMES_PER_LOCALE.items():
        faker = Faker(locale)
        faker.seed_instance(seed)
        first += [faker.first_name() for _ in range(count)]
        last += [faker.last_name() for _ in range(count)]
    return first, last


@functools.lru_cache(maxsize=1)
def _kept(seed: int, count: int) -> bytes:
    # A reset is then a matter of milliseconds.
    return pickle.dumps(_seeded(seed, count))


def _seeded(seed: int, count: int) -> tuple[People, list[Row]]:
    people = People(seed)
    tests = -(-count // 100)
    times = creation_times(people.rng, count + tests)
    test_places = set(people.rng.sample(range(len(times)), tests))
    rows: list[Row] = []
    previous: Row | None = None
    for place, created in enumerate(times):
        row = people.make(created, test=place in test_places)
        if previous is not None and not row["testCustomer"] and people.chance(0.06):
            people.marry(previous, row)
            previous = None
        else:
            previous = None if row["testCustomer"] else row
        rows.append(row)
    return people, rows


def _ascii(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z]", "", plain.lower())
