"""Pods behind a real Envoy that come and go: it is led to none that does not listen yet, and none ends under it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from providers.emulator.envoy import Envoy
from providers.emulator.envoy_config import Config
from providers.emulator.values import Workload
from providers.emulator.workloads import WorkloadServers
from tests.unit.providers.emulator_kube_loopback.shop import Shop, load, run
from tests.unit.providers.emulator_kube_loopback.test_envoy import REAL, old_ones_gone, replaced, two


@REAL
def test_an_envoy_that_is_slow_to_take_new_endpoints_is_left_with_none_that_refuses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = Envoy._tell

    async def slow(envoy: Envoy, wanted: Config) -> None:
        await asyncio.sleep(1.5)
        await real(envoy, wanted)

    async def scenario(shop: Shop) -> None:
        await two(shop)
        # Less than Envoy takes, as on a machine that has much else to do.
        shop.emulator.world.cluster("west").settings.termination_seconds = 0.5
        monkeypatch.setattr(Envoy, "_tell", slow)
        async with load(shop) as counts:
            await replaced(shop)
            await old_ones_gone(shop)
        assert {status for status, _ in counts} == {200}
        assert counts[200, "v2"] > 0

    run(scenario, envoy=True)


@REAL
def test_a_pod_whose_listener_takes_its_time_gets_no_request_before_it_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    real = WorkloadServers._open

    async def slow(servers: WorkloadServers, workload: Workload, tenancy: Any) -> None:
        await asyncio.sleep(0.3 if workload.kind == "pod" else 0)
        await real(servers, workload, tenancy)

    async def scenario(shop: Shop) -> None:
        await two(shop)
        monkeypatch.setattr(WorkloadServers, "_open", slow)
        async with load(shop) as counts:
            await replaced(shop)
            await old_ones_gone(shop)
        assert {status for status, _ in counts} == {200}
        assert counts[200, "v2"] > 0

    run(scenario, envoy=True)
