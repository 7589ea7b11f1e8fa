"""Registries a watcher must be able to read: the emulator's, called or on a socket, and Debian's real one.

Each is filled by the distribution protocol itself, as any client would fill it.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import random
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from providers.emulator.clock import ManualClock, SystemClock
from providers.emulator.http import Request
from providers.emulator.loopback import LoopbackEmulator
from providers.emulator.registry import Registry as Emulated
from providers.emulator.registry_manners import Manners
from providers.emulator.world import World
from watchers.docker_config import Keychain
from watchers.registries import Registries
from watchers.transport import Answer, HttpTransport, Transport

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
NOBODY = Keychain({})
DEBIAN = "docker-registry"


@dataclass
class Door:
    """One registry: its name in image references, a transport to it, and the clients that watch it."""

    host: str
    transport: Transport
    registries: Registries

    def send(self, method: str, target: str, body: bytes = b"", kind: str = "application/octet-stream") -> Answer:
        """Send one request of a client that pushes."""
        address = target if "://" in target else f"http://{self.host}{target}"
        headers = {"Content-Type": kind, "Content-Length": str(len(body)), "Accept": "*/*"}
        return self.transport.send(method, address, headers, body, most=1 << 20)

    def push(self, repository: str, tag: str, content: str, kind: str = OCI_MANIFEST) -> str:
        """Push a small image under a tag; returns the digest of its manifest."""
        config = self._blob(repository, json.dumps({"made": content}).encode(), "config")
        layer = self._blob(repository, content.encode(), "layer")
        body = json.dumps({"schemaVersion": 2, "mediaType": kind, "config": config, "layers": [layer]}).encode()
        return self.manifest(repository, tag, body, kind)

    def push_index(self, repository: str, tag: str, content: str) -> str:
        """Push an index of one image under a tag; returns the digest of the index."""
        inner = self.push(repository, f"{tag}-amd64", content)
        size = len(self.send("GET", f"/v2/{repository}/manifests/{inner}").body)
        entry = {"mediaType": OCI_MANIFEST, "digest": inner, "size": size}
        platform = {"platform": {"architecture": "amd64", "os": "linux"}}
        body = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [{**entry, **platform}]})
        return self.manifest(repository, tag, body.encode(), OCI_INDEX)

    def manifest(self, repository: str, tag: str, body: bytes, kind: str) -> str:
        """Push a manifest whose parts are there."""
        answer = self.send("PUT", f"/v2/{repository}/manifests/{tag}", body, kind)
        assert answer.status == 201, answer.body
        return digest(body)

    def delete(self, repository: str, of: str) -> None:
        """Delete a manifest by its digest, with the tags that point at it."""
        assert self.send("DELETE", f"/v2/{repository}/manifests/{of}").status == 202

    def _blob(self, repository: str, content: bytes, kind: str) -> dict[str, Any]:
        begun = self.send("POST", f"/v2/{repository}/blobs/uploads/")
        assert begun.status == 202, begun.body
        place = str(begun.headers["Location"])
        closed = self.send("PUT", f"{place}{'&' if '?' in place else '?'}digest={digest(content)}", content)
        assert closed.status == 201, closed.body
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": digest(content), "size": len(content)}


def digest(content: bytes) -> str:
    """What a registry calls these bytes."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class _InProcess:
    """Carries requests to an emulated registry by calling it."""

    def __init__(self, emulated: Emulated) -> None:
        self._emulated = emulated

    def send(self, method: str, address: str, headers: Any, body: bytes | None = None, *, most: int) -> Answer:
        parts = urlsplit(address)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        asked = Request(method, parts.path, query, {"Host": parts.netloc, **headers}, body or b"")
        answer = self._emulated.handle(asked)
        told = Message()
        for key, value in answer.headers.items():
            told[key] = value
        return Answer(answer.status, address, told, answer.body)

    def close(self) -> None:
        """Nothing is open."""


@contextlib.contextmanager
def in_process(**manners: Any) -> Iterator[Door]:
    """The emulated registry itself, on a clock that stands still."""
    transport = _InProcess(Emulated(ManualClock(), manners=Manners(**manners)))
    with Registries(keychain=NOBODY, transport=lambda: transport) as registries:
        yield Door("localhost:5000", transport, registries)


@contextlib.contextmanager
def loopback() -> Iterator[Door]:
    """The emulated registry behind a socket."""
    world = World(SystemClock(), random.Random(0))
    with LoopbackEmulator(world=world) as emulator, _opened(emulator.registry_host) as door:
        yield door


@contextlib.contextmanager
def debian() -> Iterator[Door]:
    """Debian's `docker-registry`; skips where it is not installed."""
    program = shutil.which("docker-registry")
    if program is None:
        pytest.skip("needs Debian's docker-registry")
    with tempfile.TemporaryDirectory() as folder:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        config = Path(folder) / "config.json"
        storage = {"filesystem": {"rootdirectory": f"{folder}/images"}, "delete": {"enabled": True}}
        config.write_text(json.dumps({"version": 0.1, "storage": storage, "http": {"addr": f"127.0.0.1:{port}"}}))
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with subprocess.Popen([program, "serve", str(config)], **quiet) as process:
            try:
                _wait_for(port, process)
                with _opened(f"127.0.0.1:{port}") as door:
                    yield door
            finally:
                process.kill()


@contextlib.contextmanager
def _opened(host: str) -> Iterator[Door]:
    transport = HttpTransport()
    with Registries(keychain=NOBODY) as registries:
        try:
            yield Door(host, transport, registries)
        finally:
            transport.close()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        assert process.poll() is None, "docker-registry ended at once"
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            connection.request("GET", "/v2/")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.02)
        finally:
            connection.close()
    raise AssertionError("docker-registry does not answer")


DOORS: dict[str, Callable[[], AbstractContextManager[Door]]] = {
    "in process": in_process,
    "in process, not Azure's": lambda: in_process(azure=False),
    "in process, with ETags": lambda: in_process(azure=False, etags=True),
    "loopback": loopback,
    DEBIAN: debian,
}
