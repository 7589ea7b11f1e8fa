"""The in-process door's request counts: what clients that came through `World.answer_at` met, by side."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from strategies.seen import Counts

if TYPE_CHECKING:
    from providers.emulator.world import World


class InProcessMetrics:
    """Counts of both sides in intervals of whole seconds, as `providers.ports.Metrics`.

    `stable` and `candidate` say of a group's name whether it belongs to the side. A refused connection and a status
    from 500 on are failures. `interval_seconds` is the length of an interval; they begin at its multiples since 1970.
    """

    def __init__(
        self,
        world: World,
        *,
        stable: Callable[[str], bool],
        candidate: Callable[[str], bool],
        interval_seconds: int = 10,
    ) -> None:
        """Open the door for one target."""
        self._world, self._sides, self._step = world, (stable, candidate), interval_seconds

    def counts(self, since: datetime) -> tuple[Counts, ...]:
        """Return the intervals that lie wholly between `since` and now and hold requests to both sides."""
        first = math.ceil(since.timestamp() / self._step) * self._step
        last = int(self._world.now().timestamp()) // self._step * self._step
        found = (self._interval(start) for start in range(first, last, self._step))
        return tuple(counts for counts in found if counts.stable_requests and counts.candidate_requests)

    def _interval(self, start: int) -> Counts:
        totals = [0, 0, 0, 0]
        for second in range(start, start + self._step):
            for group, (requests, failures) in self._world.calls.answers.get(second, {}).items():
                for side, belongs in enumerate(self._sides):
                    if belongs(group):
                        totals[2 * side] += requests
                        totals[2 * side + 1] += failures
        begin = datetime.fromtimestamp(start, UTC)
        return Counts(begin, begin + timedelta(seconds=self._step), *totals)
