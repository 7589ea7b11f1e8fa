"""What assumed sources count: the assumed requests, no more and no less, however finely they are asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from math import exp

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.forecast_traffic import (
    AMPLE,
    AssumedSources,
    Demand,
    Load,
    Origin,
    assumed,
    counts_the_leaving,
    lead_of,
    must_be_shown,
    quiet_matters,
)
from strategies.detours import Match
from strategies.gates import MetricKind, MetricRule, When
from strategies.model import Asked, Member, Slot, Stage, TargetState, TrafficIntent
from strategies.phases import Phase
from strategies.plan import DrainRule, Quiet, Step, Target, canary
from strategies.seen import Tally
from strategies.tail import Pinned
from tests.unit.orchestrator.forecast.dice import START

RULE = MetricRule("errors", lag_seconds=3.0)
TARGET = Target("west", canary((Step(20, 60),)), metrics=(RULE,))
STATE = TargetState(
    "west", START, Phase.HOLDING, step=1, stable=(Slot(0, "old", "old", stage=Stage.SEEN),), exposed=True,
    asked=Asked(TrafficIntent(), START, 20.0),
)  # fmt: skip


def _sources(load: Load, pinned: Pinned | None = None) -> AssumedSources:
    sources = AssumedSources(60.0)
    sources.begin("west", Demand((load,), pinned), START)
    return sources


def _turn(sources: AssumedSources, seconds: float, candidate: int) -> None:
    members = (Member("old", "a", 100 - candidate), Member("new", "b", candidate))
    sources.turn("west", TrafficIntent(members=members), {"old"}, START + timedelta(seconds=seconds))


def _read(sources: AssumedSources, seconds: float, state: TargetState = STATE) -> tuple[tuple[Tally, ...], ...]:
    (reading,) = sources.readings(state, TARGET, START + timedelta(seconds=seconds))
    return reading.stable, reading.candidate


@settings(deadline=None)
@given(st.floats(0.0, 3000.0), st.floats(0.0, 1.0), st.integers(0, 100), st.floats(20.0, 5000.0))
def test_nothing_is_lost_between_intervals(rate: float, failing: float, share: int, seconds: float) -> None:
    sources = _sources(Load("errors", rate, failing, Origin.MEASURED))
    _turn(sources, 0.0, share)
    for tallies, part in zip(_read(sources, seconds), (100 - share, share), strict=True):
        lasted = (tallies[-1].until - START).total_seconds()
        assert sum(tally.requests for tally in tallies) == pytest.approx(rate * part / 100 * lasted, abs=1.0)
        failed = sum(tally.failures for tally in tallies)
        assert failed == pytest.approx(failing * rate * part / 100 * lasted, abs=1.0)
        assert all(0 <= tally.failures <= tally.requests for tally in tallies)
        assert all(one.until == other.since for one, other in pairwise(tallies))


def test_a_source_is_as_late_as_its_rule_says() -> None:
    stable, candidate = _read(_sources(Load("errors", 10.0)), 61.0)
    assert stable[-1].until == START + timedelta(seconds=55)
    assert [t.until for t in stable] == [t.until for t in candidate]
    assert all(tally.requests == 50 for tally in stable)


def test_very_long_waits_are_told_in_few_intervals() -> None:
    stable, _ = _read(_sources(Load("errors", 1.0)), 86400.0)
    assert len(stable) <= 500
    assert sum(tally.requests for tally in stable) == pytest.approx(86397, abs=200)


def test_pinned_clients_leave_a_side_by_and_by() -> None:
    sources = _sources(Load("errors", 1000.0), Pinned(0.1, 100.0))
    _turn(sources, 10.0, 100)
    stable, _ = _read(sources, 1003.0)
    since_500 = sum(tally.requests for tally in stable if tally.since >= START + timedelta(seconds=510))
    assert since_500 == pytest.approx(1000 * 0.1 * 100 * (exp(-5) - exp(-9.9)), abs=2)


def test_the_same_lead_written_anew_changes_nothing() -> None:
    one, other = (_sources(Load("errors", 1000.0), Pinned(0.1, 100.0)) for _ in range(2))
    for sources in (one, other):
        _turn(sources, 10.0, 100)
    _turn(other, 300.0, 100)
    assert _read(one, 900.0) == _read(other, 900.0)


def test_copies_and_matching_requests_reach_the_candidate_beside_its_share() -> None:
    load = Load("errors", 100.0)
    assert load.sides(lead_of(Step(0, mirror=50))) == (100.0, 50.0)
    stable, candidate = load.sides(lead_of(Step(20, match=Match(headers=(("x-beta", "1"),)))))
    assert candidate == pytest.approx(100 * (0.2 + 0.8 * 0.01))
    assert stable + candidate == pytest.approx(100)


def test_our_own_probes_come_at_any_share() -> None:
    probes = Load("own", 1.0, origin=Origin.PROBES, beside=2.0)
    assert probes.sides(lead_of(Step(20))) == probes.sides(lead_of(Step(80))) == (1.0, 2.0)
    assert assumed(probes, 50.0, 0.1) == probes


def test_what_a_person_assumes_stands_in_for_what_a_source_says_and_is_told_apart() -> None:
    measured = Load("errors", 7.0, 0.02, Origin.MEASURED, Origin.MEASURED, 300.0, 2100)
    only_rate = assumed(measured, 50.0, None)
    assert (only_rate.rate, only_rate.failing) == (50.0, 0.02)
    assert (only_rate.origin, only_rate.failing_origin) == (Origin.ASSUMED, Origin.MEASURED)
    both = assumed(Load("errors", problem="no"), 5.0, None)
    assert (both.rate, both.origin, both.failing_origin) == (5.0, Origin.ASSUMED, Origin.ASSUMED)
    assert assumed(measured, None, None) == measured


def test_a_source_that_nobody_measured_is_taken_to_count_plenty() -> None:
    assert Demand().load("errors") == Load("errors", AMPLE)


def test_what_can_hold_a_step() -> None:
    check = MetricRule("smoke", MetricKind.CHECK, (When.BEFORE,))
    target = replace(TARGET, metrics=(RULE, check))
    before, during, after = target.plan.steps
    assert must_be_shown(target, before, stable=False)
    assert must_be_shown(target, during, stable=True)
    assert not must_be_shown(target, during, stable=False)
    assert must_be_shown(target, after, stable=True)
    dry = replace(target, metrics=tuple(replace(rule, dry_run=True) for rule in target.metrics))
    assert not any(must_be_shown(dry, step, stable=True) for step in dry.plan.steps)


@pytest.mark.parametrize(
    ("rules", "quiet", "matters"),
    [
        ((RULE,), Quiet.AUTO, True),
        ((RULE,), Quiet.NONE, False),
        ((), Quiet.AUTO, False),
        ((), Quiet.REQUIRED, True),
        ((replace(RULE, own=True),), Quiet.AUTO, False),
        ((replace(RULE, dry_run=True),), Quiet.AUTO, False),
        ((MetricRule("edge", MetricKind.QUIET),), Quiet.AUTO, True),
        ((MetricRule("smoke", MetricKind.CHECK),), Quiet.AUTO, False),
    ],
)
def test_whether_a_drain_waits_for_quiet(rules: tuple[MetricRule, ...], quiet: Quiet, matters: bool) -> None:
    target = replace(TARGET, metrics=rules, drain=DrainRule(quiet=quiet))
    assert quiet_matters(target) is matters
    assert counts_the_leaving(target) is (bool(rules) and matters is (quiet is not Quiet.NONE))
