"""Who does the API's work: threads in bounded number, so that a slow provider delays neither health nor webhooks."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TypeVar

from orchestrator.http.answers import Refusal
from orchestrator.http.apart import apart

T = TypeVar("T")


class Crew:
    """At most `size` pieces of work at a time; more wait for `queue_seconds`, and are refused then.

    A piece that outlasts its caller's `seconds` keeps its place until it is over, so stuck ones never pile up.
    """

    def __init__(self, size: int, seconds: float, queue_seconds: float) -> None:
        """Begin nothing; a thread lives as long as one piece of work."""
        self._places = asyncio.Semaphore(size)
        self._seconds, self._queue_seconds = seconds, queue_seconds

    async def do(self, work: Callable[[], T]) -> T:
        """Do it on a thread and return its result; raises Refusal 503 when all are busy, 504 when it takes long."""
        try:
            async with asyncio.timeout(self._queue_seconds):
                await self._places.acquire()
        except TimeoutError:
            words = "the daemon has too much of this in hand; come back in a moment"
            raise Refusal(503, "busy", words, {"Retry-After": "2"}) from None
        loop = asyncio.get_running_loop()

        def placed() -> T:
            try:
                return work()
            finally:
                # A loop that was closed meanwhile has nobody left who waits for the place.
                with contextlib.suppress(RuntimeError):
                    loop.call_soon_threadsafe(self._places.release)

        try:
            return await apart(placed, self._seconds)
        except TimeoutError:
            words = f"this took longer than {self._seconds:g} s; ask again, what was begun is found then"
            raise Refusal(504, "tooSlow", words) from None


class Waiting:
    """How many may wait for something to happen at once."""

    def __init__(self, most: int) -> None:
        """Nobody waits yet."""
        self._most, self._now = most, 0

    def __enter__(self) -> None:
        if self._now >= self._most:
            words = f"{self._most} wait for events already; ask without `wait`, or come back in a moment"
            raise Refusal(429, "tooManyWaiting", words, {"Retry-After": "2"})
        self._now += 1

    def __exit__(self, *_: object) -> None:
        self._now -= 1
