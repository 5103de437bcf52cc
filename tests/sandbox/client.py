"""What the sandbox's own tests call both APIs with."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import requests

from tests.sandbox_client import ACCESS_KEY, CARECYCLE_KEY, SECRET_KEY, WITHOUT_LIMITS, Sandbox, running_sandbox

KEY = {"x-api-key": CARECYCLE_KEY}
LSQ_KEYS = {"x-LSQ-AccessKey": ACCESS_KEY, "x-LSQ-SecretKey": SECRET_KEY}
LEADS = "/v2/LeadManagement.svc/"
UPSERT = f"{LEADS}Lead/Bulk/CreateOrUpdate"
CREATE = f"{LEADS}Lead/Bulk/Create"
SINGLE = f"{LEADS}Lead.CreateOrUpdate"
UPDATE = f"{LEADS}Lead/Bulk/UpdateV2"
BY_IDS = f"{LEADS}Leads/Retrieve/ByIds"


def lead(**values: str) -> list[dict[str, Any]]:
    return [{"Attribute": name, "Value": value} for name, value in values.items()]


def update(*leads: Any) -> dict[str, Any]:
    """The body of Lead/Bulk/UpdateV2."""
    return {"LeadPropertiesList": [{"Fields": fields} for fields in leads]}


def by_ids(ids: list[str], columns: str = "ProspectID,DoNotCall", page: int = 1, size: int = 1000) -> dict[str, Any]:
    """The body of Leads/Retrieve/ByIds."""
    return {
        "SearchParameters": {"LeadIds": ids},
        "Columns": {"Include_CSV": columns},
        "Paging": {"PageIndex": page, "PageSize": size},
    }


class SandboxClient(Sandbox):
    """The control API, and plain calls of both APIs."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.session = requests.Session()

    def wait_for_call(self, api: str) -> None:
        """Wait until a call of an API is in flight."""
        end = time.monotonic() + 10.0
        while not self.stats(api)["in_flight"]:
            assert time.monotonic() < end, "no call came"
            time.sleep(0.005)

    def wait_until_idle(self, api: str) -> None:
        """Wait until no call of an API is in flight."""
        end = time.monotonic() + 10.0
        while self.stats(api)["in_flight"]:
            assert time.monotonic() < end, "a call is still in flight"
            time.sleep(0.005)

    def page(self, **query: Any) -> requests.Response:
        return self.session.get(f"{self.url}/v2/customers", params=query, headers=KEY, timeout=10)

    def items(self, **query: Any) -> list[dict[str, Any]]:
        response = self.page(limit=100, **query)
        assert response.status_code == 200, response.text
        items: list[dict[str, Any]] = response.json()["items"]
        return items

    def upload(self, *records: Any, **options: Any) -> requests.Response:
        options.setdefault("json", {"records": list(records)})
        return self.session.post(
            f"{self.url}/v2/leads/upload", headers={**KEY, **options.pop("headers", {})}, timeout=10, **options
        )

    def post_lsq(self, path: str, body: Any, **options: Any) -> requests.Response:
        return self.session.post(f"{self.url}{path}", json=body, headers=LSQ_KEYS, timeout=10, **options)

    def get_lsq(self, path: str, **query: str) -> requests.Response:
        return self.session.get(f"{self.url}{path}", params=query, headers=LSQ_KEYS, timeout=10)

    def upsert(self, *leads: Any) -> list[dict[str, Any]]:
        response = self.post_lsq(UPSERT, list(leads))
        assert response.status_code == 200, response.text
        return list(response.json())


@contextlib.contextmanager
def started(*arguments: str) -> Iterator[SandboxClient]:
    """Run a sandbox with its limits off unless the arguments say otherwise."""
    with running_sandbox(*WITHOUT_LIMITS, *arguments) as sandbox:
        yield SandboxClient(sandbox.url)
