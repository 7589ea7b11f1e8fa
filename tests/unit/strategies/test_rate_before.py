"""What a side had before it left: no burst, no rush hour, and not what it was left while it shared."""

from __future__ import annotations

from dataclasses import replace

import pytest

from strategies.drain import turned_quiet, with_rates
from strategies.model import Rollout, Side
from strategies.phases import Phase
from strategies.plan import Plan, Step
from strategies.seen import Counts
from tests.unit.strategies.build import at, in_phase, rollout, service, state_of, tick
from tests.unit.strategies.sources import RULE, reading, seen, tallies, with_rules

HELD = 1000.0


def previewed(*requests: int) -> Rollout:
    """A candidate in its preview, while the stable side had so many requests in each interval."""
    west = replace(with_rules(RULE), plan=Plan((Step(0, HELD), Step(10, HELD), Step(100))))
    of, now = in_phase(rollout(service(west)), Phase.HOLDING), 0.0
    for number in requests:
        now += 5
        said = reading((number, 0), None, since=now - 5, until=now)
        of = tick(of, now, seen(of, now, said))
    return of


def exposed(of: Rollout, when: float) -> Rollout:
    """The same once its first step with traffic has been asked for; nothing is told at that look."""
    west = of.service.targets[0]
    steps = (Step(0, when - 1), *west.plan.steps[1:])
    of = replace(of, service=replace(of.service, targets=(replace(west, plan=Plan(steps)),)))
    of = tick(of, when, seen(of, when))
    assert state_of(of).exposed
    return of


def before(of: Rollout, leaving: Side = Side.STABLE) -> float | None:
    """Requests per second against which quiet is measured when that side begins to leave now."""
    return with_rates(state_of(of), leaving, of.service.targets[0]).metrics[0].rate_before


def recently(of: Rollout, stable: int, candidate: int) -> Rollout:
    """The same where so many requests have been counted in the last twenty seconds."""
    state = state_of(of)
    recent = (Counts(at(100), at(110), stable, 0, 0, 0), Counts(at(110), at(120), 0, 0, candidate, 0))
    return replace(of, targets=(replace(state, metrics=(replace(state.metrics[0], recent=recent),)),))


def test_a_burst_in_the_last_interval_before_the_shift_makes_no_side_quiet_that_still_serves() -> None:
    of = exposed(previewed(*[500] * 19, 5000), 100)
    assert before(of) == 145.0
    known = with_rates(state_of(of), Side.STABLE, of.service.targets[0]).metrics[0]
    assert turned_quiet(known, tallies(4, since=200, until=300)).quiet_since is None


def test_what_the_stable_side_has_left_while_it_shares_does_not_count_however_long_it_does() -> None:
    of = exposed(previewed(500, 500), 10)
    for now in range(15, 500, 5):
        of = tick(of, now, seen(of, now, reading((50, 0), (450, 0), since=now - 5, until=now)))
    assert before(of) == 100.0


def test_what_is_told_late_of_the_time_before_the_shift_counts_as_well() -> None:
    of = exposed(previewed(), 20)
    of = tick(of, 40, seen(of, 40, reading((500, 0), None, since=0, until=20)))
    of = tick(of, 60, seen(of, 60, reading((50, 0), None, since=20, until=60)))
    assert before(of) == 100.0


@pytest.mark.parametrize("preview", [(), (0, 0)])
def test_where_nothing_was_counted_before_the_shift_what_it_had_since_is_the_measure(preview: tuple[int, ...]) -> None:
    of = exposed(previewed(*preview), 10)
    of = tick(of, 20, seen(of, 20, reading((50, 0), (50, 0), since=10, until=20)))
    assert before(of) == pytest.approx(100 / (10 + 5 * len(preview)))


def test_the_measure_of_a_rush_hour_is_no_measure_at_night() -> None:
    of = recently(exposed(previewed(5000, 5000), 10), 20, 180)
    assert before(of) == 10.0


def test_a_rush_at_the_end_does_not_raise_what_counts_as_quiet() -> None:
    of = recently(exposed(previewed(500, 500), 10), 2000, 18000)
    assert before(of) == 100.0


def test_a_side_that_had_requests_is_asked_for_though_nobody_comes_just_now() -> None:
    of = recently(exposed(previewed(500, 500), 10), 0, 0)
    assert before(of) == 100.0


def test_the_candidate_is_measured_by_what_it_had_itself() -> None:
    of = exposed(previewed(500, 500), 10)
    for now in (15, 20):
        of = tick(of, now, seen(of, now, reading((450, 0), (50, 0), since=now - 5, until=now)))
    assert before(of, Side.CANDIDATE) == 10.0
