"""A daemon as a process, beside the shops of one cloud: started, told of pushes, asked, killed and started again."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

from orchestrator.store.opening import open_store
from orchestrator.store.ports import Store
from strategies.model import Rollout
from tests.acceptance.command import PATIENCE_SECONDS, Running
from tests.acceptance.shop import SERVICE, Shop

SECRET = "hook-secret-of-the-tests"
_POLL_SECONDS = 0.03


class Daemon:
    """`rollout daemon` over one shop's folder; `start` may be called again after the process has ended."""

    def __init__(self, shop: Shop, *options: str, log_format: str = "json") -> None:
        self.shop, self.options = shop, options
        self._log_format = log_format
        self.running: Running | None = None
        self.url = ""
        self._began = 0.0

    def follow(self, **follow: Any) -> None:
        """Say in the manifest what the watcher rolls out; every second unless it says otherwise."""
        self.shop.spec["follow"] = {"every": "1s", **follow}
        self.write()

    def write(self) -> None:
        """Write the shop's manifest and template into the folder that the daemon watches."""
        folder = self.shop.folder / "manifests"
        folder.mkdir(exist_ok=True)
        home, self.shop.folder = self.shop.folder, folder
        try:
            self.shop.write()
        finally:
            self.shop.folder = home

    def start(self) -> Running:
        """Start the process and wait until it says where it listens."""
        self.shop.environment |= {"ROLLOUT_LISTEN": "127.0.0.1:0", "ROLLOUT_WEBHOOK_SECRET": SECRET}
        words = ("daemon", "manifests", "--log-format", self._log_format, "--output", "json", *self.options)
        self.running = self.shop.call(*words)
        self.running.until(lambda: self.running is not None and "\n" in self.running.out)
        said = json.loads(self.running.out.splitlines()[0])
        self.url = said["listening"]
        return self.running

    @property
    def process(self) -> Running:
        """The process that was started last."""
        assert self.running is not None
        return self.running

    def push(self, tag: str, *, hook: bool = True, **behaviour: Any) -> str:
        """Push an image, and tell the daemon of it as Container Registry does unless `hook` is False."""
        digest = self.shop.image(tag, **behaviour)
        if hook:
            self.hook(tag)
        return digest

    def hook(self, tag: str, secret: str = SECRET) -> int:
        """Send the registry's webhook of a push; the answer's status."""
        host = self.shop.cloud.emulator.registry_host
        target = {"repository": self.shop.repository, "tag": tag, "digest": self.shop.digests.get(tag, "")}
        body = {"id": "1", "action": "push", "target": target, "request": {"id": "1", "host": host, "method": "PUT"}}
        status, _ = self.ask("POST", "/webhooks/acr", body, {"Authorization": f"Bearer {secret}"})
        return status

    def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """Send one request to the daemon's socket; status and text of the answer."""
        parts = urlsplit(self.url)
        with closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)) as connection:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, {"Content-Type": "application/json", **(headers or {})})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def read(self, path: str) -> Any:
        """The JSON that the daemon answers to a GET."""
        status, text = self.ask("GET", path)
        assert status == 200, (status, text)
        return json.loads(text)

    def until(self, holds: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until something holds while the daemon runs."""
        self.process.until(holds, seconds)

    def ends(self, count: int, seconds: float = PATIENCE_SECONDS) -> Rollout:
        """Wait until so many rollouts of the service have ended in the store; the latest one."""
        self.until(lambda: len([each for each in self.history() if each.ended_at is not None]) >= count, seconds)
        return self.history()[0]

    def history(self) -> list[Rollout]:
        """Every rollout of the service, newest first."""
        found: list[Rollout] = self.stored(lambda store: store.history(SERVICE, 100))
        return found

    def stored(self, read: Callable[[Store], Any]) -> Any:
        """Read something of the store that the daemon works on."""
        with closing(open_store(self.shop.environment["ROLLOUT_STORE"])) as store:
            return read(store)

    def quiet(self, seconds: float) -> None:
        """Let some looks go by in which nothing may happen."""
        assert self.process.process.poll() is None, self.process.err
        time.sleep(seconds)
        assert self.process.process.poll() is None, self.process.err

    def said(self, event: str, **values: Any) -> bool:
        """Whether the daemon has logged this event with these values."""
        wanted = {"event": event, **values}
        return any(all(line.get(key) == value for key, value in wanted.items()) for line in self.process.events)
