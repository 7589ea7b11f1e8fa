"""Registries of these tests: one that is a function from request to answer, and one behind a real socket."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from watchers.docker_config import Keychain
from watchers.manifests import OCI_MANIFEST
from watchers.patience import Patience
from watchers.registry import Registry
from watchers.tokens import Tokens
from watchers.transport import Answer

ACR = "contoso.azurecr.io"
NAME = "shop/web"
BODY = json.dumps({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": {}, "layers": []}).encode()
DIGEST = "sha256:" + hashlib.sha256(BODY).hexdigest()
NOBODY = Keychain({})


@dataclass(frozen=True)
class Request:
    method: str
    address: str
    headers: Mapping[str, str]
    body: bytes | None = None

    @property
    def path(self) -> str:
        return urlsplit(self.address).path

    @property
    def host(self) -> str:
        return urlsplit(self.address).netloc

    @property
    def query(self) -> dict[str, str]:
        return {key: values[-1] for key, values in parse_qs(urlsplit(self.address).query).items()}

    @property
    def form(self) -> dict[str, str]:
        return {key: values[-1] for key, values in parse_qs((self.body or b"").decode()).items()}

    @property
    def authorization(self) -> str | None:
        return self.headers.get("Authorization")


Reply = tuple[int, dict[str, str], bytes]
Handler = Callable[[Request], Reply]


@dataclass
class FakeTransport:
    """Answers every request by a function; what it raises comes out as it is."""

    handler: Handler
    requests: list[Request] = field(default_factory=list)

    def send(
        self, method: str, address: str, headers: Mapping[str, str], body: bytes | None = None, *, most: int
    ) -> Answer:
        request = Request(method, address, dict(headers), body)
        self.requests.append(request)
        status, told, content = self.handler(request)
        message = Message()
        for key, value in told.items():
            message[key] = value
        return Answer(status, address, message, b"" if method == "HEAD" else content)

    def close(self) -> None:
        pass


@dataclass
class Time:
    """A clock that only sleeping moves."""

    seconds: float = 0.0
    naps: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.seconds += seconds


@dataclass(frozen=True)
class Entra:
    """Has one token of Entra ID, for Azure's registries and whoever else asks."""

    value: str | None = "entra-token"

    def token(self, host: str, tenant: str | None) -> str | None:
        return self.value


def registry_of(
    handler: Handler,
    host: str = ACR,
    *,
    keychain: Keychain = NOBODY,
    tokens: Tokens | None = None,
    time: Time | None = None,
    attempts: int = 1,
    realm_hosts: tuple[str, ...] = (),
    tenant: str | None = None,
) -> tuple[Registry, FakeTransport]:
    time = time or Time()
    patience = Patience(attempts=attempts, sleep=time.sleep, monotonic=time.now, jitter=lambda: 1.0)
    transport = FakeTransport(handler)
    registry = Registry(
        host,
        tokens,
        keychain=keychain,
        patience=patience,
        transport=transport,
        realm_hosts=realm_hosts,
        tenant=tenant,
        now=time.now,
    )
    return registry, transport


def manifest(digest: str | None = DIGEST, body: bytes = BODY, media_type: str = OCI_MANIFEST) -> Reply:
    headers = {"Content-Type": media_type} | ({"Docker-Content-Digest": digest} if digest else {})
    return 200, headers, body


def problem(status: int, code: str, message: str = "", **headers: str) -> Reply:
    body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
    return status, {key.replace("_", "-"): value for key, value in headers.items()}, body


def document(value: Any, status: int = 200, **headers: str) -> Reply:
    return status, {key.replace("_", "-"): value for key, value in headers.items()}, json.dumps(value).encode()


def challenge(realm: str = f"https://{ACR}/oauth2/token", scope: str = f"repository:{NAME}:pull") -> Reply:
    header = f'Bearer realm="{realm}",service="{ACR}",scope="{scope}"'
    return problem(401, "UNAUTHORIZED", "authentication required", WWW_Authenticate=header)


def basic(user: str, secret: str) -> str:
    return f"Basic {b64encode(f'{user}:{secret}'.encode()).decode()}"


def environment_of(user: str, secret: str) -> Keychain:
    return Keychain({"ROLLOUT_REGISTRY_USER": user, "ROLLOUT_REGISTRY_PASSWORD": secret})


@contextlib.contextmanager
def served(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[int]:
    """Run a server on this machine that leaves HEAD, GET and POST to a function; yields its port."""

    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            answer(self)

        def do_HEAD(self) -> None:
            answer(self)

        def do_POST(self) -> None:
            answer(self)

        def do_CONNECT(self) -> None:
            answer(self)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def reply(door: BaseHTTPRequestHandler, status: int, headers: Mapping[str, str], body: bytes = b"") -> None:
    door.send_response(status)
    for key, value in {"Content-Length": str(len(body)), **headers}.items():
        door.send_header(key, value)
    door.end_headers()
    if door.command != "HEAD":
        door.wfile.write(body)
