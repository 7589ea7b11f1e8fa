"""How old what a source knows of a side may be: late is what holds a step, lost what is told of and may condemn."""

from __future__ import annotations

from datetime import datetime

from strategies.counting import evidence_of, late_seconds
from strategies.gates import MetricRule, When
from strategies.model import Side, TargetState
from strategies.plan import Target

LOST_SECONDS = 30.0
"""How long a side's telemetry may be missing, where that is not yet late, before it is taken for lost."""


def needed(stretch: When) -> tuple[Side, ...]:
    """The sides of which something must be known in a stretch: who gets requests, and before any the stable one."""
    return {When.BEFORE: (Side.STABLE,), When.AFTER: (Side.CANDIDATE,)}.get(stretch, tuple(Side))


def known_at(state: TargetState, rule: MetricRule, side: Side) -> datetime | None:
    """The end of the newest interval for which the source knew that side; None where it never did."""
    seen = evidence_of(state, rule.name)
    return seen.candidate_at if side is Side.CANDIDATE else seen.stable_at


def is_late(state: TargetState, target: Target, rule: MetricRule, side: Side, now: datetime) -> bool:
    """Whether nothing is known of that side that is as new as it should be."""
    known = known_at(state, rule, side)
    return known is None or (now - known).total_seconds() > late_seconds(rule, target)


def lost_seconds(target: Target, rule: MetricRule) -> float:
    """How long a source may know nothing new of a side before that is lost."""
    return max(LOST_SECONDS, late_seconds(rule, target))


def is_lost(state: TargetState, target: Target, rule: MetricRule, side: Side, now: datetime) -> bool:
    """Whether nothing has been known of that side for so long, whatever step or phase began meanwhile.

    A side that was never heard of, or not under traffic yet, is given the same time from the beginning of the phase.
    """
    known = known_at(state, rule, side)
    if known is None or (side is Side.CANDIDATE and _is_new(state, target)):
        known = max(known or state.since, state.since)
    return (now - known).total_seconds() > lost_seconds(target, rule)


def _is_new(state: TargetState, target: Target) -> bool:
    """Whether it is at this step that the candidate gets its first requests."""
    return state.step == 0 or target.plan.steps[state.step - 1].stretch is When.BEFORE
