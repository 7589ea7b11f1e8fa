"""When the next decision about a target can fall, as far as time alone decides it, and when a person is asked."""

from __future__ import annotations

from datetime import datetime, timedelta

from strategies.drain import settle_seconds
from strategies.model import Rollout, TargetState
from strategies.phases import Phase
from strategies.plan import Target


def decides_at(rollout: Rollout, state: TargetState) -> datetime | None:
    """The end of the hold, of the propagation or of the drain; None where something else than time is awaited."""
    target = rollout.service.target(state.name)
    if rollout.paused is not None or state.asks_person:
        return None
    if state.phase is Phase.HOLDING:
        return None if _held_out(rollout, state) else _hold_ends(rollout, state)
    confirmed = state.asked.confirmed_at if state.asked is not None else None
    if state.phase is Phase.SHIFTING and confirmed is not None:
        return confirmed + timedelta(seconds=settle_seconds(target.drain, state.ttl_shift or 0))
    return _drain_ends(state, target, rollout.ticked_at) if confirmed is not None else None


def _drain_ends(state: TargetState, target: Target, now: datetime) -> datetime | None:
    if state.phase not in (Phase.DRAINING, Phase.CLEARING):
        return None
    from strategies.leaving import drain_of, was_named

    if not was_named(state):
        return None
    found = drain_of(state, target, now)
    at = found.told_by or found.until
    return at if found.done or now < at else None


def asks_at(rollout: Rollout, state: TargetState) -> datetime | None:
    """When a person is asked about a step that is still undecided; None within its hold, and once one is asked."""
    if state.phase is not Phase.HOLDING or rollout.paused is not None or state.asks_person:
        return None
    if not _held_out(rollout, state):
        return None
    return state.since + timedelta(seconds=rollout.service.target(state.name).asks_after(state.step))


def _held_out(rollout: Rollout, state: TargetState) -> bool:
    """Whether the step has been held as long as it should, so that something else than time keeps it there."""
    return rollout.full or state.waived >= state.step or rollout.ticked_at >= _hold_ends(rollout, state)


def _hold_ends(rollout: Rollout, state: TargetState) -> datetime:
    step = rollout.service.target(state.name).plan.steps[state.step]
    return state.since + timedelta(seconds=step.hold_seconds)


def next_decision(rollout: Rollout) -> datetime | None:
    """The earliest of all targets' next decisions."""
    return min((at for state in rollout.targets if (at := decides_at(rollout, state)) is not None), default=None)
