"""Takes webhooks: who sends them is checked before anything they say is read, and nobody waits for a registry."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from aiohttp import web

from orchestrator.http.answers import Refusal, Tells, answer
from orchestrator.http.body import read_body
from orchestrator.http.credentials import Secrets
from orchestrator.http.readings import Readings
from watchers.signals import Signal
from watchers.webhooks import Handshake, Junk, Source, read
from watchers.webhooks.azure import asks_for_validation, may_send
from watchers.webhooks.signed import SIGNATURE_HEADERS, is_signed, signature_of

Hear = Callable[[Sequence[Signal]], None]
"""Told of signals on the server's thread; returns at once and does not raise."""
# Docker Hub sends no headers of ours, and Event Grid perhaps none with its handshake: their secret may be in the
# address. Elsewhere it may not, because addresses end up in logs of what stands between.
_SECRET_IN_ADDRESS = frozenset({Source.EVENTGRID, Source.DOCKERHUB})

# A large body takes as long to read as many small ones, and counts as many: no flood keeps the server from the others.
_BYTES_OF_ONE = 16 * 1024


class Counts(Protocol):
    """The part of the meters that is needed here."""

    def heard(self, source: str, outcome: str) -> None:
        """Count one delivery."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """What one source may send: bytes of a body, seconds for it, bodies at once, deliveries a second and at once.

    The body itself shows who sends it where it is signed; of such, which anybody can begin, `unproven_of_one` are read
    at once from one address, each for `unproven_seconds`.
    """

    body_bytes: int = 1024 * 1024
    body_seconds: float = 10.0
    bodies: int = 64
    unproven_seconds: float = 3.0
    unproven_of_one: int = 16
    per_second: float = 50.0
    burst: int = 500


class Bucket:
    """So many at once, and so many a second in the long run."""

    def __init__(self, per_second: float, burst: int, monotonic: Callable[[], float]) -> None:
        self._per_second, self._burst, self._monotonic = per_second, float(burst), monotonic
        self._left, self._since = float(burst), monotonic()

    def take(self, cost: float = 1.0) -> float:
        """Take so many and return 0, or return in how many seconds they will be there; the whole burst is enough."""
        now, cost = self._monotonic(), min(cost, self._burst)
        self._left = min(self._burst, self._left + (now - self._since) * self._per_second)
        self._since = now
        if self._left < cost:
            return (cost - self._left) / self._per_second
        self._left -= cost
        return 0.0


def receiver(
    secrets: Secrets,
    hear: Hear,
    *,
    counts: Counts | None = None,
    log: Tells | None = None,
    limits: Limits | None = None,
    monotonic: Callable[[], float] = time.monotonic,
) -> list[web.RouteDef]:
    """Make the routes of all sources: 202 taken, 400 junk, 401 unknown, 408 slow, 413 large, 429 too many.

    A source without secrets answers 401 to everybody. Deliveries are not told apart: one that comes twice is heard
    twice, and makes the registry be asked twice at most.
    """
    around = _Around(hear, counts, log, limits or Limits(), monotonic)
    doors = {source: _Door(source, secrets.of(source), around) for source in Source}
    routes = [web.post(f"/webhooks/{source}", door.receive) for source, door in doors.items()]
    return [*routes, web.options(f"/webhooks/{Source.EVENTGRID}", doors[Source.EVENTGRID].greet)]


@dataclass(frozen=True, slots=True)
class _Around:
    """What all sources share."""

    hear: Hear
    counts: Counts | None
    log: Tells | None
    limits: Limits
    monotonic: Callable[[], float]


class _Door:
    """One source: its secrets, what it may still send, and whom to tell."""

    # How often the log says that one source is refused for one reason: a flood must not become a flood of lines.
    _SAY_AGAIN_SECONDS = 60.0

    def __init__(self, source: Source, secrets: tuple[bytes, ...], around: _Around) -> None:
        self._source, self._secrets, self._around, self._limits = source, secrets, around, around.limits
        self._bucket = Bucket(around.limits.per_second, around.limits.burst, around.monotonic)
        self._bodies = 0
        self._unproven = Readings(around.limits.bodies, around.limits.unproven_of_one)
        self._said: dict[str, float] = {}

    async def receive(self, request: web.Request) -> web.Response:
        try:
            said = await self._read(request)
        except Refusal as refusal:
            self._count(refusal.code)
            raise
        if isinstance(said, Handshake):
            self._count("handshake")
            return answer(dict(said.document), headers=said.headers)
        if said:
            self._around.hear(said)
        self._count("taken" if said else "ignored")
        return answer({"signals": len(said)}, 202)

    async def greet(self, request: web.Request) -> web.Response:
        """Answer the handshake of CloudEvents; it carries no secret, and gives none away."""
        try:
            self._check_has_secret()
            handshake = may_send(request.headers, int(self._limits.per_second * 60))
        except Refusal as refusal:
            self._count(refusal.code)
            raise
        except Junk as junk:
            self._count("junk")
            raise Refusal(400, "junk", str(junk)) from None
        self._count("handshake")
        return answer(dict(handshake.document), headers=handshake.headers)

    async def _read(self, request: web.Request) -> tuple[Signal, ...] | Handshake:
        signature = self._introduced(request)
        body = await (self._body(request) if signature is None else self._unproven_body(request))
        if signature is not None and not is_signed(self._secrets, signature, body):
            raise self._unknown("badSignature", "the signature is not of this body with a secret of this source")
        # Whoever has no secret cannot use up what a source may send, and a handshake is never turned away.
        handshake = self._source is Source.EVENTGRID and asks_for_validation(request.headers)
        wait = 0.0 if handshake else self._bucket.take(1 + len(body) // _BYTES_OF_ONE)
        if wait > 0:
            raise _too_many(wait)
        try:
            return read(self._source, request.headers, body)
        except Junk as junk:
            raise Refusal(400, "junk", str(junk)) from None

    async def _body(self, request: web.Request) -> bytes:
        if self._bodies >= self._limits.bodies:
            raise _too_many(1.0)
        self._bodies += 1
        try:
            return await read_body(request, most_bytes=self._limits.body_bytes, seconds=self._limits.body_seconds)
        finally:
            self._bodies -= 1

    async def _unproven_body(self, request: web.Request) -> bytes:
        async with self._unproven.of(request.remote or ""):
            return await read_body(request, most_bytes=self._limits.body_bytes, seconds=self._limits.unproven_seconds)

    def _introduced(self, request: web.Request) -> bytes | None:
        """Return the signature that is still to be checked, None where a secret was shown instead; raises Refusal."""
        self._check_has_secret()
        if self._source in SIGNATURE_HEADERS:
            signature = signature_of(self._source, request.headers)
            if signature is None:
                name = SIGNATURE_HEADERS[self._source]
                raise self._unknown("notSigned", f"expected the header {name}: sha256=<64 hexadecimal digits>")
            return signature
        shown = [hmac.compare_digest(_digest(known), _digest(self._shown(request))) for known in self._secrets]
        if not any(shown):
            raise self._unknown(
                "badSecret", "expected the header Authorization: Bearer <secret> with this source's secret"
            )
        return None

    def _check_has_secret(self) -> None:
        if not self._secrets:
            raise self._unknown("noSecret", "no secret is set for this source, so nothing is taken from it")

    def _shown(self, request: web.Request) -> bytes:
        kind, _, text = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return _bytes(text.strip())
        if kind.lower() == "basic":
            with_name = b""
            try:
                with_name = base64.b64decode(_bytes(text.strip()), validate=True)
            except (binascii.Error, ValueError):
                return b""
            return with_name.partition(b":")[2]
        return _bytes(request.query.get("secret", "")) if self._source in _SECRET_IN_ADDRESS else b""

    def _unknown(self, code: str, message: str) -> Refusal:
        now, log = self._around.monotonic(), self._around.log
        if log is not None and now - self._said.get(code, -math.inf) >= self._SAY_AGAIN_SECONDS:
            self._said[code] = now
            log.warning("webhook_refused", source=self._source.value, why=code)
        setting = f"ROLLOUT_WEBHOOK_SECRET, or ROLLOUT_WEBHOOK_SECRET_{self._source.upper()} for this source alone"
        return Refusal(
            401, code, f"{message}; the daemon takes its secrets from {setting}", {"WWW-Authenticate": "Bearer"}
        )

    def _count(self, outcome: str) -> None:
        if self._around.counts is not None:
            self._around.counts.heard(self._source.value, outcome)


def _too_many(seconds: float) -> Refusal:
    return Refusal(
        429,
        "tooMany",
        "this source sends more than is taken from it; what it tells of is found by polling all the same",
        {"Retry-After": str(max(1, math.ceil(seconds)))},
    )


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _digest(value: bytes) -> bytes:
    """Of one length, so that a comparison does not tell how long the secret is."""
    return hashlib.sha256(value).digest()
