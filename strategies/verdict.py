"""Healthy, unhealthy (why) or undecided (why): what is known of a candidate, from its resources, probes and sources.

A fault of the resource itself condemns by itself. Failed probes and counts condemn only against a stable side that is
well at the same time: when both sides fail together it is an incident, not the release. Absence of data is never a pass
and never, by itself, a failure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from strategies import proof
from strategies.model import Reason, Rollout, Slot, Stage, TargetState
from strategies.phases import Phase
from strategies.plan import OnDrift, Target
from strategies.seen import BELIEVED


class Health(StrEnum):
    """The three values."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A value and its reason; healthy needs none."""

    health: Health
    reason: Reason | None = None


def bad(slot: Slot, failures: int) -> bool:
    """Whether this slot cannot serve: its resource is faulty, or it failed `failures` probes in a row."""
    return slot.fault is not None or slot.failed >= failures


def stable_sick(state: TargetState, target: Target) -> bool:
    """Whether there is a stable side and no part of it can serve."""
    return bool(state.stable) and all(bad(slot, target.probe.failures) for slot in state.stable)


def judge(state: TargetState, target: Target) -> Verdict:
    """The verdict on the candidate of one target in its present phase."""
    for slot in state.candidate:
        if slot.fault is not None:
            who = slot.name or slot.endpoint
            code = "createRefused" if slot.stage is Stage.INTENDED else "faulty"
            return _unhealthy(code, f"{who}: {slot.fault}", group=who)
    if state.refused is not None:
        return Verdict(Health.UNHEALTHY, state.refused)
    if state.lost >= BELIEVED:
        return _unhealthy("profileGone", "the profile or route in front of this target no longer exists")
    if state.phase in (Phase.PENDING, Phase.PREPARING):
        return Verdict(Health.UNDECIDED, Reason("preparing", "no verdict before the candidate is ready"))
    condemned = _probes(state, target)
    if condemned is not None:
        return condemned
    return _doubts(state, target) or Verdict(Health.HEALTHY)


def decide(rollout: Rollout, state: TargetState, now: datetime) -> Verdict:
    """The verdict on the candidate of one target: its resources, its probes, and what the sources prove against it."""
    judged = judge(state, rollout.service.target(state.name))
    if judged.health is Health.UNHEALTHY or state.phase in (Phase.PENDING, Phase.PREPARING):
        return judged
    condemned = proof.condemned(rollout, state, now)
    return judged if condemned is None else Verdict(Health.UNHEALTHY, condemned)


def _unhealthy(code: str, message: str, **evidence: str | float | int | None) -> Verdict:
    return Verdict(Health.UNHEALTHY, Reason(code, message, tuple(evidence.items())))


def _undecided(code: str, message: str, **evidence: str | float | int | None) -> Verdict:
    return Verdict(Health.UNDECIDED, Reason(code, message, tuple(evidence.items())))


def _probes(state: TargetState, target: Target) -> Verdict | None:
    limit = target.probe.failures
    failing = next((slot for slot in state.candidate if slot.failed >= limit), None)
    if failing is None:
        return None
    who = failing.name or failing.endpoint
    message = f"{who} failed {failing.failed} probes in a row (limit {limit}): {failing.failing_why}"
    sick = [slot for slot in state.stable if slot.failed]
    if sick:
        return _undecided("bothFail", f"{message}; but the stable side fails at the same time", failed=failing.failed)
    return _unhealthy("probesFailed", message, group=who, failed=failing.failed, limit=limit)


def _doubts(state: TargetState, target: Target) -> Verdict | None:
    for slot in state.candidate:
        who = slot.name or slot.endpoint
        if slot.failed:
            return _undecided("probeFailing", f"{who}: the last {slot.failed} probes failed: {slot.failing_why}")
        if not slot.ready:
            return _undecided("notReady", f"{who}: {slot.clean} clean probes of {target.probe.before}, or not running")
    if state.drift_since is not None and target.on_drift is OnDrift.HOLD:
        what = f"our split was changed by somebody else at {state.drift_since:%H:%M:%S} UTC"
        return _undecided("drift", f"{what}: `rollout approve` writes ours again, `rollout abort` goes back")
    if state.problem is not None:
        return _undecided("blind", state.problem)
    if state.lags is not None:
        return _undecided("notInForce", f"the routing is not as asked: {state.lags}")
    return None


def overdue(state: TargetState, target: Target, ready_seconds: float) -> Reason | None:
    """Why this target took too long to become ready, if it did; counts only time in which an engine ran."""
    if state.phase is Phase.PREPARING and state.spent_seconds > ready_seconds:
        missing = ", ".join(_unready(slot, target) for slot in state.candidate if not slot.ready)
        return Reason("notReady", f"not ready after {ready_seconds:g} s: {missing}", (("limit", ready_seconds),))
    if state.phase is Phase.SHIFTING:
        allowed = ready_seconds + target.drain.propagation_seconds + (state.ttl_shift or 0)
        if state.spent_seconds > allowed:
            why = "the split is not confirmed" if not confirmed(state) else "its endpoints are not Online"
            known = state.problem or state.lags
            why += f" ({known})" if known else ""
            return Reason("notOnline", f"after {allowed:g} s {why}", (("limit", allowed),))
    return None


def _unready(slot: Slot, target: Target) -> str:
    seen = f"{slot.clean} of {target.probe.before} clean probes" if slot.address else slot.stage.value
    why = f" ({slot.failing_why})" if slot.failing_why else ""
    return f"{slot.name} {seen}{why}"


def confirmed(state: TargetState) -> bool:
    """Whether the wanted split is confirmed and the last read still showed it."""
    return state.asked is not None and state.asked.confirmed_at is not None and state.asked.off == 0


def settled(state: TargetState, now: datetime, seconds: float) -> bool:
    """Whether `seconds` have passed since the wanted split was confirmed."""
    if state.asked is None or state.asked.confirmed_at is None:
        return False
    return (now - state.asked.confirmed_at).total_seconds() >= seconds
