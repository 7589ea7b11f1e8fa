"""The API server of an emulated cluster behind the emulator's HTTP socket."""

from __future__ import annotations

import asyncio
import json
import stat
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from providers.emulator.kube.kubeconfig import kubeconfig
from providers.emulator.loopback import EmulatorError, LoopbackEmulator
from providers.emulator.serve import _write, endpoint_lines
from tests.unit.providers.emulator_kube_loopback.shop import DEPLOYMENTS, ROUTES, SERVICES, Shop, run


def test_the_kubeconfig_leads_to_each_cluster_by_a_context_of_its_name() -> None:
    async def scenario(shop: Shop) -> None:
        async with shop.session.get(f"{shop.emulator.url}/_emulator/kubeconfig?clusters=east,south") as answer:
            told = await answer.json()
        assert [one["name"] for one in told["contexts"]] == ["emulator", "west", "east", "south"]
        assert told["current-context"] == "emulator"
        token = told["users"][0]["user"]["token"]
        for one in told["clusters"]:
            url = f"{one['cluster']['server']}/api/v1/namespaces/default"
            async with shop.session.get(url, headers={"Authorization": f"Bearer {token}"}) as answer:
                assert answer.status == 200

    run(scenario)


def test_clusters_are_apart_and_a_token_says_who_asks() -> None:
    async def scenario(shop: Shop) -> None:
        await shop.deploy("v1")
        shop.server = f"{shop.emulator.url}/clusters/east"
        status, found = await shop.call("GET", DEPLOYMENTS)
        assert (status, found["items"]) == (200, [])
        users = shop.emulator.world.cluster("east").api.users
        users.add("viewer", "secret")
        rules = [{"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "list"]}]
        users.grant("viewer", {"kind": "ClusterRole", "metadata": {"name": "view"}, "rules": rules})
        headers = {"Authorization": "Bearer secret"}
        async with shop.session.get(shop.server + DEPLOYMENTS, headers=headers) as answer:
            assert answer.status == 200
        async with shop.session.get(shop.server + SERVICES, headers=headers) as answer:
            assert answer.status == 403
        async with shop.session.get(shop.server + SERVICES, headers={"Authorization": "Bearer other"}) as answer:
            assert answer.status == 401

    run(scenario)


def test_a_path_without_a_cluster_is_not_found() -> None:
    async def scenario(shop: Shop) -> None:
        async with shop.session.get(f"{shop.emulator.url}/clusters/") as answer:
            assert answer.status == 404

    run(scenario)


async def watched(shop: Shop, path: str, seconds: int) -> aiohttp.ClientResponse:
    url = f"{shop.server}{path}?watch=true&timeoutSeconds={seconds}"
    return await shop.session.get(url, headers={"Authorization": "Bearer emulator"})


def test_a_watch_sends_each_change_when_it_happens_and_ends_in_time() -> None:
    async def scenario(shop: Shop) -> None:
        answer = await watched(shop, SERVICES, 2)
        assert answer.headers["Content-Type"] == "application/json"
        await shop.make(SERVICES, {"metadata": {"name": "a"}, "spec": {"ports": [{"port": 80}]}})
        first: Any = json.loads(await answer.content.readline())
        assert (first["type"], first["object"]["metadata"]["name"]) == ("ADDED", "a")
        await shop.call("DELETE", f"{SERVICES}/a")
        second = json.loads(await answer.content.readline())
        assert second["type"] == "DELETED"
        assert await answer.content.read() == b""

    run(scenario)


def test_a_client_that_leaves_a_watch_leaves_no_listener_behind() -> None:
    async def scenario(shop: Shop) -> None:
        listeners = shop.emulator.world.cluster("west").objects.listeners
        before = len(listeners)
        answer = await watched(shop, SERVICES, 60)
        assert len(listeners) == before + 1
        answer.close()
        async with asyncio.timeout(5):
            while len(listeners) > before:
                await shop.make(SERVICES, {"metadata": {"generateName": "a-"}, "spec": {"ports": [{"port": 80}]}})
                await asyncio.sleep(0.02)

    run(scenario)


def test_the_proxy_of_the_server_reaches_ready_pods_only() -> None:
    async def scenario(shop: Shop) -> None:
        await shop.deploy("v1", error_rate=0.0, unhealthy_after_seconds=None)
        await shop.deploy("none", replicas=0)
        headers = {"Authorization": "Bearer emulator"}
        pod = next(iter(shop.emulator.world.cluster("west").kubelet.pods.values()))
        for path, wanted in (
            (f"{SERVICES}/v1:{shop.port}/proxy/healthz", 200),
            (f"{SERVICES}/http:v1:{shop.port}/proxy/", 200),
            (f"{SERVICES}/v1/proxy", 200),
            (f"/api/v1/namespaces/shop/pods/{pod.name}:{shop.port}/proxy/healthz", 200),
            (f"/api/v1/namespaces/shop/pods/{pod.name}:1/proxy/healthz", 503),
            (f"{SERVICES}/none:{shop.port}/proxy/healthz", 503),
            (f"{SERVICES}/v1:9/proxy/healthz", 503),
            (f"{SERVICES}/nobody:80/proxy/healthz", 404),
            (f"{SERVICES}/ftp:v1:80/proxy/healthz", 400),
        ):
            async with shop.session.get(shop.server + path, headers=headers) as answer:
                body = await answer.text()
                assert answer.status == wanted, (path, body)
                if wanted == 200:
                    assert answer.headers["X-Version"] == "v1"
                else:
                    assert json.loads(body)["kind"] == "Status"
        async with shop.session.get(f"{shop.server}{SERVICES}/none/proxy/", headers=headers) as answer:
            told = await answer.json()
        assert (told["reason"], told["message"]) == (
            "ServiceUnavailable",
            'no endpoints available for service "none"',
        )

    run(scenario)


def test_a_reset_forgets_the_cluster_and_frees_its_sockets() -> None:
    async def scenario(shop: Shop) -> None:
        await shop.deploy("v1")
        await shop.route([{"backendRefs": [shop.backend("v1")]}])
        assert await shop.ask() == (200, "v1")
        async with shop.session.post(f"{shop.emulator.url}/_emulator/reset") as answer:
            assert answer.status == 204
        with pytest.raises(aiohttp.ClientError):
            await shop.ask()
        assert (await shop.call("GET", ROUTES))[1]["items"] == []

    run(scenario)


def test_what_is_printed_with_a_kubeconfig_can_be_evaluated_by_a_shell(tmp_path: Path) -> None:
    with LoopbackEmulator() as emulator:
        emulator.call(emulator.world.cluster, "emulator")
        lines = endpoint_lines(emulator, True, tmp_path / "kube config")
        assert f"export KUBECONFIG='{tmp_path}/kube config'" in lines
        assert any("/clusters/{emulator}" in line for line in lines)


def test_a_kubeconfig_is_written_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "config"
    _write(file, json.dumps(kubeconfig("http://127.0.0.1:1", ["a"])))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [one["name"] for one in json.loads(file.read_text())["contexts"]] == ["emulator", "a"]
    _write(file, json.dumps(kubeconfig("http://127.0.0.1:2", [])))
    assert "127.0.0.1:2" in file.read_text()
    own = tmp_path / "own"
    own.write_text("apiVersion: v1\nkind: Config\n")
    with pytest.raises(EmulatorError, match=r"--kubeconfig: .* name another file"):
        _write(own, "{}")
    assert own.read_text() == "apiVersion: v1\nkind: Config\n"
    with pytest.raises(EmulatorError, match=r"--kubeconfig: .* cannot be written"):
        _write(tmp_path / "no" / "config", "")
