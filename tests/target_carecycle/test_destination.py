"""A CareCycle account in the process: external ids, uploads, what is sent again and how often."""

from __future__ import annotations

import dataclasses
import threading
from typing import Any

import pytest

from lead_connectors.delivery.outcome import Outcome, rejected
from lead_connectors.delivery.plan import Find, OptOutsOnly, Send
from lead_connectors.field_map.mapped import Mapped, Problem
from lead_connectors.http.errors import AmbiguousError, CallRejectedError, DeniedError, StoppedError, TransientError
from lead_connectors.http.session import Retry
from lead_connectors.reject_codes import RejectCode
from target_carecycle import destination as module
from target_carecycle.destination import CareCycleDestination
from target_carecycle.target import TargetCareCycle
from tests.delivery.leads import a_lead
from tests.scripted_session import ScriptedSession

ANN = {"phoneNumber": "+12125550123", "postalCode": "10001", "firstName": "Ann", "email": "Ann@Example.com"}
AMBIGUOUS = AmbiguousError("cut off")
TAKEN = {"succeeded": 1, "failed": 0, "errors": []}


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SECONDS_BETWEEN", 0.0)


def send(found: CareCycleDestination, *fields: dict[str, Any]) -> list[Outcome]:
    """Upload leads as the run does."""
    return found.send("", [found.body(Send(a_lead(0, "ann", fields=each))) for each in fields])


def destination(*script: Any, **settings: Any) -> tuple[CareCycleDestination, ScriptedSession]:
    session = ScriptedSession(*script)
    config = TargetCareCycle(config={"api_key": "cc_x", **settings}).config
    return CareCycleDestination(config, session, threading.Event()), session


def test_each_record_has_an_external_id_the_same_in_every_run() -> None:
    found, _ = destination()
    assert found.prepare(Mapped(fields=ANN), {}, ["A", 7]).fields["externalId"] == "A-7"
    mapped = Mapped(fields={**ANN, "externalId": "own"})
    assert found.prepare(mapped, {}, ["A"]).fields["externalId"] == "own", "what the map says goes first"
    without_key = [found.prepare(Mapped(fields=ANN), {}, []).fields["externalId"] for _ in range(2)]
    other = found.prepare(Mapped(fields={**ANN, "firstName": "Bob"}), {}, []).fields["externalId"]
    assert without_key[0] == without_key[1] != other


def test_people_share_order_by_phone_mail_and_id_and_own_their_id_alone() -> None:
    prepared = destination()[0].prepare(Mapped(fields=ANN), {}, ["1"])
    assert prepared.unique == {"externalId": "externalId:1"}, "spouses share a phone, and an e-mail"
    assert set(prepared.shared.values()) == {"externalId:1", "phone:2125550123", "email:ann@example.com"}


def test_what_the_map_already_found_is_not_said_twice() -> None:
    invalid = Problem("phoneNumber", RejectCode.INVALID_VALUE, "is not a phone number")
    mapped = Mapped(fields={"postalCode": "10001"}, problems=[invalid])
    assert destination()[0].prepare(mapped, {}, ["1"]).problems == [invalid]
    missing = destination()[0].prepare(Mapped(fields={}), {}, ["1"]).problems
    assert [(problem.field, problem.code.value) for problem in missing] == [
        ("phoneNumber", "required_missing"), ("postalCode", "required_missing")
    ]  # fmt: skip


def test_policies_are_named_because_the_upload_does_not_take_them() -> None:
    found, _ = destination()
    assert found.prepare(Mapped(fields=ANN), {"policies": [{}]}, ["1"]).notes
    assert found.prepare(Mapped(fields=ANN), {"policies": []}, ["1"]).notes == ()


def test_an_upload_holds_its_records_and_its_response_is_read_by_external_id() -> None:
    errors = [{"externalId": "2", "error": "Invalid phone"}]
    found, session = destination({"succeeded": 1, "failed": 1, "errors": errors})
    outcomes = send(found, *({**ANN, "externalId": name} for name in "12"))
    assert [outcome.status.value for outcome in outcomes] == ["accepted", "rejected"]
    (call,) = session.made
    assert (call.method, call.path, call.retry) == ("POST", "/v2/leads/upload", Retry.ASK)
    assert [record["externalId"] for record in call.json["records"]] == ["1", "2"]


def test_an_ambiguous_upload_is_sent_three_times_more_and_no_more() -> None:
    found, session = destination(AMBIGUOUS, AMBIGUOUS, AMBIGUOUS, TAKEN)
    assert send(found, {**ANN, "externalId": "1"})[0].is_delivered
    assert session.retries == 3
    found, session = destination(*[AMBIGUOUS] * 5)
    with pytest.raises(TransientError, match="They may have arrived"):
        send(found, ANN)
    assert len(session.made) == 4


def test_a_stop_ends_the_wait_for_the_next_try() -> None:
    found, session = destination(AMBIGUOUS, TAKEN)
    found._stopping.set()
    with pytest.raises(StoppedError):
        send(found, ANN)
    assert len(session.made) == 1


def opt_outs_only(fields: dict[str, Any]) -> OptOutsOnly:
    lead = a_lead(0, "ann", fields=fields, opt_outs=("doNotCall",))
    return OptOutsOnly(lead, rejected(RejectCode.TOO_LONG))


def test_the_least_that_raises_an_opt_out_is_a_record_of_its_own() -> None:
    found, session = destination(TAKEN)
    plan = opt_outs_only({**ANN, "firstName": "x" * 300, "externalId": "1"})
    body = found.opt_out_body(plan)
    assert body == {"phoneNumber": "+12125550123", "postalCode": "10001", "doNotCall": True, "externalId": "1"}
    assert found.send(found.call_of(plan), [body])[0].is_delivered
    assert session.made[0].json == {"records": [body]}


@pytest.mark.parametrize("missing", ["externalId", "phoneNumber", "postalCode"])
def test_an_opt_out_that_could_reach_somebody_else_or_nobody_is_not_sent(missing: str) -> None:
    fields = {name: value for name, value in {**ANN, "externalId": "1"}.items() if name != missing}
    assert destination()[0].opt_out_body(opt_outs_only(fields)) is None


def test_an_opt_out_is_not_sent_by_what_belongs_to_another_record() -> None:
    plan = dataclasses.replace(opt_outs_only({**ANN, "externalId": "1"}), left_out=frozenset({"phoneNumber"}))
    assert destination()[0].opt_out_body(plan) is None


def test_a_customer_is_looked_up_by_what_is_the_leads_own() -> None:
    found, session = destination({"items": [{"id": "c1", "clientCustomerId": "1"}]})
    lead = a_lead(0, "ann", fields={**ANN, "externalId": "1"})
    assert found.find(Find(lead, left_out=frozenset({"phoneNumber"}))) == "c1"
    assert [call.params["search"] for call in session.made if call.params] == ["Ann@Example.com"]


def test_a_rejected_call_names_its_culprits() -> None:
    found, _ = destination()
    error = CallRejectedError(status=400, code="VALIDATION_ERROR", body={"failedRecords": [{"index": 1}]})
    assert list(found.culprits(error)) == [1]
    assert found.rejection(error).code is not None


def test_a_key_that_may_upload_and_read_nothing_is_good() -> None:
    assert destination(DeniedError("no", status=403))[0].check_credentials() is None
    with pytest.raises(DeniedError):
        destination(DeniedError("no", status=401))[0].check_credentials()


def test_custom_fields_are_read_once_and_only_where_a_map_fills_them() -> None:
    own = {"people": {"customFields": {"fields": {"utm": "a"}}}}
    page = {"items": [{"fieldKey": "utm", "fieldType": "number"}], "currentPage": 1, "nextPage": None}
    found, session = destination(page, field_map=own)
    assert found.api_fields.fields["customFields"].group_fields["utm"].convert == "number"
    assert found.api_fields is found.api_fields
    assert len(session.made) == 1
    without, session = destination()
    assert without.api_fields.fields["customFields"].group_fields == {}
    assert session.made == []
