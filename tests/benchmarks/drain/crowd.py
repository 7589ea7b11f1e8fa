"""Clients of a drain: some ask a resolver over and over, some keep a connection for as long as it happens to last."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import time
from dataclasses import dataclass, field
from typing import cast

import dns.flags
import dns.message

from tests.benchmarks.drain.town import Population

ASKED_EVERY_SECONDS = 0.2
REQUEST_EVERY_SECONDS = 1.0
_TIMEOUT_SECONDS = 2.0


class Asker(asyncio.DatagramProtocol):
    """Asks one resolver for many names from one socket, and remembers when an answer last named the old address."""

    def __init__(self, old: str, new: str) -> None:
        self._old, self._new = socket.inet_aton(old), socket.inet_aton(new)
        self._transport: asyncio.DatagramTransport | None = None
        self._waiting: dict[int, tuple[str, asyncio.Future[str] | None]] = {}
        self._number = 0
        self.last_old: dict[str, float] = {}
        self.first_new: dict[str, float] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the socket."""
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str | bytes, int]) -> None:
        """Note which side an answer names; one without an address names nobody."""
        host, asked = self._waiting.pop(int.from_bytes(data[:2], "big"), ("", None))
        now = time.monotonic()
        if not host:
            return
        if self._old in data:
            self.last_old[host] = now
        elif self._new in data:
            self.first_new.setdefault(host, now)
        if asked is not None and not asked.done():
            address = self._old if self._old in data else self._new if self._new in data else b""
            asked.set_result(socket.inet_ntoa(address) if address else "")

    def ask(self, host: str, asked: asyncio.Future[str] | None = None) -> None:
        """Send one question; its answer comes when it comes."""
        if self._transport is None:
            raise RuntimeError("the asker has no socket yet")
        self._number = (self._number + 1) % 65536
        query = dns.message.make_query(host, "A", flags=dns.flags.RD)
        query.id = self._number
        self._waiting[self._number] = (host, asked)
        self._transport.sendto(query.to_wire())

    async def address(self, host: str) -> str | None:
        """Resolve a name; None when there is no answer in time."""
        asked: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.ask(host, asked)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                return await asked or None
        return None

    def close(self) -> None:
        """Close the socket."""
        if self._transport is not None:
            self._transport.close()


async def asker(resolver: str, old: str, new: str) -> Asker:
    """An asker of the resolver at `host:port`."""
    host, _, port = resolver.rpartition(":")
    loop = asyncio.get_running_loop()
    _, made = await loop.create_datagram_endpoint(lambda: Asker(old, new), remote_addr=(host, int(port)))
    return made


async def keep_asking(made: Asker, population: Population, first: float, until: float) -> None:
    """Ask for one population's name from `first` on (monotonic), several times a second."""
    await asyncio.sleep(max(first - time.monotonic(), 0.0))
    while time.monotonic() < until:
        made.ask(population.host)
        await asyncio.sleep(ASKED_EVERY_SECONDS)


@dataclass(slots=True)
class Pinned:
    """Clients that keep a connection for an exponential time, then resolve and connect anew; one request a second."""

    made: Asker
    populations: tuple[Population, ...]
    port: int
    hold_seconds: float
    dice: random.Random
    old: list[tuple[str, float]] = field(default_factory=list)
    """Each answer of the old group: under which name, and when on the monotonic clock."""
    last_old: dict[int, tuple[str, float]] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)

    async def client(self, number: int, until: float) -> None:
        """One client's life."""
        await asyncio.sleep(self.dice.random() * REQUEST_EVERY_SECONDS)
        host = self.populations[number % len(self.populations)].host
        while time.monotonic() < until:
            address = await self.made.address(host)
            if address is None:
                self._failed("no address")
                await asyncio.sleep(REQUEST_EVERY_SECONDS)
                continue
            try:
                await self._connection(number, host, address, until)
            except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
                self._failed(type(error).__name__)

    def _failed(self, why: str) -> None:
        self.failures[why] = self.failures.get(why, 0) + 1

    async def _connection(self, number: int, host: str, address: str, until: float) -> None:
        ends = time.monotonic() + self.dice.expovariate(1 / self.hold_seconds)
        reader, writer = await asyncio.open_connection(address, self.port)
        try:
            while (now := time.monotonic()) < min(ends, until):
                if await self._request(host, reader, writer) == "old":
                    self.old.append((host, time.monotonic()))
                    self.last_old[number] = self.old[-1]
                rest = REQUEST_EVERY_SECONDS - (time.monotonic() - now)
                await asyncio.sleep(max(min(rest, ends - time.monotonic()), 0.0))
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _request(self, host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        """Send one request on a kept connection; the version that answered."""
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            writer.write(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
            await reader.readexactly(int(headers.get("content-length", "0")))
            return headers.get("x-version", "")
