"""At the least favourable boundary each test errs at most as often as it may, however the stable side's rate moves."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from math import sin

import pytest

from strategies.evidence import BETA, FAILURES, Evidence, Null, begin_step, e_value, proof, update
from strategies.seen import Counts
from tests.unit.strategies.build import at

RUNS, LOOKS, STEP_LOOKS = 80, 80, 20
SHARES = (0.05, 0.10, 0.25, 0.50)
PLACES = len(SHARES) + 2
WEAK_ALPHA = 0.01
"""A weaker error than ours, at which so few runs can tell a test that errs too often."""
STRICT = Null(1.0, 0.0)
"""No worse at all than the stable side: a null hypothesis that a candidate at our boundary does not meet."""

Rate = Callable[[int], float]
REGIMES: dict[str, tuple[Rate, int]] = {
    "1 % throughout": (lambda look: 0.01, 60),
    "30 % throughout": (lambda look: 0.3, 60),
    "in waves": (lambda look: 0.026 + 0.024 * sin(look / 12), 120),
    "in bursts": (lambda look: 0.2 if look // 10 % 3 == 0 else 0.01, 120),
}


def drawn(dice: random.Random, requests: float, rate: float) -> tuple[int, int]:
    """Requests that come by chance, about so many, and how many of them fail."""
    number = sum(dice.random() < 0.5 for _ in range(round(2 * requests)))
    return number, sum(dice.random() < rate for _ in range(number))


def highest(seed: int, regime: str, boundary: Callable[[float], float], null: Null) -> tuple[float, float]:
    """The most that was ever proven against a candidate at the boundary, and for it."""
    rate, requests = REGIMES[regime]
    dice, seen = random.Random(f"{seed} {regime}"), Evidence("errors")
    against = favour = 0.0
    for look in range(LOOKS):
        if look % STEP_LOOKS == 0:
            seen = begin_step(seen)
        share, p_b = SHARES[look // STEP_LOOKS], rate(look)
        stable = drawn(dice, requests * (1 - share), p_b)
        candidate = drawn(dice, requests * share, min(boundary(p_b), 1.0))
        since = at(5 * look)
        seen = update(seen, Counts(since, since + timedelta(seconds=5), *stable, *candidate), null)
        against, favour = max(against, e_value(seen, PLACES)), max(favour, proof(seen))
    return against, favour


def acceptable(p_b: float) -> float:
    return FAILURES.r0 * p_b + FAILURES.delta


def unacceptable(p_b: float) -> float:
    return FAILURES.r1 * p_b + FAILURES.d1


@pytest.mark.parametrize("regime", REGIMES)
def test_a_candidate_just_acceptable_is_condemned_no_more_often_than_the_error_allows(regime: str) -> None:
    found = [highest(seed, regime, acceptable, FAILURES)[0] for seed in range(RUNS)]
    assert sum(e >= 1 / WEAK_ALPHA for e in found) <= 3


@pytest.mark.parametrize("regime", REGIMES)
def test_a_candidate_just_unacceptable_is_let_pass_no_more_often_than_the_error_allows(regime: str) -> None:
    found = [highest(seed, regime, unacceptable, FAILURES)[1] for seed in range(RUNS)]
    assert sum(shown >= 1 / BETA for shown in found) <= 2 * BETA * RUNS


def test_the_same_candidate_is_condemned_where_no_worse_at_all_is_acceptable() -> None:
    found = [highest(seed, "30 % throughout", lambda p_b: 1.6 * p_b, STRICT)[0] for seed in range(20)]
    assert sum(e >= 1 / WEAK_ALPHA for e in found) >= 15
