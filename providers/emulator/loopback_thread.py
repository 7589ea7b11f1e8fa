"""Runs an asynchronous service on an event loop of its own in a background thread, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import ParamSpec, Protocol, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class Service(Protocol):
    """Anything that is started and stopped on a running loop."""

    async def start(self) -> None:
        """Begin; an exception means that nothing was left open."""
        ...

    async def stop(self) -> None:
        """End, and wait for all that was begun."""
        ...


class LoopThread:
    """One background thread with one loop that carries one service from `start` to `stop`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._leave: asyncio.Event | None = None
        self._ended: Future[None] = Future()

    def start(self, service: Service) -> None:
        """Start the thread and return once the service has started; what its start raises is raised here."""
        if self._thread is not None:
            raise RuntimeError(f"{self._name} is running already: stop it before it is started again")
        started: Future[None] = Future()
        self._ended = Future()
        self._thread = threading.Thread(target=self._carry, args=(service, started), name=self._name, daemon=True)
        self._thread.start()
        try:
            started.result()
        except BaseException:
            self._thread.join()
            self._thread = None
            raise

    def stop(self) -> None:
        """Stop the service, end the thread, and raise what went wrong in either; a second call does nothing."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        if self._loop is not None and self._leave is not None:
            self._loop.call_soon_threadsafe(self._leave.set)
        thread.join()
        self._ended.result()

    def call(self, function: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        """Run a function on the loop's thread, between two of its events, and return its result."""
        if self._loop is None or self._thread is None:
            raise RuntimeError(f"{self._name} is not running: start it first")

        async def run() -> Result:
            return function(*args, **kwargs)

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result()

    def wait(self, awaited: Callable[[], Awaitable[Result]]) -> Result:
        """Await something on the loop's thread and return its result."""
        if self._loop is None or self._thread is None:
            raise RuntimeError(f"{self._name} is not running: start it first")

        async def run() -> Result:
            return await awaited()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result()

    def _carry(self, service: Service, started: Future[None]) -> None:
        try:
            asyncio.run(self._live(service, started))
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits for it
            (self._ended if started.done() else started).set_exception(error)
        else:
            self._ended.set_result(None)

    async def _live(self, service: Service, started: Future[None]) -> None:
        self._loop, self._leave = asyncio.get_running_loop(), asyncio.Event()
        await service.start()
        started.set_result(None)
        try:
            await self._leave.wait()
        finally:
            await service.stop()
