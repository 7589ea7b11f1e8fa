"""What do we want now? One pure function of a rollout, one look at the world, and the time.

Order matters and is safety: commands first (an abort wins), then facts, then the verdict, then turning back, and only
then a step forward.
"""

from __future__ import annotations

from datetime import datetime

from strategies import waves
from strategies.commands import FAILED, take
from strategies.model import Outcome, Reason, Rollout, TargetState, with_target
from strategies.names import holder
from strategies.observe import observe
from strategies.phases import FORWARD, TERMINAL, Phase
from strategies.plan import OnFailure, Scope, Target
from strategies.seen import BELIEVED, Seen
from strategies.steps import enter, step
from strategies.values import evolve
from strategies.verdict import Health, decide, overdue, stable_sick

RAN_SECONDS = 30.0
"""A longer gap between two ticks is time in which no engine ran."""


def advance(rollout: Rollout, seen: Seen, now: datetime) -> Rollout:
    """Decide what is wanted now. Raises IllegalTransitionError on a bug of ours, and then changes nothing."""
    if rollout.outcome not in (Outcome.RUNNING, Outcome.STUCK):
        return evolve(take(rollout), ticked_at=now)
    gap = max((now - rollout.ticked_at).total_seconds(), 0.0)
    rollout = take(evolve(rollout, ticked_at=now))
    rollout = _observe(rollout, seen, now, gap)
    rollout = _give_way(rollout, seen)
    rollout = _condemn(rollout, now)
    rollout = _turn(rollout, now)
    wave = rollout.wave
    for name in [state.name for state in rollout.targets]:
        rollout = with_target(rollout, step(rollout, rollout.target(name), seen.target(name), now))
    if rollout.wave != wave:
        rollout = evolve(rollout, wave_seconds=0.0)
    over = rollout.outcome is not Outcome.RUNNING
    return evolve(rollout, ended_at=(rollout.ended_at or now) if over else None)


def _observe(rollout: Rollout, seen: Seen, now: datetime, gap: float) -> Rollout:
    """Fold the look into every target, and count the time that is held against it and the rollout.

    What waits for a person to provide something is not late, and a long gap is time in which no engine ran.
    """
    ran, led = min(gap, RAN_SECONDS), {state.name for state in rollout.targets if state.exposed}
    targets = tuple(
        state
        if state.phase in TERMINAL
        else observe(
            state,
            rollout.service.target(state.name),
            seen.target(state.name),
            rollout.service.name,
            now,
            ran=0.0 if state.phase is Phase.PREPARING and state.asks_person else ran,
            elsewhere=bool(led - {state.name}),
        )
        for state in rollout.targets
    )
    counted = 0.0 if awaits_person(rollout) else gap
    return evolve(
        rollout,
        targets=targets,
        spent_seconds=rollout.spent_seconds + counted,
        wave_seconds=rollout.wave_seconds + counted,
    )


def _give_way(rollout: Rollout, seen: Seen) -> Rollout:
    """Before our first write: another store's rollout that moves the same weights was there first."""
    for state in rollout.targets:
        looked = seen.target(state.name).traffic
        if looked is None or state.asked is not None or rollout.failure is not None or state.phase in TERMINAL:
            continue
        found = dict(looked.active).get(holder(rollout.service.name, state.name))
        if found is not None and found not in (rollout.id, *rollout.succeeds):
            reason = Reason("otherRollout", f"rollout {found}, of another store, moves the weights of {state.name}")
            return evolve(with_target(rollout, evolve(state, failure=reason)), failure=reason, superseded_by=found)
    return rollout


def awaits_person(rollout: Rollout) -> bool:
    """Whether nothing but a person's word is missing somewhere."""
    return rollout.paused is not None or any(
        state.phase is Phase.STUCK or state.asks_person for state in rollout.targets
    )


def _condemn(rollout: Rollout, now: datetime) -> Rollout:
    """Find the first reason to take the candidate back; with `onFailure: pause` stop where we are instead."""
    by_wave = rollout.service.waves.on_failure is Scope.WAVE
    if rollout.aborted is not None or not rollout.may_turn or (rollout.failure is not None and not by_wave):
        return rollout
    late = _deadline(rollout)
    reason = late
    for state in rollout.targets:
        judged = state.phase in FORWARD and state.failure is None
        found = (late if by_wave else None) or (_why_unhealthy(rollout, state, now) if late is None else None)
        if judged and found is not None:
            rollout = with_target(rollout, evolve(state, failure=found))
            reason = reason or found
    if reason is None or rollout.failure is not None:
        return rollout
    if rollout.service.on_failure is OnFailure.PAUSE:
        pause = rollout.paused or Reason(FAILED, f"would roll back: {reason.message}", reason.evidence)
        return evolve(rollout, paused=pause)
    return evolve(rollout, failure=reason)


def _why_unhealthy(rollout: Rollout, state: TargetState, now: datetime) -> Reason | None:
    target = rollout.service.target(state.name)
    verdict = decide(rollout, state, now)
    if verdict.health is Health.UNHEALTHY:
        return verdict.reason
    return overdue(state, target, rollout.service.deadlines.ready_seconds)


def _deadline(rollout: Rollout) -> Reason | None:
    limits = rollout.service.deadlines
    for code, spent, limit in (
        ("waveDeadline", rollout.wave_seconds, limits.wave_seconds),
        ("totalDeadline", rollout.spent_seconds, limits.total_seconds),
    ):
        if spent > limit:
            return Reason(code, f"not finished after {limit:g} s", (("limit", limit), ("spent", spent)))
    return None


def _turn(rollout: Rollout, now: datetime) -> Rollout:
    """Take back what must be taken back; stuck where the stable side could not carry the traffic."""
    reason = rollout.aborted or rollout.failure
    if reason is None:
        return rollout
    back = waves.taken_back(rollout)
    targets = tuple(
        _take_back(state, rollout.service.target(state.name), reason, now) if state.name in back else state
        for state in rollout.targets
    )
    return evolve(rollout, targets=targets)


def _take_back(state: TargetState, target: Target, reason: Reason, now: datetime) -> TargetState:
    if state.phase is Phase.PENDING:
        return evolve(enter(state, Phase.ROLLED_BACK, now), failure=state.failure or reason)
    if state.exposed and stable_sick(state, target):
        why = Reason("stableSick", f"{reason.message}; but the stable side cannot serve either")
        return evolve(enter(state, Phase.STUCK, now), failure=why)
    if state.exposed and state.lost >= BELIEVED:
        why = Reason("profileGone", f"{reason.message}; traffic cannot be sent back")
        return evolve(enter(state, Phase.STUCK, now), failure=why)
    return evolve(enter(state, Phase.RETURNING, now), failure=state.failure or reason, drained_at=None, doubt=None)
