"""The daemon against Debian's docker-registry, with images pushed by skopeo or by plain HTTP."""

from __future__ import annotations

import hashlib
import http.client
import json
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import yaml

from providers.emulator.behaviour import Behaviour
from strategies.model import Outcome
from tests.acceptance.cloud import free_port
from tests.acceptance.daemon import SECRET, Daemon
from tests.acceptance.shop import Shop

pytestmark = [
    pytest.mark.local,
    pytest.mark.skipif(shutil.which("docker-registry") is None, reason="needs Debian's docker-registry"),
]
_OCI = "application/vnd.oci.image"
_LOOKS_SECONDS = 2.5
_ROOTFS = {"type": "layers", "diff_ids": []}
_CONFIG = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": _ROOTFS}).encode()


def digest(content: bytes) -> str:
    """What a registry calls these bytes."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def image(layer: bytes) -> bytes:
    """The manifest of a small image with one layer."""
    parts = [{"digest": digest(content), "size": len(content)} for content in (_CONFIG, layer)]
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{_OCI}.manifest.v1+json",
        "config": {"mediaType": f"{_OCI}.config.v1+json", **parts[0]},
        "layers": [{"mediaType": f"{_OCI}.layer.v1.tar", **parts[1]}],
    }
    return json.dumps(manifest).encode()


class RealRegistry:
    """One `docker-registry serve` on a free port of this machine, keeping its images in a folder."""

    def __init__(self, folder: Path, notify: str | None = None) -> None:
        self.folder, self.port = folder, free_port()
        config = {
            "version": 0.1,
            "log": {"level": "error"},
            "storage": {"filesystem": {"rootdirectory": str(folder / "images")}, "delete": {"enabled": True}},
            "http": {"addr": f"127.0.0.1:{self.port}"},
        }
        if notify is not None:
            headers = {"Authorization": [f"Bearer {SECRET}"]}
            endpoint = {"name": "rollout", "url": notify, "headers": headers, "timeout": "2s", "threshold": 5}
            config["notifications"] = {"endpoints": [{**endpoint, "backoff": "1s"}]}
        (folder / "config.yml").write_text(yaml.safe_dump(config))
        with (folder / "registry.log").open("wb") as log:
            self.process = subprocess.Popen(
                [shutil.which("docker-registry") or "", "serve", str(folder / "config.yml")], stdout=log, stderr=log
            )

    @property
    def host(self) -> str:
        """The registry's name in an image reference."""
        return f"127.0.0.1:{self.port}"

    def ready(self) -> bool:
        """Whether it answers."""
        try:
            return self._send("GET", "/v2/")[0] == 200
        except OSError:
            return False

    def push(self, repository: str, tag: str, layer: bytes) -> None:
        """Push a small image by plain HTTP."""
        for content in (_CONFIG, layer):
            self._blob(repository, content)
        path, kind = f"/v2/{repository}/manifests/{tag}", {"Content-Type": f"{_OCI}.manifest.v1+json"}
        status, headers, text = self._request("PUT", path, image(layer), kind)
        assert status == 201, text
        assert headers["Docker-Content-Digest"] == digest(image(layer))

    def _blob(self, repository: str, content: bytes) -> None:
        _, headers, _ = self._request("POST", f"/v2/{repository}/blobs/uploads/", b"", {})
        path = headers["Location"].removeprefix(f"http://{self.host}")
        kind = {"Content-Type": "application/octet-stream"}
        status, _, text = self._request("PUT", f"{path}&digest={digest(content)}", content, kind)
        assert status == 201, text

    def _send(self, method: str, path: str) -> tuple[int, str]:
        status, _, text = self._request(method, path, None, {})
        return status, text

    def _request(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[int, dict[str, str], str]:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.headers), answer.read().decode()

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()


@pytest.fixture
def daemon(shop: Shop) -> Iterator[Daemon]:
    """A daemon whose service's image is in no registry yet."""
    yield Daemon(shop)


def opened(shop: Shop, folder: Path, notify: str | None = None) -> RealRegistry:
    """A running registry, and the shop's manifest naming it."""
    folder.mkdir()
    registry = RealRegistry(folder, notify)
    shop.spec["image"] = f"{registry.host}/{shop.repository}"
    shop.template["properties"]["containers"][0]["properties"]["image"] = shop.spec["image"]
    return registry


def wait_for(registry: RealRegistry) -> None:
    """Wait until it answers."""
    last = time.monotonic() + 20
    while not registry.ready():
        assert time.monotonic() < last, (registry.folder / "registry.log").read_text()
        time.sleep(0.05)


def known(shop: Shop, found: str, tag: str, **behaviour: Any) -> None:
    """Tell the emulated Azure how an image that it does not store behaves."""
    told = Behaviour.from_json({"version": tag, **behaviour})
    world = shop.cloud.emulator.world
    shop.cloud.emulator.call(world.register_image, shop.repository, tag, told, found)
    shop.digests[tag] = found


def push(shop: Shop, registry: RealRegistry, tag: str, layer: bytes) -> None:
    """Push an image whose behaviour Azure knows beforehand."""
    known(shop, digest(image(layer)), tag)
    registry.push(shop.repository, tag, layer)


def test_a_tag_pushed_to_a_real_registry_rolls_out_and_a_bad_one_is_not_tried_twice(daemon: Daemon) -> None:
    shop = daemon.shop
    registry = opened(shop, shop.folder / "registry")
    try:
        shop.canary({"share": 50, "hold": "300ms"})
        daemon.follow(semver=">=1.0", pattern="^v(?P<version>.+)$", extract="$version")
        daemon.start()
        wait_for(registry)
        push(shop, registry, "v1.0.0", b"one")
        assert daemon.ends(1).outcome is Outcome.PROMOTED
        shop.canary({"share": 50, "hold": "600s"})
        daemon.write()
        push(shop, registry, "v1.1.0", b"two")
        shop.sicken_once_served(daemon.process, "v1.1.0")
        assert daemon.ends(2).outcome is Outcome.ROLLED_BACK
        registry.push(shop.repository, "v1.1.1", b"two")  # the same image under a newer tag
        daemon.quiet(_LOOKS_SECONDS)
        assert len(daemon.history()) == 2
        shop.assert_serves_alone("v1.0.0")
    finally:
        registry.close()


def test_the_notifications_of_a_real_registry_make_it_immediate(daemon: Daemon) -> None:
    shop = daemon.shop
    registry: RealRegistry | None = None
    try:
        shop.spec["image"] = f"127.0.0.1:{free_port()}/{shop.repository}"
        daemon.write()
        daemon.start()
        registry = opened(shop, shop.folder / "registry", notify=f"{daemon.url}/webhooks/distribution")
        wait_for(registry)
        push(shop, registry, "1.0.0", b"one")
        daemon.follow(semver="1.x", every="1h")
        assert daemon.ends(1).outcome is Outcome.PROMOTED
        push(shop, registry, "1.1.0", b"two")
        assert daemon.ends(2).revision.tag == "1.1.0"
        shop.assert_serves_alone("1.1.0")
    finally:
        if registry is not None:
            registry.close()


@pytest.mark.skipif(shutil.which("skopeo") is None, reason="needs Debian's skopeo")
def test_an_image_copied_by_skopeo_rolls_out(daemon: Daemon) -> None:
    shop = daemon.shop
    registry = opened(shop, shop.folder / "registry")
    try:
        wait_for(registry)
        copied = _copied(registry, shop, "7")
        known(shop, copied, "7")
        daemon.follow(numerical="asc")
        daemon.start()
        ended = daemon.ends(1)
        assert (ended.outcome, ended.revision.digest) == (Outcome.PROMOTED, copied)
        shop.assert_serves_alone("7")
    finally:
        registry.close()


def _copied(registry: RealRegistry, shop: Shop, tag: str) -> str:
    """Push an OCI archive of one layer with skopeo; the digest that the registry then has."""
    archive = shop.folder / "image.tar"
    _archive(archive)
    wanted = f"docker://{registry.host}/{shop.repository}:{tag}"
    command = ["skopeo", "--insecure-policy", "copy", "--dest-tls-verify=false", f"oci-archive:{archive}", wanted]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    shown = subprocess.run(
        ["skopeo", "inspect", "--tls-verify=false", "--format", "{{.Digest}}", wanted],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return shown.stdout.strip()


def _archive(path: Path) -> None:
    layer = BytesIO()
    with tarfile.open(fileobj=layer, mode="w"):
        pass
    blobs: dict[str, bytes] = {}

    def blob(content: bytes) -> dict[str, object]:
        blobs[f"blobs/{digest(content).replace(':', '/')}"] = content
        return {"digest": digest(content), "size": len(content)}

    rootfs = {"type": "layers", "diff_ids": [digest(layer.getvalue())]}
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs}).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{_OCI}.manifest.v1+json",
        "config": {"mediaType": f"{_OCI}.config.v1+json", **blob(config)},
        "layers": [{"mediaType": f"{_OCI}.layer.v1.tar", **blob(layer.getvalue())}],
    }
    entry = {"mediaType": f"{_OCI}.manifest.v1+json", **blob(json.dumps(manifest).encode())}
    files = {
        "oci-layout": b'{"imageLayoutVersion": "1.0.0"}',
        "index.json": json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode(),
        **blobs,
    }
    with tarfile.open(path, mode="w") as archive:
        for name, content in files.items():
            told = tarfile.TarInfo(name)
            told.size = len(content)
            archive.addfile(told, BytesIO(content))
