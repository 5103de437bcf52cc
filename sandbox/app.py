"""The ASGI application: counts a call on arrival, lets the API answer, and sends the answer."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
import traceback
from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.exchange import CARECYCLE, LEADSQUARED, Answer, Call
from sandbox.fault_answers import edit_rows, faulty_answer, replaces_answer
from sandbox.faults import TRANSPORT_KINDS, Fault, Plan, records_of
from sandbox.leadsquared import AUTHENTICATION, LEADS, LeadSquared
from sandbox.server import Connections
from sandbox.world import World

CONTROL_PREFIX = "/__sandbox__"


class Sandbox:
    """Routes a call to one of the APIs or to the control API."""

    def __init__(self, world: World, control: ASGIApp, connections: Connections) -> None:
        self._world = world
        self._control = control
        self._connections = connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http" or scope["path"].startswith(CONTROL_PREFIX):
            await self._control(scope, receive, send)
            return
        await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        now = time.monotonic()
        # Held on to, because a reset during the call begins new accounts.
        world, stats = self._world, self._world.stats
        method, path = scope["method"], scope["path"]
        api = LEADSQUARED if path.startswith((LEADS, AUTHENTICATION)) else CARECYCLE
        bulk = api == LEADSQUARED and LeadSquared.is_bulk(path)
        number = stats.arrive(api, method, path, now, bulk=bulk)
        status = "no answer"
        try:
            refusal = world.admit(api, path, now)
            call = Call(
                api=api,
                number=number,
                method=method,
                path=path,
                query=dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)),
                headers={name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
                body=await read_body(receive),
            )
            if refusal is None:
                status = await self._respond(call, Wire(scope["client"], receive, send))
            else:
                answer = world.apis[api].over_limit(refusal)
                await self._pause()
                await send_answer(answer, send)
                status = str(answer.status)
        finally:
            stats.leave(api, number, status)

    async def _respond(self, call: Call, wire: Wire) -> str:
        plan = self._world.faults.plan(call)
        fault = plan.fault
        self._world.stats.faults_fired.update(each.kind for each in (fault, *(f for _, f in plan.rows)) if each)
        if fault is not None and fault.kind == "slow" and fault.when == "before":
            await wire.hold(fault.seconds)
        answer = self._answer(call, plan)
        await self._pause()
        if fault is not None and fault.kind in TRANSPORT_KINDS:
            return await self._misbehave(fault, answer, wire)
        await send_answer(answer, wire.send)
        return str(answer.status)

    def _answer(self, call: Call, plan: Plan) -> Answer:
        fault = plan.fault
        replaces = fault is not None and replaces_answer(fault)
        writes = self._world.apis[call.api].is_write(call.method, call.path)
        unseen = fault is not None and fault.when == "before" and (replaces or writes)
        if unseen and fault is not None and fault.kind != "slow":
            answer = Answer(200, {"Status": "Success", "succeeded": 0})
        else:
            answer = self._handled(call)
            edit_rows(call, plan, answer)
        if fault is not None and replaces:
            window = self._world.windows[call.api][0]
            return faulty_answer(call, fault, records_of(call), window)
        if fault is not None and fault.kind == "cut_json":
            text = answer.encode().decode()
            return Answer(answer.status, text=text[: len(text) // 2])
        return answer

    def _handled(self, call: Call) -> Answer:
        try:
            answer = self._world.handle(call)
        except Exception:  # noqa: BLE001 - a fault of the sandbox must show, and must not stop it
            sys.stderr.write(traceback.format_exc())
            return Answer(500, text="sandbox: internal fault, see its error output", content_type="text/plain")
        self._world.stats.hold_people(call)
        return answer

    async def _misbehave(self, fault: Fault, answer: Answer, wire: Wire) -> str:
        if fault.kind == "slow":
            if fault.when == "after":
                await wire.hold(fault.seconds)
            await send_answer(answer, wire.send)
            return str(answer.status)
        if fault.kind == "truncated":
            # Left unfinished on purpose: the server then closes the connection.
            await send_answer(answer, wire.send, part=0.5)
            return fault.kind
        if fault.kind == "timeout":
            await wire.hold(fault.seconds)
        self._connections.reset(wire.client)
        await wire.receive()
        return fault.kind

    async def _pause(self) -> None:
        if self._world.quirks.latency:
            await asyncio.sleep(self._world.quirks.latency)


@dataclass(frozen=True)
class Wire:
    """One request's connection."""

    client: tuple[str, int]
    receive: Receive
    send: Send

    async def hold(self, seconds: float | None) -> None:
        """Wait, but not for a client that has gone."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.receive(), seconds)


async def read_body(receive: Receive) -> bytes:
    """Read a request's body to its end."""
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def send_answer(answer: Answer, send: Send, *, part: float = 1.0) -> None:
    """Send an answer.

    Args:
        answer: The answer.
        send: The connection.
        part: How much of the body really goes out; its length is announced in full.
    """
    body = answer.encode()
    headers = {
        "content-type": answer.content_type,
        "content-length": str(len(body)),
        **{name.lower(): value for name, value in answer.headers.items()},
    }
    await send(
        {
            "type": "http.response.start",
            "status": answer.status,
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
        }
    )
    whole = part >= 1
    sent = body if whole else body[: int(len(body) * part)]
    await send({"type": "http.response.body", "body": sent, "more_body": not whole})
