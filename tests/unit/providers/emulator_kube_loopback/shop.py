"""A shop in an emulated cluster behind sockets, made and changed over its own API."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import dns.asyncquery
import dns.message

from providers.emulator.behaviour import Behaviour
from providers.emulator.loopback import LoopbackEmulator
from tests.unit.providers.emulator_loopback.ports import free_port

HOST = "shop.test"
SPACE = "shop"
ROUTES = "/apis/gateway.networking.k8s.io/v1/namespaces/shop/httproutes"
GATEWAYS = "/apis/gateway.networking.k8s.io/v1/namespaces/shop/gateways"
DEPLOYMENTS = "/apis/apps/v1/namespaces/shop/deployments"
SERVICES = "/api/v1/namespaces/shop/services"
PATIENCE_SECONDS = 20.0


class Shop:
    """One cluster `west` with a Gateway, as a client on the same loop sees it."""

    def __init__(self, emulator: LoopbackEmulator, session: aiohttp.ClientSession) -> None:
        self.emulator, self.session = emulator, session
        self.port = free_port()
        self.server = f"{emulator.url}/clusters/west"
        self.address = ""

    async def call(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> tuple[int, Any]:
        """Send one call to the API server and return status and JSON."""
        headers = {"Authorization": "Bearer emulator", "Content-Type": kind}
        async with self.session.request(method, self.server + path, json=body, headers=headers) as answer:
            return answer.status, await answer.json()

    async def make(self, path: str, body: Any) -> Any:
        """Create an object."""
        status, found = await self.call("POST", path, body)
        assert status == 201, found
        return found

    async def open(self) -> None:
        """Make the namespace and the Gateway, and wait for its address."""
        await self.make("/api/v1/namespaces", {"metadata": {"name": SPACE}})
        listener = {"name": "http", "port": self.port, "protocol": "HTTP"}
        spec = {"gatewayClassName": "emulator", "listeners": [listener]}
        await self.make(GATEWAYS, self._custom("Gateway", "edge", spec))

        async def known() -> str | None:
            _, found = await self.call("GET", f"{GATEWAYS}/edge")
            addresses = found["status"].get("addresses")
            return addresses[0]["value"] if addresses else None

        self.address = await until(known)

    @staticmethod
    def _custom(kind: str, name: str, spec: Any) -> Any:
        head = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": kind}
        return {**head, "metadata": {"name": name}, "spec": spec}

    async def deploy(self, name: str, replicas: int = 2, *, checked: bool = True, **behaviour: Any) -> None:
        """Make a Deployment with a Service, and wait until it is up where it shall come up."""
        digest = self.emulator.registry.register("shop/web", name, Behaviour(version=name, **behaviour))
        container = {
            "name": "web",
            "image": f"{self.emulator.registry_host}/shop/web@{digest}",
            "ports": [{"containerPort": self.port}],
        }
        if checked:
            check = {"httpGet": {"path": "/healthz", "port": self.port}, "periodSeconds": 1}
            container["readinessProbe"] = check
        template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}
        spec = {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template}
        await self.make(DEPLOYMENTS, {"metadata": {"name": name}, "spec": spec})
        ports = [{"port": self.port, "targetPort": self.port}]
        await self.make(SERVICES, {"metadata": {"name": name}, "spec": {"selector": {"app": name}, "ports": ports}})

        async def is_up() -> bool:
            _, found = await self.call("GET", f"{DEPLOYMENTS}/{name}")
            return bool(found["status"].get("availableReplicas", 0) == replicas)

        await until(is_up)

    def backend(self, name: str, weight: int = 1) -> Any:
        """A backendRef."""
        return {"name": name, "port": self.port, "weight": weight}

    async def route(self, rules: list[Any]) -> None:
        """Make or replace the route, and wait until its status speaks of it."""
        spec = {"parentRefs": [{"name": "edge"}], "hostnames": [HOST], "rules": rules}
        status, found = await self.call("GET", f"{ROUTES}/shop")
        if status == 404:
            found = await self.make(ROUTES, self._custom("HTTPRoute", "shop", spec))
        else:
            status, found = await self.call("PATCH", f"{ROUTES}/shop", {"spec": spec}, "application/merge-patch+json")
            assert status == 200, found
        wanted = found["metadata"]["generation"]

        async def is_taken() -> bool:
            _, body = await self.call("GET", f"{ROUTES}/shop")
            parents = body.get("status", {}).get("parents") or []
            return bool(parents) and all(one["observedGeneration"] >= wanted for one in parents[0]["conditions"])

        await until(is_taken)

    async def ask(
        self, path: str = "/", headers: dict[str, str] | None = None, method: str = "GET"
    ) -> tuple[int, str | None]:
        """Send one request through the Gateway and return status and version."""
        url = f"http://{self.address}:{self.port}{path}"
        sent = {"Host": HOST, **(headers or {})}
        async with self.session.request(method, url, headers=sent, allow_redirects=False) as answer:
            await answer.read()
            return answer.status, answer.headers.get("X-Version")

    async def resolve(self, name: str) -> list[str]:
        """Resolve a name by the emulator's DNS."""
        host, _, port = self.emulator.dns.rpartition(":")
        answer = await dns.asyncquery.udp(dns.message.make_query(name, "A"), host, 2, int(port))
        return [item.to_text() for entry in answer.answer for item in entry]


async def until(check: Callable[[], Awaitable[Any]]) -> Any:
    """Wait until a check returns something."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            found = await check()
            if found:
                return found
            await asyncio.sleep(0.02)


@asynccontextmanager
async def load(shop: Shop, clients: int = 4) -> AsyncIterator[Counter[tuple[int, str | None]]]:
    """Send requests without a pause for as long as the block lasts; count every end, refusals as status 0."""
    counts: Counter[tuple[int, str | None]] = Counter()
    ending = asyncio.Event()

    async def client() -> None:
        while not ending.is_set():
            try:
                counts[await shop.ask()] += 1
            except aiohttp.ClientError:
                counts[0, None] += 1

    tasks = [asyncio.create_task(client()) for _ in range(clients)]
    try:
        yield counts
    finally:
        ending.set()
        await asyncio.gather(*tasks)


def run(scenario: Callable[[Shop], Awaitable[None]], *, envoy: bool = False) -> None:
    """Run a scenario over an emulator of its own."""

    async def whole() -> None:
        async with LoopbackEmulator(envoy=envoy) as emulator, aiohttp.ClientSession() as session:
            shop = Shop(emulator, session)
            await shop.open()
            await scenario(shop)

    asyncio.run(whole())
