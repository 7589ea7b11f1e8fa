"""Which loopback addresses and ports running container groups take, and what they say where they get none."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pytest

from providers.emulator.addresses import Addresses
from providers.emulator.arm import Arm
from providers.emulator.workloads import ADDRESS_ATTEMPTS, RESERVATION_PORT
from tests.unit.providers.emulator_loopback.bench import API, GROUP, Bench, run
from tests.unit.providers.emulator_loopback.ports import free_port


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
