"""Makes synthetic customers, one at a time. The same seed gives the same customers; none of them is a real person."""

from __future__ import annotations

import functools
import re
import unicodedata
from datetime import date, timedelta

from sandbox.carecycle.nested_arrays import make_nested_arrays
from sandbox.carecycle.reference_data import API_USER_ID, CITIES, CLIENT_ID, MEMBERS, SOURCES
from sandbox.carecycle.seeded_random import SeededRandom
from sandbox.http_messages import JsonObject
from sandbox.settings import SEED_END
from sandbox.timestamps import from_iso

NAMES_PER_LOCALE = {"en_US": 400, "es_MX": 160, "fr_FR": 60, "pl_PL": 40, "zh_CN": 15}
EMAIL_HOSTS = ("example.com", "example.org", "example.net", "mail.example.com")
LINE_TYPES = ("mobile", "mobile", "mobile", "landline", "fixedVoip", "nonFixedVoip", "unknown")
CARRIERS = ("Blue Harbor", "Sunrise Health", "Evergreen Mutual", "Unión Salud")


class CustomerFactory:
    """Makes customers one after another, from a seed."""

    def __init__(self, seed: int) -> None:
        self.rng = SeededRandom(seed)
        self._seed = seed
        self._phones: set[str] = set()
        self._count = 0

    def make(self, created: str, *, latest: str = SEED_END, test: bool = False, plain: bool = False) -> JsonObject:
        """Make one customer.

        Args:
            created: ISO timestamp of the creation.
            latest: No timestamp of the customer is later than this one.
            test: Whether it is a test customer of the agency.
            plain: Whether the customer is easy to deliver: a valid phone and an e-mail that nobody
                else has, a postal code and both names.

        Returns:
            The customer with every field of the list call (`docs/api/carecycle.md` 1.3).
        """
        self._count += 1
        rng = self.rng
        city = rng.choice(CITIES)
        first_names, last_names = _name_pools(self._seed)
        first, last = rng.choice(first_names), rng.choice(last_names)
        updated = self._later(created, latest)
        born = self._birthday(latest)
        source = rng.maybe(0.92, rng.choice(SOURCES))
        member = rng.maybe(0.6, rng.choice(MEMBERS))
        status = rng.maybe(0.97, rng.choice(["Lead", "Lead", "Active", "Active", "Inactive"]))
        insured = status == "Active"
        phone = self.phone(city, valid=plain or rng.chance(0.99))
        customer = {
            "id": rng.new_id(),
            "createdAt": created,
            "createdBy": rng.maybe(0.8, API_USER_ID),
            "updatedAt": updated,
            "updatedBy": rng.maybe(0.6, member["id"] if member else API_USER_ID),
            "clientId": CLIENT_ID,
            "clientCustomerId": rng.maybe(0.3, f"AG-{self._count:06d}"),
            "status": status,
            "qualificationStatus": rng.maybe(
                0.6,
                rng.choice(["Qualified", "Disqualified", "Pending Review", "Needs Information", "In Progress"]),
            ),
            "intent": rng.maybe(0.6, rng.choice(["High", "Medium", "Low", "Unknown"])),
            "isDecisionMaker": rng.maybe(0.7, rng.chance(0.8)),
            "disqualificationReason": rng.maybe(0.05, "Already covered"),
            "productInterest": rng.maybe(0.5, rng.choice(["Medicare Advantage", "PDP", "Dental", "ACA"])),
            "productFamily": rng.maybe(0.5, rng.choice(["Medicare", "ACA", "Ancillary"])),
            "salutation": rng.maybe(0.2, rng.choice(["Mr.", "Mrs.", "Ms.", "Dr."])),
            "suffix": rng.maybe(0.05, rng.choice(["Jr.", "Sr.", "III"])),
            "firstName": first if plain else rng.maybe(0.98, first),
            "middleName": rng.maybe(0.2, rng.choice(first_names)),
            "lastName": last if plain else rng.maybe(0.97, last),
            "preferredName": rng.maybe(0.1, rng.choice(first_names)),
            "callerId": phone,
            "lineType": rng.maybe(0.8, rng.choice(LINE_TYPES)),
            "email": self._email(first, last) if plain else rng.maybe(0.86, self._email(first, last)),
            "dateOfBirth": rng.maybe(0.93, born.isoformat()),
            "language": rng.maybe(0.6, rng.choice(["English", "English", "Spanish", "French"])),
            "ethnicity": rng.maybe(0.2, rng.choice(["Hispanic or Latino", "Not Hispanic or Latino"])),
            "gender": rng.maybe(
                0.85,
                rng.choice(["Male", "Male", "Female", "Female", "Non-Binary", "Other", "Prefer Not to Say"]),
            ),
            "maritalStatus": rng.maybe(
                0.6,
                rng.choice(["Single", "Married", "Divorced", "Widowed", "Separated", "Domestic Partnership"]),
            ),
            **self._home(city, complete=plain),
            **self._medicare(born, latest),
            **self._money(),
            "existingCoverage": rng.maybe(0.6, rng.choice(["None", "Employer", "Medicare Advantage"])),
            "existingCoveragePlanName": rng.maybe(0.2, "Silver Choice"),
            "existingCoverageCarrier": rng.maybe(0.2, rng.choice(CARRIERS)),
            "desiredCoverageStartDate": rng.maybe(0.2, "2027-01-01"),
            "currentSourceId": source["id"] if source else None,
            "originalSourceId": rng.maybe(0.8, source["id"]) if source else None,
            "agentName": rng.maybe(0.3, "Dana Whitfield"),
            "agentNpn": rng.maybe(0.3, rng.randint(1_000_000, 19_999_999)),
            "memberId": member["id"] if member else None,
            "carrierName": rng.choice(CARRIERS) if insured else None,
            "planName": "Complete Care (HMO)" if insured else None,
            "planCode": f"H{rng.randint(1000, 9999)}-{rng.randint(1, 60):03d}" if insured else None,
            "enrollmentDate": self._day_after(created, latest) if insured else None,
            "effectiveDate": self._day_after(created, latest) if insured else None,
            "carrierAssignedCustomerId": rng.maybe(0.1, f"C{rng.randint(10**7, 10**8 - 1)}"),
            "doNotCall": rng.maybe(0.9, rng.chance(0.07)),
            "doNotSMS": rng.maybe(0.9, rng.chance(0.06)),
            "doNotEmail": rng.maybe(0.9, rng.chance(0.05)),
            "doNotMail": rng.maybe(0.9, rng.chance(0.03)),
            "lastContactedAt": rng.maybe(0.5, updated),
            "convertedAt": updated if insured else None,
            "testCustomer": True if test else rng.maybe(0.9, value=False),
            "desiredCoverageStart": rng.maybe(0.1, "Within 30 days"),
            **self._calls(updated),
        }
        customer |= make_nested_arrays(rng, customer, latest)
        customer["source"] = dict(source) if source else None
        customer["assignedMember"] = dict(member) if member else None
        return _in_list_order(customer)

    def make_couple(self, first: JsonObject, second: JsonObject) -> None:
        """Give both customers one home, last name and phone, and sometimes one e-mail."""
        shared = ("lastName", "callerId", "lineType", "postalCode", "timezone", "state", "city", "county")
        for name in (*shared, "address", "address2"):
            second[name] = first[name]
        first["maritalStatus"] = second["maritalStatus"] = "Married"
        if first["email"] and self.rng.chance(0.35):
            # One mailbox in two spellings: e-mail compares without case.
            second["email"] = first["email"].upper() if self.rng.chance(0.3) else first["email"]

    def change_address(self, customer: JsonObject) -> None:
        """Give a customer a new address, a change that every field map delivers."""
        old = customer["address"]
        while customer["address"] == old:
            customer.update(self._home(self.rng.choice(CITIES), complete=True))

    def phone(self, city: JsonObject, *, valid: bool = True) -> str:
        """Return a US phone number that nobody else has; an invalid one has the right form but cannot exist."""
        while True:
            area = self.rng.choice(city["areaCodes"])
            exchange = str(self.rng.randint(2, 9)) + f"{self.rng.randint(0, 99):02d}"
            if not valid:
                exchange = "0" + exchange[1:]
            phone = f"+1{area}{exchange}{self.rng.randint(0, 9999):04d}"
            # N11 and 555 exchanges are not given to customers.
            if exchange[1:] != "11" and exchange != "555" and phone not in self._phones:
                self._phones.add(phone)
                return phone

    def _email(self, first: str, last: str) -> str:
        words = [_ascii(first), _ascii(last)]
        local = ".".join(word for word in words if word) or "customer"
        return f"{local}{self._count}@{self.rng.choice(EMAIL_HOSTS)}"

    def _later(self, created: str, latest: str) -> str:
        # About a third of the customers never changed.
        return created if self.rng.chance(0.35) else self.rng.timestamp_between(created, latest)

    def _birthday(self, latest: str) -> date:
        return from_iso(latest).date() - timedelta(days=self.rng.randint(40 * 365, 95 * 365))

    def _day_after(self, created: str, latest: str) -> str:
        return self.rng.timestamp_between(created, latest)[:10]

    def _home(self, city: JsonObject, *, complete: bool) -> JsonObject:
        rng = self.rng
        street = rng.choice(["Oak St", "Maple Ave", "2nd St", "Calle Ocho", "Peñasco Rd", "Lakeview Dr"])
        home = {
            "postalCode": city["postalCode"],
            "timezone": city["timezone"],
            "state": city["state"],
            "city": city["city"],
            "county": city["county"],
            "address": f"{rng.randint(1, 9999)} {street}",
        }
        if not complete:
            chances = {"postalCode": 0.94, "timezone": 0.85, "county": 0.9, "address": 0.9}
            home = {name: rng.maybe(chances.get(name, 0.95), value) for name, value in home.items()}
        return {**home, "address2": rng.maybe(0.15, f"Apt {rng.randint(1, 40)}")}

    def _medicare(self, born: date, latest: str) -> JsonObject:
        rng = self.rng
        eligible = born.replace(day=1).replace(year=born.year + 65)
        old_enough = eligible <= from_iso(latest).date()
        veteran = rng.chance(0.12)
        medicaid = rng.chance(0.15)
        return {
            "mbiNumber": rng.maybe(0.6, self._mbi()) if old_enough else None,
            "medicareCard": rng.maybe(0.8, old_enough),
            "medicarePartADate": rng.maybe(0.6, eligible.isoformat()) if old_enough else None,
            "medicarePartBDate": rng.maybe(0.5, eligible.isoformat()) if old_enough else None,
            "medicaid": rng.maybe(0.7, medicaid),
            "medicaidNumber": f"MD{rng.randint(10**8, 10**9 - 1)}" if medicaid else None,
            "socialSecurityDisability": rng.maybe(0.6, rng.chance(0.1)),
            "veteran": rng.maybe(0.7, veteran),
            "vaNumber": f"VA{rng.randint(10**6, 10**7 - 1)}" if veteran else None,
            "healthSherpaCustomerId": rng.maybe(0.1, f"HS{rng.randint(10**6, 10**7 - 1)}"),
        }

    def _mbi(self) -> str:
        # A real number never has an S: these cannot belong to anybody.
        return "1S" + "".join(self.rng.choice("ACDEFGHJKMNPQRTUVWXY0123456789") for _ in range(9))

    def _money(self) -> JsonObject:
        rng = self.rng
        return {
            "householdIncome": rng.maybe(0.4, rng.randint(9_000, 160_000)),
            "annualIncome": rng.maybe(0.4, rng.randint(9_000, 120_000)),
            "filingStatus": rng.maybe(0.2, rng.choice(["Single", "Married Filing Jointly"])),
            "dependentCount": rng.maybe(0.4, rng.randint(0, 4)),
            "subsidyAmount": rng.maybe(0.1, rng.randint(0, 900)),
            "subsidyEligible": rng.maybe(0.3, rng.chance(0.5)),
        }

    def _calls(self, updated: str) -> JsonObject:
        calls = self.rng.choice([0, 0, 1, 2, 3, 8])
        dispositions = ["Answered", "Voicemail", "No Answer", "Transferred"]
        return {
            "totalCalls": calls,
            "lastCallDate": updated if calls else None,
            "lastCallDisposition": self.rng.choice(dispositions) if calls else None,
        }


def _in_list_order(customer: JsonObject) -> JsonObject:
    names = [name for name in customer if name not in ("source", "assignedMember")]
    names.insert(names.index("campaigns") + 1, "source")
    return {name: customer[name] for name in (*names, "assignedMember")}


def _ascii(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z]", "", plain.lower())


@functools.lru_cache(maxsize=1)
def _name_pools(seed: int) -> tuple[list[str], list[str]]:
    from faker import Faker  # noqa: PLC0415 - the import takes half a second, which `--help` does not need

    first: list[str] = []
    last: list[str] = []
    for locale, count in NAMES_PER_LOCALE.items():
        faker = Faker(locale)
        faker.seed_instance(seed)
        first += [faker.first_name() for _ in range(count)]
        last += [faker.last_name() for _ in range(count)]
    return first, last
