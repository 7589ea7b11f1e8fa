"""What every answer looks like: JSON, `{"error": {"code", "message"}}` where something is refused, and safe headers."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Protocol

from aiohttp import web
from aiohttp.typedefs import Middleware

from orchestrator.telemetry.faults import told

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
# Nothing here is a page: a browser shall neither guess, frame, cache nor run what it is sent.
SAFE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Server": "rollout",
}
_WORDS = {
    400: ("badRequest", "the request cannot be read as HTTP"),
    404: ("notFound", "there is nothing at this path; /api/v1/openapi.json lists what there is"),
    405: ("methodNotAllowed", "this path takes other methods; the header Allow lists them"),
    413: ("tooLarge", "the body is larger than this path takes"),
    500: ("internal", "this is a mistake of the daemon; its log says more"),
}


class Refusal(Exception):  # noqa: N818 - it is what the client is answered, and reads as such where it is raised
    """An answer other than the one that was asked for: raise it anywhere below a handler.

    `code` is a word for programs, `message` a sentence that says what was expected and what to do.
    """

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, dict(headers or {})


class Tells(Protocol):
    """The part of the daemon's log that is needed here."""

    def warning(self, event: str, /, **keys: str | int | float | bool | None) -> None:
        """Write one line that somebody should look at."""
        ...


def answer(document: object, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Make an answer of a JSON document."""
    # Escaped, because a stranger's text may hold halves of characters, which no encoding takes.
    body = json.dumps(document, separators=(",", ":")).encode()
    return web.Response(body=body, status=status, headers=headers, content_type="application/json")


def refused(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """Make the answer that every refusal has."""
    response = answer({"error": {"code": code, "message": message}}, status, headers)
    if (headers or {}).get("Connection") == "close":
        response.force_close()
    return response


def in_our_words(status: int, headers: Mapping[str, str] | None = None) -> web.Response:
    """Make the refusal for a status that the HTTP library chose; its own text may quote the request, so it is left."""
    phrase = HTTPStatus(status).phrase
    code, message = _WORDS.get(status, (phrase[:1].lower() + phrase[1:].replace(" ", ""), phrase))
    kept = {name: value for name, value in (headers or {}).items() if name.lower() == "allow"}
    return refused(status, code, message, kept)


def speaks_json(log: Tells | None) -> Middleware:
    """Make the outermost middleware: whatever goes wrong below becomes a refusal, and our own mistakes are logged.

    A mistake is logged by its kind and place, never by its text, which may quote what was sent.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except Refusal as refusal:
            return refused(refusal.status, refusal.code, refusal.message, refusal.headers)
        except (web.HTTPException, ConnectionError):
            raise
        except Exception as error:  # noqa: BLE001 - one request's mistake must not end the daemon's ears
            if log is not None:
                log.warning("request_failed", method=request.method, path=request.path, **told(error))
            return in_our_words(500)

    return middleware


async def add_safe_headers(_request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Give an answer the headers that all have, unless it brought its own."""
    response.headers.popall("Server", None)  # the library's own names its version
    for name, value in SAFE_HEADERS.items():
        response.headers.setdefault(name, value)
