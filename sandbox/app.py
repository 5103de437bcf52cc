"""The ASGI application: counts a request on arrival, lets its API respond, applies faults, and sends the response."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
import traceback
from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.backend import Backend
from sandbox.fault_responses import edit_response_rows, fault_response, replaces_response
from sandbox.faults import DELAY_KINDS, TRANSPORT_KINDS, Fault, FaultPlan, request_records
from sandbox.http_messages import CARECYCLE, LEADSQUARED, Request, Response
from sandbox.leadsquared.api import AUTHENTICATION, LEADS, LeadSquared
from sandbox.server import Connections

CONTROL_PREFIX = "/__sandbox__"


class Sandbox:
    """Routes a request to one of the APIs or to the control API."""

    def __init__(self, backend: Backend, control: ASGIApp, connections: Connections) -> None:
        self._backend = backend
        self._control = control
        self._connections = connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI request."""
        if scope["type"] != "http" or scope["path"].startswith(CONTROL_PREFIX):
            await self._control(scope, receive, send)
            return
        await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        now = time.monotonic()
        # Kept for the whole call: a reset in the meantime replaces the statistics.
        backend, stats = self._backend, self._backend.stats
        method, path = scope["method"], scope["path"]
        api = LEADSQUARED if path.startswith((LEADS, AUTHENTICATION)) else CARECYCLE
        bulk = api == LEADSQUARED and LeadSquared.is_bulk(path)
        number = stats.record_arrival(api, method, path, now, bulk=bulk)
        status = "no answer"
        try:
            rejection = backend.admit(api, path, now)
            request = Request(
                api=api,
                number=number,
                method=method,
                path=path,
                query=dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)),
                headers={name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
                body=await read_body(receive),
                raw_query=scope["query_string"].decode("latin-1"),
            )
            if rejection is None:
                status = await self._respond_within_limit(request, ClientConnection(scope["client"], receive, send))
            else:
                response = backend.apis[api].over_limit(rejection)
                await self._add_latency()
                await send_response(response, send)
                status = str(response.status)
        finally:
            stats.record_response(api, number, status)

    async def _respond_within_limit(self, request: Request, connection: ClientConnection) -> str:
        plan = self._backend.faults.plan(request)
        fault = plan.fault
        self._backend.stats.faults_fired.update(
            fired.kind for fired in (fault, *(row_fault for _, row_fault in plan.rows)) if fired
        )
        if fault is not None and fault.kind == "slow" and fault.when == "before":
            await connection.wait(fault.seconds)
        response = self._response_with_faults(request, plan)
        await self._add_latency()
        if fault is not None and fault.kind in TRANSPORT_KINDS:
            return await self._send_with_fault(fault, response, connection)
        await send_response(response, connection.send)
        return str(response.status)

    def _response_with_faults(self, request: Request, plan: FaultPlan) -> Response:
        fault = plan.fault
        replaces = fault is not None and replaces_response(fault)
        is_write = self._backend.apis[request.api].is_write(request.method, request.path)
        skips_handler = fault is not None and fault.when == "before" and (replaces or is_write)
        if skips_handler and fault is not None and fault.kind not in DELAY_KINDS:
            response = Response(200, {"Status": "Success", "succeeded": 0})
        else:
            response = self._handle(request)
            edit_response_rows(request, plan, response)
        if fault is not None and replaces:
            window = self._backend.windows[request.api][0]
            return fault_response(request, fault, request_records(request), window)
        if fault is not None and fault.kind == "cut_json":
            text = response.encode().decode()
            return Response(response.status, text=text[: len(text) // 2])
        return response

    def _handle(self, request: Request) -> Response:
        try:
            response = self._backend.handle(request)
        except Exception:  # noqa: BLE001 - an error of the sandbox is reported and does not stop it
            sys.stderr.write(traceback.format_exc())
            return Response(500, text="sandbox: internal error, see its error output", content_type="text/plain")
        self._backend.stats.record_people_in_flight(request)
        return response

    async def _send_with_fault(self, fault: Fault, response: Response, connection: ClientConnection) -> str:
        if fault.kind == "slow":
            if fault.when == "after":
                await connection.wait(fault.seconds)
            await send_response(response, connection.send)
            return str(response.status)
        if fault.kind == "drip":
            complete = await send_slowly(response, connection, fault.seconds)
            return str(response.status) if complete else fault.kind
        if fault.kind == "truncated":
            # An incomplete response makes the server close the connection.
            await send_response(response, connection.send, fraction=0.5)
            return fault.kind
        if fault.kind == "timeout":
            await connection.wait(fault.seconds)
        self._connections.reset(connection.client)
        await connection.receive()
        return fault.kind

    async def _add_latency(self) -> None:
        if self._backend.quirks.latency:
            await asyncio.sleep(self._backend.quirks.latency)


@dataclass(frozen=True)
class ClientConnection:
    """The connection of one request."""

    client: tuple[str, int]
    receive: Receive
    send: Send

    async def wait(self, seconds: float | None) -> bool:
        """Wait so many seconds (None: for ever), or until the client disconnects, and return whether it did."""
        with contextlib.suppress(asyncio.TimeoutError):
            message = await asyncio.wait_for(self.receive(), seconds)
            return bool(message["type"] == "http.disconnect")
        return False


async def read_body(receive: Receive) -> bytes:
    """Read the whole body of a request."""
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def send_response(response: Response, send: Send, *, fraction: float = 1.0) -> None:
    """Send a response.

    Args:
        response: The response.
        send: The ASGI send function.
        fraction: The share of the body that is sent (0 to 1). `Content-Length` is always that of the whole body.
    """
    body = await _send_head(response, send)
    complete = fraction >= 1
    sent = body if complete else body[: int(len(body) * fraction)]
    await send({"type": "http.response.body", "body": sent, "more_body": not complete})


async def send_slowly(response: Response, connection: ClientConnection, seconds: float | None) -> bool:
    """Send a response byte by byte.

    Args:
        response: The response.
        connection: The client.
        seconds: The time before each byte of the body.

    Returns:
        False for a client that did not wait for the last byte.
    """
    body = await _send_head(response, connection.send)
    for byte in body:
        if await connection.wait(seconds):
            return False
        await connection.send({"type": "http.response.body", "body": bytes([byte]), "more_body": True})
    await connection.send({"type": "http.response.body", "body": b"", "more_body": False})
    return True


async def _send_head(response: Response, send: Send) -> bytes:
    """Send status and headers, and return the body, which is still to be sent."""
    body = response.encode()
    headers = {
        "content-type": response.content_type,
        "content-length": str(len(body)),
        **{name.lower(): value for name, value in response.headers.items()},
    }
    await send(
        {
            "type": "http.response.start",
            "status": response.status,
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
        }
    )
    return body
