"""The best threshold there is, chosen when everything is known: the true rate, the fault, and how it went.

The knobs are those that the peers really have (interval, window, threshold, failure limit), judged as Argo Rollouts
does, because it acts at the very check that is one too many where Flagger acts an interval later. Thresholds stand at
multiples of the stable side's true rate, which nobody knows beforehand. Weights rise as in our own plan.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from tests.benchmarks.decisions.peers import Ends, Paced, Peer, measured, paced
from tests.benchmarks.decisions.traffic import HOLD_SECONDS, Cell, bad, good

INTERVALS = (10, 20, 30, 60)
MINUTE = 60
WINDOWS = (30, MINUTE, 120)
FACTORS = (1.5, 2.0, 2.5, 3.0, 4.0, 5.0)
LIMITS = (0, 1, 2, 3, 4, 5)
FALSE_STEADY, FALSE_SHARED, DETECTED = 0.001, 0.05, 0.95
SLICE = 2000


@dataclass(frozen=True, slots=True)
class Tuned:
    """One setting of the knobs, and how it fares at one rate and one load."""

    peer: Peer
    steady: float
    shared: float
    found: float
    seconds: float | None
    excess: float


def sweep(rps: float, rate: float, times: float | None, runs: int) -> tuple[Tuned, ...]:
    """Try every setting on the same traffic: good versions in steady times and in an incident, and a bad one."""
    cells = (good(rps, rate), good(rps, rate, incident=True), bad(rps, rate, times))
    knobs = [_peer(rate, *each) for each in product(INTERVALS, WINDOWS, FACTORS, LIMITS) if each[2] * rate < 1]
    sums = np.zeros((len(knobs), 4))
    seconds: list[list[float]] = [[] for _ in knobs]
    for start in range(0, runs, SLICE):
        count = min(SLICE, runs - start)
        drawn = [_traffic(cell, count, start) for cell in cells]
        for place, peer in enumerate(knobs):
            steady, shared, found = (measured(peer, each) for each in drawn)
            sums[place] += [end.rolled.sum() for end in (steady, shared, found)] + [found.excess.sum()]
            seconds[place] += found.seconds[found.rolled].tolist()
    return tuple(
        Tuned(peer, steady, shared, found, float(np.median(took)) if took else None, excess)
        for peer, (steady, shared, found, excess), took in zip(knobs, (sums / runs).tolist(), seconds, strict=True)
    )


def _peer(rate: float, interval: int, window: int, factor: float, limit: int) -> Peer:
    name = f"tuned {interval} s / {window} s / {factor:g} p0 / limit {limit}"
    return Peer(name, True, interval, window, 1 - factor * rate, limit, int(HOLD_SECONDS))


def _traffic(cell: Cell, runs: int, start: int) -> Paced:
    return paced(cell, runs, int(HOLD_SECONDS), np.random.default_rng([cell.seed, runs, start]))


def best(tried: tuple[Tuned, ...], *, through_incidents: bool = False) -> Tuned | None:
    """The setting that serves the fewest bad requests.

    Among those that find the fault nearly always and are wrong about good versions rarely enough: in steady times, and
    in an incident where that is asked for too.
    """
    able = [one for one in tried if one.found >= DETECTED and one.steady <= FALSE_STEADY]
    if through_incidents:
        able = [one for one in able if one.shared <= FALSE_SHARED]
    return min(able, key=lambda one: one.excess, default=None)


def ends_of(peer: Peer, cell: Cell, runs: int) -> Ends:
    """How one setting decides over so many runs of a cell."""
    return measured(peer, _traffic(cell, runs, 0))
