"""The API: for people's own tools under /api/v1, and for the command line's `--server` under /api/v1/calls.

Handlers check what was sent and hand the work to threads in bounded number, so that nothing slow stands in the way of
health and webhooks. Bodies and tokens are neither logged nor repeated.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from aiohttp import web

from orchestrator.cli.failures import Failure
from orchestrator.clock import Clock, SystemClock
from orchestrator.desk import Desk
from orchestrator.exit_codes import ExitCode
from orchestrator.http.answers import Handler, Refusal, answer, refused
from orchestrator.http.api_asked import Asked, Told, manifest_of
from orchestrator.http.api_calls import answered, check_wire
from orchestrator.http.api_fields import read_body, read_query
from orchestrator.http.api_routes import ROOT, ROUTES, Route
from orchestrator.http.api_work import Crew, Rounds, Waiting
from orchestrator.http.body import read_body as receive
from orchestrator.http.guard import Guard, Scope, actor_of
from orchestrator.http.openapi import openapi
from orchestrator.http.server import STOPPING
from orchestrator.remote.calls import CALLS, MOST_BYTES, VERSION_HEADER, WIRE_HEADER, Call
from orchestrator.remote.errors import to_wire
from orchestrator.remote.wire import version
from orchestrator.result import blank
from orchestrator.wish import Refused
from orchestrator.words import BadInput, check_service
from strategies.model import Reason
from watchers.reference import ReferenceProblem

_BODY_SECONDS = 30.0
_QUICK_PLACES, _QUICK_SECONDS = 16, 30.0
_SLOW_PLACES, _SLOW_SECONDS = 4, 170.0
_QUEUE_SECONDS = 10.0
_MOST_WAITING = 128
_LOOK_SECONDS, _MOST_LOOKS_PER_SECOND = 0.25, 100.0

Problems = Callable[[], Sequence[str]]


@dataclass(slots=True)
class Api:
    """One daemon's API: whom it asks, and the threads that ask."""

    desk: Desk
    guard: Guard
    clock: Clock = field(default_factory=SystemClock)
    problems: Problems = tuple
    quick: Crew = field(default_factory=lambda: Crew(_QUICK_PLACES, _QUICK_SECONDS, _QUEUE_SECONDS))
    slow: Crew = field(default_factory=lambda: Crew(_SLOW_PLACES, _SLOW_SECONDS, _QUEUE_SECONDS))
    waiting: Waiting = field(default_factory=lambda: Waiting(_MOST_WAITING))
    rounds: Rounds[Told] = field(
        default_factory=lambda: Rounds(Crew(1, _QUICK_SECONDS, _QUEUE_SECONDS), _LOOK_SECONDS, _MOST_LOOKS_PER_SECOND)
    )

    def routes(self) -> list[web.RouteDef]:
        """Every path, each behind the scope that its table names; the API's own document is open to everybody."""
        described = openapi()

        async def document(_request: web.Request) -> web.StreamResponse:
            return answer(described, headers={VERSION_HEADER: version()})

        return [
            web.route("GET", f"{ROOT}/openapi.json", document),
            *(self._route(each.method, f"{ROOT}{each.path}", each.scope, self._path(each)) for each in ROUTES),
            *(self._route("POST", f"{ROOT}/calls/{n}", call.scope, self._call(call)) for n, call in CALLS.items()),
            self._route("POST", f"{ROOT}/calls/{{name}}", Scope.READ, _unknown_call),
        ]

    def _route(self, method: str, path: str, scope: str, handler: Handler) -> web.RouteDef:
        return web.route(method, path, _in_words(self.guard.require(Scope(scope), handler)))

    def _path(self, route: Route) -> Handler:
        crew = self.slow if route.slow else self.quick

        async def handler(request: web.Request) -> web.StreamResponse:
            asked = await self._asked(route, request)
            told = await crew.do(lambda: _told(route, asked))
            if route.waits and asked.given.get("wait") and not told.document.get("events"):
                with self.waiting:
                    told = await self._awaited(route, asked, request)
            return answer(told.document, told.status)

        return handler

    async def _asked(self, route: Route, request: web.Request) -> Asked:
        """Read a request as its route's table says; raises BadInput with every problem of query and body."""
        service = request.match_info.get("service", "")
        if "service" in request.match_info:
            try:
                check_service(service)
            except ValueError:
                words = "no service has such a name; /api/v1/services lists those that are known"
                raise Refusal(404, "unknownService", words) from None
        body = await receive(request, most_bytes=MOST_BYTES, seconds=_BODY_SECONDS)
        problems: list[tuple[str, str]] = []
        given: dict[str, object] = {}
        for read in (partial(read_query, route.query, request.query.items()), partial(read_body, route.body, body)):
            try:
                given |= read()
            except BadInput as error:
                problems += error.problems
        if problems:
            raise BadInput(problems)
        return Asked(self.desk, self.clock, actor_of(request), service, given, self.problems)

    async def _awaited(self, route: Route, asked: Asked, request: web.Request) -> Told:
        """Ask again with all who wait, until there is something to tell, the time is over, or the server stops."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + asked.given["wait"]
        stopping = request.app.get(STOPPING)
        same = (route.path, asked.service, *((name, value) for name, value in asked.given.items() if name != "wait"))
        while True:
            told = await self.rounds.next(same, lambda: _told(route, asked))
            if told.document["events"] or loop.time() >= ends or (stopping is not None and stopping.is_set()):
                return told

    def _call(self, call: Call) -> Handler:
        crew = self.slow if call.slow else self.quick

        async def handler(request: web.Request) -> web.StreamResponse:
            check_wire(request.headers.get(WIRE_HEADER))
            body = await receive(request, most_bytes=MOST_BYTES, seconds=_BODY_SECONDS)
            token = actor_of(request)
            said = await crew.do(lambda: answered(call, body, self.desk, self.clock, token))
            return web.Response(body=said, content_type="application/json")

        return handler


def api(desk: Desk, guard: Guard, *, clock: Clock | None = None, problems: Problems = tuple) -> list[web.RouteDef]:
    """The API's routes over this desk; `problems` tells what is wrong with the watched manifests, a sentence each."""
    return Api(desk, guard, clock or SystemClock(), problems).routes()


def _told(route: Route, asked: Asked) -> Told:
    """Do what a path asks; a refusal of the wish is the contract's document about it, with status 409."""
    try:
        return route.handle(asked)
    except Refused as error:
        name = asked.service or manifest_of(asked).manifest.service
        return Told(blank(name, "refused", Reason(error.code, error.message)), 409)


async def _unknown_call(request: web.Request) -> web.StreamResponse:
    check_wire(request.headers.get(WIRE_HEADER))
    raise Refusal(404, "unknownCall", f"this daemon knows no call {request.match_info['name'][:40]!r}")


def _in_words(handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Answer every refusal in the API's words, and say with each answer that this is a rollout daemon."""

    async def worded(request: web.Request) -> web.StreamResponse:
        try:
            response = await handler(request)
        except Refusal as refusal:
            response = refused(refusal.status, refusal.code, refusal.message, refusal.headers)
        except Exception as error:
            known = _known(error)
            if known is None:
                raise
            response = answer({"error": known[1]}, known[0], {"Retry-After": "2"} if known[0] == 503 else None)
        response.headers[VERSION_HEADER] = version()
        return response

    return worded


def _known(error: Exception) -> tuple[int, dict[str, object]] | None:
    if isinstance(error, BadInput):
        problems = [{"path": path, "message": message} for path, message in error.problems]
        return 400, {"code": "badRequest", "message": str(error), "problems": problems}
    if isinstance(error, ReferenceProblem):
        problems = [{"path": "image", "message": str(error)}]
        return 400, {"code": "badRequest", "message": str(error), "problems": problems}
    if isinstance(error, Failure):
        if error.code is ExitCode.USAGE:
            return 400, {"code": "badRequest", "message": str(error)}
        return 409, {"code": "refused", "message": str(error), "reason": "precondition"}
    return to_wire(error)
