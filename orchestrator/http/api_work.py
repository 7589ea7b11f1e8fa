"""Who does the API's work: threads in bounded number, so that a slow provider delays neither health nor webhooks."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

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


@dataclass(frozen=True, slots=True)
class _Question(Generic[T]):
    key: Hashable
    look: Callable[[], T]
    answer: asyncio.Future[T]


class Rounds(Generic[T]):
    """Answers all who look for something again and again: in rounds, each one piece of work for all of them.

    `pause_seconds` lie between two rounds, and more where the looks differ so much that there would be over
    `most_per_second` of them.
    """

    def __init__(self, crew: Crew, pause_seconds: float, most_per_second: float) -> None:
        """Begin nothing; there are rounds while somebody asks."""
        self._crew, self._pause_seconds, self._most_per_second = crew, pause_seconds, most_per_second
        self._asked: list[_Question[T]] = []
        self._looked = 0
        self._round: asyncio.Task[None] | None = None

    async def next(self, key: Hashable, look: Callable[[], T]) -> T:
        """Return what the next round saw, or raise what it met; of all who ask with the same key, one `look` is made.

        Raises Refusal as `Crew.do` does.
        """
        question: _Question[T] = _Question(key, look, asyncio.get_running_loop().create_future())
        self._asked.append(question)
        self._begin()
        try:
            return await question.answer
        finally:
            if question in self._asked:
                self._asked.remove(question)

    def _begin(self) -> None:
        if self._round is None or self._round.done():
            self._round = asyncio.create_task(self._go_round())

    async def _go_round(self) -> None:
        while True:
            await asyncio.sleep(max(self._pause_seconds, self._looked / self._most_per_second))
            asked, self._asked = self._asked, []
            looks = {question.key: question.look for question in asked}
            self._looked = len(looks)
            seen: dict[Hashable, T | Exception]
            try:
                seen = await self._crew.do(partial(_all_tried, looks))
            except Exception as error:  # noqa: BLE001 - it is the answer to all who asked
                seen = dict.fromkeys(looks, error)
            for question in asked:
                _settle(question.answer, seen[question.key])
            # Those who were answered ask again within this turn of the loop.
            await asyncio.sleep(0)
            if not self._asked:
                return


def _all_tried(looks: Mapping[Hashable, Callable[[], T]]) -> dict[Hashable, T | Exception]:
    return {key: _tried(look) for key, look in looks.items()}


def _tried(look: Callable[[], T]) -> T | Exception:
    try:
        return look()
    except Exception as error:  # noqa: BLE001 - handed to those who asked for this look
        return error


def _settle(answer: asyncio.Future[T], seen: T | Exception) -> None:
    if answer.done():
        return
    if isinstance(seen, Exception):
        answer.set_exception(seen)
    else:
        answer.set_result(seen)


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
