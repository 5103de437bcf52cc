"""Versions of one record become the newest; the opt-outs of all of them hold."""

from __future__ import annotations

from tests.delivery.leads import a_lead, numbers


def test_the_newest_version_stands_for_all() -> None:
    old = a_lead(3, "ann", fields={"Email": "old@example.com"}, opt_outs={"DoNotCall"}, identities={"email:old"})
    new = a_lead(7, "ann", fields={"Email": "new@example.com"}, identities={"email:new"}, unique={"Email": "new"})
    newest = a_lead(9, "ann", fields={}, opt_outs={"DoNotSMS"}, rejected_at=4.0)
    both = old.replaced_by(new).replaced_by(newest)
    assert numbers(both) == [3, 7, 9]
    assert both.number == 3, "its place in the order is that of the oldest"
    assert both.source.number == 9
    assert both.fields == {}
    assert both.unique == {}
    assert both.rejected_at == 4.0
    assert both.opt_outs == {"DoNotCall", "DoNotSMS"}
    assert {"email:old", "email:new"} <= both.identities
    assert numbers(old) == [3], "the older version itself has not changed"


def test_neither_a_lead_nor_its_source_shows_a_value() -> None:
    lead = a_lead(0, "ann", fields={"Email": "a@example.com"}, unique={"Email": "a@example.com"}, line=b'{"a@example"')
    assert "example" not in repr(lead)
