"""How the daemon is: alive (restart it when it is not) and ready (send it work when it is)."""

from __future__ import annotations

import asyncio
from typing import Protocol

from aiohttp import web

from orchestrator.http.answers import answer
from orchestrator.http.apart import apart
from orchestrator.telemetry.faults import told

_READY_SECONDS = 3.0
State = tuple[bool, tuple[str, ...]]


class Health(Protocol):
    """What the daemon says of itself; reasons are sentences without secrets."""

    def alive(self) -> State:
        """Say whether the daemon's loop turns, and else why not; answers at once."""
        ...

    def ready(self) -> State:
        """Say whether the store answers and the first look at the directory is done; may take its time."""
        ...


def health(state: Health) -> list[web.RouteDef]:
    """Make the routes `/healthz` and `/readyz`: 200 or 503 with `{"status", "reasons"}`, open to everybody.

    They are answered however busy the rest is: a store that hangs is a reason, and is asked once at a time.
    """
    ready = _Ready(state)

    async def healthz(_request: web.Request) -> web.Response:
        return _said(state.alive(), "alive", "stuck")

    async def readyz(_request: web.Request) -> web.Response:
        return _said(await ready.ask(), "ready", "notReady")

    return [web.get("/healthz", healthz), web.get("/readyz", readyz)]


class _Ready:
    """One question at a time, however many ask."""

    def __init__(self, state: Health) -> None:
        self._state = state
        self._asked: asyncio.Task[State] | None = None

    async def ask(self) -> State:
        if self._asked is None or self._asked.done():
            self._asked = asyncio.create_task(self._put())
        done, _ = await asyncio.wait({self._asked}, timeout=_READY_SECONDS)
        return self._asked.result() if done else (False, (f"no answer came within {_READY_SECONDS:g} s",))

    async def _put(self) -> State:
        try:
            return await apart(self._state.ready, 600.0)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is why the daemon is not ready
            return False, (f"the question failed: {told(error)['error']}",)


def _said(state: State, good: str, bad: str) -> web.Response:
    fine, reasons = state
    return answer({"status": good if fine else bad, "reasons": list(reasons)}, 200 if fine else 503)
