"""What no rule can beat, and how sure a count makes one: closed forms, without a numeric library."""

from __future__ import annotations

from math import exp, lgamma, log, log1p

from tests.benchmarks.decisions.traffic import HOLD_SECONDS, STEPS, Cell

ALPHA = 1e-3
"""The part of good versions that a rule may take back."""


def divergence(p: float, q: float) -> float:
    """Kullback and Leibler's divergence of two coins, in nats."""
    heads = p * log(p / q) if p > 0 else 0.0
    tails = (1 - p) * log((1 - p) / (1 - q)) if p < 1 else 0.0
    return heads + tails


def wald_requests(cell: Cell, alpha: float = ALPHA) -> float:
    """The candidate's requests that a test with this error needs in the mean when it knows both rates (Wald, 1945)."""
    return log(1 / alpha) / divergence(cell.candidate, cell.stable)


def wald_excess(cell: Cell, alpha: float = ALPHA) -> float:
    """The failures beyond the stable side's rate that such a test sees in the mean."""
    return (cell.candidate - cell.stable) * wald_requests(cell, alpha)


def wald_seconds(cell: Cell, alpha: float = ALPHA) -> float:
    """How long the steps take to send that many requests to the candidate."""
    left, passed = wald_requests(cell, alpha), 0.0
    for share in STEPS:
        sent = cell.rps * share * HOLD_SECONDS
        if left <= sent or share == STEPS[-1]:
            return passed + left / (cell.rps * share)
        left -= sent
        passed += HOLD_SECONDS
    return passed


def upper_bound(hits: int, runs: int, error: float = 0.05) -> float:
    """The largest rate at which so few hits in so many runs have at least this chance.

    One-sided, exact (Clopper and Pearson, 1934).
    """
    if hits >= runs:
        return 1.0
    low, high = hits / runs, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if at_most(hits, runs, middle) > error else (low, middle)
    return high


def at_most(hits: int, runs: int, rate: float) -> float:
    """The chance of at most so many hits in so many runs at this rate."""
    if rate <= 0:
        return 1.0
    if rate >= 1:
        return 1.0 if hits >= runs else 0.0
    whole = lgamma(runs + 1)
    terms = (
        exp(whole - lgamma(k + 1) - lgamma(runs - k + 1) + k * log(rate) + (runs - k) * log1p(-rate))
        for k in range(hits + 1)
    )
    return min(sum(terms), 1.0)


def drain_seconds(propagation: float, ttl: float, phi: float, hold: float, eps: float) -> float:
    """When all but `eps` of the requests have left: `phi` of them are pinned, for `hold` seconds in the mean."""
    return propagation + ttl + (hold * log(phi / eps) if phi > eps else 0.0)
