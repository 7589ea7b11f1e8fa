"""The HTTP servers of groups, pods, Services and Gateways: one loopback address for each, one listener per port.

The world decides what is served and to whom; this module only holds sockets. A group's address is reserved as soon as
the group exists and kept after it is gone, so that two emulators on one machine never serve each other's clients.
"""

from __future__ import annotations

import asyncio
import errno
import random
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

from aiohttp import web

from providers.emulator.exposition import METRICS_PATH
from providers.emulator.loopback_server import ClosableServer
from providers.emulator.values import Workload
from providers.emulator.world import World

# Bound by UDP on a group's address while the emulator holds it; nothing is ever sent there. Outside the range from
# which systems pick ports themselves.
RESERVATION_PORT = 61020
ADDRESS_ATTEMPTS = 200
"""Addresses that no emulator holds, and on which a port is taken all the same, before that is what is believed."""
RETIRED_KEPT = 256


class CannotServeError(Exception):
    """A group's port cannot be opened on any address; `port`, and `str(error)` with the remedy."""

    def __init__(self, port: int, message: str) -> None:
        super().__init__(message)
        self.port = port


@dataclass(slots=True)
class _Tenancy:
    """What is held for one group: its reserved address and, while it listens, its servers."""

    address: str
    ports: tuple[int, ...]
    reservation: socket.socket
    server: ClosableServer | None = None


class WorkloadServers:
    """Opens and closes listeners as the world's groups, pods, Services and Gateways come, crash, recover and go.

    Call `sync` on the loop whenever the world may have moved; all callers wait for the same work. `leave` names the
    kinds of workloads whose addresses are only held, because somebody else serves there.
    """

    def __init__(self, world: World, rng: random.Random, leave: Collection[str] = ()) -> None:
        self._world = world
        self._leave = frozenset(leave)
        self._rng = rng
        self._held: dict[str, _Tenancy] = {}
        self._retired: deque[socket.socket] = deque()
        self._failed: set[str] = set()
        self._seen = -1
        self._work: asyncio.Task[None] | None = None

    async def sync(self) -> None:
        """Make the open listeners those that the world wants when this returns; cheap when nothing has changed."""
        # Again for what changed meanwhile: a pod that is ready by now must listen before a data plane is led to it.
        while self._seen != self._world.revision:
            if self._work is None or self._work.done():
                self._work = asyncio.create_task(self._follow(), name="emulator-listeners")
            # A caller that is cancelled, as when its client leaves, must not leave sockets half open or half closed.
            await asyncio.shield(self._work)

    async def _follow(self) -> None:
        revision = self._world.revision
        wanted = {entry.group_id: entry for entry in self._world.workloads() if not entry.deleting}
        for group_id in [held for held in self._held if held not in wanted]:
            await self._retire(group_id)
        self._failed &= set(wanted)
        for workload in wanted.values():
            if workload.group_id not in self._failed:
                await self._serve(workload)
        self._seen = revision

    async def stop(self) -> None:
        """Close everything that is held and wait for it."""
        work, self._work = self._work, None
        if work is not None:
            await asyncio.wait([work])
        for group_id in list(self._held):
            await self._retire(group_id)
        while self._retired:
            self._retired.popleft().close()

    async def _serve(self, workload: Workload) -> None:
        tenancy = self._held.get(workload.group_id)
        if tenancy is not None and (tenancy.address, tenancy.ports) != (workload.address, workload.ports):
            await self._retire(workload.group_id)
            tenancy = None
        try:
            if tenancy is None:
                tenancy = self._held[workload.group_id] = self._reserve(workload)
            if workload.kind in self._leave:
                return
            if workload.listening and tenancy.server is None:
                await self._open(workload, tenancy)
            elif not workload.listening and tenancy.server is not None:
                await _close(tenancy)
        except CannotServeError as error:
            self._failed.add(workload.group_id)
            await self._retire(workload.group_id)
            self._world.cannot_bind(workload.group_id, error.port, str(error))

    def _reserve(self, workload: Workload) -> _Tenancy:
        """Take the first address, beginning with the group's own, on which nobody else holds any of its ports.

        An address that another emulator holds says nothing about the ports: that one may hold hundreds in a row.
        """
        address = workload.address
        port = workload.ports[0] if workload.ports else RESERVATION_PORT
        taken = 0
        while taken < ADDRESS_ATTEMPTS:
            try:
                reservation = _reservation(address)
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise CannotServeError(port, _remedy(address, port, error)) from error
            else:
                if _free(address, workload.ports, reservation):
                    return _Tenancy(address, workload.ports, reservation)
                taken += 1
            address = self._next(workload, port)
        ports = ", ".join(map(str, workload.ports))
        message = (
            f"port {ports} is in use on each of {ADDRESS_ATTEMPTS} loopback addresses: some process listens on all "
            f"addresses (0.0.0.0); stop it (`ss -ltnp 'sport = :{port}'` names it) or use another port in the template"
        )
        raise CannotServeError(port, message)

    def _next(self, workload: Workload, port: int) -> str:
        try:
            return self._world.next_address(workload.group_id)
        except RuntimeError as error:
            raise CannotServeError(port, str(error)) from error

    async def _open(self, workload: Workload, tenancy: _Tenancy) -> None:
        tenancy.server = ClosableServer(self._handler(workload.group_id, tenancy.address))
        for port in workload.ports:
            listener = _bound(tenancy.address, port)
            try:
                await tenancy.server.listen(listener)
            except OSError as error:
                listener.close()
                raise CannotServeError(port, _remedy(tenancy.address, port, error)) from error

    def _handler(self, group_id: str, address: str) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            port = None if request.transport is None else request.transport.get_extra_info("sockname")[1]
            host = request.headers.get("Host", "").partition(":")[0]
            headers, method = {}, "GET"
            path = request.path
            if self._world.leads_on(group_id):
                # Whoever gets the request in the end is the one who is counted.
                headers, method, path = dict(request.headers), request.method, request.path_qs
            elif path != METRICS_PATH:
                # A server of metrics goes on asking while a workload ends; it is no client.
                self._world.record_request(address)
            answer = self._world.answer(group_id, path, self._rng, port=port, host=host, headers=headers, method=method)
            if answer is None:
                # It crashed or went away between the connection and the request.
                if request.transport is not None:
                    request.transport.abort()
                return web.Response(status=503)
            if answer.latency_seconds > 0:
                await asyncio.sleep(answer.latency_seconds)
            return web.Response(status=answer.status, headers=answer.headers, text=answer.text or f"{answer.status}\n")

        return handle

    async def _retire(self, group_id: str) -> None:
        tenancy = self._held.pop(group_id, None)
        if tenancy is None:
            return
        await _close(tenancy)
        self._retired.append(tenancy.reservation)
        while len(self._retired) > RETIRED_KEPT:
            self._retired.popleft().close()


async def _close(tenancy: _Tenancy) -> None:
    server, tenancy.server = tenancy.server, None
    if server is not None:
        await server.close()


def _reservation(address: str) -> socket.socket:
    held = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        held.bind((address, RESERVATION_PORT))
    except OSError:
        held.close()
        raise
    return held


def _free(address: str, ports: tuple[int, ...], reservation: socket.socket) -> bool:
    """Say whether all ports of an address can be bound; gives the reservation back when not."""
    for port in ports:
        try:
            _bound(address, port).close()
        except CannotServeError as error:
            reservation.close()
            cause = error.__cause__
            if isinstance(cause, OSError) and cause.errno == errno.EADDRINUSE:
                return False
            raise
    return True


def _bound(address: str, port: int) -> socket.socket:
    try:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    except OSError as error:
        raise CannotServeError(port, _remedy(address, port, error)) from error
    try:
        listener.setblocking(False)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
    except OSError as error:
        listener.close()
        raise CannotServeError(port, _remedy(address, port, error)) from error
    return listener


def _remedy(address: str, port: int, error: OSError) -> str:
    """Say what is wrong with a port on this machine and what a person does about it."""
    if error.errno == errno.EACCES:
        return (
            f"this user may not open port {port}: use a port from 1024 up in the template, or allow it with "
            f"`sudo sysctl net.ipv4.ip_unprivileged_port_start={port}`"
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return f"this machine has no address {address}: make it with `sudo ifconfig lo0 alias {address} up`"
    if error.errno == errno.EADDRINUSE:
        return f"{address}:{port} was taken by another process: stop it, then create the group again"
    if error.errno == errno.EMFILE:
        return "too many open files: raise the limit with `ulimit -n 4096` before starting the emulator"
    return f"{address}:{port} cannot be opened: {error.strerror}"
