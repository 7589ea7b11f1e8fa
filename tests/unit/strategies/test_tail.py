"""How long pinned clients stay, from what a drain showed."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from math import exp, floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.seen import Tally
from strategies.tail import Pinned, Tail, measured, pinned
from tests.unit.strategies.build import at

RATE = 200.0


def drained(part: float, hold: float, *, since: float = 0.0, seconds: int = 600) -> Tail | None:
    """What is remembered of a drain in which this part of the requests was pinned, with this mean hold."""
    counts = tuple(
        Tally(at(t), at(t + 10), round(10 * RATE * part * exp(-(t + 5) / hold)))
        for t in range(int(since), int(since) + seconds, 10)
    )
    return measured(None, RATE, counts, at(0))


@given(st.floats(0.02, 0.5), st.floats(60, 600))
def test_the_part_that_is_pinned_and_its_hold_are_found_again(part: float, hold: float) -> None:
    found = pinned(drained(part, hold))
    assert found is not None
    assert found.part == pytest.approx(part, rel=0.05)
    assert found.hold_seconds == pytest.approx(hold, rel=0.05)


def trickle(rate: float, part: float, hold: float, *, step: int = 5, seconds: int = 900) -> tuple[Tally, ...]:
    """So few requests that most intervals have none: each comes when as many are due."""
    due = [rate * part * hold * (1 - exp(-t / hold)) for t in range(0, seconds + 1, step)]
    counts = [floor(b + 0.5) - floor(a + 0.5) for a, b in pairwise(due)]
    return tuple(Tally(at(step * n), at(step * n + step), count) for n, count in enumerate(counts))


@pytest.mark.parametrize(("rate", "part", "hold"), [(10, 0.05, 90), (5, 0.1, 120), (2, 0.3, 60), (50, 0.01, 90)])
def test_where_few_requests_come_the_intervals_without_any_count_as_well(rate: float, part: float, hold: float) -> None:
    counts = trickle(rate, part, hold)
    assert sum(not tally.requests for tally in counts) > len(counts) / 2
    found = pinned(measured(None, rate, counts, at(0)))
    assert found is not None
    assert found.part == pytest.approx(part, rel=0.1)
    assert found.hold_seconds == pytest.approx(hold, rel=0.1)


@pytest.mark.parametrize("step", [1, 5, 60])
def test_a_source_of_coarse_intervals_tells_the_same(step: int) -> None:
    found = pinned(measured(None, RATE, trickle(RATE, 0.05, 200, step=step), at(0)))
    assert found is not None
    assert found.part == pytest.approx(0.05, rel=0.03)
    assert found.hold_seconds == pytest.approx(200, rel=0.03)


def test_a_source_that_begins_to_tell_late_is_no_smaller_a_tail() -> None:
    found = pinned(measured(None, RATE, trickle(RATE, 0.05, 200)[12:], at(0)))
    assert found is not None
    assert found.part == pytest.approx(0.05, rel=0.03)


def test_what_comes_after_a_gap_is_not_taken_for_the_rest_of_what_came_before_it() -> None:
    counts = trickle(RATE, 0.05, 100)
    whole = measured(None, RATE, counts[:60], at(0))
    assert measured(whole, RATE, counts[70:], at(0)) == whole
    anew = (replace(counts[60], requests=0, reset=True), *counts[61:])
    assert measured(whole, RATE, anew, at(0)) == whole


def test_a_gap_before_anything_has_shown_is_passed_over() -> None:
    counts = trickle(RATE, 0.05, 100)
    early = measured(None, RATE, (Tally(at(0), at(5), 3),), at(0))
    found = measured(early, RATE, counts[2:], at(0))
    assert found == measured(None, RATE, counts[2:], at(0))


@given(st.integers(0, 30), st.integers(0, 30))
def test_what_is_told_again_is_measured_once(begun: int, told: int) -> None:
    counts = trickle(50, 0.1, 90)
    once = measured(measured(None, 50, counts[:30], at(0)), 50, counts[30:], at(0))
    again = measured(measured(None, 50, counts[: begun + told], at(0)), 50, counts[begun:], at(0))
    assert again == once == measured(None, 50, counts, at(0))


def test_two_sources_are_not_added_up() -> None:
    counts, tail = trickle(RATE, 0.05, 100), None
    for tally, following in pairwise(counts):
        tail = measured(tail, RATE, (tally,), at(0), "errors")
        tail = measured(tail, 10 * RATE, (replace(following, requests=10 * following.requests),), at(0), "edge")
    assert tail == measured(None, RATE, counts[:-1], at(0), "errors")


def test_the_time_until_few_are_left_is_that_of_the_formula() -> None:
    assert Pinned(0.05, 300.0).seconds(0.01) == pytest.approx(300 * 1.609, rel=0.01)
    assert Pinned(0.05, 300.0).seconds(0.1) == 0.0


def test_what_came_before_the_answers_expired_says_nothing_of_pinned_clients() -> None:
    assert measured(None, RATE, (Tally(at(-10), at(0), 900),), at(0)) is None


@pytest.mark.parametrize("counts", [(), (5,), (50,), (50, 50, 50), (0, 0, 0), (6, 3), (1, 2, 60)])
def test_too_little_or_no_decline_gives_no_estimate(counts: tuple[int, ...]) -> None:
    tallies = tuple(Tally(at(10 * n), at(10 * n + 10), number) for n, number in enumerate(counts))
    assert pinned(measured(None, RATE, tallies, at(0))) is None


def test_without_a_former_rate_nothing_is_measured() -> None:
    assert measured(None, None, (Tally(at(0), at(10), 9),), at(0)) is None
