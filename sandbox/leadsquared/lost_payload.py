"""A key with an unencoded `$` in the query: the payload of a write is lost, and the response is that of a success.

One account lost its payloads like this (`docs/api/leadsquared.md` 2). No page says how far the response goes, so the
sandbox takes the worst case: each lead of the call gets an id, and only a read-back shows that no lead has it.
"""

from __future__ import annotations

import random
import uuid

from sandbox.http_messages import InvalidJsonError, JsonObject, Request, Response, read_json
from sandbox.quirks import Quirks

KEY_PARAMETERS = ("accessKey", "secretKey")


def loses_payload(request: Request) -> bool:
    """Return whether the keys of a request come from its query and hold a `$` that is not encoded."""
    if "x-lsq-accesskey" in request.headers:
        return False
    parameters = [pair.partition("=") for pair in request.raw_query.split("&")]
    return any(name in KEY_PARAMETERS and "$" in value for name, _, value in parameters)


def success_of_nothing(request: Request, quirks: Quirks) -> Response:
    """Return the response to a write whose payload is lost.

    Args:
        request: The write; nothing of it is applied.
        quirks: The forms of a success.

    Returns:
        The response that the same call has when it creates its leads.
    """
    rng = random.Random(request.number)
    ids = [str(uuid.UUID(int=rng.getrandbits(128), version=4)) for _ in range(_count_leads(request))]
    if request.path.endswith("Lead.CreateOrUpdate"):
        name = "RelatedID" if quirks.related_id else "Id"
        return Response(200, {"Status": "Success", "Message": {name: ids[0], "AffectedRows": 1}})
    if request.path.endswith("UpdateV2"):
        counts = {"TotalCount": len(ids), "SuccessCount": len(ids), "FailureCount": 0, "UnProcessedCount": 0}
        return Response(200, {"Status": {**counts, "Message": "Success"}, "Details": {}})
    rows: list[JsonObject] = [
        {"RowNumber": number, "LeadId": lead_id, "LeadCreated": True} for number, lead_id in enumerate(ids, start=1)
    ]
    if request.path.endswith("CreateOrUpdate"):
        rows = [row | {"LeadUpdated": False, "AffectedRows": 1} for row in rows]
    return Response(200, rows)


def _count_leads(request: Request) -> int:
    if request.path.endswith("Lead.CreateOrUpdate"):
        return 1
    try:
        body = read_json(request.body)
    except InvalidJsonError:
        return 0
    leads = body.get("LeadPropertiesList") if isinstance(body, dict) else body
    return len(leads) if isinstance(leads, list) else 0
