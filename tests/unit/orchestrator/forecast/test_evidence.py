"""How fast the tests of counts decide, as a plan says it: against the tests themselves with dice."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from math import exp, log

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.forecast_catches import windows_of
from orchestrator.forecast_evidence import (
    LONGEST_SECONDS,
    Arms,
    Growths,
    Limit,
    decided,
    growths,
    proven,
    shown,
    shows_after,
)
from orchestrator.forecast_judged import Cause, Windows
from strategies.evidence import (
    ALPHA,
    BETA,
    FAILURES,
    FRESH,
    LATENCY,
    Evidence,
    Null,
    begin_step,
    e_value,
    proof,
    update,
)
from strategies.seen import Counts
from tests.unit.orchestrator.forecast.dice import (
    START,
    Game,
    looking,
    mean_seconds,
    promoted,
    rolled_back,
    seconds_until,
)

DETECTED_WITHIN, PROVEN_WITHIN = 0.25, 0.35
"""How far the mean time of a plan may be from that of many runs."""
_RATES, _PARTS = st.floats(0.05, 5000.0), st.floats(0.0, 1.0)


def _found(arms: Arms, null: Null = FAILURES, ttl: float | None = None, *, lumpy: bool = False) -> Growths:
    found = growths(arms, null, ttl, lumpy=lumpy)
    assert found is not None
    return found


def _planned(game: Game) -> float | None:
    growth = _found(game.arms, game.null, game.ttl, lumpy=game.lumpy).against
    found = decided(Limit(game.steps), [(growth, 0.0)] * game.before + [(growth, LONGEST_SECONDS)], begins=game.before)
    if found is None:
        return None
    return shows_after(found[1], game.sample_seconds or game.look_seconds, sampled=game.sample_seconds is not None)


@settings(deadline=None)
@given(st.integers(1, 10**6), st.integers(1, 10**6), _PARTS, _PARTS, st.sampled_from([FAILURES, LATENCY]))
def test_the_gain_of_a_second_is_what_the_test_itself_gains(b: int, c: int, p: float, q: float, null: Null) -> None:
    x_b, x_c = round(b * p), round(c * q)
    seen = update(Evidence(starts=(FRESH,)), Counts(START, START + timedelta(seconds=1), b, x_b, c, x_c), null)
    found = _found(Arms(b, c, x_b / b, x_c / c), null)
    scale = 1 + max(map(abs, (*seen.against, *seen.gate)))
    assert found.against.after(1.0) == pytest.approx(seen.against, abs=1e-6 * scale)
    assert found.gate.after(1.0) == pytest.approx(seen.gate, abs=1e-6 * scale)


@settings(deadline=None)
@given(_RATES, _RATES, _PARTS, _PARTS)
def test_no_bet_gains_more_than_the_divergence_from_what_is_acceptable(b: float, c: float, p: float, q: float) -> None:
    """The rates are Poisson, and the nearest acceptable ones have the same sum as nearly as p allows."""
    found = _found(Arms(b, c, p, q)).against
    acceptable = FAILURES.r0 * p + FAILURES.delta
    most = (c * (q * log(q / acceptable) - q + acceptable)) if q > acceptable else 0.0
    assert max(found.each) <= most + 1e-9 * (1 + c)


def test_what_is_acceptable_is_never_decided() -> None:
    for p in (0.0, 0.001, 0.01, 0.2):
        growth = _found(Arms(95.0, 5.0, p, FAILURES.r0 * p + FAILURES.delta)).against
        assert decided(Limit(5), [(growth, LONGEST_SECONDS)]) is None


_CASES = [
    (50, 0.05, 0.01, 1.0),
    (500, 0.05, 0.01, 1.0),
    (5, 0.05, 0.01, 0.1),
    (50, 0.05, 0.01, 0.1),
    (50, 0.05, 0.01, 0.05),
    (50, 0.5, 0.01, 0.02),
    (50, 0.05, 0.001, 0.01),
    (50, 0.5, 0.0, 0.01),
    (500, 0.25, 0.01, 0.02),
]


@pytest.mark.parametrize("before", [0, 2])
@pytest.mark.parametrize(
    ("rps", "share", "p", "q", "ttl"),
    [*((*case, None) for case in _CASES), *((*case, ttl) for case in _CASES[:5] for ttl in (10.0, 60.0))],
)
def test_a_worse_candidate_is_caught_when_the_plan_says(
    rps: float, share: float, p: float, q: float, ttl: float | None, before: int
) -> None:
    game = Game(Arms(rps * (1 - share), rps * share, p, q), FAILURES, before=before, ttl=ttl, lumpy=ttl is not None)
    game = looking(game, _planned(game) or 0.0)
    planned = _planned(game)
    assert planned is not None
    took = mean_seconds(game, rolled_back(game), runs=40, most=12 * planned)
    assert planned == pytest.approx(took, rel=DETECTED_WITHIN)


@pytest.mark.parametrize("before", [0, 2])
@pytest.mark.parametrize("sample", [5.0, 15.0, 60.0])
@pytest.mark.parametrize(("rps", "share", "p", "q"), [*_CASES[1:5], *_CASES[7:]])
def test_a_worse_candidate_is_caught_when_the_plan_says_though_its_counters_are_sampled(
    rps: float, share: float, p: float, q: float, sample: float, before: int
) -> None:
    game = Game(Arms(rps * (1 - share), rps * share, p, q), FAILURES, before=before, ttl=sample, sample_seconds=sample)
    game = replace(game, look_seconds=sample / 5)
    planned = _planned(game)
    assert planned is not None
    took = mean_seconds(game, rolled_back(game), runs=40, most=12 * planned)
    assert planned == pytest.approx(took, rel=DETECTED_WITHIN)


@pytest.mark.parametrize("sample", [5.0, 60.0])
@pytest.mark.parametrize(("rps", "share", "p"), [(50, 0.05, 0.0), (500, 0.05, 0.01), (50, 0.5, 0.01), (50, 0.25, 0.05)])
def test_a_good_candidate_has_proven_itself_when_the_plan_says_though_its_counters_are_sampled(
    rps: float, share: float, p: float, sample: float
) -> None:
    game = Game(Arms(rps * (1 - share), rps * share, p, p), FAILURES, ttl=sample, sample_seconds=sample)
    game = replace(game, look_seconds=sample / 5)
    found = proven([(_found(game.arms, ttl=sample).gate, LONGEST_SECONDS)])
    assert found is not None
    planned = shows_after(found[1], sample, sampled=True)
    took = mean_seconds(game, promoted(game), runs=40, most=12 * planned)
    assert planned == pytest.approx(took, rel=PROVEN_WITHIN)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 8), st.sampled_from([1.0, 0.25]), st.sampled_from([5.0, 15.0]), st.integers(0, 2**32))
def test_no_sample_is_condemned_before_the_windows_that_the_plan_speaks_of(
    steps: int, part: float, sample: float, seed: int
) -> None:
    windows = Windows(sample, windows_of(Limit(steps, part), 0.05, lumpy=False), Cause.SAMPLING)
    game = Game(Arms(9500.0, 500.0, 0.0, 1.0), FAILURES, steps=steps, ttl=sample, sample_seconds=sample)
    game = replace(game, look_seconds=sample / 10)
    took = seconds_until(game, lambda seen: e_value(seen, steps) >= 1000 / part, random.Random(seed), 40 * sample)
    assert took is not None
    assert windows.least_seconds <= took <= windows.most_seconds + game.look_seconds


@pytest.mark.parametrize(("rps", "share"), [(5, 0.05), (50, 0.01)])
def test_where_few_failures_decide_the_last_one_is_reckoned_with_as_a_whole(rps: float, share: float) -> None:
    game = Game(Arms(rps * (1 - share), rps * share, 0.01, 1.0), FAILURES)
    planned = _planned(game)
    assert planned is not None
    # Intervals in which one side has no requests are let go after a while, which costs more than the plan reckons with.
    assert planned == pytest.approx(mean_seconds(game, rolled_back(game), runs=300, most=20 * planned), rel=0.2)


@pytest.mark.parametrize("ttl", [None, 10.0, 60.0])
@pytest.mark.parametrize(
    ("rps", "share", "p"), [(50, 0.05, 0.0), (500, 0.05, 0.01), (50, 0.5, 0.01), (500, 0.25, 0.001), (50, 0.25, 0.05)]
)
def test_a_good_candidate_has_proven_itself_when_the_plan_says(
    rps: float, share: float, p: float, ttl: float | None
) -> None:
    game = Game(Arms(rps * (1 - share), rps * share, p, p), FAILURES, ttl=ttl, lumpy=ttl is not None)
    found = proven([(_found(game.arms, ttl=ttl, lumpy=game.lumpy).gate, LONGEST_SECONDS)])
    assert found is not None
    game = looking(game, found[1])
    planned = max(found[1] + game.look_seconds / 2, game.look_seconds)
    took = mean_seconds(game, promoted(game), runs=40, most=12 * planned)
    assert planned == pytest.approx(took, rel=PROVEN_WITHIN)


def test_about_four_hundred_clean_requests_prove_a_candidate_at_any_split() -> None:
    for share in (0.01, 0.05, 0.5):
        found = proven([(_found(Arms(1 / share - 1, 1.0, 0.0, 0.0)).gate, LONGEST_SECONDS)])
        assert found is not None
        assert 395 <= found[1] <= 415


def test_what_hardly_differs_takes_hours_at_a_low_traffic() -> None:
    """5 requests a second, 5 % of them: twice 0.1 % is acceptable to the test, four times takes a day."""
    twice, fourfold = (
        decided(Limit(5), [(_found(Arms(4.75, 0.25, 0.001, q)).against, LONGEST_SECONDS)]) for q in (0.002, 0.004)
    )
    assert twice is None
    assert fourfold is not None
    assert 15 * 3600 < fourfold[1] < 25 * 3600


@pytest.mark.parametrize("ttl", [10.0, 60.0])
def test_no_window_adds_more_than_the_test_lets_it(ttl: float) -> None:
    found = _found(Arms(950.0, 50.0, 0.0, 1.0), ttl=ttl, lumpy=True)
    once = begin_step(Evidence())
    for second in range(2):
        batch = Counts(
            START + timedelta(seconds=second), START + timedelta(seconds=second + 1), 19 * 10**5, 0, 10**5, 10**5
        )
        once = update(once, batch, FAILURES, ttl, lumpy=True)
    assert exp(max(found.against.window)) == pytest.approx(max(e_value(once, 1), 1.0), rel=0.01)
    clean = update(begin_step(Evidence()), replace(batch, candidate_failures=0), FAILURES, ttl, lumpy=True)
    good = _found(Arms(950.0, 50.0, 0.0, 0.0), ttl=ttl, lumpy=True).gate.after(10 * ttl)
    # In ten windows' time eleven are touched.
    assert max(good) <= 11 * log(proof(clean)) + 1e-9


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 8), st.sampled_from([1.0, 0.5, 0.25]), st.integers(0, 2**32))
def test_no_population_is_condemned_before_the_windows_that_the_plan_speaks_of(
    steps: int, part: float, seed: int
) -> None:
    windows = Windows(10.0, windows_of(Limit(steps, part), 0.05, lumpy=True), Cause.DNS)
    game = Game(Arms(9500.0, 500.0, 0.0, 1.0), FAILURES, steps=steps, ttl=10.0, look_seconds=0.5, lumpy=True)
    took = seconds_until(game, lambda seen: e_value(seen, steps) >= 1000 / part, random.Random(seed), 200.0)
    assert took is not None
    # The share scatters, and with it the bound: one window less may do, or one more be needed.
    assert windows.least_seconds - 10.0 <= took <= windows.most_seconds + 11.0


def test_windows_need_not_be_whole() -> None:
    found = Windows(10.0, 4, Cause.DNS)
    assert (found.least_seconds, found.most_seconds) == (20.0, 30.0)


@settings(deadline=None)
@given(st.floats(0.05, 1.0), st.integers(2, 9), st.sampled_from([None, 10.0]))
def test_a_smaller_part_in_the_mean_decides_later(part: float, steps: int, ttl: float | None) -> None:
    growth = _found(Arms(47.5, 2.5, 0.01, 0.1), ttl=ttl, lumpy=ttl is not None).against
    alone, among = (decided(Limit(steps, each), [(growth, LONGEST_SECONDS)]) for each in (1.0, part))
    assert alone is not None
    assert among is not None
    assert alone[1] <= among[1]


@settings(deadline=None)
@given(st.lists(st.floats(1.0, 4000.0), min_size=1, max_size=4), st.floats(0.02, 1.0))
def test_steps_that_do_not_suffice_are_added_up(lasting: list[float], q: float) -> None:
    growth = _found(Arms(47.5, 2.5, 0.01, q)).against
    found = decided(Limit(5), [(growth, seconds) for seconds in lasting])
    whole = decided(Limit(5), [(growth, LONGEST_SECONDS)])
    if whole is None:
        assert found is None
        return
    # The bets that begin with later steps change little: their capital was idle before.
    assert found is None or sum(lasting[: found[0]]) + found[1] >= 0.9 * whole[1]
    assert found is not None or whole[1] >= 0.9 * sum(lasting)


def test_a_gate_that_closes_again_before_the_hold_is_over_does_not_count() -> None:
    """It opens at about 400 clean requests; at 500 the first of a thousand fails, which half a failure stands for."""
    arms = Arms(1.0, 1.0, 0.001, 0.001)
    early, late = (shown([(arms, 2000.0)], hold, 5.0, FAILURES, None) for hold in (410.0, 510.0))
    assert early is not None
    assert late is not None
    assert 350 < early[1] <= 410 < 500 < late[1]


def test_nothing_is_said_where_a_side_has_no_requests() -> None:
    assert growths(Arms(10.0, 0.0, 0.0, 0.0), FAILURES, None) is None
    assert growths(Arms(0.0, 10.0, 0.0, 0.0), FAILURES, None) is None


def test_the_limits_are_those_of_the_product() -> None:
    assert Limit(5).evidence == 1 / ALPHA
    assert Limit(5, 0.5).evidence == 2 / ALPHA
    assert BETA == 0.05
