"""When to look again: soon after a change, else once per probe interval; never for what has ended."""

from __future__ import annotations

from datetime import datetime, timedelta

from strategies.counting import FASTEST_SECONDS, FINE_SECONDS, hurried
from strategies.detours import for_probes
from strategies.model import Outcome, Rollout, Slot, TargetState
from strategies.phases import TERMINAL, Phase
from strategies.plan import Target

SOON = timedelta(seconds=0.5)
_PROBED_STABLE = frozenset(Phase) - {Phase.PENDING, Phase.RETIRING} - TERMINAL
_PROBED_CANDIDATE = frozenset(Phase) - {Phase.PENDING, Phase.REMOVING, Phase.CLEARING} - TERMINAL


def wake(rollout: Rollout, now: datetime) -> datetime | None:
    """The time of the next tick; None when the rollout has ended."""
    if rollout.outcome not in (Outcome.RUNNING, Outcome.STUCK):
        return None
    interval = timedelta(seconds=min(_pace(rollout, state, now) for state in rollout.targets))
    last = rollout.ticked_at
    moved = any(last in (state.since, state.asked.at if state.asked else None) for state in rollout.targets)
    return now + (min(SOON, interval) if moved else interval)


def _pace(rollout: Rollout, state: TargetState, now: datetime) -> float:
    """Seconds between two looks at a target: the probes' interval, and less while a source can tell more in time."""
    target = rollout.service.target(state.name)
    counted = [rule.interval_seconds for rule in target.metrics if rule.counts and not rule.own]
    hurry = hurried(state, now) and any(seconds <= FINE_SECONDS for seconds in counted)
    return min(target.probe.interval_seconds, FASTEST_SECONDS) if hurry else target.probe.interval_seconds


def to_probe(state: TargetState, target: Target, now: datetime) -> tuple[tuple[str, str], ...]:
    """Which endpoints to probe at this look, as pairs of endpoint name and address; both sides in the same second."""
    interval = timedelta(seconds=target.probe.interval_seconds * 0.9)
    if state.probed_at is not None and now - state.probed_at < interval:
        return ()
    slots: list[Slot] = []
    if state.phase in _PROBED_CANDIDATE:
        slots += state.candidate
    if state.phase in _PROBED_STABLE:
        slots += state.stable
    return tuple((slot.endpoint, slot.address) for slot in slots if slot.address and _reached(state, target, slot, now))


def _reached(state: TargetState, target: Target, slot: Slot, now: datetime) -> bool:
    """Whether a probe of this slot gets there: before its detour is in force, whoever has the traffic would answer."""
    if not target.probe.routed:
        return True
    asked = state.asked
    if asked is None or asked.confirmed_at is None:
        return False
    if for_probes(slot.endpoint, slot.address or "") not in asked.intent.detours:
        return False
    waits = timedelta(seconds=target.drain.propagation_seconds)
    return bool(slot.clean or slot.failed) or now >= asked.confirmed_at + waits


def to_look(state: TargetState) -> tuple[str, ...]:
    """Which workloads to read at this look, by name."""
    if state.phase in TERMINAL or state.phase is Phase.PENDING:
        return ()
    return tuple(slot.name for slot in (*state.candidate, *state.stable) if slot.name)
