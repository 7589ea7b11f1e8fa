"""One small emulated Azure per test: a manual clock, a seeded generator, calls checked against the descriptions."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from providers.emulator.arm import Arm
from providers.emulator.behaviour import Behaviour
from providers.emulator.clock import ManualClock
from providers.emulator.http import Request, Response
from providers.emulator.settings import Settings
from providers.emulator.world import World
from tests.openapi import described

SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
GROUPS = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/shop/providers/Microsoft.ContainerInstance/containerGroups"
PROFILES = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/shop/providers/Microsoft.Network/trafficManagerProfiles"


class Azure:
    """What a test does to a world and sees of it, in a few words."""

    subscription, groups, profiles = SUBSCRIPTION, GROUPS, PROFILES

    def __init__(self, seed: int = 7, **settings: Any) -> None:
        self.clock = ManualClock()
        self.world = World(self.clock, random.Random(seed), Settings(**settings))
        self.arm = Arm(self.world)
        self.handle: Callable[[Request], Response] = described(self.arm.handle)

    def image(self, version: str = "v1", **behaviour: Any) -> str:
        """Register an image and return a reference to it by digest."""
        made = self.world.register_image("shop/web", version, Behaviour(version=version, **behaviour))
        return f"registry.example.com/shop/web@{made.digest}"

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        version: str | None = "",
        headers: dict[str, str] | None = None,
    ) -> tuple[int, Any, dict[str, str]]:
        """Make one ARM call over HTTP messages and return status, JSON and headers."""
        if version == "":
            version = "2022-04-01" if "microsoft.network" in path.lower() else "2023-05-01"
        path, _, query = path.partition("?")
        given = dict(part.split("=", 1) for part in query.split("&")) if query else {}
        if version is not None:
            given.setdefault("api-version", version)
        sent = {"Authorization": "Bearer any"} if headers is None else headers
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        response = self.handle(Request(method, path, given, sent, raw))
        return response.status, json.loads(response.body) if response.body else None, dict(response.headers)

    def ok(self, method: str, path: str, body: Any = None) -> Any:
        """Make one ARM call that has to succeed and return its JSON."""
        status, answer, _ = self.send(method, path, body)
        assert status < 300, answer
        return answer

    def refused(self, method: str, path: str, body: Any = None) -> tuple[int, str]:
        """Make one ARM call that has to be refused and return status and error code."""
        status, answer, _ = self.send(method, path, body)
        assert status >= 400, answer
        assert set(answer) == {"error"}
        assert set(answer["error"]) == {"code", "message"}
        return status, answer["error"]["code"]

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)
        self.world.tick()

    def body(self, image: str | None = None, label: str | None = "shop-web", **changes: Any) -> dict[str, Any]:
        """Return a container group's body; `changes` replace its properties."""
        container = {
            "name": "web",
            "properties": {
                "image": image or self.image(),
                "ports": [{"port": 8080}],
                "resources": {"requests": {"cpu": 1.0, "memoryInGB": 1.5}},
            },
        }
        address: dict[str, Any] = {"type": "Public", "ports": [{"port": 8080, "protocol": "TCP"}]}
        if label is not None:
            address["dnsNameLabel"] = label
        properties = {"osType": "Linux", "containers": [container], "ipAddress": address, **changes}
        return {"location": "westeurope", "tags": {"team": "shop"}, "properties": properties}

    def group(self, name: str = "web-1", image: str | None = None, **more: Any) -> str:
        """Create a container group, wait until it is up, and return its FQDN."""
        self.ok("PUT", f"{GROUPS}/{name}", self.body(image, label=more.pop("label", name), **more))
        self.wait(more.get("wait", 1))
        return str(self.ok("GET", f"{GROUPS}/{name}")["properties"]["ipAddress"]["fqdn"])

    def key(self, name: str = "web-1") -> str:
        """Return the world's own id of a group."""
        return f"{GROUPS}/{name}".lower()

    def endpoint(self, name: str, target: str, weight: int = 100, **more: Any) -> dict[str, Any]:
        """Return an external endpoint's body."""
        kind = "Microsoft.Network/trafficManagerProfiles/externalEndpoints"
        return {"name": name, "type": kind, "properties": {"target": target, "weight": weight, **more}}

    def profile_body(self, *endpoints: dict[str, Any], ttl: int = 30, dns: str = "shop", **more: Any) -> dict[str, Any]:
        """Return a profile's body; `more` replaces its properties."""
        monitor = {
            "protocol": "HTTP",
            "port": 8080,
            "path": "/healthz",
            "intervalInSeconds": 10,
            "timeoutInSeconds": 5,
            "toleratedNumberOfFailures": 2,
        }
        properties = {
            "profileStatus": "Enabled",
            "trafficRoutingMethod": "Weighted",
            "dnsConfig": {"relativeName": dns, "ttl": ttl},
            "monitorConfig": {**monitor, **more.pop("monitor", {})},
            "endpoints": list(endpoints),
            **more,
        }
        return {"location": "global", "tags": {}, "properties": properties}

    def profile(self, *endpoints: dict[str, Any], name: str = "shop", **more: Any) -> Any:
        """Create a profile and return it as ARM shows it."""
        return self.ok("PUT", f"{PROFILES}/{name}", self.profile_body(*endpoints, **more))

    def statuses(self, name: str = "shop") -> dict[str, str]:
        """Return the monitor status of each endpoint of a profile."""
        shown = self.ok("GET", f"{PROFILES}/{name}")["properties"]["endpoints"]
        return {endpoint["name"]: endpoint["properties"]["endpointMonitorStatus"] for endpoint in shown}

    def answers(self, times: int = 400, name: str = "shop.trafficmanager.net") -> dict[str | None, int]:
        """Ask for a name often and count what it leads to."""
        rng = random.Random(3)
        counted: dict[str | None, int] = {}
        for _ in range(times):
            answer = self.world.resolve(name, rng)
            counted[answer.cname] = counted.get(answer.cname, 0) + 1
        return counted


@pytest.fixture
def azure() -> Azure:
    """A world with nothing in it."""
    return Azure()


@pytest.fixture(scope="session")
def make_azure() -> type[Azure]:
    """Makes worlds with other settings or seeds."""
    return Azure
