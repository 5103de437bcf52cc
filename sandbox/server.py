"""Runs the application on loopback, says when it is ready, and goes quickly when told to."""

from __future__ import annotations

import socket
import sys
from types import FrameType
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

KEEP_ALIVE_SECONDS = 600


class Connections:
    """The open connections by the client's address, so that one can be cut."""

    def __init__(self) -> None:
        self._transports: dict[tuple[str, int], Any] = {}

    def opened(self, transport: Any) -> None:
        """Remember a connection."""
        # Header and body go out as two writes, which without this wait for each other.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        host, port = transport.get_extra_info("peername")[:2]
        self._transports[host, port] = transport

    def closed(self, transport: Any) -> None:
        """Forget a connection."""
        for address, known in list(self._transports.items()):
            if known is transport:
                del self._transports[address]

    def reset(self, client: tuple[str, int]) -> None:
        """Cut a connection so that the client sees a reset, not an orderly end."""
        transport = self._transports.get((client[0], client[1]))
        if transport is None:
            return
        # Zero linger makes the kernel send RST instead of FIN.
        linger_now = b"\x01\x00\x00\x00\x00\x00\x00\x00"
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_now)
        transport.abort()

    def abort_all(self) -> None:
        """Drop every connection."""
        for transport in list(self._transports.values()):
            transport.abort()


class _Server(uvicorn.Server):
    """A server that says one line when ready and never waits for held answers when it ends."""

    def __init__(self, config: uvicorn.Config, connections: Connections) -> None:
        super().__init__(config)
        self._connections = connections

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if sockets:
            host, port = sockets[0].getsockname()[:2]
            sys.stdout.write(f"sandbox ready on http://{host}:{port}\n")
            sys.stdout.flush()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's signature
        # Unlike uvicorn's own the signal is not raised again: the sandbox ends with exit code 0.
        self.should_exit = self.force_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._connections.abort_all()
        await super().shutdown(sockets)


def serve(app: ASGIApp, connections: Connections, host: str, port: int) -> None:
    """Serve until a signal comes.

    Args:
        app: The application.
        connections: Learns of every connection.
        host: The address to listen on.
        port: The port; 0 lets the system choose one.

    Raises:
        OSError: The address cannot be had.
    """

    class Protocol(H11Protocol):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            connections.opened(transport)

        def connection_lost(self, exc: Exception | None) -> None:
            connections.closed(self.transport)
            super().connection_lost(exc)

    config = uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=1,
    )
    with socket.create_server((host, port), backlog=512) as listener:
        _Server(config, connections).run(sockets=[listener])
