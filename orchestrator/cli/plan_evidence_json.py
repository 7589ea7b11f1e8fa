"""What a plan says of sources and drains as plain values: seconds, requests per second, shares in percent, parts."""

from __future__ import annotations

from typing import Any

from orchestrator.forecast_drain import Draining
from orchestrator.forecast_judged import Cause, Judged, Stretch, Toll, Windows, Worse
from orchestrator.forecast_traffic import Load, Origin
from strategies.proof import LEAST_REQUESTS


def judged_document(found: Judged) -> dict[str, Any]:
    """One source that decides."""
    promotion, windows = found.promotion, found.windows
    return {
        "metric": found.rule.name,
        "kind": found.rule.kind.value,
        "lagSeconds": found.rule.lag_seconds,
        "traffic": _traffic(found.load),
        "leastRequests": LEAST_REQUESTS,
        "longestHoldSeconds": found.longest_seconds,
        "steps": [_step(found, place, stretch) for place, stretch in enumerate(found.stretches)],
        "candidates": [_worse(worse) for worse in found.worse],
        "promotion": None
        if promotion is None
        else {
            "requests": _rounded(promotion.requests),
            "outcome": promotion.ending.value if found.known else "unknown",
            "step": promotion.step,
            "seconds": _rounded(promotion.seconds) if found.known else None,
            "withinHold": promotion.within_hold if found.known else None,
        },
        "dns": _windows(windows, Cause.DNS, "ttlSeconds"),
        "sampling": _windows(windows, Cause.SAMPLING, "intervalSeconds"),
    }


def _windows(windows: Windows | None, cause: Cause, seconds: str) -> dict[str, Any] | None:
    if windows is None or windows.cause is not cause:
        return None
    least, most = windows.least_seconds, windows.most_seconds
    return {seconds: windows.seconds, "windows": windows.many, "leastSeconds": least, "mostSeconds": most}


def _traffic(load: Load) -> dict[str, Any]:
    known = load.origin is not Origin.UNKNOWN
    return {
        "origin": load.origin.value,
        "failingOrigin": load.failing_origin.value,
        "requestsPerSecond": _rounded(load.rate) if known else None,
        "candidateRequestsPerSecond": _rounded(load.beside),
        "failing": round(load.failing, 6) if load.failing_origin is not Origin.UNKNOWN else None,
        "measuredSeconds": load.seconds or None,
        "measuredRequests": load.requests if load.seconds else None,
        "problem": load.problem or None,
    }


def _step(found: Judged, place: int, stretch: Stretch) -> dict[str, Any]:
    return {
        "step": stretch.number,
        "share": stretch.share,
        "seconds": _rounded(stretch.seconds),
        "stableRequestsPerSecond": _rounded(stretch.stable_rate),
        "candidateRequestsPerSecond": _rounded(stretch.candidate_rate),
        "leastSeconds": _rounded(stretch.least_seconds),
        "candidates": [_identity(worse) | {"caught": _toll(worse.at_step[place])} for worse in found.worse],
    }


def _worse(worse: Worse) -> dict[str, Any]:
    toll = {"outcome": worse.ending.value, "acceptable": worse.acceptable, "step": worse.step}
    return _identity(worse) | toll | (_toll(worse.toll) or {})


def _identity(worse: Worse) -> dict[str, Any]:
    return {"failing": round(worse.failing, 6), "times": worse.times, "points": worse.points}


def _toll(toll: Toll | None) -> dict[str, Any] | None:
    return None if toll is None else {"seconds": _rounded(toll.seconds), "failures": _rounded(toll.failures)}


def draining_document(found: Draining) -> dict[str, Any]:
    """One target's drain."""
    pinned = found.pinned
    return {
        "target": found.target,
        "ruleSeconds": found.rule_seconds,
        "measured": None
        if pinned is None
        else {"pinned": round(pinned.part, 6), "meanHoldSeconds": _rounded(pinned.hold_seconds)},
        "left": [{"part": 1 - rest, "seconds": _rounded(seconds)} for rest, seconds in found.left],
        "counted": found.counted,
        "quietSeconds": found.quiet_seconds,
        "mostSeconds": found.most_seconds,
        "then": None if found.most_seconds is None else found.then.value,
    }


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 3)
