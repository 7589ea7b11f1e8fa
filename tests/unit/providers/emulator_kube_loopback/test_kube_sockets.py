"""Pods, Services and Gateways on sockets of their own, and the names that lead to them."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from tests.unit.providers.emulator_kube_loopback.shop import DEPLOYMENTS, SERVICES, Shop, load, run, until


async def version_at(shop: Shop, address: str) -> str | None:
    async with shop.session.get(f"http://{address}:{shop.port}/") as answer:
        return answer.headers.get("X-Version")


def test_pods_services_and_gateways_answer_at_addresses_of_their_own() -> None:
    async def scenario(shop: Shop) -> None:
        await shop.deploy("v1")
        await shop.route([{"backendRefs": [shop.backend("v1")]}])
        pods = [pod.address for pod in shop.emulator.world.cluster("west").kubelet.pods.values()]
        (service,) = await shop.resolve("v1.shop.svc.cluster.local")
        assert await shop.resolve("v1.shop.svc") == [service]
        assert await shop.resolve("shop.test") == [shop.address]
        assert len({*pods, service, shop.address}) == 4
        for address in (*pods, service):
            assert await version_at(shop, address) == "v1"
        assert await shop.ask() == (200, "v1")
        assert shop.emulator.world.calls.requests == {"v1": 4}

    run(scenario)


def test_who_scrapes_a_pods_metrics_is_no_client_of_it() -> None:
    async def scenario(shop: Shop) -> None:
        await shop.deploy("v1")
        (pod,) = [pod.address for pod in shop.emulator.world.cluster("west").kubelet.pods.values()][:1]
        async with shop.session.get(f"http://{pod}:{shop.port}/metrics") as answer:
            assert "http_requests_total" in await answer.text()
        assert shop.emulator.world.calls.requests == {}

    run(scenario)


def test_a_route_changes_what_clients_get_and_fails_no_request() -> None:
    async def scenario(shop: Shop) -> None:
        await shop.deploy("v1")
        await shop.deploy("v2")
        await shop.route([{"backendRefs": [shop.backend("v1", 1000), shop.backend("v2", 0)]}])
        async with load(shop) as counts:
            for weight in (100, 500, 1000):
                await shop.route([{"backendRefs": [shop.backend("v1", 1000 - weight), shop.backend("v2", weight)]}])
                await asyncio.sleep(0.1)
            counts.clear()
            await shop.call("DELETE", f"{DEPLOYMENTS}/v1?propagationPolicy=Foreground")

            async def is_gone() -> bool:
                return (await shop.call("GET", f"{DEPLOYMENTS}/v1"))[0] == 404

            await until(is_gone)
        assert set(counts) == {(200, "v2")}
        assert shop.emulator.world.calls.requests_to_retired == {}

    run(scenario)


def test_a_service_follows_its_selector_at_once() -> None:
    async def scenario(shop: Shop) -> None:
        await shop.deploy("v1")
        await shop.deploy("v2")
        (address,) = await shop.resolve("v1.shop.svc")
        assert await version_at(shop, address) == "v1"
        patch = {"spec": {"selector": {"app": "v2"}}}
        await shop.call("PATCH", f"{SERVICES}/v1", patch, "application/merge-patch+json")
        assert await version_at(shop, address) == "v2"

    run(scenario)


def test_a_pod_that_crashed_refuses_connections() -> None:
    async def scenario(shop: Shop) -> None:
        await shop.deploy("v1", replicas=1, crash_after_seconds=1.0)
        (pod,) = shop.emulator.world.cluster("west").kubelet.pods.values()
        assert await version_at(shop, pod.address) == "v1"

        async def is_down() -> bool:
            try:
                await version_at(shop, pod.address)
            except aiohttp.ClientError:
                return True
            return False

        await until(is_down)

    run(scenario)


def test_the_gateway_hands_on_path_headers_and_method() -> None:
    async def scenario(shop: Shop) -> None:
        await shop.deploy("v1")
        await shop.deploy("v2")
        query = {"queryParams": [{"name": "lane", "value": "new"}]}
        await shop.route(
            [
                {"backendRefs": [shop.backend("v1")]},
                {"matches": [{"headers": [{"name": "x-lane", "value": "new"}]}], "backendRefs": [shop.backend("v2")]},
                {"matches": [query], "backendRefs": [shop.backend("v2")]},
                {"matches": [{"method": "POST"}], "backendRefs": [shop.backend("v2")]},
            ]
        )
        assert await shop.ask() == (200, "v1")
        assert await shop.ask(headers={"X-Lane": "new"}) == (200, "v2")
        assert await shop.ask("/?lane=new") == (200, "v2")
        assert await shop.ask(method="POST") == (200, "v2")
        assert (await shop.ask(headers={"Host": "other.test"}))[0] == 404

    run(scenario)


def test_a_gateway_whose_port_cannot_be_opened_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(shop: Shop) -> None:
        world = shop.emulator.world
        key = world.cluster("west").id_of("gateways", "shop", "edge")
        world.cannot_bind(key, shop.port, "this user may not open it")

        async def told() -> str | None:
            _, found = await shop.call("GET", "/apis/gateway.networking.k8s.io/v1/namespaces/shop/gateways/edge")
            conditions = {one["type"]: one for one in found["status"]["conditions"]}
            return conditions["Programmed"]["message"] if conditions["Programmed"]["status"] == "False" else None

        assert await until(told) == f"Port {shop.port} cannot be bound: this user may not open it"

    run(scenario)
