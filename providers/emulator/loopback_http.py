"""The HTTP socket of the loopback door: requests off the wire into `Request`, `Response` back onto it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl, unquote

from aiohttp import StreamReader, http, web
from aiohttp.abc import AbstractStreamWriter

from providers.emulator.http import Request, Response
from providers.emulator.loopback_server import ClosableServer

Handler = Callable[[Request], Awaitable[Response]]
# Image layers arrive as single bodies.
LARGEST_BODY = 512 * 1024 * 1024


class HttpDoor:
    """Serves one handler on one address; start and stop it on the loop that shall carry it."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._server: ClosableServer | None = None
        self.port = 0

    async def start(self, host: str, port: int) -> None:
        """Open the socket; port 0 picks a free one. Raises OSError when the port cannot be had."""
        loop = asyncio.get_running_loop()

        def large(
            message: http.RawRequestMessage,
            payload: StreamReader,
            protocol: web.RequestHandler,
            writer: AbstractStreamWriter,
            task: asyncio.Task[None],
        ) -> web.BaseRequest:
            return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=LARGEST_BODY)

        server = ClosableServer(self._handle, request_factory=large)
        self.port = await server.listen_at(host, port)
        self._server = server

    async def stop(self) -> None:
        """Close the socket and every connection, and wait until they are closed."""
        server, self._server = self._server, None
        if server is not None:
            await server.close()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.headers.get("Expect", "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        response = await self._handler(await _read(request))
        if response.delay_seconds > 0:
            await asyncio.sleep(response.delay_seconds)
        return web.Response(status=response.status, headers=response.headers, body=response.body or None)


async def _read(request: web.BaseRequest) -> Request:
    """Take a request apart by its raw target, because doubled slashes and escapes shall arrive as they were sent."""
    target = request.raw_path
    if "://" in target.partition("?")[0]:
        target = "/" + target.partition("://")[2].partition("/")[2]
    path, _, query = target.partition("?")
    return Request(
        method=request.method.upper(),
        path=unquote(path),
        query=dict(parse_qsl(query, keep_blank_values=True)),
        headers=_headers(request),
        body=await request.read(),
    )


def _headers(request: web.BaseRequest) -> dict[str, str]:
    """Join the lines of a header that was sent several times, as Go's registry clients send `Accept`."""
    joined: dict[str, str] = {}
    for name, value in request.headers.items():
        key = name.title()
        joined[key] = f"{joined[key]}, {value}" if key in joined else value
    return joined
