"""Plans go from nothing to everything, and only upward."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.plan import Plan, Step, at_once, blue_green, canary

shares = st.lists(st.floats(0.1, 99.9), min_size=1, max_size=6, unique=True).map(sorted)


@given(shares, st.floats(0, 100))
def test_a_canary_rises_from_nothing_to_everything(steps: list[float], hold: float) -> None:
    plan = canary(tuple(Step(share, hold) for share in steps))
    found = [step.share for step in plan.steps]
    assert found == [0, *steps, 100]
    assert plan.last == len(steps) + 1


@given(shares)
def test_a_plan_that_does_not_rise_is_refused_naming_the_step(steps: list[float]) -> None:
    with pytest.raises(ValueError, match=rf"steps\[{len(steps) + 1}\]: must exceed"):
        Plan((Step(0), *(Step(share) for share in steps), Step(steps[-1]), Step(100)))


@pytest.mark.parametrize("given_shares", [(), (0,), (100,), (10, 100), (0, 50), (0, 150)])
def test_a_plan_that_does_not_span_everything_is_refused(given_shares: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="from share 0 to share 100"):
        Plan(tuple(Step(share) for share in given_shares))


def test_a_written_last_step_of_everything_is_not_doubled() -> None:
    assert [step.share for step in canary((Step(50), Step(100, 9))).steps] == [0, 50, 100]


def test_blue_green_is_one_shift_with_a_preview_before_and_a_hold_after() -> None:
    assert blue_green(preview_hold=5, preview_approve=True, hold=7).steps == (Step(0, 5, True), Step(100, 7))


@given(shares)
def test_at_once_drops_every_step_hold_and_approval(steps: list[float]) -> None:
    plan = at_once(canary(tuple(Step(share, 60, True) for share in steps), preview_approve=True))
    assert plan.steps == (Step(0), Step(100))
