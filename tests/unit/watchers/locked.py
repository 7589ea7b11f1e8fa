"""A registry that lets in only who shows what it knows."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass

from tests.unit.watchers.fakes import (
    ACR,
    NAME,
    Reply,
    Request,
    Time,
    basic,
    challenge,
    document,
    environment_of,
    manifest,
    problem,
)

SECRET = "planted-s3cret"
KEYS = environment_of("robot", SECRET)


@dataclass
class Locked:
    """A registry that hands a token to whoever shows the user and password, a refresh token or, `public`, nothing."""

    time: Time
    public: bool = False
    life: object = 300
    secret: str = SECRET
    issued: int = 0
    alive: float = 300.0
    refresh: str = "refresh-token"

    def __post_init__(self) -> None:
        self.tokens: dict[str, float] = {}

    def __call__(self, request: Request) -> Reply:
        if request.path == "/oauth2/exchange":
            return self.exchange(request)
        if request.path == "/oauth2/token":
            return self.token(request)
        token = (request.authorization or "").removeprefix("Bearer ")
        if self.tokens.get(token, -1) > self.time.seconds:
            return manifest() if "/manifests/" in request.path else document({"tags": ["v1"]})
        return challenge()

    def exchange(self, request: Request) -> Reply:
        if request.form.get("access_token") != "entra-token" or request.form.get("grant_type") != "access_token":
            return problem(401, "UNAUTHORIZED", "unknown identity")
        return document({"refresh_token": self.refresh})

    def token(self, request: Request) -> Reply:
        shown = {**request.query, **request.form}
        known = request.authorization == basic("robot", self.secret) or shown.get("refresh_token") == self.refresh
        if not known and not (self.public and request.authorization is None):
            return problem(401, "UNAUTHORIZED", "authentication required")
        assert shown["service"] == ACR and shown["scope"] == f"repository:{NAME}:pull"
        self.issued += 1
        token = f"token-{self.issued}"
        self.tokens[token] = self.time.seconds + self.alive
        return document({"access_token": token} | ({} if self.life is None else {"expires_in": self.life}))


def jwt(**claims: object) -> str:
    return f"e30.{urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.x"
