"""Connections as requests makes them, with one deadline for a whole response.

Its timeout alone starts anew with every byte that arrives.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from typing import Any

import requests
import requests.adapters
import urllib3.connection
from typing_extensions import override


class DeadlineAdapter(requests.adapters.HTTPAdapter):
    """Sends calls as requests does. The timeout for reading is the deadline of the whole response, headers included."""

    @override
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _with_deadline(self.poolmanager.pool_classes_by_scheme)

    @override
    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        is_new = proxy not in self.proxy_manager
        manager = super().proxy_manager_for(proxy, **kwargs)
        if is_new:
            manager.pool_classes_by_scheme = _with_deadline(manager.pool_classes_by_scheme)
        return manager


class _DeadlineReader(io.RawIOBase):
    """Reads from a socket until a deadline.

    Args:
        raw: Reads from the socket.
        sock: The socket. Its timeout is what is left.
    """

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        super().__init__()
        self._raw = raw
        self._sock = sock
        timeout = sock.gettimeout()
        self._deadline = None if timeout is None else time.monotonic() + timeout

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: Any, /) -> int | None:
        if self._deadline is not None:
            seconds_left = self._deadline - time.monotonic()
            if seconds_left <= 0:
                msg = "timed out"
                raise TimeoutError(msg)
            self._sock.settimeout(seconds_left)
        count: int | None = self._raw.readinto(buffer)
        return count

    @override
    def close(self) -> None:
        self._raw.close()
        super().close()


class _DeadlineResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        # http.client makes this before it reads anything, so nothing is in its buffer.
        self.fp = io.BufferedReader(_DeadlineReader(self.fp.detach(), sock))


def _with_deadline(pools: dict[str, Any]) -> dict[str, Any]:
    """Return subclasses of urllib3's connection pools, whose responses have a deadline."""
    return {scheme: _pool_with_deadline(pool) for scheme, pool in pools.items()}


def _pool_with_deadline(pool: type[Any]) -> type[Any]:
    connection: type[urllib3.connection.HTTPConnection] = pool.ConnectionCls
    timed = type(connection.__name__, (connection,), {"response_class": _DeadlineResponse})
    return type(pool.__name__, (pool,), {"ConnectionCls": timed})


def count_connections(session: requests.Session) -> int:
    """Return how many connections a session has opened so far."""
    managers = [
        manager
        for adapter in session.adapters.values()
        if isinstance(adapter, requests.adapters.HTTPAdapter)
        for manager in (adapter.poolmanager, *adapter.proxy_manager.values())
    ]
    return sum(manager.pools[key].num_connections for manager in managers for key in manager.pools.keys())  # noqa: SIM118
