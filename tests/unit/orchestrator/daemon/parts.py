"""What the tests of the daemon's parts share: a clock moved by hand, a log that is kept, jobs that run at once."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from orchestrator.daemon.jobs import Jobs
from orchestrator.daemon.workers import InlineWorkers
from tests.unit.orchestrator.forecast.stage import Clock

__all__ = ["Clock", "Kept", "Numbers", "run"]


@dataclass
class Kept:
    """A log whose lines are kept."""

    lines: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def info(self, event: str, /, **keys: Any) -> None:
        self.lines.append((event, keys))

    def warning(self, event: str, /, **keys: Any) -> None:
        self.lines.append((event, {**keys, "warning": True}))

    def of(self, event: str) -> list[dict[str, Any]]:
        """The keys of every line of this event."""
        return [keys for said, keys in self.lines if said == event]


@dataclass
class Numbers:
    """Meters that are kept: looks by outcome, and who is in which trouble."""

    looks: list[tuple[str, str]] = field(default_factory=list)
    troubles: dict[str, str] = field(default_factory=dict)
    others: set[tuple[str, str]] = field(default_factory=set)
    """Troubles of manifests and rollouts, by service and kind."""

    def looked(self, host: str, outcome: str, seconds: float) -> None:
        self.looks.append((host, outcome))

    def troubled(self, service: str, kind: str, of: str = "watch") -> None:
        if of == "watch":
            self.troubles[service] = kind
        else:
            self.others.add((service, kind))

    def well(self, service: str, of: str = "watch") -> None:
        if of == "watch":
            self.troubles.pop(service, None)
        else:
            self.others -= {(service, {"manifest": "Manifest"}.get(of, "WaitsForPerson"))}

    def keep(self, services: Collection[str], hosts: Collection[str]) -> None:
        self.troubles = {service: kind for service, kind in self.troubles.items() if service in services}


def jobs_on(clock: Clock, log: Kept) -> Jobs:
    """Jobs that run in the caller's thread as soon as they are due."""
    return Jobs(clock, InlineWorkers(), log)


def run(jobs: Jobs, clock: Clock, seconds: float) -> None:
    """Let so much time pass, and everything happen in it that is due."""
    until = clock.monotonic() + seconds
    while True:
        for _ in range(10_000):
            if not jobs.turn():
                break
        else:
            raise AssertionError("a job is due again and again at once")
        wait = jobs.due_in()
        if clock.monotonic() + wait > until:
            clock.sleep(until - clock.monotonic())
            return
        # The clock knows whole microseconds only.
        clock.sleep(max(math.ceil(wait * 1e6 - 1e-3), 1) / 1e6)
