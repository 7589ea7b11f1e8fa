"""Simulated time: what happens when, and clocks that may be wrong."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import datetime, timedelta

from providers.emulator.clock import ManualClock

Happening = Callable[[], None]


class Agenda:
    """A heap of happenings over one manual clock; what is due earlier always happens earlier."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock, self.started = clock, clock.now()
        self._heap: list[tuple[float, int, Happening]] = []
        self._count = 0
        self.seconds = 0.0

    def at(self, seconds: float, happening: Happening) -> None:
        """Plan a happening at so many seconds from the start, or at once when that has passed."""
        self._count += 1
        heapq.heappush(self._heap, (max(seconds, self.seconds), self._count, happening))

    def after(self, seconds: float, happening: Happening) -> None:
        """Plan a happening so many seconds from now."""
        self.at(self.seconds + seconds, happening)

    def run_until(self, seconds: float, done: Callable[[], bool] | None = None) -> None:
        """Let everything happen that is due until then, or until `done` holds; may be called from a happening."""
        while self._heap and self._heap[0][0] <= seconds:
            if done is not None and done():
                return
            when, _, happening = heapq.heappop(self._heap)
            self._move(when)
            happening()
        self._move(seconds)

    def _move(self, seconds: float) -> None:
        if seconds > self.seconds:
            self.clock.advance(seconds - self.seconds)
            self.seconds = seconds


class ProcessClock:
    """One process's clock: `skew` seconds off the true time of day, with a monotonic time that is never off."""

    def __init__(self, agenda: Agenda, skew: float = 0.0) -> None:
        self._agenda, self.skew = agenda, skew

    def now(self) -> datetime:
        """The time of day as this process's host has it."""
        now = self._agenda.clock.now()
        return now + timedelta(seconds=self.skew) if self.skew else now

    def monotonic(self) -> float:
        """Seconds since the world began."""
        return self._agenda.seconds

    def sleep(self, seconds: float) -> None:
        """Never called: nothing under simulation waits."""
        raise AssertionError(f"something under simulation slept {seconds} s")
