"""The emulated cloud of a drain: an old group and a new one, and many profiles that lead from one to the other at once.

Each profile is a client population of its own: in a resolver's cache its answer has its own age. All writes go through
the emulator's ARM door.
"""

from __future__ import annotations

import asyncio
import random
import socket
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import aiohttp

from providers.emulator.behaviour import Behaviour
from providers.emulator.loopback import LoopbackEmulator

_SHOP = "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/shop/providers"
_GROUPS = f"{_SHOP}/Microsoft.ContainerInstance/containerGroups"
_PROFILES = f"{_SHOP}/Microsoft.Network/trafficManagerProfiles"
_ENDPOINT = "Microsoft.Network/trafficManagerProfiles/externalEndpoints"
_GROUP_VERSION, _PROFILE_VERSION = "2023-05-01", "2022-04-01"
_UP_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Population:
    """One profile's name in DNS and its TTL in seconds."""

    name: str
    ttl: int

    @property
    def host(self) -> str:
        """What clients resolve."""
        return f"{self.name}.trafficmanager.net"


class Town:
    """Two groups and a profile for each population; `turn` takes the weight of the old group to zero everywhere."""

    def __init__(self, populations: tuple[Population, ...]) -> None:
        self.populations = populations
        self.emulator = LoopbackEmulator()
        self.port = free_port()
        self.addresses: dict[str, str] = {}
        self.turned: dict[str, float] = {}
        """When each profile's write was answered, on the monotonic clock."""
        self._hosts: dict[str, str] = {}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self.emulator.__enter__()
        self.emulator.call(self._prepare)
        self._session = aiohttp.ClientSession()
        for version in ("old", "new"):
            await self._group(version)
        for population in self.populations:
            await self._profile(population, to="old")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
        self.emulator.__exit__(kind, error, trace)

    def _prepare(self) -> None:
        settings = self.emulator.world.settings
        settings.writes_per_five_minutes = settings.writes_per_hour = 100_000
        # Some resolvers forget a whole chain of aliases with its first expired link; the profile's is to be that one.
        settings.address_ttl_seconds = 600

    async def turn(self) -> None:
        """Switch the old group off in every profile; each turns when its own write is answered."""
        for population in self.populations:
            await self._profile(population, to="new")
            self.turned[population.host] = time.monotonic()

    async def _call(self, method: str, path: str, version: str, body: Any = None) -> Any:
        if self._session is None:
            raise RuntimeError("a town is used within `async with`")
        url = f"{self.emulator.url}{path}?api-version={version}"
        async with self._session.request(method, url, json=body, headers={"Authorization": "Bearer any"}) as answer:
            told = await answer.json()
            if answer.status >= 400:
                raise RuntimeError(f"{method} {path}: {answer.status} {told}")
            return told

    async def _group(self, version: str) -> None:
        behaviour = Behaviour(version)
        digest = await asyncio.to_thread(self.emulator.register_image, "shop/web", version, behaviour)
        ports = [{"port": self.port, "protocol": "TCP"}]
        container = {
            "image": f"{self.emulator.registry_host}/shop/web@{digest}",
            "ports": ports,
            "resources": {"requests": {"cpu": 1.0, "memoryInGB": 1.0}},
        }
        address = {"type": "Public", "ports": ports, "dnsNameLabel": f"shop-{version}"}
        properties = {
            "osType": "Linux",
            "containers": [{"name": "web", "properties": container}],
            "ipAddress": address,
        }
        body = {"location": "westeurope", "properties": properties}
        await self._call("PUT", f"{_GROUPS}/{version}", _GROUP_VERSION, body)
        deadline = time.monotonic() + _UP_SECONDS
        while True:
            told = (await self._call("GET", f"{_GROUPS}/{version}", _GROUP_VERSION))["properties"]
            if told["provisioningState"] == "Succeeded":
                break
            if time.monotonic() > deadline:
                raise RuntimeError(f"{version} did not come up: {told}")
            await asyncio.sleep(0.05)
        self._hosts[version], self.addresses[version] = told["ipAddress"]["fqdn"], told["ipAddress"]["ip"]

    async def _profile(self, population: Population, *, to: str) -> None:
        endpoints = [
            {
                "name": version,
                "type": _ENDPOINT,
                "properties": {
                    "target": host,
                    "weight": 1000,
                    "endpointStatus": "Enabled" if version == to else "Disabled",
                },
            }
            for version, host in self._hosts.items()
        ]
        properties = {
            "trafficRoutingMethod": "Weighted",
            "dnsConfig": {"relativeName": population.name, "ttl": population.ttl},
            "monitorConfig": {"protocol": "HTTP", "port": self.port, "path": "/healthz"},
            "endpoints": endpoints,
        }
        body = {"location": "global", "properties": properties}
        await self._call("PUT", f"{_PROFILES}/{population.name}", _PROFILE_VERSION, body)


def free_port() -> int:
    """A TCP port that is free on all addresses, below those out of which systems pick their own."""
    for port in random.SystemRandom().sample(range(30100, 32700), 50):
        with socket.socket() as probe:
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                continue
            return port
    raise RuntimeError("none of 50 ports between 30100 and 32700 is free")
