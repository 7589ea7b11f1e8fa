"""The two-arm test of counts: sound under peeking, quick against a bad candidate, deaf to what both sides share."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.evidence import (
    ALPHA,
    BETA,
    LATENCY,
    Evidence,
    begin_step,
    e_value,
    in_force,
    proof,
    renewed,
    update,
)
from strategies.lately import broken
from strategies.seen import Counts
from tests.unit.strategies.build import at

STEPS = 3


def batch(number: int, stable: tuple[int, int], candidate: tuple[int, int]) -> Counts:
    return Counts(at(5 * number), at(5 * number + 5), *stable, *candidate)


def condemns(seen: Evidence, steps: int) -> bool:
    return e_value(seen, steps) >= 1 / ALPHA


def is_broken(seen: Evidence) -> bool:
    return broken(seen.recent, (seen.stable_requests, seen.stable_failures)) is not None


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


def test_the_totals_and_the_step_s_own_requests_are_kept_for_people() -> None:
    seen = update(begin_step(Evidence("errors")), batch(0, (10, 1), (10, 2)))
    seen = update(in_force(seen), batch(1, (5, 0), (4, 0)))
    totals = (seen.stable_requests, seen.stable_failures, seen.candidate_requests, seen.candidate_failures)
    assert totals == (15, 1, 14, 2)
    assert (seen.step_stable, seen.step_candidate) == (5, 4)
    assert (seen.since, seen.until) == (at(0), at(10))


def test_what_is_renewed_forgets_the_verdict_but_not_how_far_it_has_counted() -> None:
    seen = update(begin_step(Evidence("errors")), batch(0, (100, 0), (100, 90)))
    again = renewed(seen)
    assert condemns(seen, STEPS)
    assert e_value(again, STEPS) == 1.0
    assert update(again, batch(0, (100, 0), (100, 90))) == again


def test_without_a_null_hypothesis_only_the_totals_are_kept() -> None:
    seen = begin_step(Evidence())
    assert update(seen, batch(0, (9, 0), (9, 9)), None) == replace(
        update(seen, batch(0, (9, 0), (9, 9))), against=seen.against, gate=seen.gate
    )


def promoted(seed: int, stable_rate: float, candidate_rate: float, batches: int = 100, size: int = 40) -> bool:
    """Whether a candidate is ever taken for acceptable over so many looks."""
    rng = random.Random(seed)
    seen = begin_step(Evidence())
    for number in range(batches):
        bad = [sum(rng.random() < rate for _ in range(size)) for rate in (stable_rate, candidate_rate)]
        seen = update(seen, batch(number, (size, bad[0]), (size, bad[1])))
        if proof(seen) >= 1 / BETA:
            return True
    return False


@pytest.mark.parametrize("rate", [0.0, 0.01, 0.05])
def test_a_candidate_as_good_as_the_stable_side_is_proven_so(rate: float) -> None:
    assert all(promoted(seed, rate, rate) for seed in range(20))


@pytest.mark.parametrize("rate", [0.0, 0.01, 0.1, 0.3])
def test_an_unacceptable_candidate_is_seldom_taken_for_good(rate: float) -> None:
    assert sum(promoted(seed, rate, 2 * rate + 0.01) for seed in range(60)) <= 9


def test_without_any_failure_about_four_hundred_requests_prove_a_candidate_good() -> None:
    seen, requests = begin_step(Evidence()), 0
    while proof(seen) < 1 / BETA:
        seen = update(seen, batch(requests, (10, 0), (10, 0)))
        requests += 10
    assert 350 <= requests <= 480


def test_latency_has_a_wider_null_hypothesis() -> None:
    slow, failed = begin_step(Evidence()), begin_step(Evidence())
    for number in range(40):
        told = batch(number, (200, 10), (200, 17))
        slow, failed = update(slow, told, LATENCY), update(failed, told)
    assert not condemns(slow, STEPS)
    assert condemns(failed, STEPS)


def windowed(batches: list[tuple[tuple[int, int], tuple[int, int]]], ttl: float | None) -> Evidence:
    seen = begin_step(Evidence())
    for number, (stable, candidate) in enumerate(batches):
        seen = update(seen, batch(number, stable, candidate), ttl=ttl)
    return seen


def test_where_dns_carries_the_split_one_ttl_window_alone_never_condemns() -> None:
    one_window = [((1000, 0), (1000, 1000))] * 2
    assert condemns(windowed(one_window, None), STEPS)
    assert e_value(windowed(one_window, 60.0), STEPS) <= ALPHA ** (-1 / 3) + 1e-9


def test_where_dns_carries_the_split_some_windows_do_condemn() -> None:
    assert condemns(windowed([((1000, 0), (1000, 1000))] * 48, 60.0), STEPS)


@given(st.lists(st.tuples(counts, counts), max_size=40), st.sampled_from([5.0, 10.0, 60.0]))
def test_clipping_never_adds_evidence_within_one_window(
    intervals: list[tuple[tuple[int, int], tuple[int, int]]], ttl: float
) -> None:
    for number, (stable, candidate) in enumerate(intervals):
        told = batch(number, stable, candidate)
        free, clipped = update(begin_step(Evidence()), told), update(begin_step(Evidence()), told, ttl=ttl)
        assert proof(clipped) <= proof(free) + 1e-9
        assert e_value(clipped, STEPS) <= max(e_value(free, STEPS), 1.0) + 1e-9


def test_where_whole_populations_change_sides_a_window_adds_the_less_the_larger_the_share() -> None:
    values = []
    for requests in (10, 100, 1000):
        seen = begin_step(Evidence())
        for second in (0, 5):
            told = Counts(at(second), at(second + 5), 1000, 0, requests, requests)
            seen = update(seen, told, ttl=60.0, lumpy=True)
        values.append(e_value(seen, STEPS))
    assert values == sorted(values, reverse=True)
    assert values[0] <= ALPHA ** (-1 / 3) + 1e-9


def test_a_version_that_fails_nearly_everything_while_the_stable_side_is_well_is_broken() -> None:
    seen = update(begin_step(Evidence()), batch(0, (400, 1), (20, 20)))
    assert is_broken(seen)
    assert not is_broken(update(begin_step(Evidence()), batch(0, (400, 1), (19, 19))))
    assert not is_broken(update(begin_step(Evidence()), batch(0, (400, 80), (20, 20))))
    assert not is_broken(update(begin_step(Evidence()), batch(0, (400, 1), (200, 100))))


def test_a_version_that_breaks_after_a_long_good_time_is_broken_as_well() -> None:
    seen = begin_step(Evidence())
    for number in range(100):
        seen = update(seen, batch(number, (400, 1), (40, 0)))
    for number in range(100, 112):
        seen = update(seen, batch(number, (400, 1), (40, 40)))
    assert is_broken(seen)


def test_when_the_stable_side_has_no_requests_any_more_its_past_is_what_counts() -> None:
    seen = update(begin_step(Evidence()), batch(0, (400, 1), (40, 0)))
    for number in range(20, 30):
        seen = update(seen, batch(number, (0, 0), (40, 40)))
    assert is_broken(seen)
