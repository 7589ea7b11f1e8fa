"""A branch office for verbs that look at Azure: an emulated one, a manifest, and a desk in real time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from orchestrator.clock import SystemClock
from orchestrator.manifest.loader import load
from providers.azure.requests import group_body
from providers.emulator.arm import Arm
from providers.emulator.behaviour import Behaviour
from providers.emulator.loopback import LoopbackEmulator
from strategies import names
from strategies.seen import Mark
from tests.unit.orchestrator.cli.desk import Clock, Desk

SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
_KINDS = {"containerGroups": "Microsoft.ContainerInstance", "trafficManagerProfiles": "Microsoft.Network"}
_MANIFEST = """\
service: shop
image: {registry}/shop/web
targets:
- name: west
  containerInstances:
    subscription: {subscription}
    resourceGroup: shop
    location: westeurope
    template: group.yaml
    replicas: 2
  trafficManager:
    resourceGroup: shop
    profile: shop
    ttlDuringRollout: 0s
    create: {{dnsName: contoso-plan, ttl: 1s, monitor: {{port: 8080}}}}
strategy:
  canary: {{steps: [10, 50], hold: 200ms}}
gates:
  probe: {{port: 8080, interval: 100ms, timeout: 500ms, before: 2}}
drain: {{propagation: 0s, margin: 100ms}}
"""
_TEMPLATE = """\
properties:
  osType: Linux
  containers:
  - name: web
    properties:
      image: {registry}/shop/web
      ports: [{{port: 8080}}]
      resources: {{requests: {{cpu: 0.5, memoryInGB: 1.5}}}}
  ipAddress:
    type: Public
    ports: [{{port: 8080}}]
"""


@dataclass
class Branch:
    """An emulator with versions v1 and v2 of one image, a folder with the manifest, and a desk."""

    emulator: LoopbackEmulator
    folder: Path
    desk: Desk
    digests: Mapping[str, str]

    @property
    def manifest(self) -> str:
        """The manifest's path."""
        return str(self.folder / "rollout.yaml")

    def edit(self, file: str, edits: Mapping[str, str]) -> None:
        """Make each edit once, old text to new; one that finds nothing is a mistake of the test."""
        text = (self.folder / file).read_text()
        for old, new in edits.items():
            assert old in text, f"{old!r} is not in {file}"
            text = text.replace(old, new, 1)
        (self.folder / file).write_text(text)

    def arm(self, method: str, kind: str, name: str, body: Any = None) -> Any:
        """Make one ARM call that has to succeed, as a person in the portal does."""
        version = "2022-04-01" if kind == "trafficManagerProfiles" else "2023-05-01"
        path = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/shop/providers/{_KINDS[kind]}/{kind}/{name}"
        result = self.emulator.call(lambda: Arm(self.emulator.world).call(method, path, body, version).result)
        assert result.status < 300, result.body
        return result.body

    def profile(self, method: str = "Weighted", endpoints: Sequence[Any] = ()) -> None:
        """Make a profile by hand."""
        monitor = {"protocol": "HTTP", "port": 8080, "path": "/healthz"}
        properties = {
            "trafficRoutingMethod": method,
            "dnsConfig": {"relativeName": "contoso-plan", "ttl": 1},
            "monitorConfig": monitor,
            "endpoints": list(endpoints),
        }
        self.arm("PUT", "trafficManagerProfiles", "shop", {"location": "global", "properties": properties})

    def writes(self) -> int:
        """How many writes Azure has seen; a POST here only asks whether a name is free."""
        calls = self.emulator.call(self.emulator.world.calls.writes)
        return sum(call.method != "POST" for call in calls)

    def serve(self, tag: str = "v1") -> None:
        """Let a version serve as an earlier release left it: two marked groups and their endpoints."""
        (loaded,) = load([self.manifest])
        digest = self.digests[tag]
        revision = names.revision(digest, loaded.template_hash, image=loaded.manifest.image, tag=tag)
        kind = "Microsoft.Network/trafficManagerProfiles/externalEndpoints"
        endpoints = []
        for slot in range(2):
            told = {"rollout": "r1", "digest": digest, "template": revision.template, "image": revision.image}
            mark = Mark("shop", "west", revision.id, 1, slot, tag=tag, **told)
            body = group_body(loaded.targets[0].workloads, revision.image, mark)
            made = self.arm("PUT", "containerGroups", names.group_name("shop", revision.short, 1, slot), body)
            inner = {"target": made["properties"]["ipAddress"]["fqdn"], "weight": 500, "endpointStatus": "Enabled"}
            endpoints.append({"name": names.endpoint_name(mark), "type": kind, "properties": inner})
        self.profile(endpoints=endpoints)

    @contextmanager
    def untouched(self) -> Iterator[None]:
        """The block must not write to Azure."""
        before = self.writes()
        yield
        assert self.writes() == before

    def set(self, **settings: Any) -> None:
        """Change the emulated Azure's manners."""

        def change() -> None:
            for name, value in settings.items():
                setattr(self.emulator.world.settings, name, value)

        self.emulator.call(change)


@contextmanager
def branch(folder: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[], Desk] = Desk) -> Iterator[Branch]:
    """Open a branch whose desk works in real time and remembers nothing of others."""
    with LoopbackEmulator() as emulator:
        emulator.call(setattr, emulator.world.settings, "delete_seconds", 0.1)
        versions = {tag: Behaviour(tag, start_seconds=0.1) for tag in ("v1", "v2")}
        digests = {tag: emulator.register_image("shop/web", tag, behaviour) for tag, behaviour in versions.items()}
        words = {"registry": emulator.registry_host, "subscription": SUBSCRIPTION}
        (folder / "rollout.yaml").write_text(_MANIFEST.format(**words))
        (folder / "group.yaml").write_text(_TEMPLATE.format(**words))
        monkeypatch.setenv("ROLLOUT_AZURE_ENDPOINT", emulator.url)
        monkeypatch.setenv("ROLLOUT_DNS", emulator.dns)
        monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))
        monkeypatch.delenv("CI", raising=False)
        desk = make()
        desk.clock = cast(Clock, SystemClock())
        yield Branch(emulator, folder, desk, digests)
