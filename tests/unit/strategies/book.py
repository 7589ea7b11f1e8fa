"""A rollout that goes on tick by tick, with all that its journal told of sources meanwhile."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from strategies.events import Event
from strategies.journal import explain
from strategies.model import Rollout
from strategies.seen import Reading
from tests.unit.strategies.build import at, tick
from tests.unit.strategies.sources import reading, seen

ABOUT_SOURCES = ("metric_", "telemetry_", "check_", "step_", "drain_")


class Book:
    """A rollout that goes on tick by tick, and all that its journal told of sources meanwhile."""

    def __init__(self, of: Rollout, now: float = 0.0) -> None:
        self.of, self.now, self.events = replace(of, ticked_at=at(now)), now, list[Event]()

    def go(self, seconds: float, stable: Any, candidate: Any, **more: Any) -> Book:
        """Let both sides have these counts every five seconds; None: the source knows nothing of the side."""
        end = self.now + seconds
        while self.now < end:
            said = reading(stable, candidate, since=self.now, until=self.now + 5, **more)
            self.step(5, said)
        return self

    def step(self, seconds: float, *said: Reading, **more: Any) -> Book:
        """One tick so many seconds later."""
        self.now += seconds
        before, self.of = self.of, tick(self.of, self.now, seen(self.of, self.now, *said, **more))
        self.events += explain(before, self.of, at(self.now))
        return self

    def told(self, *kinds: str) -> list[tuple[str, float]]:
        """Kinds and times of what was told of sources, or of these kinds alone."""
        wanted = kinds or ABOUT_SOURCES
        return [(e.kind, (e.at - at(0)).total_seconds()) for e in self.events if e.kind.startswith(wanted)]

    def data(self, kind: str) -> dict[str, Any]:
        """What the last event of a kind carries."""
        return dict([e for e in self.events if e.kind == kind][-1].data)
