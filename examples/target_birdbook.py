"""A whole target in one file: Singer records become entries of BirdBook, a phone book that does not exist.

- `POST /v1/entries:batch` takes `{"entries": [...]}`, at most 10. An entry is found by `id`, which the caller chooses.
- It returns `{"stored": {"7": 1}, "held": {"8": "number_in_use"}}`: by id, the revision or the reason.
- One entry in the wrong form rejects the whole call: `{"problem": {"at": "entries[3].city", "kind": "bad_form"}}`.
- `phone` is required, except in an entry that has nothing but `id` and `silent`. Null empties another text field.
- `GET /v1/book` returns `{"book": {"title": "..."}}`. The key is in the header `X-Book-Key`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from singer_sdk import typing as th
from typing_extensions import override

from lead_connectors.delivery.destination import Destination, Prepared
from lead_connectors.delivery.outcome import Outcome, Status, rejected
from lead_connectors.delivery.plan import OptOutsOnly, Send
from lead_connectors.delivery.settings import delivery_settings
from lead_connectors.delivery.target import DeliveryTarget
from lead_connectors.field_map.api_fields import ApiField, ApiFields
from lead_connectors.field_map.mapped import Mapped, Problem
from lead_connectors.http.address import account_of, base_address
from lead_connectors.http.errors import CallRejectedError
from lead_connectors.http.quota import Quota
from lead_connectors.http.response import ErrorFormat
from lead_connectors.http.session import ApiSession
from lead_connectors.reject_codes import RejectCode

MAX_ENTRIES = 10
FIELDS = ApiFields(
    {
        "phone": ApiField("phone", convert="phone", by_name=True, can_cut=False, can_clear=False),
        "full_name": ApiField("full_name", convert="text", max_length=60, by_name=True),
        "birthday": ApiField("birthday", convert="date", by_name=True),
        "city": ApiField("city", convert="text", max_length=40, by_name=True),
        "silent": ApiField("silent", convert="boolean", by_name=True),
    },
    closed=True,
    opt_outs=("silent",),
    defaults={"phone": {"format": "e164", "region": "US"}, "date": {"output": "%d.%m.%Y"}},
)
CODES = {"bad_form": RejectCode.INVALID_VALUE, "number_in_use": RejectCode.CONFLICT}
PLACE = re.compile(r"entries\[(\d+)\]")


class BirdBookDestination(Destination):
    """One book of BirdBook."""

    api_fields = FIELDS

    def __init__(self, config: Mapping[str, Any], session: ApiSession) -> None:
        self.session = session
        self.batch_size = config.get("batch_size_rows") or MAX_ENTRIES

    @override
    def prepare(self, mapped: Mapped, record: Mapping[str, Any], key: Sequence[Any]) -> Prepared:
        fields = {"id": "-".join(str(part) for part in key), **mapped.fields}
        filled = {name for name, value in fields.items() if value}
        missing = {"id", "phone"} - filled - {problem.field for problem in mapped.problems}
        problems = [Problem(name, RejectCode.REQUIRED_MISSING, "is required") for name in sorted(missing)]
        return Prepared(fields, problems=[*mapped.problems, *problems], shared={"id": f"id:{fields['id']}"})

    @override
    def body(self, plan: Send) -> dict[str, Any]:
        return plan.fields

    @override
    def opt_out_body(self, plan: OptOutsOnly) -> dict[str, Any] | None:
        return {"id": plan.fields["id"], **dict.fromkeys(plan.lead.opt_outs, True)} if plan.fields["id"] else None

    @override
    def send(self, call: str, bodies: Sequence[Any]) -> list[Outcome]:
        _ = call  # there is only one
        response = self.session.call("POST", "/v1/entries:batch", json={"entries": list(bodies)})
        return [_outcome(response, body["id"]) for body in bodies]

    @override
    def culprits(self, error: CallRejectedError) -> Iterable[int]:
        return [int(position) for position in PLACE.findall(str(_object(error.body, "problem").get("at")))]

    @override
    def rejection(self, error: CallRejectedError) -> Outcome:
        problem = _object(error.body, "problem")
        at, kind = str(problem.get("at", "entry")), str(problem.get("kind", error.code))
        return rejected(CODES.get(kind, RejectCode.API_REJECTED), f"{PLACE.sub('entry', at)}: {kind}")

    @override
    def check_credentials(self) -> str | None:
        return str(_object(self.session.call("GET", "/v1/book"), "book").get("title"))


def _object(body: Any, name: str) -> dict[str, Any]:
    found = body.get(name) if isinstance(body, dict) else None
    return found if isinstance(found, dict) else {}


def _outcome(response: Any, entry_id: str) -> Outcome:
    if reason := _object(response, "held").get(entry_id):
        return rejected(CODES.get(str(reason), RejectCode.API_REJECTED), str(reason))
    if entry_id in _object(response, "stored"):
        return Outcome(Status.ACCEPTED, lead_id=entry_id)
    return rejected(RejectCode.NO_RESPONSE, "the response does not name this entry")


class TargetBirdBook(DeliveryTarget):
    """Delivers Singer records to BirdBook as entries."""

    name = "target-birdbook"
    package_name = "carecycle-leadsquared-connectors"

    config_jsonschema: ClassVar[dict[str, Any]] = th.PropertiesList(
        th.Property("key", th.StringType(min_length=1), required=True, secret=True, description="The book's key."),
        *delivery_settings(
            vendor="BirdBook",
            api_url="https://api.birdbook.example",
            max_rows=MAX_ENTRIES,
            rows_help="10 unless set, which is also the maximum.",
            max_in_flight=2,
            rate_limit={"calls": 20, "seconds": 1},
            opt_out_fields=FIELDS.opt_outs,
        ),
    ).to_dict()

    @property
    @override
    def account(self) -> str:
        return account_of(base_address(self.config["api_url"]), self.config["key"])

    @override
    def make_destination(self, quota: Quota) -> BirdBookDestination:
        session = ApiSession(
            "BirdBook",
            base_address(self.config["api_url"]),
            quota,
            headers={"X-Book-Key": self.config["key"]},
            errors=ErrorFormat(),
            timeout=self.config["request_timeout"],
            max_retry_seconds=self.config["max_retry_seconds"],
            advice={401: "Check key."},
            stopping=self.stopping,
        )
        return BirdBookDestination(self.config, session)


if __name__ == "__main__":
    TargetBirdBook.cli()
