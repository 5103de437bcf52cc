"""A session without a network: each call gets the next response of a script, and is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from typing_extensions import override

from lead_connectors.http.quota import Quota, Window
from lead_connectors.http.session import ApiSession, Retry


@dataclass(frozen=True)
class Call:
    """One call as it was asked for."""

    method: str
    path: str
    params: Mapping[str, str] | None
    json: Any
    retry: Retry


class ScriptedSession(ApiSession):
    """Gives the responses of `script` in turn; an exception among them is raised.

    Attributes:
        script: The responses to come.
        made: The calls so far.
        waits: How often a caller waited before it retried.
    """

    def __init__(self, *script: Any) -> None:
        super().__init__("TestAPI", "http://127.0.0.1:9", Quota([Window(1000, 1.0)]), headers={})
        self.script = list(script)
        self.made: list[Call] = []
        self.waits = 0

    @override
    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        retry: Retry = Retry.ALWAYS,
    ) -> Any:
        self.made.append(Call(method, path, params, json, retry))
        response = self.script.pop(0)
        if isinstance(response, Exception):
            raise response
        return response

    @override
    def wait_to_retry(self, attempt: int, first_fault: float) -> None:
        self.waits += 1
