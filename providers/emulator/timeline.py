"""What is going to happen in the world and when: a heap of due times that a clock drives."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import datetime


class Timeline:
    """Plans happenings at times and runs those that are due, in the order of their times and then of their planning.

    `present` is the time of the happening that runs just now, None when none does.
    """

    def __init__(self) -> None:
        """Begin with nothing planned."""
        self._heap: list[tuple[datetime, int, Callable[[datetime], None]]] = []
        self._planned = 0
        self.present: datetime | None = None

    def at(self, when: datetime, happening: Callable[[datetime], None]) -> None:
        """Plan a call of `happening(when)` once the clock has reached `when`."""
        self._planned += 1
        heapq.heappush(self._heap, (when, self._planned, happening))

    def run(self, now: datetime) -> datetime | None:
        """Run all that is due up to `now`, each with its own time; return the next due time, or None."""
        if self.present is None:
            try:
                while self._heap and self._heap[0][0] <= now:
                    self.present, _, happening = heapq.heappop(self._heap)
                    happening(self.present)
            finally:
                self.present = None
        return self._heap[0][0] if self._heap else None
