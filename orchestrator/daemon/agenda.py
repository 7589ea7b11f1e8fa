"""One heap of due times: which jobs are due, at a cost that grows with what is due and never with what is known."""

from __future__ import annotations

import math
from heapq import heapify, heappop, heappush
from typing import Generic, TypeVar

K = TypeVar("K", bound="tuple[str, ...] | str")
_SLACK = 64
_DROPPED = math.inf
"""Stands in place of the time of a nudge; any nudge is earlier."""


class Agenda(Generic[K]):
    """Jobs by key, each with the time (monotonic seconds) at which it is due; for use under one lock.

    A key is waiting, or in flight between `take` and `done`, or unknown. Keys are ordered among equal times, so the
    order is the same in every run. A waiting key costs one heap entry of two fields and one entry of a dictionary.
    """

    __slots__ = ("_crowd", "_due", "_flying", "_heap")

    def __init__(self) -> None:
        """Know no job."""
        self._due: dict[K, float] = {}
        # Nudged entries stay in the heap until they come up, or until there are too many of them.
        self._heap: list[tuple[float, K]] = []
        self._flying: dict[K, float | None] = {}
        self._crowd = 0

    def __len__(self) -> int:
        """How many jobs are waiting or in flight."""
        return len(self._due) + len(self._flying)

    def __contains__(self, key: K) -> bool:
        return key in self._due or key in self._flying

    @property
    def in_flight(self) -> int:
        """How many jobs were taken and are not done."""
        return len(self._flying)

    def nudge(self, key: K, due: float) -> None:
        """Let a job be due at `due`, or earlier if it is already; an unknown one begins to be known.

        While it is in flight this asks for one more run afterwards, however often it is said.
        """
        if key in self._flying:
            wanted = self._flying[key]
            self._flying[key] = due if wanted is None else min(wanted, due)
        elif due < self._due.get(key, math.inf):
            self._push(key, due)

    def take(self, now: float) -> list[K]:
        """Return all jobs that are due, earliest first; they are in flight until `done` is said of each."""
        taken: list[K] = []
        while self._heap and self._heap[0][0] <= now:
            due, key = heappop(self._heap)
            if self._due.get(key) == due:
                del self._due[key]
                self._flying[key] = None
                taken.append(key)
        self._crowd = max(self._crowd, len(self._flying))
        return taken

    def done(self, key: K, due: float | None) -> None:
        """Say that the run of a job in flight is over and when it is due next; None forgets it.

        A nudge that came meanwhile counts in any case; a `drop` unless a nudge came after it. KeyError when the job is
        not in flight.
        """
        nudged = self._flying.pop(key)
        if not self._flying and self._crowd > _SLACK:
            # A dictionary keeps the room it once needed, and at the start everything is in flight at once.
            self._flying, self._crowd = {}, 0
        if nudged == _DROPPED:
            return
        wanted = [each for each in (nudged, due) if each is not None]
        if wanted:
            self._push(key, min(wanted))

    def drop(self, key: K) -> None:
        """Forget a job; one in flight runs to its end and does not come again. Idempotent."""
        if key in self._flying:
            # It stays known until its run is over: were it planned anew meanwhile, two runs would be in flight.
            self._flying[key] = _DROPPED
        elif self._due.pop(key, None) is not None:
            self._tidy()

    def next_due(self) -> float:
        """Return when the next waiting job is due; infinity when none waits."""
        while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
            heappop(self._heap)
        return self._heap[0][0] if self._heap else math.inf

    def _push(self, key: K, due: float) -> None:
        self._due[key] = due
        heappush(self._heap, (due, key))
        self._tidy()

    def _tidy(self) -> None:
        if len(self._heap) > 2 * len(self._due) + _SLACK:
            self._heap = [(due, key) for key, due in self._due.items()]
            heapify(self._heap)
