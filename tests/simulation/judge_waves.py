"""How targets wait for each other, told from saved phases and the world's own clock."""

from __future__ import annotations

from abc import ABC

from strategies.model import Rollout, TargetState
from strategies.phases import FORWARD, Phase
from strategies.plan import Retire, Scope
from tests.simulation.judge_acts import Acts

_OVER = (Phase.DRAINED, Phase.RETIRING, Phase.PROMOTED)


class Waves(Acts, ABC):
    """The judge's checks of waves."""

    def _waves(self, before: Rollout, after: Rollout) -> None:
        """A barrier between waves, a bake after each of several, old sides until the last one is good, one failure."""
        for old, new in zip(before.targets, after.targets, strict=True):
            if old.phase is not Phase.DRAINED and new.phase is Phase.DRAINED:
                self.drained[after.id, new.name] = self.lab.agenda.seconds
            if (old.phase, new.phase) == (Phase.PENDING, Phase.PREPARING):
                self._may_begin(after, new)
            if (old.phase, new.phase) == (Phase.DRAINED, Phase.RETIRING):
                self._may_retire(after, new)
        failed = after.failure is not None and after.service.waves.on_failure is Scope.ALL
        for state in after.targets if failed else ():
            if state.phase in FORWARD and after.id not in self.facts.settled:
                self.fail("W3", f"{after.id} failed ({after.failure}), and {state.name} is {state.phase}")

    def _may_begin(self, rollout: Rollout, new: TargetState) -> None:
        """W1: a wave begins when those before it are drained, and have stood for the bake."""
        wave = rollout.service.target(new.name).wave
        for state in rollout.targets:
            if rollout.service.target(state.name).wave >= wave:
                continue
            if state.phase not in _OVER:
                self.fail("W1", f"{new.name} begins while {state.name}, of an earlier wave, is {state.phase}")
            self._baked(rollout, state, f"{new.name} begins")

    def _may_retire(self, rollout: Rollout, new: TargetState) -> None:
        """W2: old sides stay until their wave is drained and baked, with `retire: atEnd` until the last one is."""
        rule, own = rollout.service.waves, rollout.service.target(new.name).wave
        last = max(target.wave for target in rollout.service.targets)
        for state in rollout.targets:
            wave = rollout.service.target(state.name).wave
            if rule.retire is not Retire.AT_END and wave != own:
                continue
            if state.phase in FORWARD and state.phase is not Phase.DRAINED:
                self.fail("W2", f"the old side of {new.name} goes while {state.name} is {state.phase}")
            if wave == (last if rule.retire is Retire.AT_END else own) and state.phase in _OVER:
                self._baked(rollout, state, f"the old side of {new.name} goes")

    def _baked(self, rollout: Rollout, state: TargetState, what: str) -> None:
        waves = {target.wave for target in rollout.service.targets}
        since = self.drained.get((rollout.id, state.name))
        if len(waves) == 1 or rollout.full or since is None or rollout.id in self.facts.settled:
            return
        stood, bake = self.lab.agenda.seconds - since, rollout.service.waves.bake_seconds
        if stood < bake - self.facts.jumped - 0.01:
            self.fail("W1", f"{what} {stood:.1f} s after {state.name} was drained, of {bake:g} s to bake")
