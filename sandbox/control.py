"""The control API under /__sandbox__/: what a test looks at and turns while the sandbox runs."""

from __future__ import annotations

import dataclasses
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.exchange import CARECYCLE, LEADSQUARED, NotJsonError, Row, read_json
from sandbox.faults import Fault, FaultError
from sandbox.limits import SECONDS_A_DAY
from sandbox.reference import CAMPAIGNS, CUSTOM_FIELDS, MEMBERS, NODES, SOURCES
from sandbox.scan_moves import MovesError
from sandbox.settings import Window
from sandbox.world import World

BULK = "leadsquared_bulk"
DAILY = "leadsquared_daily"


class ControlError(ValueError):
    """A control call that says something the sandbox does not understand."""


class Control:
    """Handlers of the control API. They need no key and count in no window."""

    def __init__(self, world: World) -> None:
        self._world = world

    def app(self) -> Starlette:
        """Return the control API as an application."""
        routes = [
            Route("/__sandbox__/stats", self.stats),
            Route("/__sandbox__/history", self.history),
            Route("/__sandbox__/leads", self.leads),
            Route("/__sandbox__/customers", self.customers),
            Route("/__sandbox__/reference", self.reference),
            Route("/__sandbox__/change", self.change, methods=["POST"]),
            Route("/__sandbox__/quirks", self.quirks, methods=["GET", "POST", "DELETE"]),
            Route("/__sandbox__/faults", self.faults, methods=["GET", "POST", "DELETE"]),
            Route("/__sandbox__/scan-moves", self.scan_moves, methods=["GET", "POST", "DELETE"]),
            Route("/__sandbox__/limits", self.limits, methods=["POST"]),
            Route("/__sandbox__/reset", self.reset, methods=["POST"]),
        ]
        return Starlette(routes=routes, exception_handlers={ControlError: _refuse})

    async def stats(self, _request: Request) -> Response:
        """GET stats: everything that was counted."""
        return JSONResponse(self._world.stats.as_dict(self._world.windows, self._world.bulk_window))

    async def history(self, _request: Request) -> Response:
        """GET history: every write that was applied, in order."""
        return JSONResponse(self._world.stats.history)

    async def leads(self, _request: Request) -> Response:
        """GET leads: all leads of LeadSquared."""
        return JSONResponse(list(self._world.leads.leads.values()))

    async def customers(self, _request: Request) -> Response:
        """GET customers: all customers of CareCycle, test customers too."""
        return JSONResponse(list(self._world.customers.rows.values()))

    async def reference(self, _request: Request) -> Response:
        """GET reference: what uploads and filters may name, and the account's lead fields."""
        return JSONResponse(
            {
                "sources": SOURCES,
                "campaigns": CAMPAIGNS,
                "nodes": NODES,
                "members": MEMBERS,
                "custom_fields": [each["fieldKey"] for each in CUSTOM_FIELDS],
                "lead_fields": list(self._world.leads.fields),
            }
        )

    async def change(self, request: Request) -> Response:
        """POST change: update, insert and delete some customers."""
        body = await read_object(request, {"update", "insert", "delete", "anybody"})
        counts = {name: _count(body, name) for name in ("update", "insert", "delete")}
        store = self._world.customers
        # Deletions first, so that nobody is changed or added in vain.
        deleted = store.delete_people(counts["delete"])
        updated = store.update_people(counts["update"], anybody=bool(body.get("anybody")))
        inserted = store.insert_people(counts["insert"])
        return JSONResponse({"updated": updated, "inserted": inserted, "deleted": deleted})

    async def quirks(self, request: Request) -> Response:
        """GET, POST or DELETE quirks: how answers differ from the usual."""
        if request.method == "POST":
            try:
                self._world.quirks.change(await read_object(request))
            except ValueError as error:
                raise ControlError(str(error)) from error
        elif request.method == "DELETE":
            self._world.quirks.clear()
        return JSONResponse(self._world.quirks.as_dict())

    async def faults(self, request: Request) -> Response:
        """GET, POST (adds) or DELETE faults."""
        faults = self._world.faults
        if request.method == "POST":
            body = await read_value(request)
            try:
                faults.active += [Fault.read(row) for row in (body if isinstance(body, list) else [body])]
            except FaultError as error:
                raise ControlError(str(error)) from error
        elif request.method == "DELETE":
            faults.active.clear()
        return JSONResponse([dataclasses.asdict(fault) for fault in faults.active])

    async def scan_moves(self, request: Request) -> Response:
        """GET what was moved, POST a script, DELETE it."""
        moves = self._world.moves
        if request.method == "POST":
            try:
                moves.start(await read_object(request))
            except MovesError as error:
                raise ControlError(str(error)) from error
        elif request.method == "DELETE":
            moves.clear()
        return JSONResponse(moves.log)

    async def limits(self, request: Request) -> Response:
        """POST limits: other windows, empty from now on."""
        body = await read_object(request, {CARECYCLE, LEADSQUARED, BULK, DAILY})
        if DAILY in body:
            body[DAILY] = f"{_count(body, DAILY)}/{SECONDS_A_DAY:g}"
        try:
            windows = {name: Window.parse(str(text)) for name, text in body.items()}
        except ValueError as error:
            raise ControlError(str(error)) from error
        for api in (CARECYCLE, LEADSQUARED):
            if api in windows:
                self._world.windows[api][0] = windows[api]
        if DAILY in windows:
            self._world.windows[LEADSQUARED][1] = windows[DAILY]
        self._world.bulk_window = windows.get(BULK, self._world.bulk_window)
        self._world.apply_limits()
        return JSONResponse({name: str(window) for name, window in windows.items()})

    async def reset(self, _request: Request) -> Response:
        """POST reset: back to the seeded start."""
        self._world.reset()
        return JSONResponse({"customers": len(self._world.customers.rows)})


async def read_object(request: Request, allowed: set[str] | None = None) -> Row:
    """Read a control call's JSON object.

    Args:
        request: The call.
        allowed: The names it may hold; None for any.

    Returns:
        The object.

    Raises:
        ControlError: The body is no object or holds another name.
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
    """Read a control call's JSON body of any type."""
    try:
        return read_json(await request.body())
    except NotJsonError as error:
        message = "expected JSON"
        raise ControlError(message) from error


def _count(body: Row, name: str) -> int:
    value = body.get(name, 0)
    if type(value) is not int or value < 0:
        message = f"{name} is a count"
        raise ControlError(message)
    return value


async def _refuse(_request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, status_code=400)
