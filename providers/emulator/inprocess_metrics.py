"""The in-process door's request counts: what clients that came through `World.answer_at` met, by side."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from providers.ports import Finding, Question
from strategies.seen import Reading, Tally

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
        name: str = "requests",
    ) -> None:
        """Open the door for one target."""
        self._world, self._sides, self._step = world, (stable, candidate), interval_seconds
        self._name = name

    def read(self, question: Question) -> Reading:
        """Return the intervals that lie wholly between the question's `since` and now."""
        step = self._step
        first = math.ceil(question.since.timestamp() / step) * step
        last = int(self._world.now().timestamp()) // step * step
        sides: list[list[Tally]] = [[], []]
        for start in range(first, last, step):
            for side, tally in enumerate(self._interval(start)):
                sides[side].append(tally)
        return Reading(self._name, self._world.now(), tuple(sides[0]), tuple(sides[1]))

    def preflight(self, _question: Question) -> tuple[Finding, ...]:
        """Nothing can be wrong with it."""
        return ()

    def _interval(self, start: int) -> tuple[Tally, Tally]:
        totals = [0, 0, 0, 0]
        for second in range(start, start + self._step):
            for group, (requests, failures) in self._world.calls.answers.get(second, {}).items():
                for side, belongs in enumerate(self._sides):
                    if belongs(group):
                        totals[2 * side] += requests
                        totals[2 * side + 1] += failures
        begin = datetime.fromtimestamp(start, UTC)
        end = begin + timedelta(seconds=self._step)
        return Tally(begin, end, totals[0], totals[1]), Tally(begin, end, totals[2], totals[3])
