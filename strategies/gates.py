"""What must be proven of a candidate, as data: named sources of counts, and checks that pass or fail."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class When(StrEnum):
    """The stretches of a rollout in which a source is asked."""

    BEFORE = "before"
    """The candidate is ready and gets no requests of clients."""
    DURING = "during"
    """Both sides get requests of clients."""
    AFTER = "after"
    """The candidate has everything, and the old side still runs."""


class MetricKind(StrEnum):
    """What a source tells."""

    FAILURES = "failures"
    """Requests, and how many of them failed."""
    LATENCY = "latency"
    """Requests, and how many of them were slower than an objective."""
    QUIET = "quiet"
    """Requests only: who still gets any while a side drains."""
    CHECK = "check"
    """Nothing is counted: it passes or fails, once at each step."""


@dataclass(frozen=True, slots=True)
class MetricRule:
    """One named source and what it may decide; durations are seconds.

    `interval_seconds` is the finest interval that it counts; `lag_seconds` how old the newest complete one normally is.
    `weight` is its part in the mean of all evidence of its target.
    """

    name: str
    kind: MetricKind = MetricKind.FAILURES
    when: tuple[When, ...] = (When.DURING, When.AFTER)
    dry_run: bool = False
    """Whether it only reports and never decides."""
    weight: float = 1.0
    interval_seconds: float = 5.0
    lag_seconds: float = 0.0
    sampled: bool = False
    """Whether it reads counters now and then, each side's at other moments, so that no interval is quite the same."""
    own: bool = False
    """Whether it counts our own probes: then there is no source to ask."""

    @property
    def drains(self) -> bool:
        """Whether the drain asks it who still gets requests: reports decide nothing, and our own probes never stop."""
        return self.kind is not MetricKind.CHECK and not self.dry_run and not self.own

    @property
    def counts(self) -> bool:
        """Whether it bears on the test of both sides' requests."""
        return self.kind in (MetricKind.FAILURES, MetricKind.LATENCY)
