"""The HTTP socket of the loopback door: requests off the wire into `Request`, `Response` back onto it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl, unquote

from aiohttp import StreamReader, http, web
from aiohttp.abc import AbstractStreamWriter

from providers.emulator.http import Request, Response
from providers.emulator.kube.objects import Change
from providers.emulator.kube.watch import Watch, WatchResponse
from providers.emulator.loopback_server import ClosableServer

Handler = Callable[[Request], Awaitable[Response]]
# Image layers arrive as single bodies.
LARGEST_BODY = 512 * 1024 * 1024
LONGEST_SILENCE_SECONDS = 0.25
"""How soon an open watch looks whether it is over, when nothing changes."""


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
        if isinstance(response, WatchResponse) and response.watch is not None:
            return await _stream(request, response, response.watch)
        return web.Response(status=response.status, headers=response.headers, body=response.body or None)


async def _stream(request: web.BaseRequest, response: Response, watch: Watch) -> web.StreamResponse:
    """Send the lines of a watch as they come, until it is over or the client goes."""
    headers = {name: value for name, value in response.headers.items() if name.lower() != "transfer-encoding"}
    stream = web.StreamResponse(status=response.status, headers=headers)
    stream.enable_chunked_encoding()
    news = asyncio.Event()

    def hear(_change: Change) -> None:
        news.set()

    watch.objects.listeners.append(hear)
    try:
        await stream.prepare(request)
        while True:
            news.clear()
            is_last = watch.over
            for line in watch.lines():
                await stream.write(line)
            if is_last or watch.over:
                break
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LONGEST_SILENCE_SECONDS):
                    await news.wait()
        await stream.write_eof()
    finally:
        watch.objects.listeners.remove(hear)
    return stream


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
