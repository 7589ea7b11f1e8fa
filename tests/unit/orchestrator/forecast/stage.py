"""The real engine over an emulated cloud without sockets, on a clock that is moved by hand; and a plan beside it."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from orchestrator.engine import Engine
from orchestrator.forecast import Forecast, forecast
from orchestrator.forecast_world import Latencies, Place
from orchestrator.lease import Lease, this_process
from orchestrator.ports import TargetPorts
from orchestrator.store.memory import MemoryStore
from orchestrator.store.records import Snapshot
from providers.azure.settings import ContainerInstances, CreateProfile, Monitor, TrafficManager
from providers.emulator.arm import Arm
from providers.emulator.behaviour import Behaviour
from providers.emulator.clock import ManualClock
from providers.emulator.inprocess import InProcessProbes, InProcessTraffic, InProcessWorkloads
from providers.emulator.world import World
from providers.probes.settings import ProbeSettings
from strategies import names
from strategies.begin import Survey, begin
from strategies.missing import Action
from strategies.model import CommandKind, Outcome, Rollout
from strategies.plan import Service, Target
from strategies.rebuild import survey
from strategies.seen import TargetSeen

SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
IMAGE = "contoso.azurecr.io/shop/storefront"
START_SECONDS = 7.0
DELETE_SECONDS = 5.0
MONITOR_SECONDS = 10
ASSUMED = Latencies(START_SECONDS, float(MONITOR_SECONDS), DELETE_SECONDS)
"""What the emulator of these tests does, told to the forecast."""


class Clock:
    """A manual clock as the shell wants one; sleeping moves it."""

    def __init__(self) -> None:
        self.manual = ManualClock()
        self._began = self.manual.now()

    def now(self) -> datetime:
        return self.manual.now()

    def monotonic(self) -> float:
        return (self.manual.now() - self._began).total_seconds()

    def sleep(self, seconds: float) -> None:
        self.manual.advance(max(seconds, 0.0))


def template() -> dict[str, Any]:
    """The smallest container group that can be reached."""
    web = {"image": f"{IMAGE}:1", "ports": [{"port": 8080}], "resources": {"requests": {"cpu": 0.5, "memoryInGB": 1.5}}}
    return {
        "properties": {
            "osType": "Linux",
            "containers": [{"name": "web", "properties": web}],
            "ipAddress": {"type": "Public", "ports": [{"port": 8080}]},
        }
    }


@dataclass
class Ran:
    """What came of a real rollout: its last state, the acts with their times, and how many writes Azure saw."""

    rollout: Rollout
    acts: list[tuple[float, Action]] = field(default_factory=list)
    writes: int = 0


class Stage:
    """One emulated cloud in which the service's versions are rolled out one after the other."""

    def __init__(self, service: Service, *, ttl: int = 30, foreign: Mapping[str, int] | None = None) -> None:
        self.service, self.clock, self.ttl = service, Clock(), ttl
        self.world = World(self.clock.manual, random.Random(1))
        self.world.settings.delete_seconds = DELETE_SECONDS
        self.store = MemoryStore()
        self.number = 0
        for target in service.targets if foreign or any(t.adopt for t in service.targets) else ():
            hands = dict.fromkeys(target.adopt, 500) | dict(foreign or {})
            self._put_profile(target, hands)

    def _put_profile(self, target: Target, hosts: Mapping[str, int]) -> None:
        kind = "Microsoft.Network/trafficManagerProfiles"
        endpoints = [
            {
                "name": name,
                "type": f"{kind}/externalEndpoints",
                "properties": {"target": f"{name}.example.com", "weight": weight, "endpointStatus": "Enabled"},
            }
            for name, weight in hosts.items()
        ]
        body = {
            "location": "global",
            "properties": {
                "trafficRoutingMethod": "Weighted",
                "dnsConfig": {"relativeName": f"contoso-{target.name}", "ttl": self.ttl},
                "monitorConfig": {"protocol": "HTTP", "port": 8080, "path": "/healthz", "intervalInSeconds": 10},
                "endpoints": endpoints,
            },
        }
        path = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/shop/providers/{kind}/{target.name}"
        assert Arm(self.world).call("PUT", path, body, "2022-04-01").result.status < 300

    def hands(self, target: Target) -> TargetPorts:
        """The hands of one target."""
        name = self.service.name
        groups = ContainerInstances(SUBSCRIPTION, "shop", "westeurope", template())
        monitor = Monitor("HTTP", 8080, "/healthz", MONITOR_SECONDS, 5)
        create = CreateProfile(f"contoso-{target.name}", self.ttl, monitor)
        routing = TrafficManager(SUBSCRIPTION, "shop", target.name, create, weight=target.weight, adopt=target.adopt)
        return TargetPorts(
            InProcessWorkloads(self.world, groups, service=name, target=target.name, image=IMAGE),
            InProcessTraffic(self.world, routing, service=name, target=target.name),
            InProcessProbes(self.world, ProbeSettings(port=8080, path="/healthz")),
        )

    def found(self) -> tuple[Survey, dict[str, Place]]:
        """One look around, as `submit` takes it, and where each target's routing stands."""
        looks, places = [], {}
        for target in self.service.targets:
            ports = self.hands(target)
            routing = ports.traffic.look()
            groups = ports.workloads.discover()
            retained = tuple(group.name for group in groups if group.keep_until is not None)
            places[target.name] = Place(routing, self.ttl, retained)
            looks.append(TargetSeen(target.name, groups=groups, traffic=routing))
        return survey(self.service, looks, self.clock.now()), places

    def next(self, version: str) -> tuple[Rollout, dict[str, Place]]:
        """The rollout of a version beside what serves, not yet begun."""
        behaviour = Behaviour(version, start_seconds=START_SECONDS)
        digest = self.world.register_image("shop/storefront", version, behaviour).digest
        found, places = self.found()
        self.number += 1
        revision = names.revision(digest, "template", image=IMAGE, tag=version)
        return begin(f"r{self.number}", self.service, revision, found, self.clock.now()), places

    def planned(self, version: str, **more: Any) -> tuple[Rollout, Forecast]:
        """The rollout of a version and what `plan` says of it."""
        rollout, places = self.next(version)
        return rollout, forecast(rollout, places, ASSUMED, **more)

    def run(self, rollout: Rollout, abort_when: Callable[[Rollout], bool] | None = None) -> Ran:
        """Carry the rollout out with the real engine; people approve as soon as they are asked."""
        rollout = self.store.submit(rollout, Snapshot("", "x.yaml"))
        ports = {target.name: self.hands(target) for target in self.service.targets}
        acts: list[tuple[float, Action]] = []
        engine = _Noting(self, ports, acts)
        lease = Lease(self.store, rollout.service.name, self.clock, this_process())
        before = len(self.world.calls.writes())
        aborted = False
        while rollout.outcome is Outcome.RUNNING:
            assert lease.acquire()
            if any(state.asks_person for state in rollout.targets):
                self.store.command(rollout.id, CommandKind.APPROVE, "test", at=self.clock.now())
            if abort_when is not None and not aborted and abort_when(rollout):
                aborted = True
                self.store.command(rollout.id, CommandKind.ABORT, "test", at=self.clock.now())
            rollout = engine.tick(rollout.id, lease.fence, lambda: True)
            due = engine.wake(rollout)
            if due is not None:
                self.clock.sleep((due - self.clock.now()).total_seconds())
        lease.release()
        self.clock.sleep(DELETE_SECONDS)
        return Ran(rollout, acts, len(self.world.calls.writes()) - before)


class _Noting(Engine):
    """The engine, with a note of every act that it carries out."""

    def __init__(self, stage: Stage, ports: Mapping[str, TargetPorts], acts: list[tuple[float, Action]]) -> None:
        super().__init__(stage.store, stage.clock, lambda _id: ports)
        self._acts, self._stage = acts, stage

    def _act(self, action: Action, ports: TargetPorts, may_act: Callable[[], bool]) -> Any:
        created = self.store.active(self._stage.service.name)
        assert created is not None
        self._acts.append(((self.clock.now() - created.created_at).total_seconds(), action))
        return super()._act(action, ports, may_act)


def service(*targets: Target, **more: Any) -> Service:
    """A service called `shop` with these targets."""
    return replace(Service("shop", IMAGE, targets), **more)
