"""What the sandbox's own tests call it with."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import requests

KEY = {"x-api-key": "cc_sandbox_0123456789abcdef"}
LSQ_KEYS = {
    "x-LSQ-AccessKey": "u$rsandbox0123456789abcdef",
    "x-LSQ-SecretKey": "sandboxsecret$0123456789abcdef",
}
LEADS = "/v2/LeadManagement.svc/"
UPSERT = f"{LEADS}Lead/Bulk/CreateOrUpdate"
CREATE = f"{LEADS}Lead/Bulk/Create"
SINGLE = f"{LEADS}Lead.CreateOrUpdate"


def lead(**values: str) -> list[dict[str, Any]]:
    return [{"Attribute": name, "Value": value} for name, value in values.items()]


class SandboxClient:
    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()

    def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.session.request(method, f"{self.url}/__sandbox__/{path}", json=body, timeout=10)
        assert answer.ok, answer.text
        return answer.json()

    def page(self, **query: Any) -> requests.Response:
        return self.session.get(f"{self.url}/v2/customers", params=query, headers=KEY, timeout=10)

    def items(self, **query: Any) -> list[dict[str, Any]]:
        answer = self.page(limit=100, **query)
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    def upload(self, *records: Any, **options: Any) -> requests.Response:
        options.setdefault("json", {"records": list(records)})
        return self.session.post(
            f"{self.url}/v2/leads/upload", headers={**KEY, **options.pop("headers", {})}, timeout=10, **options
        )

    def post(self, path: str, body: Any, **options: Any) -> requests.Response:
        return self.session.post(f"{self.url}{path}", json=body, headers=LSQ_KEYS, timeout=10, **options)

    def upsert(self, *leads: Any) -> list[dict[str, Any]]:
        answer = self.post(UPSERT, list(leads))
        assert answer.status_code == 200, answer.text
        return list(answer.json())

    def get(self, path: str, **query: str) -> requests.Response:
        return self.session.get(f"{self.url}{path}", params=query, headers=LSQ_KEYS, timeout=10)

    def fault(self, kind: str, **options: Any) -> None:
        self.control("POST", "faults", [{"kind": kind, **options}])

    def stats(self) -> dict[str, Any]:
        return dict(self.control("GET", "stats"))


@contextlib.contextmanager
def started(*arguments: str) -> Iterator[SandboxClient]:
    """Run `python -m sandbox` on a free port with its limits off, and stop it afterwards."""
    off = ["--carecycle-limit", "0/0", "--leadsquared-limit", "0/0"]
    command = [sys.executable, "-m", "sandbox", "--port", "0", *off, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line.startswith("sandbox ready on http://127.0.0.1:"), line
            yield SandboxClient(line.split()[-1])
        finally:
            process.terminate()
            process.wait(10)
    assert process.returncode == 0
