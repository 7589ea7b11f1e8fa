"""The ports and the store as one process has them: calls fail, time out, arrive late, and the process dies in them.

Everything that a process does passes here, so here it is also told to the judge.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from orchestrator.store.ports import Store
from providers.errors import Conflict, Denied, Throttled, Transient
from providers.ports import Finding
from strategies.journal import Event
from strategies.model import Rollout, TrafficIntent
from strategies.seen import Counts, GroupSeen, Mark, ProbeSeen, TrafficSeen
from tests.simulation.lab import LATE_SECONDS, Crash

if TYPE_CHECKING:
    from providers.emulator.inprocess import InProcessProbes, InProcessTraffic, InProcessWorkloads
    from tests.simulation.processes import Process

T = TypeVar("T")


class Luck:
    """What goes wrong in one process's calls; everything goes well once the world is healed."""

    def __init__(self, process: Process, seed: int) -> None:
        self.process, self.rng = process, random.Random(seed)
        self.scenario = process.lab.scenario

    @property
    def out(self) -> bool:
        """Whether accidents may still happen."""
        return not self.process.world.healed

    def read(self, what: Callable[[], T]) -> T:
        """Make a reading call, which may fail."""
        if self.out:
            if self.process.world.blind:
                raise Transient("the control plane does not answer", code="Unavailable")
            if self.rng.random() < self.scenario.call_faults:
                raise self.rng.choice((Transient("timed out"), Throttled("slow down", retry_after=2.0)))
        return what()

    def write(self, what: Callable[[], None]) -> None:
        """Make a writing call, which may fail before or after it acted, come late, or kill the process."""
        if self.out and self.process.world.blind:
            raise Transient("the control plane does not answer", code="Unavailable")
        roll = self.rng.random() if self.out else 1.0
        if roll < self.scenario.crashes:
            if self.rng.random() < 0.5:
                what()
            raise Crash
        if self.out and self.rng.random() < self.scenario.stalls:
            self.process.stall(self.rng.uniform(1.0, LATE_SECONDS))
        if self.out and self.rng.random() < self.scenario.call_faults * 2:
            kind = self.rng.choice(("before", "after", "throttled", "conflict"))
            if kind == "after":
                what()
            if kind in ("before", "after"):
                raise Transient("timed out", code="Timeout")
            raise Throttled("slow down", retry_after=2.0) if kind == "throttled" else Conflict("somebody else writes")
        what()

    def between(self) -> None:
        """Between two steps of a process it may die, or be stopped for a while and go on later."""
        if self.out and self.rng.random() < self.scenario.crashes:
            raise Crash
        if self.out and self.rng.random() < self.scenario.stalls:
            self.process.stall(self.rng.uniform(1.0, 25.0))


class GuardedStore:
    """A store whose saves are judged, and before and after which a process may die."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def __getattr__(self, name: str) -> Any:
        return getattr(self._process.world.store, name)

    def save(self, rollout: Rollout, *, expected: int, fence: int, events: Sequence[Event]) -> Rollout:
        """Save, and let the judge compare the two states."""
        process = self._process
        process.luck.between()
        store: Store = process.world.store
        before = store.load(rollout.id)
        saved = store.save(rollout, expected=expected, fence=fence, events=events)
        process.world.judge.saved(process, before, rollout, tuple(events))
        process.luck.between()
        return saved


class GuardedWorkloads:
    """Container groups as one process reaches them."""

    def __init__(self, process: Process, inner: InProcessWorkloads, where: tuple[str, str]) -> None:
        self.process, self.inner, self.where = process, inner, where

    def look(self, names: Sequence[str]) -> tuple[GroupSeen, ...]:
        """Read groups; now and then one of them cannot be read."""
        luck = self.process.luck
        found = luck.read(lambda: self.inner.look(names))
        if luck.out and luck.scenario.call_faults:
            found = tuple(g for g in found if luck.rng.random() >= luck.scenario.call_faults)
        return found

    def discover(self) -> tuple[GroupSeen, ...]:
        """Read every marked group."""
        return self.process.luck.read(self.inner.discover)

    def ensure(self, name: str, mark: Mark) -> None:
        """Create, at most once."""
        judge = self.process.world.judge
        judge.may_write(self.process, self.where[0])

        def act() -> None:
            if self.process.world.denied_groups:
                raise Denied("the role does not allow it", code="AuthorizationFailed")
            judge.creating(name)
            self.inner.ensure(name, mark)
            judge.created(name)

        self.process.luck.write(act)

    def retire(self, name: str, keep_until: datetime | None = None) -> None:
        """Delete, never what is still named."""
        judge, service = self.process.world.judge, self.where
        judge.may_write(self.process, service[0])

        def act() -> None:
            judge.retiring(service, name, keep=keep_until is not None)
            if keep_until is None and self.process.world.locked:
                raise Denied("a lock forbids it", code="ScopeLocked")
            self.inner.retire(name, keep_until)

        self.process.luck.write(act)

    def preflight(self, replicas: int) -> tuple[Finding, ...]:
        """Nothing to check."""
        return ()


class GuardedTraffic:
    """A profile as one process reaches it."""

    def __init__(self, process: Process, inner: InProcessTraffic, where: tuple[str, str]) -> None:
        self.process, self.inner, self.where = process, inner, where

    def look(self) -> TrafficSeen:
        """Read the profile, with the time as this process has it."""
        process = self.process
        process.blind.add(self.where)
        seen = process.luck.read(self.inner.look)
        process.blind.discard(self.where)
        return replace(seen, at=process.clock.now()) if process.clock.skew else seen

    def shift(self, intent: TrafficIntent, seen: TrafficSeen) -> None:
        """Write the split; the judge compares the profile before and after."""
        judge = self.process.world.judge
        judge.may_write(self.process, self.where[0])

        def act() -> None:
            if self.process.world.denied:
                raise Denied("the role does not allow it", code="AuthorizationFailed")
            judge.shifting(self.where)
            try:
                self.inner.shift(intent, seen)
            finally:
                judge.shifted(self.where, intent)
            self.process.world.grow_stale(self.where)

        self.process.luck.write(act)

    def preflight(self) -> tuple[Finding, ...]:
        """Nothing to check."""
        return ()


class GuardedProbes:
    """Our probes, a few of which are lost on the way."""

    def __init__(self, process: Process, inner: InProcessProbes, where: tuple[str, str]) -> None:
        self.process, self.inner, self.where = process, inner, where

    def sample(self, addresses: Mapping[str, str]) -> tuple[ProbeSeen, ...]:
        """Probe; now and then one is lost."""
        process, luck = self.process, self.process.luck
        found = []
        for probe in self.inner.sample(addresses):
            if luck.out and luck.rng.random() < luck.scenario.flaps:
                probe = replace(probe, ok=False, why="timed out")  # noqa: PLW2901 - the flap replaces what was seen
            found.append(replace(probe, at=process.clock.now()) if process.clock.skew else probe)
        process.probed += found
        return tuple(found)


class GuardedMetrics:
    """The clients' own counts, by side, in whole intervals of five seconds."""

    def __init__(self, process: Process, where: tuple[str, str]) -> None:
        self.process, self.where = process, where

    def counts(self, since: datetime) -> tuple[Counts, ...]:
        """Complete intervals since then."""
        world = self.process.world
        if world.metrics_gone and not world.healed:
            raise Transient("the metrics source does not answer")
        skew = timedelta(seconds=self.process.clock.skew)
        found = world.crowd.counts(self.where, since - skew)
        return tuple(replace(c, since=c.since + skew, until=c.until + skew) for c in found) if skew else found
