"""The rules that others decide by, written anew from their documentation and run over many runs at once.

Flagger: "How it works" (docs.flagger.app/usage/how-it-works, section Canary analysis: a check once per `interval`,
`threshold` is the number of failed checks before the rollback) and "Metrics Analysis" (docs.flagger.app/usage/metrics:
`request-success-rate` in percent over the metric's own interval, minimum 99). Failed checks add up over the whole
analysis, a failed one holds the weight, and the count is compared when the next check begins.

Argo Rollouts: "Analysis & Progressive Delivery" (argo-rollouts.readthedocs.io/en/stable/features/analysis, section
Background Analysis: every 5 minutes, success at 95 % or more, `failureLimit: 3`, weights raised every 10 minutes
regardless of it). A run has failed when more measurements than `failureLimit` have.

No delay of telemetry is counted against anybody. A check without any request fails in Flagger, and is no failure in
Argo Rollouts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.decisions.traffic import STEPS, Array, Cell

Flags = NDArray[np.bool_]
BUCKET_SECONDS = 5
HORIZON_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Peer:
    """One peer's settings; seconds, and the success rate below which a check fails."""

    name: str
    argo: bool
    interval: int
    window: int
    success: float
    limit: int
    dwell: int


FLAGGER_1 = Peer("Flagger 1 m / 99 % / threshold 1", False, 60, 60, 0.99, 1, 60)
FLAGGER_5 = Peer("Flagger 1 m / 99 % / threshold 5", False, 60, 60, 0.99, 5, 60)
FLAGGER_10 = Peer("Flagger 1 m / 99 % / threshold 10", False, 60, 60, 0.99, 10, 60)
ARGO_DOCS = Peer("Argo docs template 5 m / 95 % / limit 3", True, 300, 300, 0.95, 3, 600)
ARGO_MINUTE = Peer("Argo 1 m / 95 % / limit 3", True, 60, 60, 0.95, 3, 300)
PEERS = (FLAGGER_5, FLAGGER_10, ARGO_DOCS, ARGO_MINUTE, FLAGGER_1)


@dataclass(frozen=True, slots=True)
class Ends:
    """How many runs ended, one place per run.

    `seconds` is when the decision fell; `excess` the candidate's failures until then beyond the stable side's rate.
    """

    rolled: Flags
    promoted: Flags
    seconds: Array
    excess: Array

    @property
    def runs(self) -> int:
        """How many there were."""
        return len(self.rolled)

    @property
    def rate(self) -> float:
        """The part that was rolled back."""
        return float(self.rolled.mean())

    @property
    def median_seconds(self) -> float | None:
        """The median time of those rolled back; None when there was none."""
        return float(np.median(self.seconds[self.rolled])) if self.rolled.any() else None

    @property
    def mean_excess(self) -> float:
        """The mean over all runs, however they ended."""
        return float(self.excess.mean())


def play(peer: Peer, cell: Cell, runs: int) -> Ends:
    """Let a peer decide over so many runs of a cell."""
    dice = np.random.default_rng([cell.seed, runs])
    return _argo(peer, cell, runs, dice) if peer.argo else _flagger(peer, cell, runs, dice)


def _flagger(peer: Peer, cell: Cell, runs: int, dice: np.random.Generator) -> Ends:
    """Its window is its interval, so each check is one draw; runs go on at their own weights."""
    shares = np.array(STEPS)
    step, failed = np.zeros(runs, np.int64), np.zeros(runs, np.int64)
    open_, rolled = np.ones(runs, np.bool_), np.zeros(runs, np.bool_)
    seconds, excess = np.full(runs, float(HORIZON_SECONDS)), np.zeros(runs)
    for now in range(peer.interval, HORIZON_SECONDS + 1, peer.interval):
        requests, failures, beyond = _drawn(cell, shares[step], now - peer.interval, now, dice)
        excess += np.where(open_, beyond, 0.0)
        due = open_ & (failed >= peer.limit)
        checked = open_ & ~due
        passes = failures <= (1 - peer.success) * requests
        passes &= requests > 0
        failed += checked & ~passes
        step += checked & passes
        done = checked & (step >= len(STEPS))
        seconds[due | done] = now
        rolled |= due
        open_ &= ~(due | done)
        step = np.minimum(step, len(STEPS) - 1)
        if not open_.any():
            break
    return Ends(rolled, ~rolled & ~open_, seconds, excess)


def _drawn(cell: Cell, share: Array, since: int, until: int, dice: np.random.Generator) -> tuple[Array, Array, Array]:
    """The candidate's requests, its failures, and those beyond the stable side's rate, between two times."""
    marks = np.arange(since, until, BUCKET_SECONDS, dtype=np.float64)
    p_b, p_c = cell.rates(marks)
    weights = np.full_like(p_b, BUCKET_SECONDS)
    means = cell.rps * share[:, None] * weights
    failures = dice.poisson(means * p_c).astype(np.float64)
    passed = dice.poisson(means * (1 - p_c)).astype(np.float64)
    requests = failures + passed
    beyond = (failures - requests * p_b).sum(axis=1)
    return requests.sum(axis=1), failures.sum(axis=1), beyond


@dataclass(frozen=True, slots=True)
class Paced:
    """The traffic of runs whose weights rise by the clock alone: sums since the start, at the end of each bucket."""

    requests: Array
    failures: Array
    beyond: Array


def paced(cell: Cell, runs: int, dwell: int, dice: np.random.Generator) -> Paced:
    """Draw runs whose every step lasts `dwell` seconds."""
    marks = np.arange(0, dwell * len(STEPS), BUCKET_SECONDS, dtype=np.float64)
    shares = np.repeat(STEPS, dwell // BUCKET_SECONDS)
    p_b, p_c = cell.rates(marks)
    means = cell.rps * shares * BUCKET_SECONDS
    failures = dice.poisson(means * p_c, (runs, len(marks))).astype(np.float64)
    requests = failures + dice.poisson(means * (1 - p_c), (runs, len(marks)))
    beyond = failures - requests * p_b
    return Paced(*(_since_start(each) for each in (requests, failures, beyond)))


def _since_start(each: Array) -> Array:
    return np.concatenate([np.zeros((len(each), 1)), each.cumsum(axis=1)], axis=1)


def _argo(peer: Peer, cell: Cell, runs: int, dice: np.random.Generator) -> Ends:
    return measured(peer, paced(cell, runs, peer.dwell, dice))


def measured(peer: Peer, traffic: Paced) -> Ends:
    """Judge paced traffic at every interval; the first measurement comes after a whole one."""
    last = traffic.requests.shape[1] - 1
    ends = np.arange(peer.interval // BUCKET_SECONDS, last + 1, peer.interval // BUCKET_SECONDS)
    begins = np.maximum(ends - peer.window // BUCKET_SECONDS, 0)
    requests = traffic.requests[:, ends] - traffic.requests[:, begins]
    failures = traffic.failures[:, ends] - traffic.failures[:, begins]
    failed = failures > (1 - peer.success) * requests
    over = failed.cumsum(axis=1) > peer.limit
    rolled: Flags = np.asarray(over.any(axis=1))
    when = np.where(rolled, ends[over.argmax(axis=1)], last)
    excess = traffic.beyond[np.arange(len(when)), when]
    return Ends(rolled, ~rolled, when * float(BUCKET_SECONDS), excess)
