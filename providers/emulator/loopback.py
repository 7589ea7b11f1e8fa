"""The emulator's loopback door: Azure's management interface, a registry, DNS and running workloads on real sockets.

    with LoopbackEmulator() as emulator:        # a background thread with a loop of its own
        emulator.url, emulator.dns

    async with LoopbackEmulator() as emulator:  # the caller's loop
        ...

All that touches the world runs on that one loop; `emulator.call(function)` runs anything else there.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

from providers.emulator.arm import Arm
from providers.emulator.behaviour import Behaviour, seconds_between
from providers.emulator.clock import SystemClock
from providers.emulator.control import Control
from providers.emulator.dns import DnsServer
from providers.emulator.envoy import Envoy, EnvoyError, EnvoyRefusedError
from providers.emulator.http import Request, Response
from providers.emulator.loopback_http import HttpDoor
from providers.emulator.loopback_thread import LoopThread
from providers.emulator.registry import Registry
from providers.emulator.workloads import WorkloadServers
from providers.emulator.world import CLUSTERS, World

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
LONGEST_NAP_SECONDS = 0.25
SHORTEST_NAP_SECONDS = 0.005
_REGISTRY_PATHS = ("/v2", "/acr/v1", "/oauth2")


class EmulatorError(Exception):
    """The emulator cannot run here; the text says why and what to do."""


class LoopbackEmulator:
    """One world behind real sockets on this machine; ports 0 pick free ones, known once it has started.

    Without a world it makes one that goes by the machine's clock. With `envoy` a real Envoy process serves the Gateways
    of clusters, else the emulator itself. Stopping it leaves no thread, task, socket or process.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        dns_port: int = 0,
        world: World | None = None,
        *,
        registry: Registry | None = None,
        seed: int = 0,
        envoy: bool = False,
    ) -> None:
        self.world = world or World(SystemClock(), random.Random(seed))  # noqa: S311 - traffic, not secrets
        self.registry = registry or Registry(self.world.clock, self.world.register_image)
        self._wanted = (host, port, dns_port)
        self._host = host
        self._rng = random.Random(seed + 1)  # noqa: S311 - traffic, not secrets
        self._control = Control(self.world, self.registry, lambda: self.url)
        self._http = HttpDoor(self._handle)
        self._dns = DnsServer(lambda name: self.world.resolve(name, self._rng))
        self._workloads = WorkloadServers(self.world, self._rng, leave=("gateway",) if envoy else ())
        self._envoy = Envoy(self.world) if envoy else None
        self._arm = Arm(self.world)
        self._moved = asyncio.Event()
        self._driver: asyncio.Task[None] | None = None
        self._thread = LoopThread("emulator")

    @property
    def url(self) -> str:
        """The base URL of the management interface and the control interface, without a final slash."""
        return f"http://{self.registry_host}"

    @property
    def registry_host(self) -> str:
        """The registry's name in an image reference, `host:port`."""
        return f"{self._written_host()}:{self._http.port}"

    @property
    def dns(self) -> str:
        """Where the DNS server answers by UDP and TCP, `host:port`."""
        return f"{self._written_host()}:{self._dns.port}"

    def _written_host(self) -> str:
        return f"[{self._host}]" if ":" in self._host else self._host

    def register_image(self, repository: str, tag: str, behaviour: Behaviour) -> str:
        """Put an image that behaves as told into the registry, from any thread, and return its digest."""
        return self.call(self.registry.register, repository, tag, behaviour)

    def call(self, function: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        """Run a function on the emulator's thread (the world is not made for two at once) and return its result."""
        return self._thread.call(function, *args, **kwargs)

    async def start(self) -> None:
        """Open all doors on the running loop; raises EmulatorError, with nothing left open, when one cannot be."""
        host, port, dns_port = self._wanted
        self._moved = asyncio.Event()
        try:
            await _opened(self._http.start(host, port), "--port", host, port)
            self._arm = Arm(self.world, self.url, retry_after_seconds=1)
            await _opened(self._dns.start(host, dns_port), "--dns-port", host, dns_port)
            if self._envoy is not None:
                await _started(self._envoy)
        except EmulatorError:
            await self.stop()
            raise
        self._driver = asyncio.create_task(self._drive(), name="emulator-driver")
        self._driver.add_done_callback(_report)

    async def stop(self) -> None:
        """Close all doors and wait until they are closed; a second call does nothing."""
        if self._driver is not None:
            self._driver.cancel()
            await asyncio.gather(self._driver, return_exceptions=True)
            self._driver = None
        await self._http.stop()
        if self._envoy is not None:
            await self._envoy.stop()
        await self._workloads.stop()
        await self._dns.stop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def __enter__(self) -> Self:
        self._thread.start(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.stop()

    async def _handle(self, request: Request) -> Response:
        if request.path.startswith(_REGISTRY_PATHS):
            return self.registry.handle(request)
        response = self._answerer(request.path)(request)
        # A group whose deletion was answered must refuse connections from that moment on, not from the next tick on.
        await self._workloads.sync()
        self._moved.set()
        return response

    def _answerer(self, path: str) -> Callable[[Request], Response]:
        if path.startswith("/_emulator"):
            return self._control.handle
        return self._cluster if path.startswith(CLUSTERS) else self._arm.handle

    def _cluster(self, request: Request) -> Response:
        """Answer as the API server of a cluster, which is there as soon as somebody asks for it."""
        name, _, path = request.path.removeprefix(CLUSTERS).partition("/")
        if not name:
            return Response(404, {"Content-Type": "text/plain"}, b"404 page not found\n")
        api = self.world.cluster(name).api
        headers = request.headers
        if api.users.open and request.header("Authorization") is None:
            # kubectl sends no token without TLS; where nobody was given rights, who comes here is the administrator.
            headers = {**headers, "Authorization": "Bearer emulator"}
        return api.handle(replace(request, path=f"/{path}", headers=headers))

    async def _drive(self) -> None:
        """Move the world by its clock, and its listeners with it, until cancelled."""
        while True:
            due = self.world.tick()
            await self._workloads.sync()
            if self._envoy is not None:
                # With nothing in between: what it is led to now listens.
                await _told(self._envoy)
            nap = LONGEST_NAP_SECONDS if due is None else seconds_between(self.world.now(), due)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(max(nap, SHORTEST_NAP_SECONDS), LONGEST_NAP_SECONDS)):
                    await self._moved.wait()
            self._moved.clear()


async def _opened(opening: Awaitable[None], option: str, host: str, port: int) -> None:
    try:
        await opening
    except OSError as error:
        # The name of a host that cannot be resolved comes with a negative number of another table.
        why = os.strerror(error.errno) if error.errno is not None and error.errno > 0 else str(error)
        message = f"{host}:{port} cannot be opened ({why}): choose another with {option}; 0 takes a free one"
        raise EmulatorError(message) from error
    except OverflowError as error:
        raise EmulatorError(f"{option}: expected a port from 0 to 65535; got {port}") from error


async def _told(envoy: Envoy) -> None:
    try:
        await envoy.sync()
    except EnvoyRefusedError as error:
        logging.getLogger(__name__).error("envoy_refused: %s", error)  # noqa: TRY400 - the text says it all


async def _started(envoy: Envoy) -> None:
    try:
        await envoy.start()
    except EnvoyError as error:
        raise EmulatorError(str(error)) from error


def _report(driver: asyncio.Task[None]) -> None:
    if not driver.cancelled() and driver.exception() is not None:
        logging.getLogger(__name__).error("emulator_driver_failed", exc_info=driver.exception())
