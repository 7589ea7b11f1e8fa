"""A server that takes webhooks, whoever listens behind it, and senders that know the secret."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from orchestrator.http.credentials import secrets_of
from orchestrator.http.receiver import Limits, receiver
from tests.unit.orchestrator.http.serving import Answer, Client, Lines, serving
from watchers.signals import Signal
from watchers.webhooks import Source

SECRET = "correct-horse"
BEARER = {"Authorization": f"Bearer {SECRET}"}


@dataclass
class Ears:
    """What was heard, what was counted, and a clock that stands still until it is moved."""

    signals: list[Signal] = field(default_factory=list)
    outcomes: list[tuple[str, str]] = field(default_factory=list)
    log: Lines = field(default_factory=Lines)
    seconds: float = 0.0

    def hear(self, signals: Sequence[Signal]) -> None:
        self.signals += signals

    def heard(self, source: str, outcome: str) -> None:
        self.outcomes.append((source, outcome))


@contextmanager
def listening(
    settings: Mapping[str, str] | None = None, limits: Limits | None = None, log: Lines | None = None
) -> Iterator[tuple[Client, Ears]]:
    ears = Ears()
    secrets = secrets_of({"ROLLOUT_WEBHOOK_SECRET": SECRET} if settings is None else settings)
    routes = receiver(secrets, ears.hear, counts=ears, log=ears.log, limits=limits, monotonic=lambda: ears.seconds)
    with serving(routes, log=log) as client:
        yield client, ears


def signed(body: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def introduced(source: Source, body: bytes, secret: str = SECRET) -> dict[str, str]:
    """The headers by which a sender shows who it is."""
    if source is Source.GITHUB:
        return {"X-Hub-Signature-256": signed(body, secret)}
    if source is Source.SIGNED:
        return {"X-Rollout-Signature": signed(body, secret)}
    return {"Authorization": f"Bearer {secret}"}


def deliver(
    client: Client, source: Source, document: Any, headers: Mapping[str, str] | None = None, secret: str = SECRET
) -> Answer:
    body = json.dumps(document).encode()
    return client.ask("POST", f"/webhooks/{source}", body, {**introduced(source, body, secret), **(headers or {})})
