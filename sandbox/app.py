"""The ASGI application: counts a call on arrival, lets the API answer, and sends the answer."""

from __future__ import annotations

import asyncio
import sys
import time
import traceback
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.exchange import CARECYCLE, LEADSQUARED, Answer, Call
from sandbox.leadsquared import AUTHENTICATION, LEADS, LeadSquared
from sandbox.world import World

CONTROL_PREFIX = "/__sandbox__"


class Sandbox:
    """Routes a call to one of the APIs or to the control API."""

    def __init__(self, world: World, control: ASGIApp) -> None:
        self._world = world
        self._control = control

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http" or scope["path"].startswith(CONTROL_PREFIX):
            await self._control(scope, receive, send)
            return
        await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        now = time.monotonic()
        world = self._world
        method, path = scope["method"], scope["path"]
        api = LEADSQUARED if path.startswith((LEADS, AUTHENTICATION)) else CARECYCLE
        bulk = api == LEADSQUARED and LeadSquared.is_bulk(path)
        number = world.stats.arrive(api, method, path, now, bulk=bulk)
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
            answer = world.apis[api].over_limit(refusal) if refusal else self._answer(call)
            if world.settings.latency:
                await asyncio.sleep(world.settings.latency)
            status = str(answer.status)
            await send_answer(answer, send)
        finally:
            world.stats.leave(api, number, status)

    def _answer(self, call: Call) -> Answer:
        try:
            answer = self._world.apis[call.api].answer(call)
        except Exception:  # noqa: BLE001 - a fault of the sandbox must show, and must not stop it
            sys.stderr.write(traceback.format_exc())
            return Answer(500, text="sandbox: internal fault, see its error output", content_type="text/plain")
        self._world.stats.hold_people(call)
        return answer


async def read_body(receive: Receive) -> bytes:
    """Read a request's body to its end."""
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def send_answer(answer: Answer, send: Send) -> None:
    """Send an answer as it is."""
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
    await send({"type": "http.response.body", "body": body})
