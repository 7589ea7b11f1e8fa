"""Constant load from many clients, as `rollout demo` needs it to prove that nobody noticed a release.

Every client has its own resolver and keeps an answer for its whole TTL; some keep their connections, some open a new
one for each request. Requests are sent by the clock whether or not earlier ones were answered, so a slow server sees as
many as a fast one.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import aiohttp

from providers.emulator.clock import SystemClock
from providers.emulator.load_counts import UNKNOWN_VERSION, Counts, LoadCounts, LoadSnapshot
from providers.emulator.load_dns import CachingResolver, ResolveError
from providers.emulator.loopback_thread import LoopThread

# After a stall of the machine no more than this is made up for, lest the load become a burst.
MOST_CATCH_UP_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """What to send: GETs of `url` at `rate` per second by `clients`, of whom the part `keep_alive` keeps connections.

    `dns` is the server, `host:port`, that all of them ask; a request fails after `timeout_seconds`.
    """

    url: str
    dns: str
    rate: float = 50.0
    clients: int = 20
    keep_alive: float = 0.5
    timeout_seconds: float = 5.0


@dataclass(slots=True)
class _Client:
    resolver: CachingResolver
    session: aiohttp.ClientSession


class LoadGenerator:
    """Runs a `LoadPlan` from `start` to `stop`, on the caller's loop or, as a `with` block, in its own thread.

    `retired(address)` says whether the deletion of the group at an address has begun; it is asked at the moment each
    request is sent (None: nobody knows, so none is counted). Reading the counts is safe from any thread.
    """

    def __init__(self, plan: LoadPlan, retired: Callable[[str], bool] | None = None) -> None:
        if plan.rate <= 0 or plan.clients < 1:
            raise ValueError(f"load: rate and clients must exceed 0; got {plan.rate} and {plan.clients}")
        self._plan = plan
        self._retired = retired
        self._clock = SystemClock()
        self._counts = LoadCounts()
        self._versions: dict[str, str] = {}
        self._sessions: list[aiohttp.ClientSession] = []
        self._sending: asyncio.Task[None] | None = None
        self._under_way: set[asyncio.Task[None]] = set()
        self._thread = LoopThread("load")
        parts = urlsplit(plan.url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def snapshot(self) -> LoadSnapshot:
        """Return everything counted so far."""
        return self._counts.snapshot()

    def counts(self, since: datetime | None = None) -> Mapping[str, Counts]:
        """Return requests and failures by version of what was sent from a moment (UTC) on."""
        return self._counts.since(since)

    def per_second(self) -> Mapping[int, Mapping[str, Counts]]:
        """Return requests and failures by version for each second since 1970 in which any was sent."""
        return self._counts.per_second()

    async def run(self, duration_seconds: float) -> LoadSnapshot:
        """Send for a number of seconds, wait for the last answers and return the counts."""
        await self.start()
        try:
            await asyncio.sleep(duration_seconds)
        finally:
            await self.stop()
        return self.snapshot()

    async def start(self) -> None:
        """Begin to send on the running loop."""
        timeout = aiohttp.ClientTimeout(total=self._plan.timeout_seconds)
        kept = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout)
        fresh = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, force_close=True), timeout=timeout)
        self._sessions = [kept, fresh]
        keeping = round(self._plan.clients * self._plan.keep_alive)
        clients = [
            _Client(CachingResolver(self._plan.dns, time.monotonic), kept if number < keeping else fresh)
            for number in range(self._plan.clients)
        ]
        self._sending = asyncio.create_task(self._send_all(clients), name="load-sender")

    async def stop(self) -> None:
        """Send nothing more, wait for what is under way (it ends by its timeout), and close all connections."""
        sending, self._sending = self._sending, None
        if sending is not None:
            sending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sending
        await asyncio.gather(*self._under_way)
        for session in self._sessions:
            await session.close()
        self._sessions = []

    def __enter__(self) -> Self:
        self._thread.start(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.stop()

    async def _send_all(self, clients: list[_Client]) -> None:
        interval = 1 / self._plan.rate
        due = time.monotonic()
        sent = 0
        while True:
            now = time.monotonic()
            due = max(due, now - MOST_CATCH_UP_SECONDS)
            while due <= now:
                task = asyncio.create_task(self._send(clients[sent % len(clients)]))
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)
                sent += 1
                due += interval
            await asyncio.sleep(due - now)

    async def _send(self, client: _Client) -> None:
        """Send one request and count it, whatever becomes of it."""
        try:
            address = await client.resolver.address(self._host)
        except ResolveError as error:
            self._counts.record(self._clock.now(), UNKNOWN_VERSION, f"DNS: {error}", retired=False)
            return
        sent_at, retired = self._clock.now(), self._retired is not None and self._retired(address)
        url = f"http://{address}:{self._port}{self._path}"
        failure: str | None = None
        try:
            headers = {"Host": self._host}
            async with client.session.get(url, headers=headers, allow_redirects=False) as response:
                await response.read()
                self._versions[address] = response.headers.get("X-Version", UNKNOWN_VERSION)
                if response.status >= 500:
                    failure = f"status {response.status}"
        except TimeoutError:
            failure = f"no answer within {self._plan.timeout_seconds:g} s"
        except (aiohttp.ClientError, OSError) as error:
            failure = f"{type(error).__name__}: connection to port {self._port}"
        # Who never answered has told no version; what its address last told is the best that is known.
        version = self._versions.get(address, UNKNOWN_VERSION)
        self._counts.record(sent_at, version, failure, retired)
