"""The ports and the store as one process has them: calls fail, time out, arrive late, and the process dies in them.

Everything that a process does passes here, so here it is also told to the judge.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from orchestrator.store.ports import Store
from providers.errors import Conflict, Denied, Throttled, Transient
from providers.ports import Finding, Probes, Traffic, Workloads
from strategies.journal import Event
from strategies.model import Rollout, TrafficIntent
from strategies.seen import GroupSeen, Mark, ProbeSeen, TrafficSeen
from tests.simulation.lab import LATE_SECONDS, Crash

if TYPE_CHECKING:
    from tests.simulation.processes import Process

T = TypeVar("T")


class Luck:
    """What goes wrong in one process's calls; everything goes well once the world is healed."""

    def __init__(self, process: Process, seed: int) -> None:
        self.process, self.rng = process, random.Random(seed)
        self.scenario = process.lab.scenario
        self._room = LATE_SECONDS

    @property
    def out(self) -> bool:
        """Whether accidents may still happen."""
        return not self.process.world.healed

    def read(self, what: Callable[[], T], part: float = 1.0) -> T:
        """Make a reading call, which may fail; `part` of the usual chance."""
        if self.out:
            if self.process.world.blind:
                raise Transient("the control plane does not answer", code="Unavailable")
            if self.rng.random() < self.scenario.call_faults * part:
                raise self.rng.choice((Transient("timed out"), Throttled("slow down", retry_after=2.0)))
        return what()

    def write(self, what: Callable[[], T], part: float = 1.0) -> T:
        """Make a writing call, which may fail before or after it acted, come late, or kill the process."""
        if self.out and self.process.world.blind:
            raise Transient("the control plane does not answer", code="Unavailable")
        roll = self.rng.random() if self.out else 1.0
        if roll < self.scenario.crashes * part:
            if self.rng.random() < 0.5:
                what()
            raise Crash
        if self.out and self.rng.random() < self.scenario.stalls * part:
            self._come_late()
        if self.out and self.rng.random() < self.scenario.call_faults * 2 * part:
            kind = self.rng.choice(("before", "after", "throttled", "conflict"))
            if kind == "after":
                what()
            if kind in ("before", "after"):
                raise Transient("timed out", code="Timeout")
            raise Throttled("slow down", retry_after=2.0) if kind == "throttled" else Conflict("somebody else writes")
        return what()

    def _come_late(self) -> None:
        seconds = min(self.rng.uniform(1.0, LATE_SECONDS), self._room)
        self._room -= seconds
        if seconds > 0:
            self.process.stall(seconds)

    def begin_act(self) -> None:
        """All calls of one act together may be late by as much as one call."""
        self._room = LATE_SECONDS

    def meets_a_neighbour(self) -> bool:
        """Whether somebody else writes the same object just before we do."""
        return self.out and self.rng.random() < self.scenario.call_faults * 3

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


class Guarded:
    """What all guarded hands have: where accidents happen to single calls below, they do not happen here as well."""

    def __init__(self, process: Process, where: tuple[str, str]) -> None:
        self.process, self.where = process, where
        self.ground = process.lab.ground(where)

    def _read(self, what: Callable[[], T]) -> T:
        return what() if self.ground.by_call else self.process.luck.read(what)

    def _write(self, what: Callable[[], None]) -> None:
        self.process.luck.begin_act()
        if self.ground.by_call:
            what()
        else:
            self.process.luck.write(what)

    def _refuse(
        self, refused: bool, why: str = "the role does not allow it", code: str = "AuthorizationFailed"
    ) -> None:
        if refused and not self.ground.by_call:
            raise Denied(why, code=code)


class GuardedWorkloads(Guarded):
    """Workloads as one process reaches them."""

    def __init__(self, process: Process, inner: Workloads, where: tuple[str, str]) -> None:
        super().__init__(process, where)
        self.inner = inner

    def look(self, names: Sequence[str]) -> tuple[GroupSeen, ...]:
        """Read workloads; now and then one of them cannot be read."""
        luck = self.process.luck
        found = self._read(lambda: self.inner.look(names))
        if luck.out and luck.scenario.call_faults and not self.ground.by_call:
            found = tuple(g for g in found if luck.rng.random() >= luck.scenario.call_faults)
        return found

    def discover(self) -> tuple[GroupSeen, ...]:
        """Read every marked workload."""
        return self._read(self.inner.discover)

    def ensure(self, name: str, mark: Mark) -> None:
        """Create, at most once; what is made of several objects may be asked for again."""
        judge = self.process.world.judge
        judge.may_write(self.process, self.where[0])

        def act() -> None:
            self._refuse(self.process.world.denied_groups)
            if not self.ground.by_call:
                judge.creating(self.where, name)
            self.inner.ensure(name, mark)
            judge.created(name)

        self._write(act)

    def retire(self, name: str, keep_until: datetime | None = None) -> None:
        """Delete, never what is still named."""
        judge = self.process.world.judge
        judge.may_write(self.process, self.where[0])

        def act() -> None:
            judge.retiring(self.where, name, keep=keep_until is not None)
            self._refuse(keep_until is None and self.process.world.locked, "a lock forbids it", "ScopeLocked")
            self.inner.retire(name, keep_until)

        self._write(act)

    def preflight(self, replicas: int) -> tuple[Finding, ...]:
        """Nothing to check."""
        return ()


class GuardedTraffic(Guarded):
    """A routing as one process reaches it."""

    def __init__(self, process: Process, inner: Traffic, where: tuple[str, str]) -> None:
        super().__init__(process, where)
        self.inner = inner

    def look(self) -> TrafficSeen:
        """Read the routing, with the time as this process has it."""
        process = self.process
        process.blind.add(self.where)
        seen = self._read(self.inner.look)
        process.blind.discard(self.where)
        return replace(seen, at=process.clock.now()) if process.clock.skew else seen

    def shift(self, intent: TrafficIntent, seen: TrafficSeen) -> None:
        """Write the split; the judge compares the routing before and after."""
        judge = self.process.world.judge
        judge.may_write(self.process, self.where[0])

        def act() -> None:
            self._refuse(self.process.world.denied)
            self.process.shifting = writing = judge.shifting(self.where)
            whole = False
            try:
                self.inner.shift(intent, seen)
                whole = True
            finally:
                self.process.shifting = None
                judge.shifted(writing, intent, whole=whole)
            self.process.world.grow_stale(self.where)

        self._write(act)

    def preflight(self) -> tuple[Finding, ...]:
        """Nothing to check."""
        return ()


class GuardedProbes:
    """Our probes, a few of which are lost on the way."""

    def __init__(self, process: Process, inner: Probes, where: tuple[str, str]) -> None:
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
