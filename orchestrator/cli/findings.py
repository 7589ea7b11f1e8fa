"""Every rule that a rollout is held to now, with its number, its limit and since when: what `rollout why` prints."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from orchestrator.cli.finding import Finding
from orchestrator.cli.findings_drain import of_drain
from orchestrator.cli.findings_evidence import of_rollout, of_target
from orchestrator.cli.style import flat, percent, span
from strategies.model import Outcome, Rollout, Slot, TargetState
from strategies.phases import TERMINAL, Phase
from strategies.plan import Target
from strategies.verdict import bad


def findings(rollout: Rollout, now: datetime) -> list[Finding]:
    """Collect the rules that bear on a rollout under way; of one that has ended, those that ended it."""
    found = [*_header(rollout), *of_rollout(rollout)]
    for state in rollout.targets:
        found += _target(rollout, state, rollout.service.target(state.name))
        found += of_target(rollout, state)
        found += of_drain(rollout, state, now)
    return found


def _header(rollout: Rollout) -> Iterator[Finding]:
    if rollout.paused is not None:
        yield Finding("pause", rollout.paused.message, waits=True)
    if rollout.outcome is not Outcome.RUNNING:
        return
    limits = rollout.service.deadlines
    for rule, spent, limit in (
        ("deadline.wave", rollout.wave_seconds, limits.wave_seconds),
        ("deadline.total", rollout.spent_seconds, limits.total_seconds),
    ):
        says = f"{span(spent)} of {span(limit)} spent"
        yield Finding(rule, says, value=spent, limit=limit, breached=spent > limit)


def _target(rollout: Rollout, state: TargetState, target: Target) -> Iterator[Finding]:
    name = state.name
    if state.phase is Phase.STUCK:
        yield Finding("phase", "stuck; what serves is left serving", name, since=state.since, breached=True)
    elif state.phase not in TERMINAL:
        yield Finding("phase", flat(state.note) or state.phase.value, name, since=state.since, waits=True)
    if state.failure is not None:
        yield Finding("verdict", flat(state.failure.message), name, breached=True)
    if state.phase is Phase.PREPARING:
        limit = rollout.service.deadlines.ready_seconds
        says = f"{span(state.spent_seconds)} of {span(limit)} spent coming up"
        yield Finding("deadline.ready", says, name, value=state.spent_seconds, limit=limit)
    if state.asked is not None and state.asked.confirmed_at is None and state.phase not in TERMINAL:
        says = f"{percent(state.asked.share)} asked for, not read back yet"
        yield Finding("read-back", says, name, since=state.asked.at, waits=True)
    yield from _probes(state, target)
    if state.problem:
        yield Finding("last look", state.problem, name, waits=True)
    if state.lags:
        yield Finding("routing", f"not as asked: {state.lags}", name, waits=True)
    if state.drift_since:
        says = f"somebody else changed our split (onDrift: {target.on_drift.value})"
        yield Finding("drift", says, name, since=state.drift_since, waits=True)


def _probes(state: TargetState, target: Target) -> Iterator[Finding]:
    sides = [("candidate", slot) for slot in state.candidate] + [("stable", slot) for slot in state.stable]
    for side, slot in sides:
        if slot.fault or slot.failed:
            yield _failing(side, slot, state, target)
        elif side == "candidate" and state.phase is Phase.PREPARING:
            says = f"{slot.name}: {slot.clean} clean in a row, {target.probe.before} wanted before any traffic"
            done = slot.clean >= target.probe.before
            yield Finding("gates.probe", says, state.name, None, slot.clean, target.probe.before, waits=not done)


def _failing(side: str, slot: Slot, state: TargetState, target: Target) -> Finding:
    who, limit = f"{side} {slot.name or slot.endpoint}", target.probe.failures
    if slot.fault:
        return Finding("resource", f"{who}: {slot.fault}", state.name, breached=True)
    says = f"{who} failed {slot.failed} in a row, limit {limit}: {slot.failing_why}"
    breached = bad(slot, limit)
    return Finding("gates.probe", says, state.name, slot.failing_since, slot.failed, limit, not breached, breached)
