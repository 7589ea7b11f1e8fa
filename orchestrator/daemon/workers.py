"""Bounded threads by lane, so that no kind of work starves another: slow registries never delay a tick."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

Task = Callable[[], None]
"""One piece of work; it must not raise."""


class Lane(StrEnum):
    """A kind of work with threads of its own."""

    TICK = "tick"
    LOOK = "look"
    SUBMIT = "submit"
    """Decisions on what was seen: they ask the cloud before a rollout begins."""
    CHORE = "chore"


MOST = {Lane.TICK: 32, Lane.LOOK: 32, Lane.SUBMIT: 6, Lane.CHORE: 4}
"""The greatest number of threads of each lane; looks have twice as many as one slow registry can hold up."""
PATIENCE_SECONDS = {Lane.LOOK: 0.02}
"""How long a lane's tasks wait for a thread that is at work before another one joins in; elsewhere not at all.

Looks are quick and come in crowds: as many threads as there are looks would only take the interpreter from each other.
"""


class Workers(Protocol):
    """Whoever carries tasks out."""

    def submit(self, lane: Lane, task: Task) -> None:
        """Take a task for its lane; it runs in the order of arrival. After `stop` it is dropped."""
        ...

    def tend(self) -> bool:
        """Let more threads join in where tasks have waited too long; whether any task waits. Call it now and then."""
        ...

    def stop(self, seconds: float) -> bool:
        """Begin no further task, wait for those in hand; False when some go on after these seconds. Idempotent."""
        ...


class InlineWorkers:
    """Carries each task out at once, in the caller's thread: a whole daemon runs so in a test, step by step."""

    def __init__(self) -> None:
        """Take tasks from now on."""
        self._stopped = False

    def submit(self, lane: Lane, task: Task) -> None:  # noqa: ARG002 - all lanes are one here
        """Run the task."""
        if not self._stopped:
            task()

    def tend(self) -> bool:
        """Nothing ever waits."""
        return False

    def stop(self, seconds: float) -> bool:  # noqa: ARG002 - nothing is ever in hand here
        """Take no further task."""
        self._stopped = True
        return True


class ThreadWorkers:
    """Threads that are started when they are needed first and then stay; none when nothing was ever submitted."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._pools = {lane: _Pool(lane) for lane in Lane}

    @property
    def threads(self) -> int:
        """How many threads have been started."""
        return sum(len(pool.threads) for pool in self._pools.values())

    @property
    def defects(self) -> int:
        """How many tasks raised, which none should; their threads went on."""
        return sum(pool.defects for pool in self._pools.values())

    @property
    def waiting(self) -> int:
        """How many tasks no thread has taken up yet."""
        return sum(len(pool.tasks) for pool in self._pools.values())

    def submit(self, lane: Lane, task: Task) -> None:
        """Hand the task to a thread of its lane, a new one if all are busy and there may be more."""
        self._pools[lane].submit(task)

    def tend(self) -> bool:
        """Let another thread of each lane join in where tasks wait; whether any task waits."""
        return sum([pool.tend() for pool in self._pools.values()]) > 0

    def stop(self, seconds: float) -> bool:
        """Drop what no thread has taken up, and wait for what is in hand.

        What goes on after these seconds holds no process up: the threads are daemons.
        """
        until = time.monotonic() + seconds
        pools = list(self._pools.values())
        for pool in pools:
            pool.close()
        return sum(pool.join(until) for pool in pools) == len(pools)


class _Pool:
    """The threads of one lane and what waits for them."""

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.threads: list[threading.Thread] = []
        self.tasks: deque[tuple[float, Task]] = deque()
        self._patience = PATIENCE_SECONDS.get(lane, 0.0)
        self._changed = threading.Condition(threading.Lock())
        self._idle = self._called = 0
        self._closed = False
        self.defects = 0

    def submit(self, task: Task) -> None:
        with self._changed:
            if not self._closed:
                self.tasks.append((time.monotonic(), task))
                self._help()

    def tend(self) -> bool:
        with self._changed:
            self._help()
            return bool(self.tasks)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self.tasks.clear()
            self._changed.notify_all()

    def join(self, until: float) -> bool:
        for thread in self.threads:
            thread.join(max(until - time.monotonic(), 0.0))
        return not any(thread.is_alive() for thread in self.threads)

    def _help(self) -> None:
        """Call one more thread, or start one, if nobody is about to take what waits, or it has waited long enough."""
        if len(self.tasks) <= self._called:
            return
        at_work = len(self.threads) - self._idle + self._called
        if at_work and time.monotonic() - self.tasks[0][0] < self._patience:
            return
        if self._idle > self._called:
            self._called += 1
            self._changed.notify()
        elif len(self.threads) < MOST[self.lane]:
            name = f"{self.lane.value}-{len(self.threads) + 1}"
            # A daemon: a provider call cannot be interrupted, and a second signal leaves at once.
            thread = threading.Thread(target=self._work, name=name, daemon=True)
            self.threads.append(thread)
            thread.start()

    def _work(self) -> None:
        while (task := self._next()) is not None:
            try:
                task()
            except BaseException:  # noqa: BLE001 - a thread that dies here would be missing in its lane for ever
                with self._changed:
                    self.defects += 1
            del task

    def _next(self) -> Task | None:
        with self._changed:
            while not self.tasks and not self._closed:
                self._idle += 1
                self._changed.wait()
                self._idle -= 1
                self._called = max(self._called - 1, 0)
            return None if self._closed else self.tasks.popleft()[1]
