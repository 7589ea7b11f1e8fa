"""ARM calls over a real socket, as the loopback tests make them."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp

from providers.emulator.loopback import LoopbackEmulator

SHOP = "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/shop/providers"
GROUPS = f"{SHOP}/Microsoft.ContainerInstance/containerGroups"
PROFILES = f"{SHOP}/Microsoft.Network/trafficManagerProfiles"
VERSIONS = {GROUPS: "2023-05-01", PROFILES: "2022-04-01"}


class Azure:
    """A client of one emulator; every method returns status and JSON body."""

    def __init__(self, emulator: LoopbackEmulator, session: aiohttp.ClientSession) -> None:
        self._emulator = emulator
        self._session = session

    async def call(
        self, method: str, path: str, body: Any = None, version: str = "2023-05-01"
    ) -> tuple[int, Any, dict[str, str]]:
        """Send one ARM call and return status, body and headers."""
        url = f"{self._emulator.url}{path}?api-version={version}"
        headers = {"Authorization": "Bearer anything"}
        async with self._session.request(method, url, json=body, headers=headers) as response:
            text = await response.text()
            told = await response.json() if text else None
            return response.status, told, {key.lower(): value for key, value in response.headers.items()}

    async def control(self, method: str, name: str, body: Any = None) -> tuple[int, Any]:
        """Send one call to the emulator's own interface."""
        async with self._session.request(method, f"{self._emulator.url}/_emulator/{name}", json=body) as response:
            return response.status, await response.json() if response.content_length else None

    async def image(self, tag: str, **behaviour: Any) -> str:
        """Register an image of shop/web and return its digest."""
        body = {"repository": "shop/web", "tag": tag, "behaviour": {"version": tag, **behaviour}}
        status, told = await self.control("POST", "images", body)
        assert status == 201, told
        return str(told["digest"])

    async def group(self, name: str, digest: str, port: int) -> str:
        """Create a group that runs an image, wait until it is up, and return its FQDN."""
        exposed = [{"port": port, "protocol": "TCP"}]
        container = {
            "image": f"{self._emulator.registry_host}/shop/web@{digest}",
            "ports": exposed,
            "resources": {"requests": {"cpu": 1.0, "memoryInGB": 1.0}},
        }
        body = {
            "location": "westeurope",
            "properties": {
                "osType": "Linux",
                "containers": [{"name": "web", "properties": container}],
                "ipAddress": {"type": "Public", "ports": exposed, "dnsNameLabel": f"shop-{name}"},
            },
        }
        status, told, _ = await self.call("PUT", f"{GROUPS}/{name}", body)
        assert status == 201, told
        for _ in range(100):
            _, told, _ = await self.call("GET", f"{GROUPS}/{name}")
            if told["properties"]["provisioningState"] == "Succeeded":
                return str(told["properties"]["ipAddress"]["fqdn"])
            await asyncio.sleep(0.02)
        raise AssertionError(f"{name} did not come up: {told}")

    async def profile(self, weights: dict[str, int], port: int, ttl: int = 1) -> str:
        """Write the profile `shop` with external endpoints by FQDN and weight, and return its name."""
        endpoints = [
            {
                "name": f"e{number}",
                "type": "Microsoft.Network/trafficManagerProfiles/externalEndpoints",
                "properties": {"target": fqdn, "weight": weight, "endpointStatus": "Enabled"},
            }
            for number, (fqdn, weight) in enumerate(weights.items())
        ]
        body = {
            "location": "global",
            "properties": {
                "trafficRoutingMethod": "Weighted",
                "dnsConfig": {"relativeName": "shop", "ttl": ttl},
                "monitorConfig": {"protocol": "HTTP", "port": port, "path": "/healthz"},
                "endpoints": endpoints,
            },
        }
        status, told, _ = await self.call("PUT", f"{PROFILES}/shop", body, VERSIONS[PROFILES])
        assert status in (200, 201), told
        return "shop.trafficmanager.net"
