"""The hands of one target over the emulated world, as the engine is given them before faults are put around them."""

from __future__ import annotations

import random
from typing import Any

from providers.azure import marks
from providers.azure.settings import ContainerInstances, TrafficManager
from providers.emulator.arm import Arm
from providers.emulator.inprocess import InProcessProbes, InProcessTraffic, InProcessWorkloads
from providers.emulator.world import World
from providers.probes.settings import ProbeSettings
from strategies.plan import Service

SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
_ROOT = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/shop/providers"
GROUPS = f"{_ROOT}/Microsoft.ContainerInstance/containerGroups"
PROFILES = f"{_ROOT}/Microsoft.Network/trafficManagerProfiles"
PORT = 8080
EXTERNAL = "Microsoft.Network/trafficManagerProfiles/externalEndpoints"


def template(image: str, label: str) -> dict[str, Any]:
    """A container group's template with one container."""
    container = {
        "name": "web",
        "properties": {
            "image": image,
            "ports": [{"port": PORT}],
            "resources": {"requests": {"cpu": 0.1, "memoryInGB": 0.5}},
        },
    }
    address = {"type": "Public", "ports": [{"port": PORT, "protocol": "TCP"}], "dnsNameLabel": label}
    return {
        "location": "westeurope",
        "properties": {"osType": "Linux", "containers": [container], "ipAddress": address},
    }


def write(world: World, method: str, path: str, body: Any) -> Any:
    """Make one ARM call that has to succeed, as a person in the portal does."""
    version = "2022-04-01" if "Microsoft.Network" in path else "2023-05-01"
    result = Arm(world).call(method, path, body, version).result
    assert result.status < 300, (method, path, result.body)
    return result.body


def make_profile(world: World, name: str, ttl: int, endpoints: list[dict[str, Any]], port: int = PORT) -> None:
    """Make a profile, or give the one that is there these endpoints; `port` is what it checks."""
    monitor = {"protocol": "HTTP", "port": port, "path": "/healthz", "intervalInSeconds": 10}
    monitor |= {"timeoutInSeconds": 5, "toleratedNumberOfFailures": 2}
    properties = {
        "trafficRoutingMethod": "Weighted",
        "dnsConfig": {"relativeName": name, "ttl": ttl},
        "monitorConfig": monitor,
        "endpoints": endpoints,
    }
    body = {"location": "global", "tags": {"team": "a"}, "properties": properties}
    write(world, "PUT", f"{PROFILES}/{name}", body)


def endpoint(name: str, host: str, weight: int, *, enabled: bool) -> dict[str, Any]:
    """An external endpoint."""
    status = "Enabled" if enabled else "Disabled"
    properties = {"target": host, "weight": weight, "endpointStatus": status, "priority": 500 + len(host)}
    return {"name": name, "type": EXTERNAL, "properties": properties}


def workloads(world: World, service: Service, target: str) -> InProcessWorkloads:
    """The container groups of one target."""
    settings = ContainerInstances(SUBSCRIPTION, "shop", "westeurope", template(f"{service.image}:v1", service.name))
    return InProcessWorkloads(world, settings, service=service.name, target=target, image=service.image)


def traffic(world: World, service: Service, target: str, profile: str) -> InProcessTraffic:
    """One target's part of a profile."""
    rule = service.target(target)
    settings = TrafficManager(SUBSCRIPTION, "shop", profile, weight=rule.weight, adopt=rule.adopt)
    return InProcessTraffic(world, settings, service=service.name, target=target)


def probes(world: World, rng: random.Random) -> InProcessProbes:
    """Our own probes."""
    return InProcessProbes(world, ProbeSettings(port=PORT, path="/healthz"), rng)


def tags(mark: Any) -> dict[str, str]:
    """A mark as a group's tags."""
    return marks.to_tags(mark)
