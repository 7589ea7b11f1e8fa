"""One client's connection: what is wrong with its HTTP is answered as everything else is, and logged by nobody."""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast

from aiohttp import web

from orchestrator.http.answers import SAFE_HEADERS, Tells, in_our_words, told

_LINGER_SECONDS = 2.0


class Connection(web.RequestHandler):
    """The library's own handler, with our words for its refusals; it writes no access log and unpacks nothing."""

    def __init__(self, manager: web.Server, loop: asyncio.AbstractEventLoop, log: Tells | None, **limits: Any) -> None:
        """Take the library's `limits` by their names there."""
        super().__init__(
            manager,
            loop=loop,
            access_log=cast(Any, None),
            auto_decompress=False,
            lingering_time=_LINGER_SECONDS,
            **limits,
        )
        self._log = log
        self.busy = False
        """Whether a request has reached the application and its answer is not yet sent."""

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it quotes the request
    ) -> web.StreamResponse:
        """Answer what is no HTTP, or what broke outside every handler, and close the connection."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun, so no other can be sent")
        hung_up = isinstance(exc, ConnectionError)
        if status == 500 and exc is not None and not hung_up and self._log is not None:
            self._log.warning("request_failed", method=request.method, path=request.path, **told(exc))
        response = in_our_words(status)
        response.headers.update(SAFE_HEADERS)
        response.force_close()
        return response

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send an answer; a refusal that the library raised is said in our words."""
        if isinstance(resp, web.HTTPException) and resp.status >= 400:
            resp = in_our_words(resp.status, resp.headers)
        try:
            return await super().finish_response(request, resp, start_time)
        finally:
            self.busy = False


class Turned(asyncio.Protocol):
    """Says one thing to whoever connects, and hangs up."""

    def __init__(self, said: bytes) -> None:
        self._said = said

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say it."""
        writable = cast(asyncio.WriteTransport, transport)
        writable.write(self._said)
        writable.close()


def _full() -> bytes:
    body = json.dumps({"error": {"code": "full", "message": "too many connections are open; come back in a moment"}})
    headers = {
        **SAFE_HEADERS,
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Retry-After": "1",
        "Connection": "close",
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 503 Service Unavailable\r\n{lines}\r\n{body}".encode()


FULL = _full()
"""The whole answer to one connection too many."""
