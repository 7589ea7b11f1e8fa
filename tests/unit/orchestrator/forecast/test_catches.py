"""What a plan says of a worse candidate: the engine's own test over the plan's steps, on the whole way."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from orchestrator.forecast_catches import judged
from orchestrator.forecast_entries import Entry, Kind
from orchestrator.forecast_evidence import Arms
from orchestrator.forecast_judged import Cause, Ending, Judged, Worse
from orchestrator.forecast_traffic import Load, Origin
from strategies.evidence import FAILURES, Evidence, begin_step, e_value
from strategies.gates import MetricKind, MetricRule, When
from strategies.plan import Plan, Step, Target, blue_green, canary
from tests.unit.orchestrator.forecast.dice import Game, seconds_until

ERRORS = MetricRule("errors")
STEPS = canary((Step(5, 300), Step(25, 300), Step(50, 300)))


def _target(*rules: MetricRule, plan: Plan = STEPS, **more: object) -> Target:
    return replace(Target("west", plan, metrics=rules or (ERRORS,)), **more)  # type: ignore[arg-type]


def entries_of(target: Target, settle: float = 60.0, ttl: int = 0) -> list[Entry]:
    """The shifts and holds of a forecast in which each step lasts as long as it holds."""
    entries, at = [], 100.0
    for step in target.plan.steps[1:]:
        entries.append(Entry(at, Kind.SHIFT, target.name, share=step.share, ttl_seconds=ttl))
        entries.append(Entry(at + settle, Kind.HOLD, target.name, share=step.share, lasts_seconds=step.hold_seconds))
        at += settle + step.hold_seconds
    return entries


def _load(rate: float, failing: float = 0.01, origin: Origin = Origin.MEASURED) -> Load:
    return Load("errors", rate, failing, origin, origin, 300.0, round(rate * 300))


def _judged(rate: float, failing: float = 0.01, target: Target | None = None, **more: object) -> Judged:
    target = target or _target()
    ttl = 10 if target.by_resolver else 0
    return judged(target, _load(rate, failing), target.metrics[0], entries_of(target, ttl=ttl), **more)  # type: ignore[arg-type]


def _of(found: Judged, times: float | None = None, points: float | None = None) -> Worse:
    return next(each for each in found.worse if (each.times, each.points) == (times, points))


def test_steps_last_from_when_they_are_in_force_until_the_next_one_is() -> None:
    found = _judged(50.0)
    assert [(each.number, each.share, each.seconds) for each in found.stretches] == [
        (1, 5, 360.0),
        (2, 25, 360.0),
        (3, 50, 360.0),
    ]
    assert [each.candidate_rate for each in found.stretches] == [2.5, 12.5, 25.0]
    assert found.stretches[0].least_seconds == 4.0


def test_each_regression_is_told_once() -> None:
    assert [(each.failing, each.times, each.points) for each in _judged(50.0, 0.002).worse] == [
        (1.0, None, None),
        (0.02, 10.0, None),
        (0.01, 5.0, None),
        (0.004, 2.0, None),
        (pytest.approx(0.012), None, 0.01),
    ]
    assert [each.points for each in _judged(50.0, 0.01).worse] == [None] * 4
    assert [each.failing for each in _judged(50.0, 0.0).worse] == [1.0, 0.1, 0.05, 0.01]
    assert [each.times for each in _judged(50.0, 0.3).worse] == [None, 2.0, None]


def test_a_broken_version_is_taken_back_in_the_first_step() -> None:
    broken = _of(_judged(50.0))
    assert (broken.ending, broken.step) == (Ending.ROLLED_BACK, 1)
    assert broken.toll.seconds < 5
    assert broken.toll.failures == pytest.approx(2.5 * broken.toll.seconds)


def test_a_mild_regression_is_taken_back_in_a_later_step_and_costs_all_until_then() -> None:
    twice = _of(_judged(50.0), times=2.0)
    assert twice.ending is Ending.ROLLED_BACK
    assert twice.step == 3
    before = 0.02 * (2.5 + 12.5) * 360
    assert twice.toll.failures == pytest.approx(before + 0.02 * 25 * (twice.toll.seconds - 720))


def test_what_is_neither_proven_bad_nor_good_asks_a_person() -> None:
    """5 % instead of 1 % is beyond twice and a point, so that it is never let through; at 0.3/s that takes long."""
    found = _of(_judged(0.3), times=5.0)
    assert found.ending is Ending.ASKS
    assert found.toll.seconds == 720 + 1800
    needed = found.at_step[-1]
    assert needed is not None
    assert needed.seconds > 1800


def test_what_is_worse_and_still_lets_through_is_said_not_to_be_caught() -> None:
    found = _judged(20.0, 0.01)
    missed = _of(found, times=2.0)
    assert missed.ending is Ending.PASSES
    assert not missed.acceptable
    assert missed.at_step[-1] is not None
    assert missed.at_step[-1].seconds > 1800


def test_what_the_test_calls_acceptable_is_said_to_be() -> None:
    twice = _of(_judged(50.0, 0.001), times=2.0)
    assert twice.acceptable
    assert twice.ending is Ending.PASSES
    assert twice.at_step == (None, None, None)


def test_a_regression_that_begins_with_a_step_takes_longer_than_one_from_the_start() -> None:
    """Its bet has a small part of the capital, and the good past is no help."""
    equal = _judged(50.0, target=_target(plan=canary(tuple(Step(share, 300) for share in (20, 20.001, 20.002)))))
    first, second, third = _of(equal, times=5.0).at_step
    assert first is not None
    assert second is not None
    assert third is not None
    assert first.seconds < second.seconds == pytest.approx(third.seconds, rel=0.01)


def test_a_source_is_slower_where_its_weight_is_small_and_where_other_waves_have_a_part_in_the_mean() -> None:
    alone = _of(_judged(50.0)).toll.seconds
    light = _of(_judged(50.0, target=_target(replace(ERRORS, weight=0.1), MetricRule("other")))).toll.seconds
    target = _target()
    peers = [target, *(replace(target, name=f"w{n}", wave=2) for n in range(9))]
    waved = _of(_judged(50.0, target=target, peers=peers)).toll.seconds
    together = _of(_judged(50.0, target=target, peers=[replace(each, wave=1) for each in peers])).toll.seconds
    assert alone < light
    assert alone < waved
    assert together == alone


def test_only_the_proportion_of_the_weights_matters() -> None:
    one, five = (
        _of(_judged(50.0, target=_target(replace(ERRORS, weight=weight), MetricRule("other", weight=weight))))
        for weight in (1.0, 5.0)
    )
    assert one == five
    assert one.toll.seconds > _of(_judged(50.0)).toll.seconds


def test_lag_and_interval_are_in_the_times() -> None:
    prompt, late = (_of(_judged(500.0, target=_target(rule))) for rule in (ERRORS, replace(ERRORS, lag_seconds=90.0)))
    assert late.toll.seconds - prompt.toll.seconds == pytest.approx(90)
    coarse = _of(_judged(500.0, target=_target(replace(ERRORS, interval_seconds=60.0))))
    assert coarse.toll.seconds >= 60


def test_where_dns_splits_no_verdict_comes_before_its_windows() -> None:
    found = _judged(5000.0, target=_target(by_resolver=True))
    assert found.windows is not None
    assert found.windows.many == 5
    assert (found.windows.seconds, found.windows.cause) == (10.0, Cause.DNS)
    assert found.windows.least_seconds <= _of(found).toll.seconds <= found.windows.most_seconds + 5
    assert _judged(5000.0).windows is None


@pytest.mark.parametrize("interval", [5.0, 30.0])
def test_where_counters_are_sampled_no_verdict_comes_before_its_windows(interval: float) -> None:
    rule = replace(ERRORS, sampled=True, interval_seconds=interval)
    found = _judged(5000.0, target=_target(rule))
    assert found.windows is not None
    assert (found.windows.many, found.windows.seconds, found.windows.cause) == (4, interval, Cause.SAMPLING)
    assert found.windows.least_seconds <= _of(found).toll.seconds <= found.windows.most_seconds


def test_where_dns_splits_what_is_sampled_the_longer_of_both_is_the_window() -> None:
    for interval, seconds, cause in ((5.0, 10.0, Cause.DNS), (60.0, 60.0, Cause.SAMPLING)):
        rule = replace(ERRORS, sampled=True, interval_seconds=interval)
        found = _judged(5000.0, target=_target(rule, by_resolver=True)).windows
        assert found is not None
        assert (found.many, found.seconds, found.cause) == (5, seconds, cause)


def test_a_gate_opens_within_the_holds_where_enough_requests_come() -> None:
    promotion = _judged(50.0, 0.0).promotion
    assert promotion is not None
    assert (promotion.ending, promotion.within_hold) == (Ending.PASSES, True)
    assert 395 < (promotion.requests or 0) < 415
    assert promotion.step == 1
    assert promotion.seconds == pytest.approx((promotion.requests or 0) / 2.5, rel=0.05)


def test_a_gate_that_takes_longer_than_the_last_hold_is_said_to() -> None:
    promotion = _judged(1.0, 0.0).promotion
    assert promotion is not None
    assert (promotion.ending, promotion.step, promotion.within_hold) == (Ending.PASSES, 3, False)
    assert 300 < promotion.seconds < 1800


def test_a_gate_that_a_late_source_opens_in_time_is_told_when_that_is_known() -> None:
    """It opens at 400 requests, 400 s; the failure at 500 s, which closes it, is not known when the hold is over."""
    target = _target(replace(ERRORS, lag_seconds=100.0), plan=canary((Step(50, 510),)))
    promotion = _judged(2.0, 0.001, target).promotion
    assert promotion is not None
    assert 490 < promotion.seconds <= 510
    assert promotion.within_hold


@pytest.mark.parametrize("rate", [0.0, 0.1])
def test_a_gate_that_cannot_open_before_the_longest_hold_asks(rate: float) -> None:
    promotion = _judged(rate, 0.0).promotion
    assert promotion is not None
    assert (promotion.ending, promotion.seconds, promotion.within_hold) == (Ending.ASKS, 1800.0, False)
    assert (promotion.requests is None) is (rate == 0)


def test_without_traffic_nothing_is_said_of_worse_candidates() -> None:
    assert _judged(0.0).worse == ()


def test_where_nobody_knows_the_traffic_only_the_requests_are_told() -> None:
    target = _target()
    found = judged(target, Load("errors", problem="no answer"), ERRORS, entries_of(target))
    assert not found.known
    assert found.worse == ()
    assert found.promotion is not None
    assert 395 < (found.promotion.requests or 0) < 415
    assert all(each.candidate_rate is None and each.least_seconds is None for each in found.stretches)


@pytest.mark.parametrize("target", [_target(plan=blue_green(hold=60)), _target(replace(ERRORS, when=(When.AFTER,)))])
def test_where_both_sides_are_never_compared_nothing_is_told(target: Target) -> None:
    found = _judged(50.0, target=target)
    assert (found.stretches, found.worse, found.promotion) == ((), (), None)


def test_a_candidate_that_is_slower_is_held_to_the_limits_for_that() -> None:
    slow = _target(replace(ERRORS, kind=MetricKind.LATENCY))
    errors, latency = _of(_judged(50.0, 0.05), times=2.0), _of(_judged(50.0, 0.05, slow), times=2.0)
    assert latency.toll.seconds > errors.toll.seconds


@pytest.mark.parametrize(("rate", "failing", "times"), [(50.0, 0.01, 5.0), (20.0, 0.02, 10.0), (200.0, 0.002, 10.0)])
def test_the_whole_way_through_the_steps_costs_what_dice_say(rate: float, failing: float, times: float) -> None:
    """The evidence that one step gathers is taken along to the next one, in which a further bet begins."""
    target = _target(plan=canary((Step(5, 40), Step(25, 40), Step(50, 4000))), longest_seconds=4000.0)
    expected = _of(_judged(rate, failing, target), times=times)
    rng, took, runs = random.Random(3), 0.0, 25
    for _ in range(runs):
        seen, at = Evidence("errors"), 0.0
        for stretch in _judged(rate, failing, target).stretches:
            arms = Arms(stretch.stable_rate or 0, stretch.candidate_rate or 0, failing, failing * times)
            game = Game(arms, FAILURES, steps=5, look_seconds=4.0)
            kept: list[Evidence] = []

            def over(now: Evidence, kept: list[Evidence] = kept) -> bool:
                kept[:] = [now]
                return e_value(now, 5) >= 1000

            lasted = seconds_until(game, over, rng, stretch.seconds, begin_step(seen))
            if lasted is not None:
                at += lasted
                break
            seen, at = kept[-1], at + stretch.seconds
        took += at / runs
    assert expected.ending is Ending.ROLLED_BACK
    assert expected.toll.seconds == pytest.approx(took, rel=0.25)
