"""A real server on a free port of this machine, and plain clients for it."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from typing import Any

from aiohttp import web

from orchestrator.http.guard import Guard
from orchestrator.http.server import Limits, Server

PATIENCE_SECONDS = 10.0


@dataclass
class Lines:
    """A log that remembers what it was told."""

    said: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def warning(self, event: str, /, **keys: str | int | float | bool | None) -> None:
        self.said.append((event, dict(keys)))


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Message
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.document["error"]["code"])


@dataclass(frozen=True)
class Client:
    host: str
    port: int

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        connection = http.client.HTTPConnection(self.host.strip("[]"), self.port, timeout=PATIENCE_SECONDS)
        try:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def connect(self) -> socket.socket:
        return socket.create_connection((self.host.strip("[]"), self.port), timeout=PATIENCE_SECONDS)

    def raw(self, sent: bytes) -> Answer:
        """Send these bytes and read one answer."""
        with self.connect() as connection:
            connection.sendall(sent)
            return read_answer(connection)


def read_answer(connection: socket.socket) -> Answer:
    answer = http.client.HTTPResponse(connection)
    try:
        answer.begin()
        return Answer(answer.status, answer.headers, answer.read())
    finally:
        answer.close()


def is_closed(connection: socket.socket) -> bool:
    """Wait for the server to hang up."""
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


@contextmanager
def serving(
    routes: Sequence[web.AbstractRouteDef],
    *,
    guard: Guard | None = None,
    log: Lines | None = None,
    limits: Limits | None = None,
    listen: str = "127.0.0.1:0",
) -> Iterator[Client]:
    """Serve routes; afterwards no thread of the server is left."""
    server = Server(listen, routes, guard=guard or Guard(), log=log, limits=limits)
    client = Client(*server.start())
    try:
        yield client
    finally:
        server.stop(1.0)
    left = [thread.name for thread in threading.enumerate() if thread.name == "rollout-http"]
    assert left == []
