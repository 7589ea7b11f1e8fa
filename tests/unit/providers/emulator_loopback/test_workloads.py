"""The sockets of running container groups, over a world whose clock is moved by hand."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress

import aiohttp
import pytest

from tests.unit.providers.emulator_loopback.bench import Bench, run
from tests.unit.providers.emulator_loopback.ports import free_port


def test_each_group_answers_on_its_own_address_and_every_port_with_its_version() -> None:
    async def scenario(bench: Bench) -> None:
        other = free_port()
        await bench.create("v1", [bench.port, other])
        await bench.create("v2")
        await bench.pass_time(1)
        assert await bench.get("v1") == (200, "v1") == await bench.get("v1", port=other)
        assert await bench.get("v2") == (200, "v2")
        assert bench.look("v1").address != bench.look("v2").address
        assert bench.world.state()["calls"]["requests"] == {"v1": 2, "v2": 1}

    run(scenario)


def test_a_group_refuses_connections_until_its_containers_run() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.create("v1", start_seconds=5)
        with pytest.raises(aiohttp.ClientConnectorError):
            await bench.get("v1")
        await bench.pass_time(6)
        assert await bench.get("v1") == (200, "v1")

    run(scenario)


def test_a_deleted_group_closes_its_listener_and_its_open_connections_at_once() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.create("v1")
        await bench.pass_time(1)
        address = bench.look("v1").address
        reader, writer = await asyncio.open_connection(address, bench.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n")
        assert b"200 OK" in await reader.readline()
        await bench.delete("v1")
        assert (await asyncio.wait_for(reader.read(), 2)).endswith(b"200\n")
        writer.close()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(address, bench.port)

    run(scenario)


def test_a_request_that_is_being_answered_is_cut_off_when_its_group_is_deleted() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.create("v1", latency_seconds=0.1)
        await bench.pass_time(1)
        pending = asyncio.create_task(bench.get("v1"))
        while not bench.world.calls.requests:
            await asyncio.sleep(0)
        await bench.delete("v1")
        with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
            await asyncio.wait_for(pending, 2)

    run(scenario)


@pytest.mark.parametrize("turns", range(7))
def test_a_connection_that_is_just_being_accepted_does_not_outlive_its_group(turns: int) -> None:
    """Between the kernel's handshake and the server's knowledge of a connection lie some turns of the loop."""

    async def scenario(bench: Bench) -> None:
        await bench.create("v1")
        await bench.pass_time(1)
        with socket.create_connection((bench.look("v1").address, bench.port)) as arriving:
            arriving.setblocking(False)
            for _ in range(turns):
                await asyncio.sleep(0)
            await bench.delete("v1")
            with suppress(ConnectionResetError):
                async with asyncio.timeout(2):
                    assert await asyncio.get_running_loop().sock_recv(arriving, 1) == b""

    run(scenario)


def test_a_crashed_group_refuses_connections_and_serves_again_after_its_restart() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.create("v1", crash_after_seconds=5)
        await bench.pass_time(1)
        assert await bench.get("v1") == (200, "v1")
        await bench.pass_time(4.5)
        with pytest.raises(aiohttp.ClientError):
            await bench.get("v1")
        for _ in range(60):
            await bench.pass_time(1)
            if bench.look("v1").listening:
                break
        assert await bench.get("v1") == (200, "v1")

    run(scenario)


def test_connections_are_kept_alive_between_requests() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.create("v1")
        await bench.pass_time(1)
        reader, writer = await asyncio.open_connection(bench.look("v1").address, bench.port)
        for _ in range(3):
            writer.write(b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            assert b"X-Version: v1" in head
            assert await reader.readexactly(4) == b"200\n"
        writer.close()

    run(scenario)


def test_resetting_the_world_closes_all_listeners() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.create("v1")
        await bench.pass_time(1)
        address = bench.look("v1").address
        bench.world.reset()
        await bench.servers.sync()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(address, bench.port)

    run(scenario)
