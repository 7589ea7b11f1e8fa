"""The two-arm test of counts: sound under peeking, quick against a bad candidate, deaf to what both sides share."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.evidence import ALPHA, Evidence, begin_step, condemns, e_value, update
from strategies.seen import Counts
from tests.unit.strategies.build import at

STEPS = 3


def batch(number: int, stable: tuple[int, int], candidate: tuple[int, int]) -> Counts:
    return Counts(at(5 * number), at(5 * number + 5), *stable, *candidate)


def judged(seed: int, stable_rate: float, candidate_rate: float, batches: int = 100, size: int = 40) -> bool:
    """Whether a candidate is ever condemned over so many looks."""
    rng = random.Random(seed)
    seen = begin_step(Evidence())
    for number in range(batches):
        bad = [sum(rng.random() < rate for _ in range(size)) for rate in (stable_rate, candidate_rate)]
        seen = update(seen, batch(number, (size, bad[0]), (size, bad[1])))
        if condemns(seen, STEPS):
            return True
    return False


@pytest.mark.parametrize("rate", [0.0, 0.01, 0.1, 0.5])
def test_a_candidate_as_good_as_the_stable_side_is_not_condemned_however_often_one_looks(rate: float) -> None:
    assert sum(judged(seed, rate, rate) for seed in range(40)) == 0


@pytest.mark.parametrize(("stable", "candidate"), [(0.0, 0.05), (0.01, 0.1), (0.1, 0.4), (0.0, 1.0)])
def test_a_much_worse_candidate_is_condemned(stable: float, candidate: float) -> None:
    assert all(judged(seed, stable, candidate) for seed in range(20))


def test_half_of_all_requests_failing_is_noticed_within_a_few_dozen() -> None:
    assert all(judged(seed, 0.0, 0.5, batches=3, size=20) for seed in range(20))


def test_a_late_regression_is_not_drowned_by_a_long_good_past() -> None:
    seen = begin_step(Evidence())
    for number in range(500):
        seen = update(seen, batch(number, (100, 0), (100, 0)))
    seen = begin_step(seen)
    for number in range(500, 506):
        seen = update(seen, batch(number, (100, 0), (100, 20)))
    assert condemns(seen, STEPS)


counts = st.integers(0, 200).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))


@given(st.lists(st.tuples(counts, counts), min_size=1, max_size=20))
def test_an_interval_is_counted_once_however_often_it_is_reported(
    intervals: list[tuple[tuple[int, int], tuple[int, int]]],
) -> None:
    once = twice = begin_step(Evidence())
    for number, (stable, candidate) in enumerate(intervals):
        told = batch(number, stable, candidate)
        once = update(once, told)
        twice = update(update(twice, told), told)
    assert once == twice


@given(counts)
def test_requests_on_one_side_alone_prove_nothing(side: tuple[int, int]) -> None:
    seen = begin_step(Evidence())
    assert e_value(update(seen, batch(0, (0, 0), side)), STEPS) == pytest.approx(e_value(seen, STEPS))


@given(st.lists(st.tuples(counts, counts), max_size=30))
def test_the_evidence_is_always_a_finite_number(intervals: list[tuple[tuple[int, int], tuple[int, int]]]) -> None:
    seen = begin_step(Evidence())
    for number, (stable, candidate) in enumerate(intervals):
        seen = update(seen, batch(number, stable, candidate))
    assert 0 <= e_value(seen, STEPS) < float("inf")


def test_the_evidence_begins_at_one_and_condemns_at_its_limit() -> None:
    assert e_value(begin_step(Evidence()), STEPS) == pytest.approx(1.0)
    assert not condemns(Evidence(), STEPS)
    assert pytest.approx(1e-3) == ALPHA


@pytest.mark.parametrize(("stable", "candidate"), [((1, 2), (0, 0)), ((0, 0), (-1, 0)), ((5, 0), (3, 4))])
def test_impossible_counts_are_refused(stable: tuple[int, int], candidate: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="failures <= requests"):
        update(Evidence(), batch(0, stable, candidate))


def test_counting_again_changes_only_what_is_new() -> None:
    seen = update(begin_step(Evidence()), batch(0, (10, 1), (10, 2)))
    assert (seen.stable_requests, seen.stable_failures, seen.candidate_requests, seen.candidate_failures) == (
        10,
        1,
        10,
        2,
    )
    assert replace(seen, processes=()) == Evidence((), at(0), at(5), 10, 1, 10, 2)
