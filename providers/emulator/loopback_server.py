"""An HTTP server that can be closed at once: its sockets, the connections it has, and those that are just arriving."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from typing import Any

from aiohttp import web

BACKLOG = 1024
_CLOSE_SECONDS = 0.2
# How many turns of the loop lie between asyncio's acceptance of a connection and its protocol's knowledge of it, or
# between the end of a transport and that of its socket; a few more than it takes.
SETTLE_TURNS = 6


async def settle() -> None:
    """Let what the loop has begun with sockets come to its end."""
    for _ in range(SETTLE_TURNS):
        await asyncio.sleep(0)


async def stop_listening(listeners: Iterable[asyncio.Server]) -> None:
    """Close listening sockets when every connection they accepted has become known to its protocol.

    Closed at once, asyncio loses a connection it has accepted but not yet announced: its transport cannot attach to a
    server without sockets, so it stays open, served by nobody, until it is collected as garbage.
    """
    loop = asyncio.get_running_loop()
    closing = list(listeners)
    for listener in closing:
        for bound in listener.sockets:
            loop.remove_reader(bound.fileno())
    await settle()
    for listener in closing:
        listener.close()


class ClosableServer(web.Server):
    """One request handler behind any number of listening sockets."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take what `web.Server` takes; handlers are cancelled with their connection, and no access log is written."""
        super().__init__(*args, handler_cancellation=True, access_log=None, **kwargs)
        self._listeners: list[asyncio.Server] = []

    async def listen(self, bound: socket.socket) -> None:
        """Listen on a socket that is bound already; raises OSError when another one listens there."""
        loop = asyncio.get_running_loop()
        self._listeners.append(await loop.create_server(self, sock=bound, backlog=BACKLOG))

    async def listen_at(self, host: str, port: int) -> int:
        """Listen at an address, port 0 for a free one, and return the port; raises OSError when it cannot be had."""
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(self, host, port, backlog=BACKLOG)
        self._listeners.append(listener)
        return int(listener.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop listening first, then cut every connection, idle or in the middle of a request, and wait for the end."""
        listeners, self._listeners = self._listeners, []
        await stop_listening(listeners)
        for connection in self.connections:
            connection.force_close()
        await self.shutdown(_CLOSE_SECONDS)
        for listener in listeners:
            await listener.wait_closed()
        await settle()
