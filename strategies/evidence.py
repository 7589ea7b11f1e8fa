"""An anytime-valid, two-arm test of request counts: a look every second does not raise its error rate.

Null hypothesis at every moment: `p_candidate <= R0 * p_stable + DELTA`, with `p_stable` unknown and moving. Each
process is a betting martingale per rate ratio in `RATIOS`; by Ville's inequality the chance that their mean ever
reaches `1 / ALPHA` for an acceptable candidate is at most `ALPHA`, at any stopping time and any traffic split
(Lindon and Malek, NeurIPS 2022; Turner, Ly and Gruenwald, 2024). Half of the capital bets from the start, the other
half is spread over bets that begin with each step, so that a late regression is not drowned by a long good past.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from math import exp, log, log1p

from strategies.seen import Counts
from strategies.values import evolve

RATIOS = (1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0, 1000.0)
R0 = 1.25
DELTA = 0.001
ALPHA = 1e-3
_LOG_CEILING = 700.0

Process = tuple[float, ...]
"""The logarithm of one bet's capital per ratio in `RATIOS`."""
FRESH: Process = (0.0,) * len(RATIOS)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the counts have said; `processes[0]` began with the first traffic, each other one with its step.

    `until` is the watermark: intervals that begin before it have been counted. The totals, counted from
    `since`, are for people and for the drain.
    """

    processes: tuple[Process, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    stable_requests: int = 0
    stable_failures: int = 0
    candidate_requests: int = 0
    candidate_failures: int = 0


def begin_step(evidence: Evidence) -> Evidence:
    """Start the bet that belongs to a new step; the first call starts the bet from the beginning as well."""
    return evolve(evidence, processes=(evidence.processes or (FRESH,)) + (FRESH,))


def update(evidence: Evidence, batch: Counts) -> Evidence:
    """Fold in one interval counted on both sides; intervals before the watermark are dropped, so none counts twice.

    Raises ValueError when a count is negative or failures exceed requests.
    """
    n_b, x_b = batch.stable_requests, batch.stable_failures
    n_c, x_c = batch.candidate_requests, batch.candidate_failures
    if not (0 <= x_b <= n_b and 0 <= x_c <= n_c):
        got = f"stable {x_b}/{n_b}, candidate {x_c}/{n_c}"
        raise ValueError(f"counts must satisfy 0 <= failures <= requests; got {got}")
    if evidence.until is not None and batch.since < evidence.until:
        return evidence
    gains = _gains(n_b, x_b, n_c, x_c) if n_b and n_c else FRESH
    return evolve(
        evidence,
        processes=tuple(
            tuple(min(value + gain, _LOG_CEILING) for value, gain in zip(process, gains, strict=True))
            for process in evidence.processes
        ),
        since=evidence.since or batch.since,
        until=batch.until,
        stable_requests=evidence.stable_requests + n_b,
        stable_failures=evidence.stable_failures + x_b,
        candidate_requests=evidence.candidate_requests + n_c,
        candidate_failures=evidence.candidate_failures + x_c,
    )


def _gains(n_b: int, x_b: int, n_c: int, x_c: int) -> Process:
    w0 = R0 * n_c / (R0 * n_c + n_b)
    gains = []
    for ratio in RATIOS:
        z = ratio * w0 + 1 - w0
        gains.append(x_c * log(ratio / z) - x_b * log1p(z - 1) - DELTA * n_c * (ratio / z - 1))
    return tuple(gains)


def e_value(evidence: Evidence, steps: int) -> float:
    """The evidence against the candidate; roll back at `1 / ALPHA`. `steps` is how many steps the plan has in all."""
    if not evidence.processes:
        return 1.0
    first, *restarts = (sum(exp(v) for v in process) / len(RATIOS) for process in evidence.processes)
    unborn = max(steps - len(restarts), 0)
    weight = 0.5 / max(steps, len(restarts), 1)
    return 0.5 * first + weight * (sum(restarts) + unborn)


def condemns(evidence: Evidence, steps: int) -> bool:
    """Whether the counts prove the candidate worse than allowed."""
    return e_value(evidence, steps) >= 1 / ALPHA
