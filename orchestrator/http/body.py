"""What was sent, read within a limit of bytes and of time."""

from __future__ import annotations

import asyncio

from aiohttp import web

from orchestrator.http.answers import Refusal

_CLOSES = {"Connection": "close"}


async def read_body(request: web.Request, *, most_bytes: int, seconds: float) -> bytes:
    """Return the body; raises Refusal 413 for one that is larger, 408 for one that takes longer, 415 for a packed one.

    Bytes are counted as they come, whatever Content-Length says, and none is read when it says too much already.
    """
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Refusal(415, "packed", "the body must be sent as it is, without Content-Encoding", _CLOSES)
    if (request.content_length or 0) > most_bytes:
        raise _too_large(most_bytes)
    chunks: list[bytes] = []
    length = 0
    try:
        async with asyncio.timeout(seconds):
            while chunk := await request.content.readany():
                length += len(chunk)
                if length > most_bytes:
                    raise _too_large(most_bytes)
                chunks.append(chunk)
    except TimeoutError:
        raise Refusal(408, "tooSlow", f"the body must arrive within {seconds:g} seconds", _CLOSES) from None
    except web.RequestPayloadError:
        raise Refusal(400, "badRequest", "the body's chunks cannot be read as HTTP", _CLOSES) from None
    return b"".join(chunks)


def _too_large(most_bytes: int) -> Refusal:
    return Refusal(413, "tooLarge", f"the body may have at most {most_bytes} bytes here", _CLOSES)
