"""A world whose clock is moved by hand, the sockets of what runs in it, and a client."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

from providers.emulator.arm import Arm
from providers.emulator.behaviour import Behaviour
from providers.emulator.clock import ManualClock
from providers.emulator.values import Workload
from providers.emulator.workloads import WorkloadServers
from providers.emulator.world import World
from tests.unit.providers.emulator_loopback.ports import free_port

GROUP = "/subscriptions/s/resourceGroups/shop/providers/Microsoft.ContainerInstance/containerGroups/{}"
API = "2023-05-01"


class Bench:
    """A world, its listeners and a client in one."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.world = World(self.clock, random.Random(7))
        self.servers = WorkloadServers(self.world, random.Random(8))
        self.client: aiohttp.ClientSession
        self.port = free_port()

    async def create(self, name: str, ports: list[int] | None = None, **behaviour: Any) -> None:
        """Create a group and let the listeners follow."""
        wanted = ports or [self.port]
        self.world.register_image("shop/web", name, Behaviour(version=name, **behaviour))
        exposed = [{"port": port, "protocol": "TCP"} for port in wanted]
        requests = {"requests": {"cpu": 1.0, "memoryInGB": 1.0}}
        container = {"image": f"127.0.0.1/shop/web:{name}", "ports": exposed, "resources": requests}
        body = {
            "location": "westeurope",
            "properties": {
                "osType": "Linux",
                "containers": [{"name": "web", "properties": container}],
                "ipAddress": {"type": "Public", "ports": exposed, "dnsNameLabel": f"shop-{name}"},
            },
        }
        reply = Arm(self.world).call("PUT", GROUP.format(name), body, API)
        assert reply.result.status == 201, reply.result.body
        await self.servers.sync()

    async def delete(self, name: str) -> None:
        """Begin a group's deletion and let the listeners follow."""
        assert Arm(self.world).call("DELETE", GROUP.format(name), None, API).result.status < 300
        await self.servers.sync()

    async def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.world.tick()
        await self.servers.sync()

    def look(self, name: str) -> Workload:
        return next(entry for entry in self.world.workloads() if entry.name == name)

    async def get(self, name: str, path: str = "/", port: int | None = None) -> tuple[int, str | None]:
        url = f"http://{self.look(name).address}:{port or self.port}{path}"
        async with self.client.get(url) as response:
            await response.read()
            return response.status, response.headers.get("X-Version")


def run(scenario: Callable[[Bench], Awaitable[None]]) -> None:
    async def whole() -> None:
        bench = Bench()
        async with aiohttp.ClientSession() as bench.client:
            try:
                await scenario(bench)
            finally:
                await bench.servers.stop()

    asyncio.run(whole())
