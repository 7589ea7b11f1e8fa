"""What the judge has heard that one source told of one rollout's target: every second of it, once."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from strategies.model import Side
from strategies.seen import Tally


@dataclass(slots=True)
class Heard:
    """One side: the seconds of which whole counts were told, and whether any request was."""

    seconds: set[int] = field(default_factory=set)
    counted: bool = False
    newest: float | None = None
    """Up to which second anything was told."""

    def hear(self, tallies: tuple[Tally, ...], begun: datetime) -> set[int]:
        """Take in what was told; return the seconds that it was told of."""
        told: set[int] = set()
        for tally in tallies:
            self.counted = self.counted or (tally.requests > 0 and not tally.reset)
            self.newest = max(self.newest or 0.0, (tally.until - begun).total_seconds())
            if not tally.reset:
                first = round((tally.since - begun).total_seconds())
                told |= set(range(first, round((tally.until - begun).total_seconds())))
        self.seconds |= told
        return told


@dataclass(slots=True)
class Told:
    """Both sides of one source, and how many requests of either may at most be counted as evidence."""

    stable: Heard = field(default_factory=Heard)
    candidate: Heard = field(default_factory=Heard)
    both: set[int] = field(default_factory=set)
    """The seconds of which both sides were told."""
    lone: set[int] = field(default_factory=set)
    """Those, and the seconds of which the candidate was told when the stable side had nothing to do any more."""
    stable_requests: int = 0
    candidate_requests: int = 0
    bad_requests: int = 0
    """Requests to the candidate in those seconds, after it began to fail alone and beside the stable side."""
    shared: bool = False
    """Whether requests have failed for everybody meanwhile."""
    bad_windows: dict[int, float] = field(default_factory=dict)
    """The windows in which those fell, and the logarithm of what each may add to the evidence at most."""

    def of(self, side: Side) -> Heard:
        """What was told of one side."""
        return self.stable if side is Side.STABLE else self.candidate

    def hear(
        self, stable: tuple[Tally, ...], candidate: tuple[Tally, ...], begun: datetime, *, alone: bool
    ) -> tuple[set[int], set[int]]:
        """Take in one answer; return the seconds from which each side's requests may be counted from now on."""
        one, other = self.stable.hear(stable, begun), self.candidate.hear(candidate, begun)
        both = ((one & self.candidate.seconds) | (other & self.stable.seconds)) - self.both
        lone = (both | (other if alone else set())) - self.lone
        self.both |= both
        self.lone |= lone
        return both, lone
