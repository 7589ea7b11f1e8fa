"""The daemon's one HTTP server: routes on a thread and a loop of their own, from `start` to `stop`."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from weakref import WeakSet

from aiohttp import web

from orchestrator.http.answers import Handler, Refusal, Tells, add_safe_headers, speaks_json
from orchestrator.http.connection import FULL, FULL_MESSAGE, Connection, Turned
from orchestrator.http.guard import Guard
from orchestrator.http.listening import bind, check_may_listen, place_of, shown

STOPPING = web.AppKey("stopping", asyncio.Event)
"""Set when the server begins to stop: an answer that waits for something to happen ends now."""
LOOPBACK = web.AppKey("loopback", bool)
"""Whether only this machine can connect."""
# How many turns of the loop lie between asyncio's acceptance of a connection and its protocol's knowledge of it, or
# between the end of a transport and that of its socket; a few more than it takes.
_SETTLE_TURNS = 6
# What is left for an answer to be written, once its handler has returned or its time is over.
_LAST_WORDS_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Limits:
    """What clients may take: connections at once, seconds between requests or for a head, and that head's size.

    `send_seconds` is the longest that one answer may take to be read; when all connections are taken, one whose client
    has not read its answer for `patient_seconds` gives way. `spare` more are for health alone.
    """

    connections: int = 512
    spare: int = 8
    idle_seconds: float = 30.0
    send_seconds: float = 30.0
    patient_seconds: float = 1.0
    line_bytes: int = 8190
    field_bytes: int = 16380
    fields: int = 100


class Server:
    """Serves routes at `listen` (`host:port`, port 0 for a free one); raises UnfitSetting for what is no address.

    An open `guard` is only served to this machine. `log` hears of handlers' mistakes.
    """

    def __init__(
        self,
        listen: str,
        routes: Sequence[web.AbstractRouteDef],
        *,
        guard: Guard,
        log: Tells | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._place, self._routes, self._open = place_of(listen), routes, guard.open
        self._log, self._limits = log, limits or Limits()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._leave: asyncio.Future[float] | None = None
        self._ended: Future[None] = Future()

    def start(self) -> tuple[str, int]:
        """Begin to listen and return host (IPv6 in brackets) and port; raises CannotListen, with nothing left open."""
        if self._thread is not None:
            raise RuntimeError("the server is running already: stop it before it is started again")
        check_may_listen(self._place, self._open)
        bound = bind(self._place)
        host, port = bound.getsockname()[:2]
        started: Future[None] = Future()
        self._ended = Future()
        self._thread = threading.Thread(
            target=self._carry, args=(lambda: self._live(bound, started), started), name="rollout-http", daemon=True
        )
        self._thread.start()
        try:
            started.result()
        except BaseException:
            self._thread.join()
            self._thread = None
            bound.close()
            raise
        return shown(host), port

    def stop(self, grace_seconds: float = 10.0) -> None:
        """Stop listening, finish the answers in hand for so long, and return when nothing is left; idempotent."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        if self._loop is not None and self._leave is not None:
            self._loop.call_soon_threadsafe(self._leave.set_result, grace_seconds)
        thread.join()
        self._ended.result()

    def _carry(self, live: Callable[[], Awaitable[None]], started: Future[None]) -> None:
        async def main() -> None:
            await live()

        try:
            asyncio.run(main())
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits for it
            (self._ended if started.done() else started).set_exception(error)
        else:
            self._ended.set_result(None)

    async def _live(self, bound: socket.socket, started: Future[None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._leave = self._loop.create_future()
        runner = web.AppRunner(self._application(), shutdown_timeout=_LAST_WORDS_SECONDS)
        await runner.setup()
        try:
            listener = await self._loop.create_server(self._answerer(runner), sock=bound)
        except BaseException:
            await runner.cleanup()
            raise
        started.set_result(None)
        try:
            grace_seconds = await self._leave
        finally:
            await _stop_listening(listener)
        runner.app[STOPPING].set()
        await self._finish(runner, grace_seconds)
        await listener.wait_closed()

    def _application(self) -> web.Application:
        application = web.Application(middlewares=[speaks_json(self._log), _marks_busy])
        application[STOPPING] = asyncio.Event()
        application[LOOPBACK] = self._place.loopback
        application.on_response_prepare.append(add_safe_headers)
        application.add_routes(self._routes)
        return application

    def _answerer(self, runner: web.AppRunner) -> Callable[[], asyncio.BaseProtocol]:
        server, limits, log = runner.server, self._limits, self._log
        loop = asyncio.get_running_loop()
        if server is None:
            raise RuntimeError("the application was not set up")

        # Many are accepted in one turn of the loop, before the library knows of the first of them.
        arriving: WeakSet[Connection] = WeakSet()

        def connected() -> asyncio.BaseProtocol:
            spare = _place([*server.connections, *(each for each in arriving if each.arriving)], limits, loop.time())
            if spare is None:
                return Turned(FULL)
            connection = Connection(
                server,
                loop,
                log,
                send_seconds=limits.send_seconds,
                spare=spare,
                keepalive_timeout=limits.idle_seconds,
                max_line_size=limits.line_bytes,
                max_field_size=limits.field_bytes,
                max_headers=limits.fields,
            )
            arriving.add(connection)
            return connection

        return connected

    async def _finish(self, runner: web.AppRunner, grace_seconds: float) -> None:
        """Cut idle connections, let answers in hand be finished, and cut what is left."""
        server = runner.server
        if server is not None:
            server.pre_shutdown()
            await _busy_ones_finish(server, grace_seconds)
            await server.shutdown(_LAST_WORDS_SECONDS)
        await runner.cleanup()
        await _settle()


def _place(connections: Sequence[web.RequestHandler], limits: Limits, now: float) -> bool | None:
    """Find a place for one connection more: False an ordinary one, True a spare one, None where there is neither."""
    if len(connections) < limits.connections:
        return False
    known = [each for each in connections if isinstance(each, Connection) and each.takes_a_place]
    spare = [each for each in known if each.spare]
    ordinary = [each for each in known if not each.spare]
    if len(ordinary) < limits.connections or _made_room(ordinary, now - limits.patient_seconds):
        return False
    return True if len(spare) < limits.spare or _made_room(spare, now) else None


def _made_room(connections: Sequence[Connection], unread_since: float) -> bool:
    """Hang up on the oldest connection without a request, else on the one whose answer is not read for longest: many
    clients that neither ask nor read keep nobody out.
    """
    there = [each for each in connections if each.transport is not None]
    idle = next((each for each in there if not each.busy), None)
    unread = [each for each in there if each.sending_since is not None and each.sending_since <= unread_since]
    found = idle or min(unread, key=lambda each: each.sending_since or 0.0, default=None)
    if found is not None:
        found.force_close()
    return found is not None


@web.middleware
async def _marks_busy(request: web.Request, handler: Handler) -> web.StreamResponse:
    connection = request.protocol
    if isinstance(connection, Connection):
        connection.busy = True
        if not connection.serves(request.path):
            raise Refusal(503, "full", FULL_MESSAGE, {"Retry-After": "1", "Connection": "close"})
    return await handler(request)


async def _busy_ones_finish(server: web.Server, grace_seconds: float) -> None:
    loop = asyncio.get_running_loop()
    ends = loop.time() + grace_seconds
    while True:
        busy = False
        for connection in server.connections:
            if isinstance(connection, Connection) and connection.busy:
                busy = True
            else:
                connection.force_close()
        if not busy or loop.time() >= ends:
            return
        await asyncio.sleep(0.01)


async def _stop_listening(listener: asyncio.Server) -> None:
    """Close the listening socket once every connection it accepted has become known to its protocol.

    Closed at once, asyncio loses a connection that it has accepted and not yet announced: it stays open, served by
    nobody, until it is collected as garbage.
    """
    loop = asyncio.get_running_loop()
    for bound in listener.sockets:
        loop.remove_reader(bound.fileno())
    await _settle()
    listener.close()


async def _settle() -> None:
    for _ in range(_SETTLE_TURNS):
        await asyncio.sleep(0)
