"""All CareCycle customers, in the order of their creation."""

from __future__ import annotations

import random
from collections import Counter

from sandbox.carecycle.nested_arrays import ARRAYS
from sandbox.carecycle.seeded_customers import seeded_customers
from sandbox.http_messages import JsonObject
from sandbox.settings import SEED_END
from sandbox.timestamps import Clock

OPT_OUTS = ("doNotCall", "doNotSMS", "doNotEmail", "doNotMail")
TOGGLED_STATUS = {"Lead": "Active", "Active": "Lead"}


class CustomerStore:
    """Customers by id. `version` grows with every change, so that a sorted list can be cached."""

    def __init__(self, seed: int, count: int, clock: Clock) -> None:
        self.factory, customers = seeded_customers(seed, count)
        self.clock = clock
        self.by_id: dict[str, JsonObject] = {customer["id"]: customer for customer in customers}
        self.version = 0
        self._rng = random.Random(seed)
        self._ids_by_external_id = {
            customer["clientCustomerId"]: customer["id"]
            for customer in customers
            if customer["clientCustomerId"] is not None
        }

    def empty_customer(self) -> JsonObject:
        """Return a customer without any value, with all fields in the list call's order."""
        names = next(iter(self.by_id.values()), None) or self.factory.make(SEED_END)
        return dict.fromkeys(names) | {name: [] for name in ARRAYS}

    def find(self, external_id: str | None) -> JsonObject | None:
        """Return the customer with this `clientCustomerId`, else the one with this `id`."""
        if external_id is None:
            return None
        return self.by_id.get(self._ids_by_external_id.get(external_id, external_id))

    def find_by_phone(self, phone: str) -> JsonObject | None:
        """Return the oldest customer with this phone number, in the E.164 form."""
        return next((customer for customer in self.by_id.values() if customer["callerId"] == phone), None)

    def find_by_email(self, email: str | None) -> JsonObject | None:
        """Return the oldest customer with this e-mail; upper and lower case do not matter."""
        if not email:
            return None
        wanted = email.lower()
        return next((customer for customer in self.by_id.values() if _comparable_email(customer) == wanted), None)

    def set_external_id(self, customer: JsonObject, external_id: str) -> None:
        """Give a customer another `clientCustomerId`; the old one then finds nobody."""
        self._ids_by_external_id.pop(customer["clientCustomerId"], None)
        self._ids_by_external_id[external_id] = customer["id"]
        customer["clientCustomerId"] = external_id

    def add(self, customer: JsonObject) -> None:
        """Add a customer."""
        self.by_id[customer["id"]] = customer
        if customer["clientCustomerId"] is not None:
            self._ids_by_external_id[customer["clientCustomerId"]] = customer["id"]
        self.version += 1

    def update(self, customer: JsonObject, changes: JsonObject, timestamp: str, by: str | None = None) -> None:
        """Change some fields of a customer, and set `updatedAt`."""
        customer |= changes
        customer["updatedAt"] = timestamp
        if by is not None:
            customer["updatedBy"] = by
        self.version += 1

    def insert_customers(self, count: int, created: str | None = None) -> list[str]:
        """Create customers who are easy to deliver.

        Args:
            count: How many.
            created: Their common `createdAt`; None for the current time.

        Returns:
            Their ids.
        """
        now = self.clock.now()
        ids = []
        for _ in range(count):
            customer = self.factory.make(created or now, latest=now, plain=True)
            customer["updatedAt"] = now
            self.add(customer)
            ids.append(customer["id"])
        return ids

    def update_customers(self, count: int, *, any_customer: bool = False) -> list[str]:
        """Change the address of some customers.

        Args:
            count: How many.
            any_customer: Whether to choose among all customers, instead of those who are easy to deliver.

        Returns:
            Their ids.
        """
        timestamp = self.clock.now()
        chosen = self._choose(count, any_customer=any_customer)
        for customer in chosen:
            self.factory.change_address(customer)
            self.update(customer, {}, timestamp)
        return [customer["id"] for customer in chosen]

    def delete_customers(self, count: int) -> list[str]:
        """Delete some customers and return their ids."""
        chosen = self._choose(count, any_customer=True)
        for customer in chosen:
            del self.by_id[customer["id"]]
            self._ids_by_external_id.pop(customer["clientCustomerId"], None)
        self.version += 1
        return [customer["id"] for customer in chosen]

    def toggle_status(self, count: int) -> list[str]:
        """Change some statuses from Lead to Active and from Active to Lead, and return the customers' ids."""
        timestamp = self.clock.now()
        chosen = [
            customer
            for customer in self._choose(len(self.by_id), any_customer=True)
            if customer["status"] in TOGGLED_STATUS
        ]
        for customer in chosen[:count]:
            self.update(customer, {"status": TOGGLED_STATUS[customer["status"]]}, timestamp)
        return [customer["id"] for customer in chosen[:count]]

    def reseed(self, seed: int) -> None:
        """Use another seed to choose the customers that are changed from now on."""
        self._rng = random.Random(seed)

    def lowered_opt_outs(self, customer: JsonObject, changes: JsonObject) -> list[str]:
        """Return the opt-out fields that these changes would set from true to another value."""
        return [name for name in OPT_OUTS if customer[name] is True and changes.get(name, True) is not True]

    def _choose(self, count: int, *, any_customer: bool) -> list[JsonObject]:
        customers = [customer for customer in self.by_id.values() if not customer["testCustomer"]]
        if not any_customer:
            phones = Counter(customer["callerId"] for customer in customers)
            emails = Counter(_comparable_email(customer) for customer in customers)
            customers = [
                customer
                for customer in customers
                if phones[customer["callerId"]] == 1
                and customer["callerId"][5] not in "01"
                and customer["email"]
                and emails[_comparable_email(customer)] == 1
                and customer["firstName"]
                and customer["lastName"]
            ]
        return self._rng.sample(customers, min(count, len(customers)))


def _comparable_email(customer: JsonObject) -> str | None:
    email: str | None = customer["email"]
    return email.lower() if email else None
