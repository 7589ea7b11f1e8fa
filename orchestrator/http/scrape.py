"""The metrics' own path."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import web

from orchestrator.http.apart import apart
from orchestrator.http.guard import Guard, Scope, addressed_here, through_a_proxy
from orchestrator.http.server import LOOPBACK

_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_RENDER_SECONDS = 20.0


def metrics(render: Callable[[], bytes], guard: Guard) -> list[web.RouteDef]:
    """Make the route `/metrics`, in Prometheus' text format: open to this machine, else for the scope read.

    A request that only this machine can send, but that was addressed to another name or names a proxy, came from
    elsewhere through one: then the token is demanded as well. A proxy that writes `localhost` as Host and adds no
    header of its own looks like this machine: it must not pass this path on.
    """
    rendering = asyncio.Lock()

    async def scrape(_request: web.Request) -> web.Response:
        async with rendering:
            body = await apart(render, _RENDER_SECONDS)
        return web.Response(body=body, headers={"Content-Type": _CONTENT_TYPE})

    guarded = guard.require(Scope.READ, scrape)

    async def metrics_path(request: web.Request) -> web.StreamResponse:
        here = request.app[LOOPBACK] and addressed_here(request) and through_a_proxy(request) is None
        return await (scrape if here else guarded)(request)

    return [web.get("/metrics", metrics_path)]
