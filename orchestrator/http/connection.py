"""One client's connection: what is wrong with its HTTP is answered as everything else is, and logged by nobody."""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast

from aiohttp import web

from orchestrator.http.answers import SAFE_HEADERS, Tells, in_our_words
from orchestrator.telemetry.faults import told

_LINGER_SECONDS = 2.0
_HEALTH = frozenset({"/healthz", "/readyz"})


class Connection(web.RequestHandler):
    """The library's own handler, with our words for its refusals; it writes no access log and unpacks nothing.

    An answer is sent when the kernel has all of it, and has `send_seconds` for that. A `spare` connection is for health
    alone, and for one answer.
    """

    def __init__(
        self,
        manager: web.Server,
        loop: asyncio.AbstractEventLoop,
        log: Tells | None,
        *,
        send_seconds: float,
        spare: bool = False,
        **limits: Any,
    ) -> None:
        """Take the library's `limits` by their names there."""
        super().__init__(
            manager,
            loop=loop,
            access_log=cast(Any, None),
            auto_decompress=False,
            lingering_time=_LINGER_SECONDS,
            **limits,
        )
        self._log, self._send_seconds, self.spare = log, send_seconds, spare
        self.arriving = True
        """Whether it was accepted and its transport is still to come."""
        self.busy = False
        """Whether a request has reached the application and its answer is not yet sent."""
        self.sending_since: float | None = None
        """When the answer in hand was begun to be sent, by the loop's clock; None while none is."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait after each answer until the client has room for it: what is not read is neither answered nor kept."""
        self.arriving = False
        cast(asyncio.WriteTransport, transport).set_write_buffer_limits(high=0)
        super().connection_made(transport)

    def force_close(self) -> None:
        """Hang up at once: to close would wait for the client to read what is left, and that may be never."""
        if self.transport is not None:
            self.transport.abort()
        super().force_close()

    @property
    def takes_a_place(self) -> bool:
        """Whether a socket is open, or a handler still at work for a client that has left."""
        return self.arriving or self.transport is not None or (self.busy and self.sending_since is None)

    def serves(self, path: str) -> bool:
        """Say whether this path is answered here."""
        return not self.spare or path in _HEALTH

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
        """Send an answer, or hang up where it is not read; a refusal that the library raised is said in our words."""
        if isinstance(resp, web.HTTPException) and resp.status >= 400:
            resp = in_our_words(resp.status, resp.headers)
        if self.spare:
            resp.force_close()
        self.busy, self.sending_since = True, self._loop.time()
        try:
            async with asyncio.timeout(self._send_seconds):
                return await super().finish_response(request, resp, start_time)
        except TimeoutError:
            self.force_close()
            return resp, True
        finally:
            self.busy, self.sending_since = False, None


class Turned(asyncio.Protocol):
    """Says one thing to whoever connects, and hangs up."""

    def __init__(self, said: bytes) -> None:
        self._said = said

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say it."""
        writable = cast(asyncio.WriteTransport, transport)
        writable.write(self._said)
        writable.close()


FULL_MESSAGE = "too many connections are open; come back in a moment"


def _full() -> bytes:
    body = json.dumps({"error": {"code": "full", "message": FULL_MESSAGE}})
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
