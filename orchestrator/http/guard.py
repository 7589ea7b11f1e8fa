"""Who may ask for what: bearer tokens with a scope, and on this machine alone, without tokens, everybody."""

from __future__ import annotations

from typing import Any, Protocol

from aiohttp import web

from orchestrator.http.answers import Handler, Refusal
from orchestrator.http.credentials import Caller, Scope, Token, known_token
from watchers.addresses import is_loopback
from watchers.reference import ReferenceProblem, split_host

__all__ = ["Guard", "Scope", "Verifier", "actor_of"]

# aiohttp warns of keys that are plain text where it has a type for them.
_ACTOR: Any = web.RequestKey("actor", str) if hasattr(web, "RequestKey") else "actor"
_CARRYING = frozenset({"POST", "PUT", "PATCH"})
# How a proxy says that it asks for somebody else.
_OF_PROXIES = frozenset({"forwarded", "via", "x-real-ip"})
_OF_PROXIES_TOO = "x-forwarded-"


class Verifier(Protocol):
    """Somebody else's word for who is asking."""

    async def verify(self, token: str) -> Caller | None:
        """Return who holds this token; None when it is none of theirs or not good. Raises Refusal to say more."""
        ...


def actor_of(request: web.Request) -> str:
    """Return the name of the token with which this request came in; empty where everybody is let in."""
    actor: str = request.get(_ACTOR, "")
    return actor


class Guard:
    """Lets a request through to its handler, or answers 401 (who are you?) or 403 (you may not).

    `open` is true without tokens and verifier: then everybody on this machine may do everything, and a server lets
    nobody else connect. A page in a browser is on this machine too, so an open guard demands that the request was
    addressed to this machine by name (a rebound name is another) and that writes are JSON (a form's are not). A proxy
    may be on this machine as well, and those it asks for are elsewhere: what shows that it came through one is refused.
    One that writes its own Host and says nothing of itself cannot be told from a program here: behind it, set tokens.
    """

    def __init__(self, tokens: tuple[Token, ...] = (), verifier: Verifier | None = None) -> None:
        self._tokens, self._verifier = tokens, verifier
        self.open = not tokens and verifier is None

    def require(self, scope: Scope, handler: Handler) -> Handler:
        """Wrap a handler so that it runs only for callers with this scope; `actor_of` then names the caller."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            request[_ACTOR] = await self.admit(request, scope)
            return await handler(request)

        return guarded

    async def admit(self, request: web.Request, scope: Scope) -> str:
        """Return the caller's name; raises Refusal."""
        if self.open:
            check_asked_here(request)
            _check_written_by_a_program(request)
            return ""
        caller = await self._caller(_bearer(request))
        if caller is None:
            raise Refusal(
                401,
                "badToken",
                "this token is not known, or no longer; check ROLLOUT_TOKEN against the daemon's settings",
                {"WWW-Authenticate": 'Bearer realm="rollout", error="invalid_token"'},
            )
        if not caller.may(scope):
            has = f"has only {caller.scope}" if caller.scope else "has no role of this daemon"
            raise Refusal(
                403,
                "insufficientScope",
                f"this needs the scope {scope}; the caller{f' {caller.name}' if caller.name else ''} {has}",
                {"WWW-Authenticate": f'Bearer realm="rollout", error="insufficient_scope", scope="{scope}"'},
            )
        return caller.name

    async def _caller(self, token: str) -> Caller | None:
        caller = known_token(self._tokens, token)
        if caller is None and self._verifier is not None:
            caller = await self._verifier.verify(token)
        return caller


def addressed_here(request: web.Request) -> bool:
    """Say whether the request's Host is a name that can only be this machine."""
    try:
        name, _port = split_host(request.headers.get("Host", "").lower())
    except ReferenceProblem:
        return False
    return is_loopback(name)


def through_a_proxy(request: web.Request) -> str | None:
    """Return the header by which a proxy shows that it asks for somebody else, None where there is none."""
    return next(
        (name for name in request.headers if name.lower() in _OF_PROXIES or name.lower().startswith(_OF_PROXIES_TOO)),
        None,
    )


def check_asked_here(request: web.Request) -> None:
    """Raise Refusal for a request that was addressed to another name, or that came through a proxy."""
    proxy = through_a_proxy(request)
    if proxy is not None:
        raise Refusal(
            403,
            "throughProxy",
            f"this request came through a proxy, as its header {_canonical(proxy)} shows, and without tokens only "
            "programs of this machine are answered; set ROLLOUT_OPERATE_TOKEN and send it as a bearer token",
        )
    if not addressed_here(request):
        raise Refusal(
            403,
            "foreignHost",
            "without tokens only requests to localhost or 127.0.0.1 are answered; to be reached by another name, set "
            "ROLLOUT_OPERATE_TOKEN and send it as a bearer token",
        )


def _canonical(name: str) -> str:
    """The name as a known one is written: what follows the dash of X-Forwarded- is the sender's text."""
    return "X-Forwarded-*" if name.lower().startswith(_OF_PROXIES_TOO) else name.title()


def _check_written_by_a_program(request: web.Request) -> None:
    """A page of another origin may POST a form, but neither JSON nor PUT nor DELETE, without being asked back first."""
    if request.method in _CARRYING and (request.method == "POST" or request.body_exists):
        check_json(request)


def check_json(request: web.Request) -> None:
    """Raise Refusal unless the body is said to be JSON."""
    if request.content_type != "application/json":
        raise Refusal(415, "notJson", "the body must be JSON, sent with the header Content-Type: application/json")


def _bearer(request: web.Request) -> str:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        raise Refusal(
            401,
            "noToken",
            "send a token as Authorization: Bearer …; the command line takes it from ROLLOUT_TOKEN",
            {"WWW-Authenticate": 'Bearer realm="rollout"'},
        )
    return token.strip()
