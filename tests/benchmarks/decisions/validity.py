"""The least favourable candidates there are: exactly at the boundary of what is acceptable, and of what is not.

There each test may be wrong with its whole error, and no more, however the stable side's rate moves. Twelve regimes of
thousands of runs with hundreds of looks are too many for the product's own functions, so a twin in numpy bets the same
way; on a part of the runs it is compared with them, look by look.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from math import pi, sin
from zlib import crc32

import numpy as np

from strategies.evidence import (
    ALPHA,
    BETA,
    FAILURES,
    RATIOS,
    SHRINKS,
    Evidence,
    Null,
    begin_step,
    e_value,
    proof,
    update,
)
from strategies.seen import Counts
from tests.benchmarks.decisions.stage import MINUTE
from tests.benchmarks.decisions.traffic import STEPS, Array

LOOKS, STEP_LOOKS, LOOK_SECONDS = 300, 60, 5
PLACES = len(STEPS) + 2
WEAK_ALPHA = 1e-2
"""A weaker error, at which so many runs can tell a test that errs too often from one that does not."""
NULL = FAILURES


@dataclass(frozen=True, slots=True)
class Regime:
    """How the stable side's rate moves, and how many requests there are in a second."""

    name: str
    rate: Callable[[int], float]
    rps: float


def regimes() -> tuple[Regime, ...]:
    """Four ways to move at three loads."""
    ways: tuple[tuple[str, Callable[[int], float]], ...] = (
        ("1 % throughout", lambda look: 0.01),
        ("0.2 to 5 % in waves", lambda look: 0.026 + 0.024 * sin(2 * pi * look / 250)),
        ("30 % throughout", lambda look: 0.3),
        ("1 %, in bursts 20 %", lambda look: 0.2 if look // STEP_LOOKS % 5 == 0 else 0.01),
    )
    return tuple(Regime(f"{name}, {rps:g} rps", rate, rps) for name, rate in ways for rps in (5.0, 50.0, 500.0))


@dataclass(frozen=True, slots=True)
class Found:
    """How many runs of a regime were ever condemned at the boundary, and let pass at the other one."""

    regime: str
    runs: int
    condemned: int
    weakly: int
    passed: int
    compared: int
    apart: float
    """The largest relative difference between the twin and the product's functions."""


class Twin:
    """`strategies.evidence` for many runs at once: bets against, bets begun with each step, and bets in favour."""

    def __init__(self, runs: int, null: Null = NULL) -> None:
        self.null = null
        self.against = np.zeros((runs, len(RATIOS)))
        self.starts: list[Array] = []
        self.gate = np.zeros((runs, len(SHRINKS)))

    def begin_step(self) -> None:
        """Start the bet that belongs to a new step."""
        self.starts.append(self.against.copy())

    def bet(self, n_b: Array, x_b: Array, n_c: Array, x_c: Array) -> None:
        """Take in one interval of every run; one in which a side has no request says nothing."""
        both = ((n_b > 0) & (n_c > 0))[:, None]
        null, ratios, shrinks = self.null, np.array(RATIOS), np.array(SHRINKS)
        n_b, x_b, n_c, x_c = (np.where(both, each[:, None], 0.0) for each in (n_b, x_b, n_c, x_c))
        stable = np.maximum(n_b, 1.0)
        w0 = null.r0 * n_c / (null.r0 * n_c + stable)
        z = 1 + (ratios - 1) * w0
        self.against += x_c * np.log(ratios) - (x_c + x_b) * np.log(z) + null.delta * n_c * (1 - ratios / z)
        odds = null.r1 * n_c / stable
        self.gate += x_c * np.log(shrinks) + x_b * np.log1p(odds * (1 - shrinks)) + null.d1 * n_c * (1 - shrinks)

    def e_values(self) -> Array:
        """The evidence against each candidate, as `strategies.evidence.e_value` has it."""
        begun = sum((_mean(self.against - start) for start in self.starts), np.zeros(len(self.against)))
        found: Array = 0.5 * _mean(self.against) + 0.5 * (begun + PLACES - len(self.starts)) / PLACES
        return found

    def proofs(self) -> Array:
        """The evidence for each candidate."""
        return _mean(self.gate)


def _mean(logs: Array) -> Array:
    found: Array = np.exp(np.minimum(logs, 700.0)).mean(axis=1)
    return found


def check(regime: Regime, runs: int, *, looks: int = LOOKS, compared: int = 5) -> Found:
    """Run one regime at both boundaries, and compare the twin with the product's functions on the first runs."""
    dice = np.random.default_rng(crc32(regime.name.encode()))
    twin, gate = Twin(runs), Twin(runs)
    compared = min(compared, runs)
    ours = [Evidence("errors") for _ in range(compared)]
    most, best, apart = np.ones(runs), np.zeros(runs), 0.0
    for look in range(looks):
        if look % STEP_LOOKS == 0 and look // STEP_LOOKS < len(STEPS):
            twin.begin_step()
            ours = [begin_step(each) for each in ours]
        share, p_b = STEPS[min(look // STEP_LOOKS, len(STEPS) - 1)], regime.rate(look)
        n_b, n_c = (dice.poisson(regime.rps * LOOK_SECONDS * part, runs) for part in (1 - share, share))
        x_b = dice.binomial(n_b, p_b)
        x_c = dice.binomial(n_c, min(NULL.r0 * p_b + NULL.delta, 1.0))
        x_g = dice.binomial(n_c, min(NULL.r1 * p_b + NULL.d1, 1.0))
        twin.bet(*(each.astype(np.float64) for each in (n_b, x_b, n_c, x_c)))
        gate.bet(*(each.astype(np.float64) for each in (n_b, x_b, n_c, x_g)))
        values = twin.e_values()
        most, best = np.maximum(most, values), np.maximum(best, gate.proofs())
        for run in range(compared):
            ours[run] = update(ours[run], _counts(look, n_b[run], x_b[run], n_c[run], x_c[run]), NULL)
            pairs = (e_value(ours[run], PLACES), values[run]), (proof(ours[run]), twin.proofs()[run])
            apart = max(apart, *(float(abs(a - b) / max(a, b, 1e-300)) for a, b in pairs))
    counted = [int((each >= limit).sum()) for each, limit in ((most, 1 / ALPHA), (most, 1 / WEAK_ALPHA))]
    return Found(regime.name, runs, counted[0], counted[1], int((best >= 1 / BETA).sum()), compared, apart)


def _counts(look: int, n_b: int, x_b: int, n_c: int, x_c: int) -> Counts:
    since = MINUTE + timedelta(seconds=LOOK_SECONDS * look)
    until = since + timedelta(seconds=LOOK_SECONDS)
    return Counts(since, until, int(n_b), int(x_b), int(n_c), int(x_c))
