"""The emulator's registry in this process, on a clock that stands still: what a watcher sees of one repository."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl, urlsplit

import pytest

from providers.emulator.clock import ManualClock
from providers.emulator.http import Request as Asked
from providers.emulator.registry import Registry as Emulated
from providers.emulator.registry_auth import TokenService
from providers.emulator.registry_manners import Manners
from providers.emulator.registry_store import digest_of
from tests.unit.watchers.fakes import NAME, NOBODY, FakeTransport, Reply, Request
from watchers.docker_config import Keychain
from watchers.policies import Policy, policy_of
from watchers.registries import Registries
from watchers.registry import Registry
from watchers.watch import Sight, look

HOST = "localhost:5000"
RULE = policy_of({"semver": ">=0.0.0"})
FOLLOW = policy_of({"digest": "prod"})
LIST, TIMES, HEAD = f"GET /v2/{NAME}/tags/list", f"GET /acr/v1/{NAME}/_tags", f"HEAD /v2/{NAME}/manifests/"
AZURE, PLAIN, TAGGED = Manners(), Manners(azure=False), Manners(azure=False, etags=True)

EVERY = pytest.mark.parametrize("manners", [AZURE, PLAIN, TAGGED], ids=["azure", "plain", "etags"])


@dataclass
class World:
    """One repository behind one client; what was asked stands in `asked`, as `GET /v2/...`, until `sight` begins."""

    manners: Manners = field(default_factory=Manners)
    locked: bool = False
    keychain: Keychain = NOBODY

    def __post_init__(self) -> None:
        self.clock = ManualClock()
        tokens = TokenService(self.clock, required=self.locked, anonymous=True)
        self.emulated = Emulated(self.clock, tokens=tokens, manners=self.manners)
        self.transport = FakeTransport(self._answer)
        self.slept: list[float] = []
        self.registries = Registries(
            keychain=self.keychain,
            rate=1e6,
            transport=lambda: self.transport,
            monotonic=lambda: self.clock.now().timestamp(),
            sleep=self.slept.append,
            now=lambda: self.clock.now().timestamp(),
        )

    @property
    def registry(self) -> Registry:
        return self.registries.of(HOST)

    @property
    def asked(self) -> list[str]:
        return [f"{request.method} {request.path}" for request in self.transport.requests]

    def look(self, before: Sight | None, *, hinted: bool = False, thorough: bool = False, rule: Policy = RULE) -> Sight:
        self.transport.requests.clear()
        return look(self.registry, NAME, rule, before, hinted=hinted, thorough=thorough)

    def push(self, tag: str, content: str = "", repository: str = NAME) -> str:
        """Push an image whose digest depends on `content` (by default on the tag); returns the digest."""
        store, now = self.emulated.store, self.clock.now()
        config = json.dumps({"made": content or tag}).encode()
        digest = self._blob(repository, config)
        body = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/json", "digest": digest, "size": len(config)},
            "layers": [],
        }
        return store.put_manifest(repository, tag, str(body["mediaType"]), json.dumps(body).encode(), now).digest

    def untag(self, tag: str) -> None:
        self.emulated.store.repository(NAME).tags.pop(tag)

    def later(self, seconds: float = 1.0) -> None:
        self.clock.advance(seconds)

    def _blob(self, repository: str, content: bytes) -> str:
        digest = digest_of(content)
        self.emulated.store.put_blob(repository, digest, content, self.clock.now())
        return digest

    def _answer(self, request: Request) -> Reply:
        parts = urlsplit(request.address)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        headers = {"Host": parts.netloc, **request.headers}
        answer = self.emulated.handle(Asked(request.method, parts.path, query, headers, request.body or b""))
        return answer.status, dict(answer.headers), answer.body


def opened(manners: Manners) -> World:
    """A world whose registry has these manners, to be changed at will."""
    return World(replace(manners))
