"""Only intervals that both sides were counted in are compared; nothing is made up, and nothing counts twice."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from strategies.pairing import Paired, pair
from strategies.seen import Counts, Tally
from tests.unit.strategies.build import at

STEP = 5.0
FOREVER = at(1e6)
Side = list[int | None]


def side(*requests: int | None, since: float = 0.0, failures: int = 0) -> tuple[Tally, ...]:
    """Intervals of five seconds with so many requests; None: the source has no answer."""
    return tuple(
        Tally(at(since + STEP * n), at(since + STEP * n + STEP), number, min(failures, number))
        for n, number in enumerate(requests)
        if number is not None
    )


def reset(number: int) -> Tally:
    return Tally(at(STEP * number), at(STEP * number + STEP), 0, reset=True)


def bounds(found: Paired) -> list[tuple[float, float]]:
    return [((b.since - at(0)).total_seconds(), (b.until - at(0)).total_seconds()) for b in found.batches]


def test_intervals_of_both_sides_are_put_side_by_side() -> None:
    found = pair(side(9, 8), side(1, 2, failures=1), at(0), FOREVER)
    assert found.batches == (Counts(at(0), at(5), 9, 0, 1, 1), Counts(at(5), at(10), 8, 0, 2, 1))
    assert found.until == at(10)


def test_an_interval_that_one_side_lacks_is_waited_for_while_it_may_still_come() -> None:
    found = pair(side(9, 9, 9), side(1, None, 1), at(0), at(9))
    assert (bounds(found), found.until) == ([(0, 5)], at(5))


def test_an_interval_that_comes_late_is_counted_when_it_has_come() -> None:
    first = pair(side(9, 9, 9), side(1, None, 1), at(0), at(9))
    then = pair(side(9, 9, since=5), side(1, 1, since=5), first.until, at(9))
    assert bounds(first) + bounds(then) == [(0, 5), (5, 10), (10, 15)]


def test_an_interval_that_never_comes_is_passed_over_on_both_sides() -> None:
    found = pair(side(9, 9, 9), side(1, None, 1), at(0), at(10))
    assert (bounds(found), found.until) == ([(0, 5), (10, 15)], at(15))


def test_an_interval_in_which_a_counter_began_anew_is_dropped() -> None:
    found = pair((*side(9), reset(1), *side(9, since=10)), side(1, 1, 1), at(0), FOREVER)
    assert (bounds(found), found.until) == ([(0, 5), (10, 15)], at(15))


def test_sides_that_are_scraped_by_turns_are_compared_over_what_both_have_counted() -> None:
    found = pair(side(30, 0, 0, 30, 0, 0), side(0, 0, 3, 0, 0, 3), at(0), FOREVER, joins=None)
    assert [(b.stable_requests, b.candidate_requests) for b in found.batches] == [(30, 3), (30, 3)]


def test_where_requests_are_counted_as_they_come_nothing_is_put_together() -> None:
    found = pair(side(30, 0, 30), side(0, 0, 3), at(0), FOREVER)
    assert [(b.stable_requests, b.candidate_requests) for b in found.batches] == [(30, 0), (0, 0), (30, 3)]


def test_what_is_not_complete_yet_is_asked_for_again() -> None:
    found = pair(side(30, 30), side(1, 0), at(0), FOREVER, joins=None)
    assert (bounds(found), found.until) == ([(0, 5)], at(5))


def test_a_side_without_any_request_does_not_keep_what_is_old() -> None:
    found = pair(side(*[9] * 40), side(*[0] * 40), at(0), FOREVER, joins=None)
    assert found.batches == ()
    assert found.until is not None
    assert found.until >= at(200 - 60)


def test_a_candidate_that_has_everything_is_counted_without_the_stable_side() -> None:
    found = pair((), side(5, 6), at(0), FOREVER, alone=True)
    assert [(b.stable_requests, b.candidate_requests) for b in found.batches] == [(0, 5), (0, 6)]


sides = st.lists(st.one_of(st.none(), st.integers(0, 50)), max_size=30)


@given(sides, sides, st.floats(0, 200))
def test_no_request_is_counted_twice_or_made_up_and_the_watermark_never_goes_back(
    stable: Side, candidate: Side, settled: float
) -> None:
    b, c = side(*stable), side(*candidate)
    first = pair(b, c, at(0), at(settled))
    again = pair(b, c, first.until, FOREVER)
    assert first.until is not None
    assert again.until is not None
    assert at(0) <= first.until <= again.until
    batches = (*first.batches, *again.batches)
    assert all(one.until <= other.since for one, other in pairwise(batches))
    both = [n for n in range(min(len(stable), len(candidate))) if stable[n] is not None and candidate[n] is not None]
    assert sum(each.stable_requests for each in batches) <= sum(stable[n] or 0 for n in both)
    assert sum(each.candidate_requests for each in batches) <= sum(candidate[n] or 0 for n in both)


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(1, 50)), max_size=30), st.integers(1, 6))
def test_however_the_looks_fall_complete_intervals_are_all_counted(numbers: list[tuple[int, int]], every: int) -> None:
    b, c = side(*[n for n, _ in numbers]), side(*[n for _, n in numbers])
    until, total = at(0), 0
    for upto in range(0, len(numbers) + every, every):
        found = pair(b[:upto], c[:upto], until, at(0))
        until = found.until or until
        total += sum(each.stable_requests + each.candidate_requests for each in found.batches)
    assert total == sum(n + m for n, m in numbers)
