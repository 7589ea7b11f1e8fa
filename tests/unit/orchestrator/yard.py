"""One service in an emulated cloud without sockets: wishes are submitted and driven by the real engine."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.manifest.loader import Loaded, from_snapshot
from orchestrator.ports import TargetPorts
from orchestrator.runner import Drive, Driver, Patience
from orchestrator.store.memory import MemoryStore
from orchestrator.store.records import Snapshot
from orchestrator.submit import submit
from orchestrator.wiring import App
from orchestrator.wish import Submission, Wish
from providers.emulator.arm import Arm
from providers.emulator.behaviour import Behaviour
from providers.emulator.inprocess import InProcessProbes, InProcessTraffic, InProcessWorkloads
from providers.emulator.world import World
from providers.errors import Denied
from strategies.seen import GroupSeen
from tests.unit.orchestrator.forecast.stage import Clock

IMAGE = "contoso.azurecr.io/shop/web"
MANIFEST = f"""\
service: shop
image: {IMAGE}
targets:
  - name: west
    containerInstances:
      subscription: 11111111-2222-3333-4444-555555555555
      resourceGroup: shop
      location: westeurope
      template: t.yaml
    trafficManager:
      resourceGroup: shop
      profile: shop
      create: {{dnsName: contoso-shop, ttl: 0s, monitor: {{protocol: HTTP, port: 80, path: /healthz}}}}
strategy: {{canary: {{steps: [50], hold: 60s}}}}
gates: {{probe: {{port: 80, interval: 1s, before: 2}}}}
drain: {{propagation: 0s, margin: 1s, quiet: none}}
whileRunning: replace
"""
TEMPLATE = f"""\
location: westeurope
name: shop
properties:
  osType: Linux
  ipAddress: {{type: Public, dnsNameLabel: shop, ports: [{{port: 80}}]}}
  containers:
    - name: web
      properties:
        image: {IMAGE}
        ports: [{{port: 80}}]
        environmentVariables: [{{name: FLAVOUR, value: FLAVOUR_OF_TODAY}}]
        resources: {{requests: {{cpu: 0.5, memoryInGB: 0.5}}}}
"""


class Locked(InProcessWorkloads):
    """Workloads of which nothing may be deleted while `locked` is set."""

    locked = False

    def retire(self, name: str, keep_until: Any = None) -> None:
        if self.locked and keep_until is None:
            raise Denied(f"deleting {name}: a lock forbids it", code="ScopeLocked")
        super().retire(name, keep_until)


class YardApp(App):
    """An app whose hands reach into the yard's world."""

    yard: Yard

    def hands(self, loaded: Loaded, rollout_id: str = "") -> Mapping[str, TargetPorts]:
        yard = self.yard
        found = {}
        for each in loaded.targets:
            workloads = Locked(yard.world, each.workloads, service="shop", target=each.name, image=IMAGE)
            workloads.locked = yard.locked
            found[each.name] = TargetPorts(
                workloads,
                InProcessTraffic(yard.world, each.traffic, service="shop", target=each.name),
                InProcessProbes(yard.world, each.probe),
            )
        return found


@dataclass
class Yard:
    """The world, a store that may be lost, and the wishes of people."""

    clock: Clock = field(default_factory=Clock)
    store: MemoryStore = field(default_factory=MemoryStore)
    manifest: str = MANIFEST
    locked: bool = False
    world: World = field(init=False)

    def __post_init__(self) -> None:
        self.world = World(self.clock.manual, random.Random(1))

    @property
    def app(self) -> YardApp:
        app = YardApp(self.store, self.clock)
        app.yard = self
        return app

    def wish(self, version: str | None, *, flavour: str = "plain", **more: Any) -> Wish:
        """A wish for a version (None: whatever there is) in a template of this flavour."""
        text = TEMPLATE.replace("FLAVOUR_OF_TODAY", flavour)
        loaded = from_snapshot(Snapshot(self.manifest, "shop.yaml", (("t.yaml", text),)))
        digest = None
        if version is not None:
            image = self.world.register_image("shop/web", version, Behaviour(version, start_seconds=2.0))
            digest = image.digest
        return Wish(loaded, digest, version, **{"actor": "ana", **more})

    def submit(self, version: str | None, **more: Any) -> Submission:
        """Submit a wish."""
        return submit(self.app, self.wish(version, **more))

    def drive(self, rollout_id: str, **patience: Any) -> Drive:
        """Drive a rollout until it ends or the patience does."""
        return Driver(self.store, self.clock, self.app.engine(), rollout_id, Patience(**patience)).run()

    def release(self, version: str, **more: Any) -> Drive:
        """Submit a wish and drive it to its end."""
        answer = self.submit(version, **more)
        assert answer.rollout is not None
        return self.drive(answer.rollout.id)

    def under_way(self, version: str, seconds: float = 10.0, **more: Any) -> str:
        """Begin a release and leave it after some seconds; answers its id."""
        answer = self.submit(version, **more)
        assert answer.rollout is not None
        self.drive(answer.rollout.id, timeout_seconds=seconds)
        return answer.rollout.id

    def groups(self) -> tuple[GroupSeen, ...]:
        """Every group of ours, once deletions have had their time."""
        self.clock.sleep(60.0)
        return self.app.hands(self.wish(None).loaded)["west"].workloads.discover()

    def lose_profile(self) -> None:
        """Delete the routing by hand."""
        (target,) = self.wish(None).loaded.targets
        kind = "Microsoft.Network/trafficManagerProfiles"
        path = f"/subscriptions/{target.traffic.subscription}/resourceGroups/shop/providers/{kind}/shop"
        assert Arm(self.world).call("DELETE", path, None, "2022-04-01").result.status < 300

    def lose_store(self) -> None:
        """Begin with an empty store, as a CI runner does every time."""
        self.store = MemoryStore()

    def said(self, rollout_id: str) -> list[str]:
        """The kinds of the commands that wait in a rollout's inbox."""
        return [command.kind.value for command in self.store.load(rollout_id).commands]
