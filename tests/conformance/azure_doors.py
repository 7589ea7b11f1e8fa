"""The doors through which the Azure ports are tested: one emulated world each, and what stands in it.

`in process` has no HTTP, `responses` puts the real adapters and SDKs over a virtual clock, `loopback` puts them over
real sockets and the real clock. Times in the tests are so short that the last one may live through them.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from providers.azure.clients import Clients
from providers.azure.container_groups import ContainerGroups
from providers.azure.credentials import Credentials, Endpoint
from providers.azure.settings import ContainerInstances, CreateProfile, Monitor, Parent, TrafficManager
from providers.azure.traffic_manager import TrafficManagerProfile
from providers.emulator.arm import Arm
from providers.emulator.behaviour import Behaviour
from providers.emulator.clock import ManualClock
from providers.emulator.faults import Fault
from providers.emulator.inprocess import InProcessTraffic, InProcessWorkloads
from providers.emulator.loopback import LoopbackEmulator
from providers.emulator.responses_door import emulated
from providers.emulator.world import World
from providers.ports import Traffic, Workloads
from providers.retry import Retry
from strategies.names import endpoint_name, group_name
from strategies.seen import Mark

SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
IMAGE = "contoso.azurecr.io/shop/storefront"
START_SECONDS = 0.1
SETTLED_SECONDS = 0.5
"""Longer than anything in these worlds takes."""


def revision(letter: str = "a") -> str:
    """A revision id."""
    return letter * 64


def mark(slot: int = 0, *, target: str = "west", letter: str = "a", number: int = 1, digest: str = "") -> Mark:
    """The mark of one slot of the service `shop`."""
    return Mark("shop", target, revision(letter), number, slot, f"r-{number}", digest, "t" * 64, IMAGE, "1.0")


def name_of(which: Mark) -> str:
    """A slot's group name."""
    return group_name(which.service, which.revision[:8], which.number, which.slot)


def endpoint(which: Mark) -> str:
    """A slot's endpoint name."""
    return endpoint_name(which)


def template() -> dict[str, Any]:
    """The smallest container group that can be reached."""
    web = {
        "image": f"{IMAGE}:1.0",
        "ports": [{"port": 8080}],
        "resources": {"requests": {"cpu": 0.5, "memoryInGB": 0.5}},
    }
    return {
        "properties": {
            "osType": "Linux",
            "containers": [{"name": "web", "properties": web}],
            "ipAddress": {"type": "Public", "ports": [{"port": 8080}]},
        }
    }


@dataclass
class Door:
    """A world, the ports into it, and a look behind them; `run` calls a function where the world lives."""

    name: str
    world: World
    digest: str
    now: Callable[[], datetime]
    advance: Callable[[float], None]
    clients: Clients | None = None
    run: Callable[..., Any] = field(default=lambda function, *args: function(*args))

    def mark(self, slot: int = 0, **more: Any) -> Mark:
        """The mark of a slot that runs the image of this world."""
        return mark(slot, **{"digest": self.digest, **more})

    def workloads(self, target: str = "west") -> Workloads:
        """The container groups of one target of the service `shop`."""
        settings = ContainerInstances(SUBSCRIPTION, "shop", "westeurope", template())
        if self.clients is None:
            return InProcessWorkloads(self.world, settings, service="shop", target=target, image=IMAGE)
        return ContainerGroups(settings, service="shop", target=target, image=IMAGE, clients=self.clients, now=self.now)

    def traffic(
        self, target: str = "west", *, create: bool = True, adopt: tuple[str, ...] = (), parent: bool = False
    ) -> Traffic:
        """One target's part of the profile `shop`, with the profile `world` above it when `parent` is set."""
        made = CreateProfile("contoso-shop", 30, Monitor("HTTP", 8080, "/healthz", 10, 5)) if create else None
        parents = (Parent("shop", "world", "west"),) if parent else ()
        settings = TrafficManager(SUBSCRIPTION, "shop", "shop", made, adopt=adopt, parents=parents)
        if self.clients is None:
            return InProcessTraffic(self.world, settings, service="shop", target=target)
        return TrafficManagerProfile(settings, service="shop", target=target, clients=self.clients, now=self.now)

    def arm(self, method: str, kind: str, name: str, body: Any = None) -> Any:
        """Make one ARM call behind the ports' back; None where the resource does not exist."""
        namespace, version = ("Microsoft.ContainerInstance", "2023-05-01")
        if kind == "trafficManagerProfiles":
            namespace, version = ("Microsoft.Network", "2022-04-01")
        path = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/shop/providers/{namespace}/{kind}/{name}"
        result = self.run(lambda: Arm(self.world).call(method, path, body, version).result)
        if result.status == 404:
            return None
        assert result.status < 300, (method, name, result.body)
        return result.body

    def group(self, name: str) -> Any:
        """A container group's body, or None."""
        return self.arm("GET", "containerGroups", name)

    def profile(self, name: str = "shop") -> Any:
        """A profile's body, or None."""
        return self.arm("GET", "trafficManagerProfiles", name)

    def put_profile(
        self, *endpoints: Any, name: str = "shop", ttl: int = 30, tags: dict[str, str] | None = None
    ) -> None:
        """Make or replace a Weighted profile as a person in the portal does."""
        properties = {
            "profileStatus": "Enabled",
            "trafficRoutingMethod": "Weighted",
            "dnsConfig": {"relativeName": f"contoso-{name}", "ttl": ttl},
            "monitorConfig": {"protocol": "HTTP", "port": 8080, "path": "/healthz"},
            "endpoints": list(endpoints),
        }
        body = {"location": "global", "tags": tags or {}, "properties": properties}
        self.arm("PUT", "trafficManagerProfiles", name, body)

    def fault(self, **body: Any) -> None:
        """Let calls fail."""
        self.run(self.world.faults.add, Fault.from_json(body))

    def writes(self, since: int = 0) -> list[str]:
        """The writes that the world has seen after the first `since` ones, as `METHOD name`."""
        calls = self.run(self.world.calls.writes)
        return [f"{call.method} {call.path.rpartition('/')[2]}" for call in calls][since:]


def external(name: str, target: str, weight: int = 1, **more: Any) -> dict[str, Any]:
    """An external endpoint."""
    inner = {"target": target, "endpointStatus": "Enabled", "weight": weight, **more}
    return {"name": name, "type": "Microsoft.Network/trafficManagerProfiles/externalEndpoints", "properties": inner}


def _prepare(world: World) -> str:
    world.settings.delete_seconds = START_SECONDS
    return world.register_image("shop/storefront", "1.0", Behaviour(version="v1", start_seconds=START_SECONDS)).digest


@contextmanager
def in_process() -> Iterator[Door]:
    clock = ManualClock()
    world = World(clock, random.Random(1))
    yield Door("in process", world, _prepare(world), clock.now, clock.advance)


@contextmanager
def responses_door() -> Iterator[Door]:
    clock = ManualClock()
    world = World(clock, random.Random(1))
    digest = _prepare(world)
    clients = Clients(Credentials(Endpoint.parse("http://127.0.0.1:8088")), Retry(attempts=1))
    with emulated(world, "http://127.0.0.1:8088"):
        yield Door("responses", world, digest, clock.now, clock.advance, clients)
    clients.close()


@contextmanager
def loopback() -> Iterator[Door]:
    with LoopbackEmulator() as emulator:
        digest = emulator.call(_prepare, emulator.world)
        clients = Clients(Credentials(Endpoint.parse(emulator.url)), Retry(attempts=1))
        now = emulator.world.clock.now
        yield Door("loopback", emulator.world, digest, now, time.sleep, clients, emulator.call)
        clients.close()


DOORS: dict[str, Callable[[], AbstractContextManager[Door]]] = {
    "in process": in_process,
    "responses": responses_door,
    "loopback": loopback,
}
