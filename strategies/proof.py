"""What the sources prove, for and against the candidate, and what they cannot tell yet.

Proof against it is the weighted mean of the evidence over a target's sources, and the mean of that over the targets, so
that one `ALPHA` holds for the whole rollout. Proof for it must come from every source that decides. Where a source is
late, silent or wrong, nothing is proven either way: its failure is not the release's.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from strategies.alone import fails_alone
from strategies.counting import checked, evidence_of, late_seconds
from strategies.evidence import ALPHA, BETA, Evidence, e_value, proof
from strategies.figures import amount
from strategies.gates import MetricKind, MetricRule, When
from strategies.lately import broken
from strategies.lateness import is_late, is_lost, known_at, lost_seconds, needed
from strategies.model import Reason, Rollout, Side, TargetState
from strategies.phases import FORWARD, Phase
from strategies.plan import Target
from strategies.seen import BELIEVED, CheckState

LONG_CLEAN = 10
"""Clean probes in a row that tell a side that is well from one that fails most of the time, whatever else is known."""
LEAST_REQUESTS = 10
"""Requests to the candidate without which a step has not been tried, whatever share was asked for."""
_NAMES = {Side.STABLE: "the stable side", Side.CANDIDATE: "the candidate"}


def deciding(target: Target) -> tuple[MetricRule, ...]:
    """The sources whose evidence can take the candidate back."""
    return tuple(rule for rule in target.metrics if rule.counts and not rule.dry_run)


def e_of(state: TargetState, target: Target) -> float:
    """The evidence against the candidate on one target: the weighted mean over its sources, 1 where there are none."""
    rules, steps = deciding(target), len(target.plan.steps)
    whole = sum(rule.weight for rule in rules)
    if not whole:
        return 1.0
    return sum(rule.weight * e_value(evidence_of(state, rule.name), steps) for rule in rules) / whole


def e_of_rollout(rollout: Rollout, judging: str | None = None) -> float:
    """The evidence against the candidate everywhere; the rollout is taken back at `1 / ALPHA`.

    `judging`: for the verdict on this target, against which nothing counts that was said of others judged before.
    """
    found = [
        e_of(state, target) if judging in (None, state.name) or _is_open(state) else 0.0
        for state in rollout.targets
        if deciding(target := rollout.service.target(state.name)) and state.stable
    ]
    return sum(found) / len(found) if found else 1.0


def _is_open(state: TargetState) -> bool:
    """Whether this target may still be judged."""
    return state.phase in FORWARD and state.failure is None


def condemned(rollout: Rollout, state: TargetState, now: datetime) -> Reason | None:
    """Why the sources take the candidate of this target back; None where they do not."""
    target = rollout.service.target(state.name)
    return (
        _check_failed(state, target)
        or _worse(rollout, state, target)
        or _broken(state, target, now)
        or _silent(state, target, now)
    )


def _check_failed(state: TargetState, target: Target) -> Reason | None:
    for rule in target.metrics:
        found = checked(state, rule.name)
        if found is not None and found.state is CheckState.FAILED and not rule.dry_run:
            said = " ".join(found.why.split())
            return Reason("checkFailed", f"{rule.name} failed: {said}", (("metric", rule.name),))
    return None


def _worse(rollout: Rollout, state: TargetState, target: Target) -> Reason | None:
    e = e_of_rollout(rollout, state.name) if deciding(target) else 0.0
    if e < 1 / ALPHA:
        return None
    own = e_of(state, target)
    able = (other for other in rollout.targets if _is_open(other))
    most = max((e_of(other, rollout.service.target(other.name)) for other in able), default=own)
    if own < most:
        return None
    steps = len(target.plan.steps)
    worst = max(deciding(target), key=lambda rule: e_value(evidence_of(state, rule.name), steps))
    seen = evidence_of(state, worst.name)
    message = (
        f"{worst.name}: {told(seen, worst)}: evidence {amount(e)}{_mean_of(rollout, target)}, limit {1 / ALPHA:,.0f}"
    )
    return Reason("countsWorse", message, (("e", e), ("limit", 1 / ALPHA), *_numbers(seen)))


def _mean_of(rollout: Rollout, target: Target) -> str:
    """What the evidence is the mean of, where that is more than one source of one target."""
    names, judged = [rule.name for rule in deciding(target)], [t for t in rollout.service.targets if deciding(t)]
    parts = [f"of {', '.join(names)}"] if len(names) > 1 else []
    parts += [f"over {len(judged)} targets"] if len(judged) > 1 else []
    return f" in the mean {' '.join(parts)}" if parts else ""


def told(seen: Evidence, rule: MetricRule) -> str:
    """Both sides' totals in words."""
    word = "had slow" if rule.kind is MetricKind.LATENCY else "failed"
    return (
        f"candidate {word} {seen.candidate_failures} of {seen.candidate_requests} requests,"
        f" stable {seen.stable_failures} of {seen.stable_requests}"
    )


def _numbers(seen: Evidence) -> tuple[tuple[str, str | float | int | None], ...]:
    return (
        ("metric", seen.metric),
        ("candidateRequests", seen.candidate_requests),
        ("candidateFailures", seen.candidate_failures),
        ("stableRequests", seen.stable_requests),
        ("stableFailures", seen.stable_failures),
    )


def _broken(state: TargetState, target: Target, now: datetime) -> Reason | None:
    """Not to wait for proof where most requests fail, and something else than the counts of one population says so."""
    if any(slot.failed for slot in state.stable):
        return None
    failing = any(slot.failed >= BELIEVED for slot in state.candidate)
    stretch = target.plan.steps[state.step].stretch
    for rule in deciding(target):
        seen = evidence_of(state, rule.name)
        if rule.kind is not MetricKind.FAILURES or stretch not in rule.when:
            continue
        last = broken(seen.recent, (seen.stable_requests, seen.stable_failures))
        if last is None or (now - last.until).total_seconds() > late_seconds(rule, target):
            continue
        if not failing and (last.instances or 0) < 2:
            continue
        if (stretch is When.AFTER or not last.stable_requests) and not (failing and _clean(state)):
            # Nobody else gets requests just now, so what fails may be what everybody needs: the probes must tell.
            continue
        witness = "its probes fail as well" if failing else f"on {last.instances} workloads"
        message = (
            f"{rule.name}: candidate failed {last.candidate_failures} of its last {last.candidate_requests} requests,"
            f" stable {last.stable_failures} of {last.stable_requests}, and {witness}"
        )
        return Reason("broken", message, _numbers(seen))
    return None


def _clean(state: TargetState) -> bool:
    """Whether the stable side's own probes have been clean for so long that an incident would have shown in them."""
    return all(slot.clean >= LONG_CLEAN for slot in state.stable)


def _silent(state: TargetState, target: Target, now: datetime) -> Reason | None:
    """Its telemetry is gone, the stable side's is there, and its probes fail: it is down."""
    failing = next((slot for slot in state.candidate if slot.failed >= BELIEVED), None)
    if failing is None or state.phase is not Phase.HOLDING or any(slot.failed for slot in state.stable):
        return None
    for rule in deciding(target):
        if target.plan.steps[state.step].stretch not in rule.when or not _has_gone(state, target, rule, now):
            continue
        who = failing.name or failing.endpoint
        message = (
            f"{rule.name}: nothing was counted of the candidate for {lost_seconds(target, rule):g} s, though the stable"
            f" side was, and {who} fails its probes: {failing.failing_why}"
        )
        return Reason("silent", message, (("metric", rule.name), ("failed", failing.failed)))
    return None


def _has_gone(state: TargetState, target: Target, rule: MetricRule, now: datetime) -> bool:
    """Whether the source knows nothing of the candidate any more, and of the stable side as usual.

    Some series begin with the first request: what never was there cannot be lost.
    """
    there = known_at(state, rule, Side.CANDIDATE) is not None and not is_late(state, target, rule, Side.STABLE, now)
    return there and is_lost(state, target, rule, Side.CANDIDATE, now)


def doubt(state: TargetState, target: Target, now: datetime) -> Reason | None:
    """What is not proven yet at this step, where the resources and the probes are well; None when all is."""
    return next(_unproven(state, target, now), None)


def _unproven(state: TargetState, target: Target, now: datetime) -> Iterator[Reason]:
    # First of all: it is what cannot wait.
    if (failing := fails_alone(state, target, now)) is not None:
        yield failing
    step = target.plan.steps[state.step]
    for rule in target.metrics:
        if rule.dry_run or step.stretch not in rule.when:
            continue
        if rule.kind is MetricKind.CHECK:
            found = _unfinished(state, rule)
        elif rule.counts and state.stable:
            found = _unknown(state, target, rule, now) or _untried(state, target, rule)
        else:
            found = None
        if found is not None:
            yield found


def _unfinished(state: TargetState, rule: MetricRule) -> Reason | None:
    found = checked(state, rule.name)
    if found is None or found.state is CheckState.RUNNING:
        return Reason("checkRunning", f"{rule.name}: waits for its result", (("metric", rule.name),))
    if found.state is CheckState.UNKNOWN:
        said = " ".join(found.why.split())
        return Reason("checkUnknown", f"{rule.name} came to no result: {said}", (("metric", rule.name),))
    return None


def _unknown(state: TargetState, target: Target, rule: MetricRule, now: datetime) -> Reason | None:
    """Which side the source does not know, or not of late; while the stable side has no requests nobody needs it."""
    seen, limit = evidence_of(state, rule.name), late_seconds(rule, target)
    wanted = needed(target.plan.steps[state.step].stretch)
    late = [side for side in wanted if is_late(state, target, rule, side, now)]
    why = f": {seen.problem}" if seen.problem else ""
    if late == [Side.CANDIDATE] and seen.candidate_at is None and (now - state.since).total_seconds() <= limit:
        return Reason("tooFew", f"{rule.name}: nothing is counted of the candidate yet", (("metric", rule.name),))
    if seen.mistaken:
        return Reason("metricMistaken", f"{rule.name} cannot be answered{why}", (("metric", rule.name),))
    if not late:
        return None
    code = "metricGone" if len(late) == len(wanted) else "telemetryLost"
    message = (
        f"{rule.name}: nothing newer than {limit:g} s is known of {' and '.join(_NAMES[side] for side in late)}{why}"
    )
    return Reason(code, message, (("metric", rule.name), ("limit", limit)))


def _untried(state: TargetState, target: Target, rule: MetricRule) -> Reason | None:
    if target.plan.steps[state.step].stretch is not When.DURING:
        return None
    seen = evidence_of(state, rule.name)
    if seen.step_candidate < LEAST_REQUESTS:
        message = f"{rule.name}: {seen.step_candidate} of {LEAST_REQUESTS} requests to the candidate in this step"
        numbers = (("metric", rule.name), ("requests", seen.step_candidate), ("limit", LEAST_REQUESTS))
        return Reason("tooFew", message, numbers)
    if state.step == target.plan.last - 1 and (shown := proof(seen)) < 1 / BETA:
        message = f"{rule.name}: {told(seen, rule)}: proof {amount(shown)} of the {1 / BETA:g} that everything takes"
        return Reason("notProven", message, (("proof", shown), ("limit", 1 / BETA), *_numbers(seen)))
    return None
