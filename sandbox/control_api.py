"""The control API under `/__sandbox__/`: reads and changes a running sandbox. See `README.md` in this folder."""

from __future__ import annotations

import dataclasses
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.backend import Backend
from sandbox.carecycle.api import CareCycle
from sandbox.carecycle.reference_data import CAMPAIGNS, CUSTOM_FIELDS, MEMBERS, NODES, SOURCES
from sandbox.carecycle.scripted_changes import ScriptError
from sandbox.faults import Fault, FaultError
from sandbox.http_messages import CARECYCLE, LEADSQUARED, InvalidJsonError, JsonObject, read_json
from sandbox.leadsquared.errors import LeadError
from sandbox.leadsquared.lead_fields import USERS
from sandbox.limits import SECONDS_A_DAY
from sandbox.settings import Window

BULK = "leadsquared_bulk"
DAILY = "leadsquared_daily"


class ControlError(ValueError):
    """The body of a control call is invalid."""


class ControlApi:
    """Handlers of the control calls. These need no key, and no limit counts them."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def app(self) -> Starlette:
        """Return the control API as an application."""
        routes = [
            Route("/__sandbox__/stats", self.stats),
            Route("/__sandbox__/history", self.history),
            Route("/__sandbox__/leads", self.leads),
            Route("/__sandbox__/customers", self.customers),
            Route("/__sandbox__/reference", self.reference),
            Route("/__sandbox__/change", self.change, methods=["POST"]),
            Route("/__sandbox__/keys", self.keys, methods=["POST"]),
            Route("/__sandbox__/crm", self.crm, methods=["POST"]),
            Route("/__sandbox__/quirks", self.quirks, methods=["GET", "POST", "DELETE"]),
            Route("/__sandbox__/faults", self.faults, methods=["GET", "POST", "DELETE"]),
            Route("/__sandbox__/scan-moves", self.scan_moves, methods=["GET", "POST", "DELETE"]),
            Route("/__sandbox__/limits", self.limits, methods=["POST"]),
            Route("/__sandbox__/reset", self.reset, methods=["POST"]),
        ]
        return Starlette(routes=routes, exception_handlers={ControlError: _error_response})

    async def stats(self, _request: Request) -> Response:
        """GET stats: all counts."""
        return JSONResponse(self._backend.stats.as_dict(self._backend.windows, self._backend.bulk_window))

    async def history(self, _request: Request) -> Response:
        """GET history: every applied write, in order."""
        return JSONResponse(self._backend.stats.history)

    async def leads(self, _request: Request) -> Response:
        """GET leads: all LeadSquared leads."""
        return JSONResponse(list(self._backend.leads.by_id.values()))

    async def customers(self, _request: Request) -> Response:
        """GET customers: all CareCycle customers, test customers included."""
        return JSONResponse(list(self._backend.customers.by_id.values()))

    async def reference(self, _request: Request) -> Response:
        """GET reference: the ids and keys for uploads and filters, and the account's lead fields."""
        return JSONResponse(
            {
                "sources": SOURCES,
                "campaigns": CAMPAIGNS,
                "nodes": NODES,
                "members": MEMBERS,
                "custom_fields": [field["fieldKey"] for field in CUSTOM_FIELDS],
                "lead_fields": list(self._backend.leads.fields),
                "owners": list(USERS),
            }
        )

    async def change(self, request: Request) -> Response:
        """POST change: update, insert and delete some customers."""
        body = await read_object(request, {"update", "insert", "delete", "anybody"})
        counts = {name: _count(body, name) for name in ("update", "insert", "delete")}
        store = self._backend.customers
        # Deletions first: no customer is changed or added and then deleted.
        deleted = store.delete_customers(counts["delete"])
        updated = store.update_customers(counts["update"], any_customer=bool(body.get("anybody")))
        inserted = store.insert_customers(counts["insert"])
        return JSONResponse({"updated": updated, "inserted": inserted, "deleted": deleted})

    async def keys(self, request: Request) -> Response:
        """POST keys: the only keys that are valid from now on, for the same organisation as before."""
        body = await read_object(request, {CARECYCLE, LEADSQUARED})
        carecycle, leadsquared = _api_keys(body.get(CARECYCLE)), _key_pairs(body.get(LEADSQUARED))
        for api in self._backend.apis.values():
            if isinstance(api, CareCycle):
                api.keys = api.keys if carecycle is None else carecycle
            else:
                api.keys = api.keys if leadsquared is None else leadsquared
        return JSONResponse(body)

    async def crm(self, request: Request) -> Response:
        """POST crm: what a person does in LeadSquared: delete a lead, merge it into another, or edit it."""
        body = await read_object(request, {"delete", "merge", "into", "edit", "fields"})
        leads = self._backend.leads
        try:
            if "delete" in body:
                leads.delete(body["delete"])
            if "merge" in body:
                leads.merge(body["merge"], body["into"])
            if "edit" in body:
                leads.edit(body["edit"], body["fields"])
        except (KeyError, LeadError) as error:
            message = f"crm takes ids of leads that exist, and values that no other lead has ({error})"
            raise ControlError(message) from error
        return JSONResponse(list(leads.by_id.values()))

    async def quirks(self, request: Request) -> Response:
        """GET, POST or DELETE quirks."""
        if request.method == "POST":
            try:
                self._backend.quirks.change(await read_object(request))
            except ValueError as error:
                raise ControlError(str(error)) from error
        elif request.method == "DELETE":
            self._backend.quirks.clear()
        return JSONResponse(self._backend.quirks.as_dict())

    async def faults(self, request: Request) -> Response:
        """GET, POST (add) or DELETE faults."""
        faults = self._backend.faults
        if request.method == "POST":
            body = await read_value(request)
            try:
                faults.active += [
                    Fault.read(description) for description in (body if isinstance(body, list) else [body])
                ]
            except FaultError as error:
                raise ControlError(str(error)) from error
        elif request.method == "DELETE":
            faults.active.clear()
        return JSONResponse([dataclasses.asdict(fault) for fault in faults.active])

    async def scan_moves(self, request: Request) -> Response:
        """GET scan-moves: the changes so far; POST a script; DELETE it."""
        scripted_changes = self._backend.scripted_changes
        if request.method == "POST":
            try:
                scripted_changes.start(await read_object(request))
            except ScriptError as error:
                raise ControlError(str(error)) from error
        elif request.method == "DELETE":
            scripted_changes.clear()
        return JSONResponse(scripted_changes.log)

    async def limits(self, request: Request) -> Response:
        """POST limits: new windows, all of them empty."""
        body = await read_object(request, {CARECYCLE, LEADSQUARED, BULK, DAILY})
        if DAILY in body:
            body[DAILY] = f"{_count(body, DAILY)}/{SECONDS_A_DAY:g}"
        try:
            windows = {name: Window.parse(str(text)) for name, text in body.items()}
        except ValueError as error:
            raise ControlError(str(error)) from error
        for api in (CARECYCLE, LEADSQUARED):
            if api in windows:
                self._backend.windows[api][0] = windows[api]
        if DAILY in windows:
            self._backend.windows[LEADSQUARED][1] = windows[DAILY]
        self._backend.bulk_window = windows.get(BULK, self._backend.bulk_window)
        self._backend.apply_limits()
        return JSONResponse({name: str(window) for name, window in windows.items()})

    async def reset(self, _request: Request) -> Response:
        """POST reset: start again with the seeded customers."""
        self._backend.reset()
        return JSONResponse({"customers": len(self._backend.customers.by_id)})


async def read_object(request: Request, allowed: set[str] | None = None) -> JsonObject:
    """Read the JSON object in the body of a control call.

    Args:
        request: The request.
        allowed: The names that the object can have; None for any.

    Returns:
        The object.

    Raises:
        ControlError: The body is not an object, or has another name.
    """
    body = await read_value(request)
    if not isinstance(body, dict):
        message = "expected a JSON object"
        raise ControlError(message)
    if allowed is not None and (wrong := sorted(set(body) - allowed)):
        message = f"unknown {', '.join(wrong)}; there are {', '.join(sorted(allowed))}"
        raise ControlError(message)
    return body


async def read_value(request: Request) -> Any:
    """Read a body of any JSON type."""
    try:
        return read_json(await request.body())
    except InvalidJsonError as error:
        message = "expected JSON"
        raise ControlError(message) from error


def _count(body: JsonObject, name: str) -> int:
    value = body.get(name, 0)
    if type(value) is not int or value < 0:
        message = f"{name} takes a whole number from 0"
        raise ControlError(message)
    return value


def _api_keys(value: Any) -> set[str] | None:
    """Read CareCycle's keys; None where the body has none."""
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(key, str) and key for key in value):
        message = f"{CARECYCLE} takes a list of keys"
        raise ControlError(message)
    return set(value)


def _key_pairs(value: Any) -> set[tuple[str, str]] | None:
    """Read LeadSquared's pairs of keys; None where the body has none."""
    if value is None:
        return None
    names = ("access_key", "secret_key")
    pairs: list[Any] = value if isinstance(value, list) else [None]
    if not all(isinstance(pair, dict) and set(pair) == set(names) and all(pair.values()) for pair in pairs):
        message = f"{LEADSQUARED} takes a list of objects with {' and '.join(names)}"
        raise ControlError(message)
    return {(str(pair["access_key"]), str(pair["secret_key"])) for pair in pairs}


async def _error_response(_request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, status_code=400)
