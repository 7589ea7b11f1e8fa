"""Listeners that keep up with a world that moves on while they are opened and closed, whoever asked for it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from providers.emulator.values import Workload
from providers.emulator.workloads import WorkloadServers
from tests.unit.providers.emulator_loopback.bench import Bench, run


class Gate:
    """Holds the opening of listeners up until it is let through."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached, self.free = asyncio.Event(), asyncio.Event()
        real = WorkloadServers._open

        async def opened(servers: WorkloadServers, workload: Workload, tenancy: Any) -> None:
            self.reached.set()
            await self.free.wait()
            await real(servers, workload, tenancy)

        monkeypatch.setattr(WorkloadServers, "_open", opened)


def test_a_listener_is_opened_though_whoever_asked_for_it_was_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.create("v1", start_seconds=1)
        gate = Gate(monkeypatch)
        asking = asyncio.create_task(bench.pass_time(1))
        await gate.reached.wait()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        gate.free.set()
        await bench.servers.sync()
        assert await bench.get("v1") == (200, "v1")

    run(scenario)


def test_what_the_world_wants_meanwhile_is_open_as_well_when_the_work_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.create("v1", start_seconds=1)
        await bench.create("v2", start_seconds=3)
        gate = Gate(monkeypatch)
        asking = asyncio.create_task(bench.pass_time(1))
        await gate.reached.wait()
        bench.clock.advance(2)
        bench.world.tick()
        gate.free.set()
        await asking
        assert await bench.get("v1") == (200, "v1")
        assert await bench.get("v2") == (200, "v2")

    run(scenario)


def test_stopping_in_the_midst_of_the_work_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.create("v1", start_seconds=1)
        gate = Gate(monkeypatch)
        asking = asyncio.create_task(bench.pass_time(1))
        await gate.reached.wait()
        stopping = asyncio.create_task(bench.servers.stop())
        gate.free.set()
        await asyncio.gather(asking, stopping)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(bench.look("v1").address, bench.port)

    run(scenario)
