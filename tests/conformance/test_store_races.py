"""Any interleaving of two writers keeps the store's promises; worlds are drawn and shrink to the shortest bad one."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from orchestrator.lease import LEASE_SECONDS, Lease, LeaseLost
from orchestrator.store import rules
from orchestrator.store.errors import ActiveRollout, EndedRollout, StaleWrite
from orchestrator.store.memory import MemoryStore
from orchestrator.store.opening import open_store
from orchestrator.store.ports import Store
from strategies.journal import event
from strategies.model import CommandKind, Outcome, Rollout
from tests.conformance.stores import SNAPSHOT, START, HandClock, a_rollout, moved, owner

WRITERS = st.sampled_from([0, 1])


class Races(RuleBasedStateMachine):
    """Two engines on one service: each keeps the copy it loaded and the lease it believes in; both are wrong at times.

    One that others take for dead may still save, as one that was suspended would: only its fence can stop it.
    """

    open: Callable[[str], Store] = staticmethod(lambda folder: MemoryStore())

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.mkdtemp(prefix="rollout-races-")
        self.store = self.open(self.folder)
        self.clock = HandClock()
        self.dead: set[int] = set()
        self.leases = [self._lease(0), self._lease(1)]
        self.copies: list[Rollout | None] = [None, None]
        self.counter = 0
        self.saved: dict[str, Rollout] = {}
        self.kinds: list[str] = []
        self.fences = [0]

    def _lease(self, pid: int) -> Lease:
        return Lease(self.store, "shop", self.clock, owner(pid), lives=lambda other: other.pid not in self.dead)

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)

    @initialize()
    def begin(self) -> None:
        self.submit()

    @rule()
    def submit(self) -> None:
        """A second rollout under way is refused; after an end a new one begins."""
        self.counter += 1
        rollout = a_rollout(f"r{self.counter}", number=self.counter)
        busy = any(known.outcome not in rules.ENDS for known in self.saved.values())
        try:
            self.saved[rollout.id] = self.store.submit(rollout, SNAPSHOT)
        except ActiveRollout:
            assert busy
        else:
            assert not busy
            self.kinds.append("rollout_submitted")

    @rule(who=WRITERS)
    def load(self, who: int) -> None:
        self.copies[who] = self.store.latest("shop")

    @rule(who=WRITERS, outcome=st.sampled_from([Outcome.RUNNING, Outcome.RUNNING, Outcome.PROMOTED, Outcome.STUCK]))
    def save(self, who: int, outcome: Outcome) -> None:
        """A save succeeds exactly when its copy is the newest and its fence is that of the lease as it stands."""
        copy = self.copies[who]
        try:
            fence = self.leases[who].fence
        except LeaseLost:
            fence = 0
        if copy is None:
            return
        self.counter += 1
        stood, lease = self.saved[copy.id], self.store.lease_of("shop")
        holds = lease is not None and lease.owner is not None and lease.fence == fence
        fresh = stood.version == copy.version and stood.outcome not in rules.ENDS
        after = replace(moved(copy, outcome), handled=len(copy.commands) + copy.handled)
        try:
            result = self.store.save(
                after, expected=copy.version, fence=fence, events=[event(START, f"saved{self.counter}")]
            )
        except (StaleWrite, EndedRollout):
            assert not (holds and fresh)
            return
        assert holds
        assert fresh
        assert result.version == copy.version + 1
        self.saved[copy.id] = self.copies[who] = result
        self.kinds.append(f"saved{self.counter}")

    @rule()
    def command(self) -> None:
        running = self.store.active("shop")
        if running is not None:
            given = self.store.command(running.id, CommandKind.PAUSE, "kim", at=START)
            assert given.seq == len(running.commands) + running.handled + 1

    @rule(who=WRITERS)
    def acquire(self, who: int) -> None:
        other = self.leases[1 - who]
        rest = other.rest()
        if who not in self.dead and self.leases[who].acquire():
            assert rest == 0 or 1 - who in self.dead, "taken from a living holder whose time was not over"
            if self.leases[who].fence != self.fences[-1]:
                self.fences.append(self.leases[who].fence)

    @rule(who=WRITERS)
    def keep(self, who: int) -> None:
        if who in self.dead:
            return
        rest = self.leases[1 - who].rest()
        try:
            self.leases[who].keep()
        except LeaseLost:
            return
        assert rest == 0 or 1 - who in self.dead

    @rule(who=WRITERS)
    def release(self, who: int) -> None:
        if who in self.dead:
            return
        self.leases[who].release()
        assert not self.leases[who].held

    @rule(seconds=st.sampled_from([1.0, 4.0, LEASE_SECONDS]))
    def wait(self, seconds: float) -> None:
        self.clock.pass_(seconds)

    @precondition(lambda self: not self.dead)
    @rule(who=WRITERS)
    def die(self, who: int) -> None:
        """The process ends without a word; the next one here can see that."""
        self.dead.add(who)

    @precondition(lambda self: self.dead)
    @rule()
    def restart(self) -> None:
        """A new process takes the dead one's place, under a new process id."""
        for who in list(self.dead):
            self.leases[who] = self._lease(who + 10 * len(self.fences) + 10)
            self.copies[who] = None
        self.dead.clear()

    @invariant()
    def at_most_one_living_holder(self) -> None:
        assert sum(self.leases[who].held for who in (0, 1) if who not in self.dead) <= 1

    @invariant()
    def nothing_saved_is_lost(self) -> None:
        for rollout_id, known in self.saved.items():
            assert replace(self.store.load(rollout_id), commands=()) == replace(known, commands=())

    @invariant()
    def the_journal_holds_everything_in_order_without_a_gap(self) -> None:
        log = self.store.events("shop")
        assert [stored.seq for stored in log] == list(range(1, len(log) + 1))
        assert [stored.event.kind for stored in log] == self.kinds

    @invariant()
    def fences_only_rise(self) -> None:
        assert self.fences == sorted(set(self.fences))


class RacesOnDisk(Races):
    """The same on SQLite."""

    open = staticmethod(lambda folder: open_store(f"sqlite:///{folder}/rollout.db"))


@pytest.mark.parametrize(("machine", "worlds"), [(Races, 100), (RacesOnDisk, 12)], ids=["memory", "sqlite"])
def test_no_interleaving_of_two_writers_breaks_a_promise(machine: type[Races], worlds: int) -> None:
    run_state_machine_as_test(machine, settings=settings(max_examples=worlds, stateful_step_count=40, deadline=None))
