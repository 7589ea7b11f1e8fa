"""S1 to S13 at the moment of a save: two states of a rollout, and the plain truth between them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from orchestrator.store.rules import ENDS
from strategies.detours import is_for_probes
from strategies.journal import Event
from strategies.model import CommandKind, Rollout, Stage, TargetState
from strategies.phases import EDGES, FORWARD, RETURNING_HOME, Phase
from strategies.plan import Target
from tests.simulation.grounds import View
from tests.simulation.judge_waves import Waves
from tests.simulation.shares import shares, weights_of

if TYPE_CHECKING:
    from tests.simulation.processes import Process

_BLIND_STEPS = {
    (Phase.HOLDING, Phase.SHIFTING),
    (Phase.HOLDING, Phase.DRAINING),
    (Phase.DRAINING, Phase.DRAINED),
    (Phase.DRAINED, Phase.RETIRING),
}


class Saves(Waves, ABC):
    """The judge's checks of saves."""

    def saved(self, process: Process, before: Rollout, after: Rollout, events: tuple[Event, ...]) -> None:
        """Everything that can be told from two states of a rollout and the truth between them."""
        self._probes(process)
        self.waited[after.id] = 0.0
        for old, new in zip(before.targets, after.targets, strict=True):
            self._phases(before, old, new, events)
            self._blind(process, before, old, new)
            target = after.service.target(new.name)
            if new.asked is not None and (old.asked is None or old.asked.intent != new.asked.intent):
                self._intent(before, after, old, new, target)
            # S5: no step is left out unless a person promotes it all.
            if new.step > old.step + 1 and not after.full:
                self.fail("S5", f"{new.name}: step {new.step} follows step {old.step}")
            self._sick(old, new, target, after)
            self._sound(old, new, target, after)
        self._abort(before, after)
        self._waves(before, after)
        if after.outcome in ENDS and before.outcome not in ENDS:
            self._ended(after)

    def _probes(self, process: Process) -> None:
        misled = {each for ground in self.lab.grounds.values() for each in ground.misled}
        for probe in process.probed:
            if probe.ok and (probe.slot, self.lab.agenda.seconds) in misled:
                # What another one has answered says nothing of this one.
                continue
            if probe.ok:
                self.clean.setdefault(probe.slot, []).append(self.lab.agenda.seconds)
                self.failed[probe.slot] = 0
            else:
                self.clean[probe.slot] = []
                self.failed[probe.slot] = self.failed.get(probe.slot, 0) + 1
        process.probed.clear()

    def _phases(self, before: Rollout, old: TargetState, new: TargetState, events: tuple[Event, ...]) -> None:
        """S9: every phase change is in EDGES, and every change of state has its event."""
        phase = old.phase
        for name, start, end in self.world.transitions:
            if name != old.name or start != phase:
                continue
            if end not in EDGES[start]:
                self.fail("S9", f"{name}: {start} became {end}")
            self.edges.add((start, end))
            phase = end
        if phase != new.phase:
            self.fail("S9", f"{old.name}: {old.phase} became {new.phase} by no edge of the table")
        told = [dict(e.data).get("after") for e in events if e.kind == "phase_changed" and e.target == new.name]
        if new.phase != old.phase and told[-1:] != [new.phase.value]:
            self.fail("S9", f"{old.name}: {old.phase} became {new.phase} and no event says so")
        if before.outcome in ENDS:
            self.fail("S9", f"{before.id} had ended and was saved again")

    def _blind(self, process: Process, before: Rollout, old: TargetState, new: TargetState) -> None:
        """S13: absence of data is never a pass: without a read of the routing nothing goes forward."""
        if (before.service.name, old.name) not in process.blind:
            return
        if (old.phase, new.phase) in _BLIND_STEPS or new.step > old.step:
            self.fail("S13", f"{old.name} went from {old.phase} to {new.phase} without having seen the routing")

    def _intent(self, before: Rollout, after: Rollout, old: TargetState, new: TargetState, target: Target) -> None:
        assert new.asked is not None
        share = new.asked.share
        where = (after.service.name, new.name)
        ground = self.lab.ground(where)
        view, intent = ground.view(), new.asked.intent
        members = {m.endpoint: m for m in intent.members}
        led = {d.endpoint for d in intent.detours if not is_for_probes(d)} | {m.endpoint for m in intent.mirrors}
        # S5: requests are led past the split only where a step says so.
        if led and not target.plan.steps[new.step].leads:
            self.fail("S5", f"{new.name}: requests are led to {led}, which step {new.step} does not say")
        # S1: no weight, and no request or copy besides, to a group that has not been seen ready.
        for slot in new.candidate:
            member = members.get(slot.endpoint)
            gets = slot.endpoint in led or (member is not None and member.weight > 0)
            if not gets or (view is not None and ground.host(slot) in view.hosts):
                continue
            group = ground.standing(slot.name)
            if after.id in self.facts.settled or slot.name in self.facts.by_hand:
                continue
            if group is None or not group.up:
                self.fail("S1", f"{slot.name} gets traffic and is not up")
            began = group.since if group.since is not None else 1e9
            clean = sum(at >= began - 0.01 for at in self.clean.get(slot.endpoint, ()))
            if clean < target.probe.before:
                self.fail("S1", f"{slot.name} gets traffic after {clean} clean probes since its last start")
        # S5: the candidate's share rises only along the plan.
        was = old.asked.share if old.asked else 0.0
        if share > was and after.id not in self.facts.settled and new.phase is not Phase.RETIRING:
            self._rises(after, old, new, target, was)
        # S8: foreign endpoints keep their part of the traffic: the sum of our weights does not change.
        total = sum(m.weight for m in members.values())
        adopted = sum(slot.weight or 0 for slot in new.stable if slot.adopted)
        if members and total not in (target.weight or adopted or 1000, adopted or -1):
            self.fail("S8", f"the sum of our weights in {where} becomes {total}")
        self._in_part(after, new, view, total)
        # S2: a split with every weight zero is never intended.
        if members and total == 0:
            self.fail("S2", f"a split with every weight zero is asked for in {where}")

    def _in_part(self, after: Rollout, new: TargetState, view: View | None, total: int) -> None:
        """S5: the weights give the candidate its share and no more, where there is an old side that serves."""
        assert new.asked is not None
        share, ground = new.asked.share, self.lab.ground((after.service.name, new.name))
        weights = weights_of(view)
        serves = any(weights.get(ground.key(slot)) for slot in new.stable if slot.stage is not Stage.GONE)
        if not (0 < share < 100 and total and serves):
            return
        mine = {slot.endpoint for slot in new.candidate}
        given = sum(member.weight for member in new.asked.intent.members if member.endpoint in mine)
        if abs(100 * given / total - share) > 100 * max(len(mine), len(new.stable)) / total + 0.01:
            self.fail("S5", f"{new.name}: weights of {given} in {total} are asked for at {share:g} %")

    def _rises(self, after: Rollout, old: TargetState, new: TargetState, target: Target, was: float) -> None:
        assert new.asked is not None
        steps = [step.share for step in target.plan.steps]
        reached = max(i for i, s in enumerate(steps) if s <= was)
        allowed = steps[-1] if after.full else steps[reached + 1]
        if old.phase is not Phase.HOLDING:
            self.fail("S5", f"{new.name}: the share rises from {was:g} to {new.asked.share:g} in {old.phase}")
        if new.asked.share > allowed:
            self.fail("S5", f"{new.name}: the share rises from {was:g} to {new.asked.share:g}, beyond {allowed:g}")
        if was == 0:
            return
        # S3, S5: a step follows only on one that was confirmed by read-back and has reached the clients.
        ground = self.lab.ground((after.service.name, new.name))
        since, ttl, found = self.exposure.in_force(ground, old)
        wait = target.drain.propagation_seconds + ttl
        if not (after.full or new.waived >= reached):
            wait += target.plan.steps[reached].hold_seconds
        if ground.routing in self.facts.touched:
            return
        if any(abs(share - was) > 20 or (share == 0) != (was == 0) for share in found):
            self.fail("S5", f"{new.name}: a step follows {was:g} %, but {found} % is in force")
        carried = ground.carried()
        if carried is not None and shares(carried, ground, old) != found:
            self.fail("S5", f"{new.name}: a step follows {was:g} %, and the gateways do not do that yet")
        if self.lab.agenda.seconds - since < wait - self.facts.jumped - 0.01:
            stood = self.lab.agenda.seconds - since
            self.fail("S5", f"{new.name}: a step follows {was:g} % after {stood:.1f} s in force instead of {wait:g} s")

    def _sick(self, old: TargetState, new: TargetState, target: Target, after: Rollout) -> None:
        """S12: if the stable side is the sick one, traffic is not sent back to it."""
        if old.phase not in FORWARD or new.phase not in (Phase.RETURNING, Phase.CLEARING) or not old.exposed:
            return
        failures = [self.failed.get(slot.endpoint, 0) for slot in old.stable]
        if failures and min(failures) >= target.probe.failures and after.id not in self.facts.settled:
            self.fail("S12", f"{new.name}: traffic is sent back to a stable side that failed {failures} probes")

    def _sound(self, old: TargetState, new: TargetState, target: Target, after: Rollout) -> None:
        """S2: the old side is not given up while the new one is known to fail."""
        if old.phase is not Phase.DRAINED or new.phase is not Phase.RETIRING or after.id in self.facts.settled:
            return
        for slot in new.candidate:
            if self.failed.get(slot.endpoint, 0) >= target.probe.failures:
                self.fail("S2", f"{new.name}: the old side is given up while {slot.name} fails its probes")

    def _abort(self, before: Rollout, after: Rollout) -> None:
        """S11: abort wins from every phase before retirement began, within one tick."""
        taken = [c for c in before.commands if before.handled < c.seq <= after.handled]
        if not any(c.kind is CommandKind.ABORT for c in taken) or before.aborted:
            return
        if any(c.kind is CommandKind.SETTLE for c in taken):
            return
        for old, new in zip(before.targets, after.targets, strict=True):
            if old.phase in FORWARD and new.phase not in RETURNING_HOME | {Phase.STUCK}:
                self.fail("S11", f"{new.name} is {new.phase} after an abort")

    @abstractmethod
    def _ended(self, after: Rollout) -> None:
        """Check a rollout's end."""
