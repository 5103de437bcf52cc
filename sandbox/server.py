"""Runs the application with uvicorn, prints a line when it is ready, and stops at once on a signal."""

from __future__ import annotations

import socket
import sys
from types import FrameType
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from typing_extensions import override
from uvicorn.protocols.http.h11_impl import H11Protocol

KEEP_ALIVE_SECONDS = 600


class Connections:
    """The open connections by client address, so that a fault can reset one."""

    def __init__(self) -> None:
        self._transports: dict[tuple[str, int], Any] = {}

    def add(self, transport: Any) -> None:
        """Add an open connection."""
        # Header and body are two writes. Without this option the second one is delayed.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        host, port = transport.get_extra_info("peername")[:2]
        self._transports[host, port] = transport

    def remove(self, transport: Any) -> None:
        """Remove a closed connection."""
        for address, open_transport in list(self._transports.items()):
            if open_transport is transport:
                del self._transports[address]

    def reset(self, client: tuple[str, int]) -> None:
        """Close a connection with a TCP reset (RST)."""
        transport = self._transports.get((client[0], client[1]))
        if transport is None:
            return
        # A linger time of zero makes the kernel send RST instead of FIN.
        linger_now = b"\x01\x00\x00\x00\x00\x00\x00\x00"
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_now)
        transport.abort()

    def abort_all(self) -> None:
        """Close every connection at once."""
        for transport in list(self._transports.values()):
            transport.abort()


class _Server(uvicorn.Server):
    """A server that prints one line when it is ready, and does not wait for open calls when it stops."""

    def __init__(self, config: uvicorn.Config, connections: Connections) -> None:
        super().__init__(config)
        self._connections = connections

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if sockets:
            host, port = sockets[0].getsockname()[:2]
            sys.stdout.write(f"sandbox ready on http://{host}:{port}\n")
            sys.stdout.flush()

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # uvicorn would raise the signal again. The sandbox ends with exit code 0.
        self.should_exit = self.force_exit = True

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._connections.abort_all()
        await super().shutdown(sockets)


def serve(app: ASGIApp, connections: Connections, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT arrives.

    Args:
        app: The application.
        connections: Is told of every connection.
        host: The address to listen on.
        port: The port to listen on, 0 for any free one.

    Raises:
        OSError: The address is not available.
    """

    class Protocol(H11Protocol):
        @override
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            connections.add(transport)

        @override
        def connection_lost(self, exc: Exception | None) -> None:
            connections.remove(self.transport)
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
