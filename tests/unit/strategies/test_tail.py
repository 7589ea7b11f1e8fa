"""How long pinned clients stay, from what a drain showed."""

from __future__ import annotations

from math import exp

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


def test_the_time_until_few_are_left_is_that_of_the_formula() -> None:
    assert Pinned(0.05, 300.0).seconds(0.01) == pytest.approx(300 * 1.609, rel=0.01)
    assert Pinned(0.05, 300.0).seconds(0.1) == 0.0


def test_what_came_before_the_answers_expired_says_nothing_of_pinned_clients() -> None:
    assert measured(None, RATE, (Tally(at(-10), at(0), 900),), at(0)) is None


@pytest.mark.parametrize("counts", [(), (5,), (5, 5, 5), (0, 0, 0)])
def test_too_little_or_no_decline_gives_no_estimate(counts: tuple[int, ...]) -> None:
    tallies = tuple(Tally(at(10 * n), at(10 * n + 10), number) for n, number in enumerate(counts))
    assert pinned(measured(None, RATE, tallies, at(0))) is None


def test_without_a_former_rate_nothing_is_measured() -> None:
    assert measured(None, None, (Tally(at(0), at(10), 9),), at(0)) is None
