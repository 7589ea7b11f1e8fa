"""How targets wait for each other: barriers between waves, the bake, and how far a failure reaches back."""

from __future__ import annotations

from datetime import datetime, timedelta

from strategies.model import Rollout, TargetState
from strategies.phases import FORWARD, RETURNING_HOME, Phase
from strategies.plan import Retire, Scope

_DONE = (Phase.DRAINED, Phase.RETIRING, Phase.PROMOTED)


def _wave(rollout: Rollout, number: int) -> list[TargetState]:
    return [state for state in rollout.targets if rollout.service.target(state.name).wave == number]


def _numbers(rollout: Rollout) -> list[int]:
    return sorted({target.wave for target in rollout.service.targets})


def _baked(rollout: Rollout, states: list[TargetState], now: datetime) -> str:
    """Empty when the bake after these targets' wave is over, else what is waited for; a single wave has none."""
    if len(_numbers(rollout)) == 1 or rollout.full:
        return ""
    done = max(state.drained_at or state.since for state in states)
    until = done + timedelta(seconds=rollout.service.waves.bake_seconds)
    return "" if now >= until else f"bakes until {until:%H:%M:%S} UTC"


def before_wave(rollout: Rollout, wave: int, now: datetime) -> str:
    """What a pending target of this wave waits for; empty when it may begin."""
    for number in _numbers(rollout):
        if number >= wave:
            return ""
        states = _wave(rollout, number)
        if any(state.phase not in _DONE for state in states):
            return f"waits for wave {number}"
        if wait := _baked(rollout, states, now):
            return f"wave {number} {wait}"
    return ""


def before_retiring(rollout: Rollout, name: str, now: datetime) -> str:
    """What a drained target waits for before its old side goes for good; empty when it may."""
    rule = rollout.service.waves
    number = rollout.service.target(name).wave
    group = list(rollout.targets) if rule.retire is Retire.AT_END else _wave(rollout, number)
    late = [state.name for state in group if state.phase not in _DONE and state.phase not in RETURNING_HOME]
    if late:
        return f"keeps the old side until {', '.join(late)} is drained as well"
    last = _wave(rollout, _numbers(rollout)[-1]) if rule.retire is Retire.AT_END else group
    return _baked(rollout, last, now)


def taken_back(rollout: Rollout) -> frozenset[str]:
    """The targets that an abort or a failed verdict takes back now."""
    able = [state for state in rollout.targets if state.phase in FORWARD]
    if rollout.aborted is None and rollout.service.waves.on_failure is Scope.WAVE:
        failed = {rollout.service.target(s.name).wave for s in rollout.targets if s.failure is not None}
        able = [s for s in able if not failed or rollout.service.target(s.name).wave >= min(failed)]
    return frozenset(state.name for state in able)
