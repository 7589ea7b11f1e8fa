"""Those who want something of a rollout: the watcher that submits releases, and a person with commands."""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from orchestrator.store.errors import ActiveRollout, EndedRollout
from orchestrator.store.records import Snapshot
from providers.errors import ProviderError, Transient
from strategies.begin import begin
from strategies.commands import FAILED
from strategies.model import CommandKind, Outcome, Rollout
from strategies.phases import Phase
from strategies.rebuild import survey
from strategies.seen import TargetSeen
from tests.simulation.scene import HEALED_SECONDS, Release, Wanted

if TYPE_CHECKING:
    from tests.simulation.run import Simulation


_DRAINS = (Phase.DRAINING, Phase.CLEARING)


class Watcher:
    """Submits a service's releases as `rollout start` does, and rebuilds what a lost store forgot."""

    def __init__(self, world: Simulation, wanted: Wanted) -> None:
        self.world, self.wanted = world, wanted
        self.rng = random.Random(world.lab.scenario.seed * 31 + len(wanted.service.name))
        self.pending: Release | None = None
        self.lost = False
        self.made = 0
        self.left = len(wanted.releases)
        self.retried = False
        self.told: set[str] = set()
        for release in wanted.releases:
            world.lab.agenda.at(release.at, partial(self.want, release))
        world.lab.agenda.at(0.5, self.run)

    @property
    def idle(self) -> bool:
        """Whether nothing more will be submitted."""
        return self.pending is None and not self.lost and self.left == 0

    def want(self, release: Release) -> None:
        """A newer image has appeared: the newest wins."""
        self.left -= 1
        self.pending = release

    def run(self) -> None:
        """Try to submit what is pending, again and again."""
        if self.world.over:
            return
        if self.pending is not None or self.lost:
            # Whatever is in the way now may be gone at the next try.
            with suppress(ProviderError, ActiveRollout, EndedRollout):
                self._submit()
        self.world.lab.agenda.after(2.0, self.run)

    def _submit(self) -> None:
        store, service = self.world.store, self.wanted.service
        active = store.active(service.name)
        if active is not None:
            self._while_running(active)
            return
        looks = [self._look(target.name) for target in service.targets]
        now = self.world.lab.clock.now()
        found = survey(service, looks, now)
        if found.resumed is not None:
            resumed = store.submit(found.resumed, Snapshot("", ""))
            self.world.judge.submitted(resumed, found, retried=False, resumed=True)
            self.lost = False
            return
        self.lost = False
        if self.pending is None:
            self.world.judge.spare |= {name for _, name in found.spare}
            return
        revision = self.world.lab.revision(service.name, self.pending.tag)
        if found.revision is not None and found.revision.id == revision.id:
            self.pending = None
            return
        bad = store.is_poisoned(service.name, revision.id) or found.rolled_back == revision.short
        if bad and not self.retried:
            self.retried = self.rng.random() < 0.3
            self.pending = self.pending if self.retried else None
            return
        self.made += 1
        number = store.next_number(service.name, above=found.number)
        rollout = begin(
            f"{service.name}-{self.made}-{number}",
            service,
            revision,
            replace(found, number=number - 1, kept=()),
            now,
            steps=self.pending.steps,
        )
        if self.retried:
            store.pardon(service.name, revision.id)
        rollout = store.submit(rollout, Snapshot("", ""))
        self.world.judge.submitted(rollout, found, retried=self.retried, resumed=False)
        self.pending, self.retried = None, False

    def _look(self, target: str) -> TargetSeen:
        if self.world.blind and not self.world.healed:
            raise Transient("the control plane does not answer")
        groups, traffic, _ = self.world.lab.ground((self.wanted.service.name, target)).hands(self.rng)
        return TargetSeen(target, groups=groups.discover(), traffic=traffic.look())

    def _while_running(self, active: Rollout) -> None:
        self.lost = False
        if self.pending is None:
            return
        rule = self.wanted.service.while_running
        newer = self.world.lab.revision(self.wanted.service.name, self.pending.tag)
        if rule == "refuse" or newer.id == active.revision.id:
            self.pending = None
        elif rule == "replace" and active.outcome is not Outcome.STUCK and active.id not in self.told:
            self.told.add(active.id)
            self.world.order(active, CommandKind.SUPERSEDE, "newer")


class Person:
    """Gives a service's planned orders, and once the world is healed answers whatever is asked."""

    def __init__(self, world: Simulation, wanted: Wanted) -> None:
        self.world, self.service = world, wanted.service.name
        self.rng = random.Random(world.lab.scenario.seed * 37 + 1)
        for order in wanted.orders:
            world.lab.agenda.at(order.at, partial(self.say, order.kind))
        world.lab.agenda.at(5.0, self.run)

    def say(self, kind: CommandKind, argument: str = "") -> None:
        """Record a command for the rollout under way, if there is one."""
        active = self.world.store.active(self.service)
        if active is not None:
            self.world.order(active, kind, argument)

    def run(self) -> None:
        """Look every few seconds; before the world is healed only now and then."""
        if self.world.over:
            return
        active = self.world.store.active(self.service)
        if active is not None and not active.commands and (self.world.healed or self.rng.random() < 0.05):
            self._answer(active)
        self.world.lab.agenda.after(5.0, self.run)

    def _answer(self, active: Rollout) -> None:
        if any(state.phase is Phase.STUCK for state in active.targets):
            self.world.lab.facts.settled.add(active.id)
            either = self.rng.choice(("candidate", "stable"))
            self.say(CommandKind.SETTLE, self._better(active) if self.rng.random() < 0.7 else either)
        elif any(state.asks_person and state.phase in _DRAINS for state in active.targets):
            self.say(CommandKind.APPROVE)
        elif (active.paused is not None and active.paused.code == FAILED) or self._kept(active):
            late = self.world.lab.agenda.seconds > HEALED_SECONDS + 60
            self.say(CommandKind.ABORT if late or self.rng.random() < 0.6 else CommandKind.RETRY)
        elif active.paused is not None:
            self.say(CommandKind.RESUME)
        elif any(state.asks_person for state in active.targets):
            self.say(self.rng.choice((CommandKind.APPROVE, CommandKind.APPROVE, CommandKind.PROMOTE)))

    def _kept(self, active: Rollout) -> bool:
        """Whether somebody resumed what failed, so that it stands still until somebody says more."""
        failed = active.failure is None and active.aborted is None and any(state.failure for state in active.targets)
        return failed and active.paused is None

    def _better(self, active: Rollout) -> str:
        """Which side serves better, as a person sees it."""
        for state in active.targets:
            if state.phase is Phase.STUCK:
                ground = self.world.lab.ground((self.service, state.name))
                stable = [ground.well(ground.host(slot)) for slot in state.stable]
                candidate = [ground.well(ground.host(slot)) for slot in state.candidate]
                if candidate and all(candidate) and not (stable and all(stable)):
                    return "candidate"
        return "stable"
