"""A daemon's API in this process, and a person who works through it from a machine with nothing on it."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from orchestrator.cli.options import Options
from orchestrator.cli.output import Output
from orchestrator.cli.session import Session
from orchestrator.clock import Clock, SystemClock
from orchestrator.desk import LocalDesk
from orchestrator.http.api import Api
from orchestrator.http.credentials import tokens_of
from orchestrator.http.guard import Guard
from orchestrator.http.server import Server
from orchestrator.runner import Driver, Patience
from orchestrator.wiring import App
from tests.unit.orchestrator.cli.desk import Desk

TOKENS = {"ROLLOUT_READ_TOKEN": "eyes=look-only", "ROLLOUT_OPERATE_TOKEN": "ci=may-act"}
LOOKS, ACTS = "look-only", "may-act"


@dataclass
class Far(Desk):
    """A desk whose every verb goes to `server`; what the daemon remembers is in `store`, nothing is here."""

    server: str = ""

    def type(self, *words: str) -> int:
        """Run one command line with `--server`."""
        return super().type(*words, "--server", self.server)

    def _session(self, options: Options, _out: Output) -> Session:
        return Session(options, Output(options, self.out, self.err), self.clock)


@contextmanager
def serving(api: Api) -> Iterator[str]:
    """Serve an API on a free port of this machine; gives its URL."""
    server = Server("127.0.0.1:0", api.routes(), guard=api.guard)
    host, port = server.start()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop(grace_seconds=2.0)


@contextmanager
def far(here: Desk, *, tokens: bool = False, app: App | None = None) -> Iterator[Far]:
    """Put a daemon's API in front of a desk's store, by the desk's own clock, and give a desk far from it."""
    guard = Guard(tokens_of(TOKENS) if tokens else ())
    desk = LocalDesk(app or App(here.store, here.clock))
    with serving(Api(desk, guard, here.clock)) as url:
        yield Far(here.store, here.clock, server=url)


@dataclass
class Engine:
    """A daemon's engine in a thread: drives every rollout of a store, one after the other, until it is stopped."""

    app: App
    clock: Clock = field(default_factory=SystemClock)
    _stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Work until `stop`."""
        while not self._stop.wait(0.05):
            for rollout in self.app.store.active_ids():
                Driver(self.app.store, self.clock, self.app.engine(), rollout, Patience(1.0)).run()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Work while the block runs."""
        thread = threading.Thread(target=self.run, name="engine-of-the-tests")
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()


@dataclass(frozen=True)
class Answered:
    """One answer of the API."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def ask(url: str, method: str, path: str, body: Any = None, *, token: str | None = None, **headers: str) -> Answered:
    """Ask the API as a tool of somebody's own does; `body` is sent as JSON, bytes as they are."""
    raw = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    sent = {"Content-Type": "application/json", **headers}
    if token is not None:
        sent["Authorization"] = f"Bearer {token}"
    with closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)) as connection:
        connection.request(method, path, raw, sent)
        answer = connection.getresponse()
        return Answered(answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read())
