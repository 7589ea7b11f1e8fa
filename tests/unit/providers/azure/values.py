"""A template, settings and a mark that the tests of the Azure adapters share, and an emulated Azure under the SDKs."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from providers.azure.clients import Clients
from providers.azure.container_groups import ContainerGroups
from providers.azure.credentials import Credentials, Endpoint
from providers.azure.settings import ContainerInstances, CreateProfile, Monitor, TrafficManager
from providers.azure.traffic_manager import TrafficManagerProfile
from providers.emulator.arm import Arm
from providers.emulator.behaviour import Behaviour
from providers.emulator.clock import ManualClock
from providers.emulator.responses_door import emulated
from providers.emulator.world import World
from providers.retry import Retry
from providers.secrets import LocalSecrets
from strategies.seen import Mark

SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
IMAGE = "contoso.azurecr.io/shop/storefront"
DIGEST = "sha256:" + "d" * 64
EMULATOR = "http://127.0.0.1:8088"
TEMPLATE: dict[str, Any] = {
    "location": "westeurope",
    "properties": {
        "osType": "Linux",
        "restartPolicy": "Always",
        "containers": [
            {
                "name": "web",
                "properties": {
                    "image": f"{IMAGE}:1.0",
                    "ports": [{"port": 8080, "protocol": "TCP"}],
                    "resources": {"requests": {"cpu": 1.0, "memoryInGB": 1.5}},
                },
            }
        ],
        "ipAddress": {"type": "Public", "dnsNameLabel": "shop", "ports": [{"port": 8080, "protocol": "TCP"}]},
    },
}
MARK = Mark("storefront", "westeurope", "a" * 64, 3, 0, "r-1", DIGEST, "b" * 64, IMAGE, "1.1")
PLACE = ContainerInstances(SUBSCRIPTION, "shop", "westeurope", TEMPLATE)
PROFILE = TrafficManager(
    SUBSCRIPTION, "shop", "shop", CreateProfile("contoso-shop", 30, Monitor("HTTP", 8080, "/healthz", 10, 5))
)
SHARED = Path(__file__).parents[5] / "shared" / "azure"


def template(**properties: Any) -> dict[str, Any]:
    """The template with properties put in, or taken out where they are None."""
    made = copy.deepcopy(TEMPLATE)
    for name, value in properties.items():
        if value is None:
            made["properties"].pop(name, None)
        else:
            made["properties"][name] = value
    return made


def examples(pattern: str) -> list[Path]:
    """The official example payloads that match, sorted; none where the descriptions are absent."""
    return sorted(SHARED.glob(pattern))


def needs_examples() -> None:
    """Skip the test where the official descriptions are absent."""
    if not SHARED.is_dir():
        pytest.skip("needs the official API examples in ../shared/azure")


@dataclass
class Azure:
    """An emulated Azure: the world, its clock, the ARM endpoint, our clients, and the waits of the retry policy."""

    world: World
    clock: ManualClock
    arm: Arm
    clients: Clients
    waits: list[float]

    def groups(self, settings: ContainerInstances = PLACE, **more: Any) -> ContainerGroups:
        return ContainerGroups(
            settings,
            service="storefront",
            target="westeurope",
            image=IMAGE,
            clients=self.clients,
            secrets=LocalSecrets(more),
            now=self.clock.now,
        )

    def traffic(self, settings: TrafficManager = PROFILE, target: str = "westeurope") -> TrafficManagerProfile:
        return TrafficManagerProfile(
            settings, service="storefront", target=target, clients=self.clients, now=self.clock.now
        )

    def body(self, kind: str, name: str) -> Any:
        """The JSON of a resource as a GET shows it, or None."""
        version = {"Microsoft.ContainerInstance": "2023-05-01"}.get(kind.partition("/")[0], "2022-04-01")
        path = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/shop/providers/{kind}/{name}"
        result = self.arm.call("GET", path, None, version).result
        return json.loads(json.dumps(result.body)) if result.status == 200 else None

    def group(self, name: str) -> Any:
        return self.body("Microsoft.ContainerInstance/containerGroups", name)

    def profile(self, name: str = "shop") -> Any:
        return self.body("Microsoft.Network/trafficManagerProfiles", name)

    def put_profile(self, body: Any, name: str = "shop") -> None:
        path = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/shop/providers/Microsoft.Network/trafficManagerProfiles"
        result = self.arm.call("PUT", f"{path}/{name}", body, "2022-04-01").result
        assert result.status in (200, 201), result.body

    def writes(self) -> list[str]:
        return [f"{call.method} {call.path.rpartition('/')[2]}" for call in self.world.calls.writes()]


@contextmanager
def an_azure() -> Iterator[Azure]:
    """Open an emulated Azure under the real SDKs, with a virtual clock and the image that the template runs."""
    clock = ManualClock()
    world = World(clock, random.Random(7))
    world.register_image("shop/storefront", "1.0", Behaviour(version="v1", start_seconds=5), DIGEST)
    waits: list[float] = []
    retry = Retry(sleep=waits.append, monotonic=lambda: sum(waits), jitter=lambda: 1.0)
    clients = Clients(Credentials(Endpoint.parse(EMULATOR)), retry)
    with emulated(world, EMULATOR) as arm:
        yield Azure(world, clock, arm, clients, waits)
    clients.close()


def profile_body(*endpoints: Any, ttl: int = 30, tags: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    """A Weighted profile as the service shows it, with these endpoints."""
    return {
        "location": "global",
        "tags": tags or {},
        "properties": {
            "profileStatus": "Enabled",
            "trafficRoutingMethod": "Weighted",
            "dnsConfig": {"relativeName": "contoso-shop", "ttl": ttl},
            "monitorConfig": {"protocol": "HTTP", "port": 8080, "path": "/healthz"},
            "endpoints": list(endpoints),
            **more,
        },
    }


def external(name: str, target: str, weight: int = 1, **more: Any) -> dict[str, Any]:
    """One external endpoint as the service shows it."""
    inner = {"target": target, "endpointStatus": "Enabled", "weight": weight, **more}
    return {"name": name, "type": "Microsoft.Network/trafficManagerProfiles/externalEndpoints", "properties": inner}


def slot(place: int, **more: Any) -> Mark:
    """The mark of another slot."""
    return replace(MARK, slot=place, **more)
