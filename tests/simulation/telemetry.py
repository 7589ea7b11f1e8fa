"""What every workload answered to clients, second by second: the plain truth, of which a source tells a part."""

from __future__ import annotations

import random
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from strategies.model import Side
from tests.simulation.grounds import Running, Standing
from tests.simulation.scene import Defect

if TYPE_CHECKING:
    from tests.simulation.lab import Lab

TOGETHER_SECONDS = 40.0
SLOW = 0.02
"""The part of all requests that are slow when all is well."""
Sums = tuple[int, int, int, int]
"""Requests answered, those of them that failed, those that were slow, and requests that were refused."""
_NOTHING: Sums = (0, 0, 0, 0)
_SOUND = Defect()


@dataclass(slots=True)
class Served:
    """One workload: sums of all it answered up to a second, and when each process of it began."""

    seconds: list[int] = field(default_factory=list)
    sums: list[Sums] = field(default_factory=list)
    starts: list[float] = field(default_factory=list)
    up_until: float = 0.0

    def add(self, second: int, more: Sums) -> None:
        """Add what was answered just now."""
        known = self.sums[-1] if self.sums else _NOTHING
        total = (known[0] + more[0], known[1] + more[1], known[2] + more[2], known[3] + more[3])
        if self.seconds and self.seconds[-1] == second:
            self.sums[-1] = total
        else:
            self.seconds.append(second)
            self.sums.append(total)

    def within(self, begin: int, end: int) -> Sums:
        """What was answered from one second on and before another."""
        one, other = self._before(begin), self._before(end)
        return (other[0] - one[0], other[1] - one[1], other[2] - one[2], other[3] - one[3])

    def _before(self, second: int) -> Sums:
        at = bisect_left(self.seconds, second)
        return self.sums[at - 1] if at else _NOTHING


@dataclass(frozen=True, slots=True)
class Gap:
    """What is wrong with sources for a while: `gone`, `mistaken`, or for one side `lost`, `late` or `reset`."""

    kind: str
    begin: float
    end: float
    metric: str | None = None
    side: Side | None = None


class Telemetry:
    """Keeps what was answered, and why it failed where nobody else fails."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.rng = random.Random(lab.scenario.seed * 53 + 9)
        self.gaps: list[Gap] = []
        self.shared: set[int] = set()
        """What runs and fails only because everything does, by `id`."""
        self.dependency = 0.0
        """The part of everybody's requests that fail because of what all of them need."""
        self.share: dict[str, float] = {}
        """The candidate's share by service, as last confirmed."""
        self.at_last: tuple[float, float] | None = None
        """The part of everybody's requests that will fail, so many seconds after a candidate got everything."""
        self.own: Counter[str] = Counter()
        """Requests that a workload alone failed, refused or was slow with, by name."""
        self.hidden: Counter[str] = Counter()
        """Those of them that failed by what no probe shows."""
        self.served: dict[str, Served] = {}
        self._defects = {
            (wanted.service.name, release.tag): release.defect
            for wanted in lab.scenario.services
            for release in wanted.releases
            if release.defect is not None
        }

    def answered(self, name: str, run: Running, people: int) -> None:
        """So many people asked a workload at once, and each of them got an answer of its own."""
        failing, slow = self._shared(run), SLOW + 0.5 * self.dependency
        plain, hidden = self._plain(run), self._hidden(name, run)
        failed = self._of(people, 1 - (1 - failing) * (1 - plain) * (1 - hidden.rate))
        slowly = self._of(people, 1 - (1 - slow) * (1 - hidden.slow))
        self.own[name] += (failed if plain or hidden.rate else 0) + (slowly if hidden.slow else 0)
        self.hidden[name] += failed if hidden.rate else 0
        self._add(name, (people, failed, slowly, 0))

    def refused(self, name: str, people: int) -> None:
        """Nobody answered."""
        self.own[name] += people
        self._add(name, (0, 0, 0, people))

    @property
    def failing_together(self) -> bool:
        """Whether something fails for everybody just now."""
        return bool(self.shared) or self.dependency > 0

    def confirmed(self, service: str, share: float) -> None:
        """Take note of a candidate's share."""
        self.share[service] = share
        if self.at_last is not None and share >= 100:
            (part, after), self.at_last = self.at_last, None
            self.lab.agenda.after(after, lambda: self.fail_together(part, TOGETHER_SECONDS))

    def fail_together(self, part: float, seconds: float) -> None:
        """Let a part of everybody's requests fail for a while."""
        self.dependency = part

        def heal() -> None:
            self.dependency = 0.0

        self.lab.agenda.after(seconds, heal)

    def notice(self, name: str, standing: Standing | None) -> Served:
        """Take note of who answers for a workload at present."""
        served = self.served.setdefault(name, Served())
        since = standing.since if standing is not None and not standing.deleting else None
        if since is None:
            served.up_until = min(served.up_until, self.lab.agenda.seconds)
        else:
            served.up_until = float("inf")
            if not served.starts or since > served.starts[-1] + 0.001:
                served.starts.append(since)
        return served

    def requests(self, names: Iterable[str], begin: int, end: int, *, refused: bool = True) -> int:
        """How many requests reached these workloads, with those that were refused or without."""
        found = (self.served[name].within(begin, end) for name in names if name in self.served)
        return sum(each[0] + (each[3] if refused else 0) for each in found)

    def fails_alone(self, names: Iterable[str]) -> bool:
        """Whether any of these workloads has failed a request that nobody else would have."""
        return any(self.own[name] for name in names)

    def has_defect(self, names: Iterable[str]) -> bool:
        """Whether any of these workloads has failed a request though no probe shows why."""
        return any(self.hidden[name] for name in names)

    def defect(self, service: str, tag: str) -> Defect | None:
        """What is wrong with an image and no probe shows."""
        return self._defects.get((service, tag))

    def _add(self, name: str, more: Sums) -> None:
        self.served.setdefault(name, Served()).add(int(self.lab.agenda.seconds), more)

    def _of(self, people: int, part: float) -> int:
        return sum(self.rng.random() < part for _ in range(people)) if part > 0 else 0

    def _shared(self, run: Running) -> float:
        broken = run.behaviour.error_rate if id(run) in self.shared else 0.0
        return 1 - (1 - self.dependency) * (1 - broken)

    def _plain(self, run: Running) -> float:
        """The part that fails here alone and as the image says, health checks included."""
        if id(run) in self.shared or self._age(run) < run.behaviour.errors_after_seconds:
            return 0.0
        return run.behaviour.error_rate

    def _hidden(self, name: str, run: Running) -> Defect:
        """What is wrong by now and no probe shows."""
        service = name.partition("-")[0]
        defect = self._defects.get((service, run.behaviour.version), _SOUND)
        begun = self._age(run) >= defect.after_seconds and self.share.get(service, 0.0) >= defect.from_share
        return defect if begun else _SOUND

    def _age(self, run: Running) -> float:
        return (self.lab.clock.now() - run.since).total_seconds() if run.since is not None else 0.0
