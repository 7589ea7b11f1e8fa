"""One process that runs the engine: it takes leases, ticks what it holds, dies and is started again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from orchestrator.engine import Engine
from orchestrator.lease import Lease, LeaseLost
from orchestrator.ports import TargetPorts
from orchestrator.steering import CALL_SECONDS
from orchestrator.store.errors import EndedRollout, StaleWrite
from orchestrator.store.ports import Store
from orchestrator.store.records import Owner
from providers.errors import ProviderError
from strategies.seen import ProbeSeen
from tests.simulation.agenda import ProcessClock
from tests.simulation.guards import (
    GuardedProbes,
    GuardedStore,
    GuardedTraffic,
    GuardedWorkloads,
    Luck,
)
from tests.simulation.judge_cluster import Writing
from tests.simulation.lab import Crash
from tests.simulation.sources import SmokeTest, Source

if TYPE_CHECKING:
    from tests.simulation.run import Simulation

POLL_SECONDS = 1.0
HELD_POLL_SECONDS = 3.0


class Process:
    """A daemon on one host; `fence` is the one under which it acts at the moment."""

    def __init__(self, world: Simulation, host: int, number: int) -> None:
        self.world, self.lab, self.host = world, world.lab, host
        self.owner = Owner(f"host{host}", "boot", number, str(number))
        self.clock = ProcessClock(world.lab.agenda, world.skew_of(host))
        self.luck = Luck(self, world.lab.scenario.seed * 131 + number)
        self.store = cast(Store, GuardedStore(self))
        self.engine = Engine(self.store, self.clock, self.ports_of)
        self.leases: dict[str, Lease] = {}
        self.due: dict[str, float] = {}
        self.fences: dict[str, int] = {}
        self.blind: set[tuple[str, str]] = set()
        self.probed: list[ProbeSeen] = []
        self.alive = True
        self.stalled = False
        self.shifting: Writing | None = None
        self._ports: dict[str, dict[str, TargetPorts]] = {}

    def ports_of(self, rollout_id: str) -> Mapping[str, TargetPorts]:
        """The guarded hands of a rollout's service."""
        service = self.world.store.load(rollout_id).service.name
        if service not in self._ports:
            wanted = self.world.wanted(service)
            self._ports[service] = {t.name: self._hands(service, t.name) for t in wanted.service.targets}
        return self._ports[service]

    def _hands(self, service: str, target: str) -> TargetPorts:
        wanted, where = self.world.wanted(service), (service, target)
        place, rules = wanted.places[target], {rule.name: rule for rule in wanted.service.target(target).metrics}
        groups, traffic, probes = self.lab.ground(where).hands(self.lab.rng, self)
        return TargetPorts(
            GuardedWorkloads(self, groups, where),
            GuardedTraffic(self, traffic, where),
            GuardedProbes(self, probes, where),
            {at.metric: Source(self, where, rules[at.metric], at) for at in place.sources},
            {trial.metric: SmokeTest(self, trial) for trial in place.trials},
        )

    def stall(self, seconds: float) -> None:
        """Stand still while the rest of the world goes on; one process at a time does."""
        if self.world.stalling:
            return
        self.world.stalling = self.stalled = True
        noted = self.world.transitions
        try:
            self.lab.agenda.run_until(self.lab.agenda.seconds + seconds)
        finally:
            self.world.stalling = self.stalled = False
            self.world.transitions = noted
        if not self.alive:
            raise Crash

    def run(self) -> None:
        """Do what is due, and plan when to come again; a crash ends this process and starts another."""
        if not self.alive or self.world.over:
            return
        agenda = self.lab.agenda
        if self.stalled:
            agenda.after(POLL_SECONDS, self.run)
            return
        try:
            after = min((self._drive(w.service.name) for w in self.lab.scenario.services), default=POLL_SECONDS)
            self._collect()
        except Crash:
            if self.alive:
                self.die()
                self.world.start_process(self.host, self.luck.rng.choice((0.1, 0.5, 3.0, 20.0)))
            return
        if self.alive:
            agenda.after(max(after, 0.05), self.run)

    def die(self) -> None:
        """End at once, leaving leases as they are."""
        self.alive = False
        self.world.living.discard(self.owner)

    def _lease(self, service: str) -> Lease:
        if service not in self.leases:
            self.leases[service] = Lease(self.store, service, self.clock, self.owner, lives=self.world.may_live)
        return self.leases[service]

    def _drive(self, service: str) -> float:
        """Tick the service's rollout if the lease is ours and it is time, as `orchestrator.runner` does."""
        agenda = self.lab.agenda
        active = self.world.store.active(service)
        if active is None:
            if service in self.leases:
                self.leases.pop(service).release()
            self.due.pop(service, None)
            return HELD_POLL_SECONDS
        try:
            lease = self._lease(service)
            if not lease.held and not lease.acquire():
                self.due.pop(service, None)
                return POLL_SECONDS
            lease.keep()
            due = self.due.get(service, 0.0)
            if agenda.seconds < due and not active.commands:
                return due - agenda.seconds
            self._tick(service, active.id, lease)
        except (LeaseLost, StaleWrite, EndedRollout):
            self.due.pop(service, None)
            return POLL_SECONDS
        return self.due.get(service, agenda.seconds) - agenda.seconds

    def _tick(self, service: str, rollout_id: str, lease: Lease) -> None:
        self.blind.clear()
        self.probed.clear()
        self.fences[service] = lease.fence
        self.world.transitions = []
        rollout = self.engine.tick(rollout_id, lease.fence, lambda: lease.rest() > CALL_SECONDS)
        self.world.ticks += 1
        wake = self.engine.wake(rollout)
        if wake is None:
            self.due.pop(service, None)
        else:
            self.due[service] = self.lab.agenda.seconds + (wake - self.clock.now()).total_seconds()

    def _collect(self) -> None:
        """Delete retained groups whose time has come, as whoever runs the engine for a service does."""
        for entry in self.world.store.retained_due(self.clock.now()):
            if self.world.store.active(entry.service) is not None:
                continue
            hands = self._hands(entry.service, entry.target).workloads
            self.leases.pop(entry.service, None)
            self.world.judge.collecting = True
            try:
                hands.retire(entry.name)
                self.world.store.forget_retained(entry)
            except ProviderError:
                continue
            finally:
                self.world.judge.collecting = False
