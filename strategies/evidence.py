"""Anytime-valid, two-arm tests of request counts: a look every second does not raise their error rates.

Against the candidate, the null hypothesis at every moment is `p_candidate <= r0 * p_stable + delta`, with `p_stable`
unknown and moving. Each process is a betting martingale per rate ratio in `RATIOS`; by Ville's inequality the chance
that their mean ever reaches `1 / ALPHA` for an acceptable candidate is at most `ALPHA`, at any stopping time and any
traffic split (Lindon and Malek, NeurIPS 2022; Turner, Ly and Gruenwald, 2024). Half of the capital bets from the start,
the other half is spread over bets that begin with each step, so that a late regression is not drowned by a long good
past. For the candidate, the mirrored test has the null hypothesis `p_candidate >= r1 * p_stable + d1`: it is
unacceptable; its mean reaches `1 / BETA` with a chance of at most `BETA`.

Where DNS carries the split, whole populations of clients change sides together, which no count can tell from a fault;
where counters are sampled, the first sample after the onset of an incident may show it on one side alone. There each
window, as long as the TTL or the sampling, may multiply a bet by no more than the cube root of what decides: less than
everything is less than the martingale, so the bound holds, and no single population or sample decides alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from math import exp, floor, log, log1p
from operator import add, sub
from typing import Any

from strategies.echo import Echo
from strategies.lately import lately
from strategies.seen import Counts
from strategies.values import evolve

RATIOS = (1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0, 1000.0)
SHRINKS = (0.01, 0.2, 0.4, 0.6, 0.8)
ALPHA = 1e-3
BETA = 0.05
_CLIP = -log(ALPHA) / 3
_GATE_CLIP = -log(BETA) / 3
_CEILING = 700.0

Process = tuple[float, ...]
"""The logarithm of one bet's capital per ratio in `RATIOS`, or per factor in `SHRINKS`."""
FRESH: Process = (0.0,) * len(RATIOS)
_FRESH_GATE: Process = (0.0,) * len(SHRINKS)
_BETS = tuple((ratio, ratio - 1, log(ratio)) for ratio in RATIOS)
_GATE_BETS = tuple((1 - shrink, log(shrink)) for shrink in SHRINKS)


@dataclass(frozen=True, slots=True)
class Null:
    """What is acceptable (`p_c <= r0 * p_b + delta`), and what is not (`p_c >= r1 * p_b + d1`)."""

    r0: float
    delta: float
    r1: float = 2.0
    d1: float = 0.01


FAILURES = Null(1.25, 0.001)
LATENCY = Null(1.5, 0.01)


@dataclass(frozen=True)
class Evidence:
    """What one source's counts have said: `against` the candidate since its first traffic, and for it (`gate`).

    `starts` holds the value of `against` when each step's own bet began, empty where that is the end of the present
    TTL window. `window_against` and `window_gate` are what that window, number `window`, adds: only where DNS carries
    the split. `until` is the watermark: intervals that begin before it have been counted. The totals, counted from
    `since`, are for people and for the drain.
    """

    metric: str = ""
    against: Process = FRESH
    gate: Process = _FRESH_GATE
    starts: tuple[Process, ...] = ()
    window: int | None = None
    clip: float = _CLIP
    window_against: Process = FRESH
    window_gate: Process = _FRESH_GATE
    since: datetime | None = None
    until: datetime | None = None
    stable_requests: int = 0
    stable_failures: int = 0
    candidate_requests: int = 0
    candidate_failures: int = 0
    step_stable: int = 0
    step_candidate: int = 0
    """Requests since the present step was in force."""
    recent: tuple[Counts, ...] = ()
    """The last half minute or more, in at most two parts."""
    asked_at: datetime | None = None
    stable_at: datetime | None = None
    """The end of the newest interval for which the source knew that side."""
    candidate_at: datetime | None = None
    told_stable: tuple[int, float] = (0, 0.0)
    """Requests and seconds of that side that the source has told of, whether they could be compared or not."""
    told_candidate: tuple[int, float] = (0, 0.0)
    told_before: tuple[int, float] = (0, 0.0)  # of `told_stable`, what came before anybody was led to the candidate
    problem: str | None = None
    mistaken: bool = False
    vain: int = 0
    """How often in a row the source was asked and could tell nothing of either side."""
    rate_before: float | None = None
    """Requests per second of the side that leaves, before it did (see `strategies.drain`); 0 where a source that
    decides knows of none, None where it decides nothing here."""
    quiet_since: datetime | None = None
    quiet_until: datetime | None = None
    echo: Echo | None = None  # how much of what it counts are our own probes, while nobody else is led to a side


def begin_step(evidence: Evidence) -> Evidence:
    """Start the bet that belongs to a new step; within a TTL window it begins with the next one."""
    start = evidence.against if evidence.window is None else ()
    return evolve(evidence, starts=(*evidence.starts, start))


def in_force(evidence: Evidence) -> Evidence:
    """Count the step's own requests from now on."""
    return evolve(evidence, step_stable=0, step_candidate=0)


def renewed(evidence: Evidence) -> Evidence:
    """Forget what was said, and count on from where the source was read: what was counted once is not again."""
    return Evidence(
        evidence.metric,
        starts=(FRESH,) if evidence.starts else (),
        until=evidence.until,
        asked_at=evidence.asked_at,
        stable_at=evidence.stable_at,
        candidate_at=evidence.candidate_at,
        told_stable=evidence.told_stable,
        told_candidate=evidence.told_candidate,
        told_before=evidence.told_before,
        problem=evidence.problem,
        mistaken=evidence.mistaken,
        vain=evidence.vain,
        rate_before=evidence.rate_before,
        quiet_since=evidence.quiet_since,
        quiet_until=evidence.quiet_until,
        echo=evidence.echo,
    )


def update(
    evidence: Evidence,
    batch: Counts,
    null: Null | None = FAILURES,
    ttl: float | None = None,
    *,
    in_step: bool = True,
    lumpy: bool = False,
) -> Evidence:
    """Fold in one interval counted on both sides; intervals before the watermark are dropped, so none counts twice.

    `ttl` is the length of a window in seconds where DNS carries the split or counters are sampled, None where requests
    are split, and counted, one by one. `in_step` says whether the interval belongs to the present step, `lumpy` whether
    whole populations of clients change sides together.
    Without `null` only the totals are kept. Raises ValueError when a count is negative or failures exceed requests.
    """
    n_b, x_b = batch.stable_requests, batch.stable_failures
    n_c, x_c = batch.candidate_requests, batch.candidate_failures
    _check(n_b, x_b, n_c, x_c)
    if evidence.until is not None and batch.since < evidence.until:
        return evidence
    bets: dict[str, Any] = {}
    if null is not None and n_b and n_c and evidence.starts:
        window = None if ttl is None else floor(batch.since.timestamp() / ttl)
        bets = _bets(evidence, batch, null, window)
        bets["clip"] = _clip(evidence, lumpy=lumpy)
    return evolve(
        evidence,
        **bets,
        since=evidence.since or batch.since,
        until=batch.until,
        stable_requests=evidence.stable_requests + n_b,
        stable_failures=evidence.stable_failures + x_b,
        candidate_requests=evidence.candidate_requests + n_c,
        candidate_failures=evidence.candidate_failures + x_c,
        step_stable=evidence.step_stable + n_b * in_step,
        step_candidate=evidence.step_candidate + n_c * in_step,
        recent=lately(evidence.recent, batch),
    )


def _check(n_b: int, x_b: int, n_c: int, x_c: int) -> None:
    if not (0 <= x_b <= n_b and 0 <= x_c <= n_c):
        got = f"stable {x_b}/{n_b}, candidate {x_c}/{n_c}"
        raise ValueError(f"counts must satisfy 0 <= failures <= requests; got {got}")


def _bets(evidence: Evidence, batch: Counts, null: Null, window: int | None) -> dict[str, Any]:
    """What changes when these counts are added, within the window that they fall into."""
    if window is None:
        return {"against": _against_with(evidence.against, batch, null), "gate": _gate_with(evidence.gate, batch, null)}
    closing = window != evidence.window
    against, gate = (FRESH, _FRESH_GATE) if closing else (evidence.window_against, evidence.window_gate)
    changes: dict[str, Any] = {
        "window_against": _against_with(against, batch, null),
        "window_gate": _gate_with(gate, batch, null),
    }
    if closing:
        closed = _against(evidence)
        starts = tuple(start or closed for start in evidence.starts)
        changes |= {"against": closed, "gate": _gate(evidence), "starts": starts, "window": window}
    return changes


def _clip(evidence: Evidence, *, lumpy: bool) -> float:
    stable = candidate = 0
    for part in evidence.recent if lumpy else ():
        stable += part.stable_requests
        candidate += part.candidate_requests
    return window_bound(stable, candidate, lumpy=lumpy)


def window_bound(stable: float, candidate: float, *, lumpy: bool) -> float:
    """What one window may add; where whole populations move, the less, the larger the candidate's part of the requests.

    A population that many windows would lead to the candidate by chance must not be enough; and one answer of DNS
    reaches into two windows.
    """
    return min(_CLIP, 0.5 * log((stable + candidate) / candidate)) if lumpy and candidate else _CLIP


def _against(evidence: Evidence) -> Process:
    if evidence.window is None:
        return evidence.against
    return _plus(evidence.against, tuple([min(value, evidence.clip) for value in evidence.window_against]))


def _gate(evidence: Evidence) -> Process:
    if evidence.window is None:
        return evidence.gate
    return _plus(evidence.gate, tuple([min(value, _GATE_CLIP) for value in evidence.window_gate]))


def _plus(process: Process, gains: Process) -> Process:
    return tuple(map(add, process, gains))


def _against_with(process: Process, batch: Counts, null: Null) -> Process:
    """The bets against the candidate with what these counts add."""
    n_c, failures = batch.candidate_requests, batch.candidate_failures + batch.stable_failures
    w0 = null.r0 * n_c / (null.r0 * n_c + batch.stable_requests)
    price = null.delta * n_c
    bets = zip(process, _BETS, strict=True)
    if not failures:
        return tuple([known + price * (1 - ratio / (1 + more * w0)) for known, (ratio, more, _) in bets])
    x_c = batch.candidate_failures
    return tuple(
        [
            known + (price * (1 - ratio / (z := 1 + more * w0)) + x_c * log_ratio - failures * log(z))
            for known, (ratio, more, log_ratio) in bets
        ]
    )


def _gate_with(process: Process, batch: Counts, null: Null) -> Process:
    """The bets for it with what these counts add."""
    n_c, x_b, x_c = batch.candidate_requests, batch.stable_failures, batch.candidate_failures
    price = null.d1 * n_c
    bets = zip(process, _GATE_BETS, strict=True)
    if not (x_b or x_c):
        return tuple([known + price * less for known, (less, _) in bets])
    odds = null.r1 * n_c / batch.stable_requests
    return tuple(
        [known + (x_c * log_shrink + x_b * log1p(odds * less) + price * less) for known, (less, log_shrink) in bets]
    )


def e_value(evidence: Evidence, steps: int) -> float:
    """The evidence against the candidate; roll back at `1 / ALPHA`. `steps` is how many steps the plan has in all."""
    if not evidence.starts:
        return 1.0
    against = _against(evidence)
    born = [_mean(tuple(map(sub, against, start))) for start in evidence.starts if start]
    places = max(steps, len(evidence.starts))
    return 0.5 * _mean(against) + 0.5 * (sum(born) + places - len(born)) / places


def proof(evidence: Evidence) -> float:
    """The evidence for the candidate: that it is not unacceptable; it may have everything at `1 / BETA`."""
    return _mean(_gate(evidence))


def _mean(process: Process) -> float:
    return sum([exp(min(value, _CEILING)) for value in process]) / len(process)
