"""Counters at the bounds of intervals, and what was counted within each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from providers.metrics.counters import Step, grown, paired
from providers.metrics.counters import given as counted
from providers.metrics.grid import Grid
from strategies.seen import Tally

START = datetime(2026, 1, 1, tzinfo=UTC)
RESET = Step(0, reset=True)


def grid(count: int) -> Grid:
    return Grid(START, timedelta(seconds=5), count)


def test_neighbours_are_subtracted() -> None:
    assert grown([10, 12, 12, 20]) == (Step(2), Step(0), Step(8))


def test_a_value_that_is_missing_leaves_out_both_intervals_that_need_it() -> None:
    assert grown([10, None, 15, 16]) == (None, None, Step(1))


def test_a_counter_that_falls_began_anew() -> None:
    assert grown([100, 110, 4, 9]) == (Step(10), RESET, Step(5))


def test_a_workload_that_is_not_scraped_for_a_moment_is_not_counted_twice() -> None:
    # Two workloads of 1000 and 500; the second is gone for two intervals and comes back with all it ever counted.
    assert grown([1500, 1530, 1020, 1035, 1580, 1610]) == (Step(30), RESET, Step(15), RESET, Step(30))


def test_workloads_that_come_back_one_after_the_other_are_not_counted_twice() -> None:
    assert grown([3000, 3030, 1010, 2025, 3040, 3070]) == (Step(30), RESET, RESET, RESET, Step(30))


def test_a_workload_that_comes_back_after_all_were_gone_is_not_counted_twice() -> None:
    assert grown([1500, 1530, None, 1020, 1580, 1610]) == (Step(30), None, None, RESET, Step(30))


def test_a_counter_that_began_anew_is_counted_from_there_on() -> None:
    assert grown([1000, 1010, 2, 12, 22, 32]) == (Step(10), RESET, Step(10), Step(10), Step(10))


def test_a_counter_of_failures_loses_no_interval_in_which_some_fail() -> None:
    # After a fall of one the next failure would look like one that came back, and only bad intervals would be lost.
    assert grown([1, 0, 0, 1, 2], returns=False) == (RESET, Step(0), Step(1), Step(1))


def test_a_query_that_counts_each_interval_itself_is_taken_at_its_word() -> None:
    assert counted([7, 3, None, 0]) == (Step(3), None, Step(0))


RISES = st.lists(st.integers(0, 50), min_size=2, max_size=40)


@given(st.integers(0, 10**6), RISES)
def test_a_counter_that_only_grows_is_counted_exactly(start: int, rises: list[int]) -> None:
    values = [start]
    for rise in rises:
        values.append(values[-1] + rise)
    assert grown(values) == tuple(map(Step, rises))


@given(RISES, RISES, st.data())
def test_a_sum_of_which_one_part_comes_and_goes_never_counts_more_than_there_was(
    steady: list[int], other: list[int], data: st.DataObject
) -> None:
    length = min(len(steady), len(other))
    there = [True, *data.draw(st.lists(st.booleans(), min_size=length, max_size=length))]
    first = [10_000 + sum(steady[:number]) for number in range(length + 1)]
    second = [8_000 + sum(other[:number]) for number in range(length + 1)]
    values = [a + (b if seen else 0) for a, b, seen in zip(first, second, there, strict=True)]
    most = [(b1 - a1) + (b2 - a2) for (a1, b1), (a2, b2) in zip(pairwise(first), pairwise(second), strict=True)]
    for step, limit in zip(grown(values), most, strict=True):
        assert step is not None
        assert step.count <= limit


@given(st.lists(st.none() | st.integers(0, 10**7), max_size=60))
def test_no_values_give_a_number_below_zero_or_out_of_thin_air(values: list[int | None]) -> None:
    found = grown(values)
    assert len(found) == max(len(values) - 1, 0)
    for (one, other), step in zip(pairwise(values), found, strict=True):
        assert (step is None) == (one is None or other is None)
        if step is not None and one is not None and other is not None and not step.reset:
            assert step.count == other - one >= 0


def test_both_numbers_make_a_tally() -> None:
    found = paired(grid(2), [Step(10), Step(20)], [Step(1), Step(0)])
    second = START + timedelta(seconds=5)
    assert found.tallies == (
        Tally(START, second, 10, 1),
        Tally(second, second + timedelta(seconds=5), 20, 0),
    )
    assert found.problem is None


def test_only_requests_make_a_tally_without_failures() -> None:
    assert paired(grid(1), [Step(10)]).tallies == (Tally(START, START + timedelta(seconds=5), 10),)


def test_an_interval_that_one_number_is_missing_for_is_left_out() -> None:
    assert paired(grid(2), [None, Step(3)], [Step(0), None]).tallies == ()


def test_either_counter_that_began_anew_makes_a_reset() -> None:
    found = paired(grid(2), [RESET, Step(3)], [Step(0), RESET]).tallies
    assert [(tally.requests, tally.failures, tally.reset) for tally in found] == [(0, 0, True), (0, 0, True)]


def test_more_failures_than_requests_are_told_as_they_are() -> None:
    found = paired(grid(2), [Step(3), Step(4)], [Step(5), Step(1)])
    assert [(tally.requests, tally.failures) for tally in found.tallies] == [(3, 5), (4, 1)]
    assert found.problem is None
