from __future__ import annotations

from collections import Counter

import phonenumbers
import pytest

from sandbox.carecycle.customer_store import CustomerStore
from sandbox.carecycle.seeded_customers import seeded_customers
from sandbox.settings import SEED_END
from sandbox.timestamps import Clock

Rows = list[dict[str, object]]


@pytest.fixture(scope="module")
def rows() -> Rows:
    return seeded_customers(1, 1000)[1]


def test_a_seed_gives_the_same_people(rows: Rows) -> None:
    assert seeded_customers(1, 1000)[1] == rows
    assert seeded_customers(2, 1000)[1] != rows


def test_as_many_real_customers_as_asked_for(rows: Rows) -> None:
    assert sum(not row["testCustomer"] for row in rows) == 1000
    assert sum(row["testCustomer"] is True for row in rows) == 10


def test_phones_are_valid_but_for_a_handful(rows: Rows) -> None:
    wrong = [row for row in rows if not phonenumbers.is_valid_number(phonenumbers.parse(str(row["callerId"]), "US"))]
    assert 5 <= len(wrong) <= 20


def test_households_share_phones_and_some_share_an_email(rows: Rows) -> None:
    phones = Counter(row["callerId"] for row in rows)
    emails = Counter(str(row["email"]).lower() for row in rows if row["email"])
    assert 30 <= sum(count == 2 for count in phones.values()) <= 90
    assert 5 <= sum(count == 2 for count in emails.values()) <= 60
    assert 80 <= sum(row["email"] is None for row in rows) <= 200


def test_bulk_imports_share_one_moment(rows: Rows) -> None:
    sizes = [size for _, size in Counter(row["createdAt"] for row in rows).most_common(6)]
    assert sizes == [130, 60, 40, 25, 25, 12]


def test_moments_lie_in_order_and_in_the_past(rows: Rows) -> None:
    assert all(str(row["createdAt"]) <= str(row["updatedAt"]) <= SEED_END for row in rows)


def test_every_nullable_field_is_null_somewhere(rows: Rows) -> None:
    always = {name for name in rows[0] if all(row[name] is not None for row in rows)}
    assert always == {
        *("id", "createdAt", "updatedAt", "clientId", "callerId", "totalCalls", "campaigns", "customFields"),
        *("policies", "prescriptions", "providers", "scopeOfAppointments", "dependents"),
    }


def test_names_are_not_all_ascii(rows: Rows) -> None:
    assert any(not str(row["firstName"]).isascii() for row in rows)


def test_every_array_is_filled_somewhere(rows: Rows) -> None:
    arrays = [name for name, value in rows[0].items() if isinstance(value, list)]
    assert len(arrays) == 7
    assert all(any(row[name] for row in rows) for name in arrays)


def test_a_change_of_many_bears_one_moment_later_than_all_before() -> None:
    store = CustomerStore(1, 50, Clock(SEED_END))
    before = max(row["updatedAt"] for row in store.by_id.values())
    changed = store.update_customers(5)
    moments = {store.by_id[each]["updatedAt"] for each in changed}
    assert len(moments) == 1
    assert moments.pop() > before
