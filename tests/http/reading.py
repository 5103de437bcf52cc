"""Reads a response as a session does."""

from __future__ import annotations

from typing import Any

import orjson
from requests.structures import CaseInsensitiveDict

from lead_connectors.http.response import ApiResponse, ErrorFormat, read_response


def read(
    errors: ErrorFormat, status: int, body: Any = None, *, raw: bytes | None = None, **headers: str
) -> ApiResponse:
    named = CaseInsensitiveDict({name.replace("_", "-"): value for name, value in headers.items()})
    return read_response(status, named, orjson.dumps(body) if raw is None else raw, errors)
