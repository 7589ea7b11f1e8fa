"""When the next decision about a target can fall at the earliest, as far as time alone decides it."""

from __future__ import annotations

from datetime import datetime, timedelta

from strategies.drain import drain, settle_seconds
from strategies.model import Rollout, TargetState
from strategies.phases import Phase
from strategies.telling import open_doubt


def decides_at(rollout: Rollout, state: TargetState) -> datetime | None:
    """The end of the hold, of the propagation or of the drain; None where something else than time is awaited."""
    target = rollout.service.target(state.name)
    if rollout.paused is not None or state.asks_person:
        return None
    if open_doubt(rollout, state) is not None:
        return None
    if state.phase is Phase.HOLDING:
        hold = target.plan.steps[state.step].hold_seconds
        waived = rollout.full or state.waived >= state.step
        return state.since + timedelta(seconds=hold) if hold and not waived else None
    confirmed = state.asked.confirmed_at if state.asked is not None else None
    if state.phase is Phase.SHIFTING and confirmed is not None:
        return confirmed + timedelta(seconds=settle_seconds(target.drain, state.ttl_shift or 0))
    if state.phase in (Phase.DRAINING, Phase.CLEARING) and confirmed is not None:
        leaving_named = bool(state.stable) if state.phase is Phase.DRAINING else state.exposed
        if leaving_named:
            found = drain(state, target.drain, rollout.ticked_at, named=True, agreed=False)
            return found.until if found.done or rollout.ticked_at < found.until else None
    return None


def next_decision(rollout: Rollout) -> datetime | None:
    """The earliest of all targets' next decisions."""
    return min((at for state in rollout.targets if (at := decides_at(rollout, state)) is not None), default=None)
