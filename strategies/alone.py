"""What a candidate fails while nobody else gets requests: it may be the release, or what all would fail just now.

Nothing stands beside it to tell, so it condemns nothing by itself. But the side that served before is kept, warm, for
as long as it lasts, and a person is asked at once: clients are failing.
"""

from __future__ import annotations

from datetime import datetime

from strategies.counting import evidence_of, late_seconds
from strategies.evidence import FAILURES, Evidence
from strategies.gates import MetricKind, MetricRule, When
from strategies.lately import LEAST, at_least, together
from strategies.model import Reason, TargetState
from strategies.plan import Target
from strategies.seen import Counts

_CODE = "failsAlone"
_UNKNOWN = 0.5
"""What part may fail where it is not known what the other side failed."""


def fails_alone(state: TargetState, target: Target, now: datetime) -> Reason | None:
    """Why the old side is kept: the last requests failed more often than is acceptable beside what it failed before."""
    if not state.stable or target.plan.steps[state.step].stretch is not When.AFTER:
        return None
    for rule in target.metrics:
        if rule.dry_run or not rule.counts or When.AFTER not in rule.when:
            continue
        seen = evidence_of(state, rule.name)
        if (last := _unacceptable(seen)) is not None and _is_new(last, rule, target, now):
            return _reason(seen, rule, last)
    return None


def _unacceptable(seen: Evidence) -> Counts | None:
    """The last requests where they failed too often, surely (Wilson's lower bound at 99.9 %)."""
    known = seen.stable_requests >= LEAST
    limit = FAILURES.r1 * seen.stable_failures / seen.stable_requests + FAILURES.d1 if known else _UNKNOWN
    lots = (together(seen.recent), seen.recent[-1]) if seen.recent else ()
    return next((lot for lot in lots if _surely(lot) > limit), None)


def _surely(lot: Counts) -> float:
    return at_least(lot.candidate_failures, lot.candidate_requests) if lot.candidate_requests >= LEAST else 0.0


def _is_new(last: Counts, rule: MetricRule, target: Target, now: datetime) -> bool:
    return (now - last.until).total_seconds() <= late_seconds(rule, target)


def _reason(seen: Evidence, rule: MetricRule, last: Counts) -> Reason:
    word = "had slow" if rule.kind is MetricKind.LATENCY else "failed"
    message = (
        f"{rule.name}: candidate {word} {last.candidate_failures} of its last {last.candidate_requests} requests,"
        f" stable {seen.stable_failures} of {seen.stable_requests} before; nobody else gets any that tell why"
    )
    numbers = (
        ("metric", rule.name),
        ("candidateRequests", last.candidate_requests),
        ("candidateFailures", last.candidate_failures),
        ("stableRequests", seen.stable_requests),
        ("stableFailures", seen.stable_failures),
    )
    return Reason(_CODE, message, numbers)


def urgent(doubt: Reason | None) -> Reason | None:
    """The doubt, where clients are failing meanwhile: no hold is waited for, and a person is asked at once."""
    return doubt if doubt is not None and doubt.code == _CODE else None


def asks_after(target: Target, step: int, why: Reason | None) -> float:
    """Seconds after which a person is asked about a step that is undecided for this reason."""
    return 0.0 if urgent(why) else target.asks_after(step)
