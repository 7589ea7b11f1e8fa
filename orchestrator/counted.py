"""What the sources have counted and what it comes to, as the JSON result says it: one pure function of a target.

`e`, `limit` and the counts beside them are those by which the target is judged: the weighted mean over the sources that
decide, and the counts of the first of them. `metrics` holds every source by itself, `checks` every check at each step
at which it was made. What is not known is null.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from orchestrator.stamps import stamp
from strategies.counting import evidence_of as known_of
from strategies.counting import late_seconds
from strategies.evidence import ALPHA, BETA, Evidence, e_value, proof
from strategies.gates import MetricKind, MetricRule
from strategies.model import Rollout, TargetState
from strategies.phases import Phase
from strategies.plan import Target
from strategies.proof import deciding, e_of
from strategies.seen import CheckSeen
from strategies.telling import proof_of

E_LIMIT, PROOF_LIMIT = round(1 / ALPHA), round(1 / BETA)
"""At which evidence the rollout is taken back, and at which proof the candidate may have everything."""
ENOUGH_REQUESTS = 100
"""Requests in a step below which their parts say little of the split."""
TOO_MANY_TIMES = 3.0
"""How many times its share the candidate must get for that to be worth a warning."""
_LEAST_SURPRISE = 10
_IN_FORCE = (Phase.HOLDING, Phase.DRAINING, Phase.DRAINED)


@dataclass(frozen=True, slots=True)
class Observed:
    """The candidate's part of the requests of this step, in percent, as one source counted them."""

    share: float
    requests: int
    metric: str
    excessive: bool
    """Whether it gets far more than was asked for, and more than chance explains."""


def observed(state: TargetState, target: Target) -> Observed | None:
    """How clients really were split in this step; None where no source has counted enough of them.

    Our own probes ask each side alike, and copies of requests are nobody's share.
    """
    step = target.plan.steps[state.step]
    if state.phase not in _IN_FORCE or not state.stable or step.mirror > 0:
        return None
    for rule in target.metrics:
        seen = known_of(state, rule.name)
        requests = seen.step_stable + seen.step_candidate
        if rule.own or rule.kind is MetricKind.CHECK or requests < ENOUGH_REQUESTS:
            continue
        part = seen.step_candidate / requests
        many = seen.step_candidate >= _LEAST_SURPRISE and 100 * part > TOO_MANY_TIMES * step.share
        excessive = many and step.share > 0 and not step.leads
        return Observed(round(100 * part, 6), requests, rule.name, excessive)
    return None


def evidence_of(rollout: Rollout, state: TargetState) -> dict[str, Any]:
    """What the sources have said of one target, with the limits at which that decides."""
    target = rollout.service.target(state.name)
    counting = [*deciding(target), *(rule for rule in target.metrics if rule.counts)]
    first = known_of(state, counting[0].name) if counting else Evidence()
    shown = proof_of(state, target)
    return {
        "e": round(e_of(state, target), 6),
        "limit": E_LIMIT,
        **_totals(first),
        "proof": None if shown is None else round(shown, 6),
        "proofLimit": PROOF_LIMIT,
        "metrics": [_metric(state, target, rule) for rule in target.metrics if rule.kind is not MetricKind.CHECK],
        "checks": [each for rule in target.metrics if rule.kind is MetricKind.CHECK for each in _checks(state, rule)],
    }


def _totals(seen: Evidence) -> dict[str, int]:
    return {
        "candidateRequests": seen.candidate_requests,
        "candidateFailures": seen.candidate_failures,
        "stableRequests": seen.stable_requests,
        "stableFailures": seen.stable_failures,
    }


def _metric(state: TargetState, target: Target, rule: MetricRule) -> dict[str, Any]:
    seen = known_of(state, rule.name)
    return {
        "name": rule.name,
        "kind": rule.kind.value,
        "when": [when.value for when in rule.when],
        "dryRun": rule.dry_run,
        "weight": rule.weight,
        "e": round(e_value(seen, len(target.plan.steps)), 6) if rule.counts else None,
        "limit": E_LIMIT,
        "proof": round(proof(seen), 6) if rule.counts else None,
        "proofLimit": PROOF_LIMIT,
        "since": stamp(seen.since),
        "until": stamp(seen.until),
        **_totals(seen),
        "stepCandidateRequests": seen.step_candidate,
        "stepStableRequests": seen.step_stable,
        "candidateAt": stamp(seen.candidate_at),
        "stableAt": stamp(seen.stable_at),
        "lateSeconds": late_seconds(rule, target),
        "problem": seen.problem,
        "mistaken": seen.mistaken,
        "rateBefore": seen.rate_before,
        "quietSince": stamp(seen.quiet_since),
        "quietUntil": stamp(seen.quiet_until),
        "countsProbes": seen.echo is not None and seen.echo.heard,
    }


def _checks(state: TargetState, rule: MetricRule) -> list[dict[str, Any]]:
    made: list[CheckSeen | None] = [each for each in state.checks if each.metric == rule.name]
    return [
        {
            "name": rule.name,
            "when": [when.value for when in rule.when],
            "dryRun": rule.dry_run,
            "step": each.step if each else None,
            "state": each.state.value if each else "pending",
            "at": stamp(each.at) if each else None,
            "why": each.why if each else "",
            "output": each.output if each else "",
            "attempt": each.attempt if each else 0,
        }
        for each in made or [None]
    ]
