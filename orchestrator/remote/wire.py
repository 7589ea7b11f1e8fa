"""The wire to a daemon: calls out, answers in, and whatever else comes back as a sentence that says what to do.

Connections are kept; TLS is checked against the system's trust store (or SSL_CERT_FILE), proxies come from the
environment. A token crosses no network in the clear: beyond this machine only https is spoken.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import msgspec

from orchestrator.remote.calls import MOST_BYTES, PATH, VERSION_HEADER, WIRE, WIRE_HEADER, Call
from orchestrator.remote.errors import NoDaemon, ServerDenied, ServerSilent, VersionSkew, from_wire
from orchestrator.store.errors import StoreError
from watchers.addresses import is_loopback
from watchers.errors import Malformed, Unreachable
from watchers.transport import Answer, HttpTransport, Transport

QUICK_SECONDS, SLOW_SECONDS = 15.0, 180.0
"""The longest that one exchange may take: what only asks the store, and what looks at Azure or a registry."""
_MOST_ANSWER = 64 * 1024 * 1024
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_TOKEN = re.compile(r"[!-~]+")

_CHECK = (
    "check --server (ROLLOUT_SERVER), the network, the daemon, and SSL_CERT_FILE where an authority of your own signs; "
    "what a daemon has begun it goes on with"
)

TransportOf = Callable[[float], Transport]


class Wire:
    """One daemon's address and the token that is shown there; safe between threads. Its repr shows no token."""

    def __init__(self, server: str, token: str | None, transport_of: TransportOf = HttpTransport) -> None:
        """Connect to nobody yet; raises NoDaemon for an address that can never work."""
        self.server = _address(server)
        self._headers = {"Accept": "application/json", WIRE_HEADER: str(WIRE), **_authorization(token)}
        self._transport_of = transport_of
        self._quick, self._slow = transport_of(QUICK_SECONDS), transport_of(SLOW_SECONDS)
        self._welcome = False

    def ask(self, call: Call, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Make one call; raises what the method raises, and the errors of `orchestrator.remote.errors`."""
        body = call.write(args, kwargs)
        if len(body) > MOST_BYTES:
            raise ServerDenied(
                f"{self.server}: takes at most {MOST_BYTES >> 20} MiB at once; the manifest and its templates are "
                f"{len(body) >> 20} MiB"
            )
        answer = self._send(call, body)
        if answer.status != 200 or answer.headers.get(VERSION_HEADER) is None:
            raise self._refusal(answer, call)
        try:
            result = call.answer(answer.body)
        except msgspec.MsgspecError as error:
            raise self._skew(answer, f"its answer to {call.name} cannot be read ({error})") from error
        self._welcome = True
        return result

    def close(self) -> None:
        """Close what is open; it may be used again."""
        self._quick.close()
        self._slow.close()

    def _send(self, call: Call, body: bytes) -> Answer:
        headers = {**self._headers, "Content-Type": "application/json"}
        # A kept connection that fails is tried again; what must not be said twice goes over one of its own.
        once = None if call.again else self._transport_of(SLOW_SECONDS if call.slow else QUICK_SECONDS)
        transport = once or (self._slow if call.slow else self._quick)
        try:
            return transport.send("POST", f"{self.server}{PATH}{call.name}", headers, body, most=_MOST_ANSWER)
        except (Unreachable, Malformed) as error:
            raise ServerSilent(f"the daemon at {error.message}; {_CHECK}", known=self._welcome) from error
        finally:
            if once is not None:
                once.close()

    def _refusal(self, answer: Answer, call: Call) -> Exception:
        told = _error_in(answer.body)
        code, message = str(told.get("code") or ""), str(told.get("message") or "")
        ours = answer.headers.get(VERSION_HEADER) is not None
        # Whoever asks for a password may be anybody; behind who was a daemon a moment ago one is believed to be still.
        if answer.status in (401, 403) and not (ours or self._welcome):
            return self._no_daemon(answer, call)
        if answer.status == 401:
            why = f"{self.server}: {message or 'it asks for a token, or knows this one no longer (401)'}"
            if self._welcome:
                # It was good a moment ago: a token that ran out must not make a rollout look refused.
                words = "the daemon goes on without us: run again with a new ROLLOUT_TOKEN"
                return ServerSilent(f"{why}; {words}", known=True)
            return ServerDenied(f"{why}; ROLLOUT_TOKEN is where this command takes it from")
        if answer.status == 403:
            return ServerDenied(f"{self.server}: {message or f'this needs the scope {call.scope} (403)'}")
        if code == "versionSkew" or (ours and answer.status == 404 and code == "unknownCall"):
            return self._skew(answer, message)
        known = from_wire(told) if ours else None
        if known is not None:
            return known
        if answer.status in _PASSING:
            why = f"the daemon at {self.server} cannot answer just now ({answer.status}{_also(message)})"
            return ServerSilent(why, known=self._welcome)
        if ours:
            return ServerDenied(f"{self.server}: refused ({answer.status}{_also(message)})")
        if 300 <= answer.status < 400:
            to = answer.headers.get("Location") or "elsewhere"
            return NoDaemon(f"--server: {self.server} sends us on to {to[:200]}; name the daemon's own address")
        return self._no_daemon(answer, call)

    def _no_daemon(self, answer: Answer, call: Call) -> NoDaemon:
        return NoDaemon(
            f"--server: {self.server} is no rollout daemon (it answered {answer.status} to {PATH}{call.name}); "
            "name the address that `rollout daemon` prints when it starts"
            + (", or let its API pass what stands in front of it" if answer.status in (401, 403) else "")
        )

    def _skew(self, answer: Answer, why: str) -> StoreError:
        theirs = answer.headers.get(VERSION_HEADER) or "unknown"
        words = (
            f"{self.server}: the daemon is rollout {theirs[:40]}, this is rollout {version()}, and they do not "
            f"understand each other: {why[:300]}; install the daemon's version here, or update the daemon"
        )
        # One that was understood a moment ago has been replaced under way, and goes on with what was begun.
        return ServerSilent(words, known=True) if self._welcome else VersionSkew(words)


@cache
def version() -> str:
    """This program's own version."""
    from importlib.metadata import version as installed

    return installed("rollout")


def _address(server: str) -> str:
    """Check a daemon's address: scheme, host, and perhaps a path before `/api`; raises NoDaemon."""
    try:
        parts = urlsplit(server.strip())
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        raise NoDaemon(f"--server: expected a URL such as https://rollout.contoso.com; got {_shown(server)}") from None
    if parts.scheme not in ("http", "https") or not host:
        raise NoDaemon(f"--server: expected a URL such as https://rollout.contoso.com; got {_shown(server)}")
    if parts.username is not None or parts.query or parts.fragment:
        raise NoDaemon("--server: expected scheme, host and port alone; the token goes into ROLLOUT_TOKEN")
    if parts.scheme == "http" and not is_loopback(host):
        raise NoDaemon(
            f"--server: expected https for {host}, because a token must not cross a network in the clear; got http "
            "(plain http is for this machine alone: put TLS in front of the daemon, or tunnel to it)"
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _shown(server: str) -> str:
    """What was given, unless it may hold a password."""
    return "something else" if "@" in server else repr(server[:200])


def _authorization(token: str | None) -> dict[str, str]:
    if token is None or not token.strip():
        return {}
    if _TOKEN.fullmatch(token.strip()) is None:
        raise NoDaemon("ROLLOUT_TOKEN: expected one word of printable ASCII characters; it holds others")
    return {"Authorization": f"Bearer {token.strip()}"}


def _error_in(body: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    told = document.get("error") if isinstance(document, dict) else None
    return told if isinstance(told, dict) else {}


def _also(message: str) -> str:
    return f": {message[:300]}" if message else ""
