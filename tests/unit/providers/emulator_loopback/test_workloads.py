"""The sockets of running container groups, over a world whose clock is moved by hand."""

from __future__ import annotations

import asyncio
import errno
import os
import random
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import aiohttp
import pytest

from providers.emulator.addresses import Addresses
from providers.emulator.arm import Arm
from providers.emulator.behaviour import Behaviour
from providers.emulator.clock import ManualClock
from providers.emulator.values import Workload
from providers.emulator.workloads import ADDRESS_ATTEMPTS, RESERVATION_PORT, WorkloadServers
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


@contextmanager
def hold_next_address(bench: Bench, kind: str) -> Iterator[str]:
    """Take the address that the world will give next, as another process would; one that is taken is passed over."""
    while True:
        head, _, last = bench.world.addresses.give("nobody", "nobody").rpartition(".")
        following = f"{head}.{int(last) + 1}"
        with socket.socket(type=socket.SOCK_STREAM if kind == "listener" else socket.SOCK_DGRAM) as taken:
            try:
                taken.bind((following, bench.port if kind == "listener" else RESERVATION_PORT))
            except OSError:
                continue
            if kind == "listener":
                taken.listen()
            yield following
            return


@pytest.mark.parametrize("kind", ["listener", "another emulator"])
def test_an_address_that_somebody_else_holds_is_skipped_for_the_next(kind: str) -> None:
    async def scenario(bench: Bench) -> None:
        with hold_next_address(bench, kind) as following:
            await bench.create("v1")
            await bench.pass_time(1)
            assert bench.look("v1").address != following
            assert await bench.get("v1") == (200, "v1")

    run(scenario)


def test_hundreds_of_addresses_in_a_row_that_another_emulator_holds_are_skipped() -> None:
    async def scenario(bench: Bench) -> None:
        with ExitStack() as held:
            ahead = Addresses()
            for _ in range(ADDRESS_ATTEMPTS + 60):
                taken = held.enter_context(socket.socket(type=socket.SOCK_DGRAM))
                with suppress(OSError):  # an emulator that runs beside this test holds it
                    taken.bind((ahead.give("nobody", "nobody"), RESERVATION_PORT))
            await bench.create("v1")
            await bench.pass_time(1)
            assert await bench.get("v1") == (200, "v1")

    run(scenario)


def test_two_emulators_on_one_machine_never_share_an_address() -> None:
    async def scenario(bench: Bench) -> None:
        other = Bench()
        other.port = bench.port
        for name in ("v1", "v2"):
            await bench.create(name)
            await other.create(name)
        taken = [entry.address for world in (bench.world, other.world) for entry in world.workloads()]
        assert len(set(taken)) == 4
        await bench.delete("v1")
        # Clients of the first emulator may still remember the address of its deleted group.
        late = Bench()
        late.port = bench.port
        await late.create("v3")
        assert late.look("v3").address not in taken
        await late.servers.stop()
        await other.servers.stop()

    run(scenario)


def test_a_port_that_is_taken_everywhere_fails_the_group_and_names_the_remedy() -> None:
    async def scenario(bench: Bench) -> None:
        port = free_port()
        with socket.socket() as everywhere:
            everywhere.bind(("0.0.0.0", port))
            everywhere.listen()
            await bench.create("v1", [port])
            await bench.pass_time(1)
        shown = Arm(bench.world).call("GET", GROUP.format("v1"), None, API).result.body["properties"]
        told = str(shown["instanceView"]["events"])
        assert shown["provisioningState"] == "Failed"
        assert f"port {port} is in use" in told and "ss -ltnp" in told

    run(scenario)


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.EACCES, "sudo sysctl net.ipv4.ip_unprivileged_port_start="),
        (errno.EADDRNOTAVAIL, "sudo ifconfig lo0 alias 127.20.0.1 up"),
        (errno.EMFILE, "ulimit -n 4096"),
        (errno.EPERM, "cannot be opened: Operation not permitted"),
    ],
)
def test_a_port_that_this_machine_does_not_allow_fails_the_group_and_names_the_remedy(
    monkeypatch: pytest.MonkeyPatch, number: int, remedy: str
) -> None:
    class Refusing(socket.socket):
        def bind(self, address: Any) -> None:
            raise OSError(number, os.strerror(number))

    async def scenario(bench: Bench) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(socket, "socket", Refusing)
            await bench.create("v1")
        shown = Arm(bench.world).call("GET", GROUP.format("v1"), None, API).result.body["properties"]
        assert shown["provisioningState"] == "Failed"
        assert remedy in str(shown["instanceView"]["events"])

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
