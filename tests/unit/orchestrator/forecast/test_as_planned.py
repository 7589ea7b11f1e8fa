"""What a plan says is what happens: the real engine over the emulated cloud does it write by write."""

from __future__ import annotations

import time
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.forecast import Forecast, forecast, slowest, way_back
from orchestrator.forecast_entries import WRITES, Kind
from strategies.missing import Action, Ensure, Shift
from strategies.model import Outcome
from strategies.phases import Phase
from strategies.plan import (
    Deadlines,
    DrainRule,
    Plan,
    ProbeRule,
    Retire,
    Service,
    Step,
    Target,
    WaveRule,
    blue_green,
    canary,
)
from tests.unit.orchestrator.forecast.stage import ASSUMED, Stage, service

Done = tuple[float, str, tuple[object, ...]]
QUICK = ProbeRule(2.0, 5, 3)


def _planned(plan: Forecast) -> list[Done]:
    """Each write of a plan: when, where, and exactly what."""
    return [
        (entry.at_seconds, entry.target, (entry.weights, entry.absent) if entry.weights else entry.names)
        for entry in plan.entries
        if entry.kind in WRITES
    ]


def _done(acts: list[tuple[float, Action]]) -> list[Done]:
    """Each write of a real rollout, as a plan would say it."""
    return [(at, act.target, _what(act)) for at, act in acts]


def _what(act: Action) -> tuple[object, ...]:
    if isinstance(act, Shift):
        return tuple((member.endpoint, member.weight) for member in act.intent.members), act.intent.absent
    return tuple(name for name, _ in act.marks) if isinstance(act, Ensure) else act.names


def _both(stage: Stage, version: str) -> Forecast:
    """Plan a release, carry it out, and compare the two."""
    rollout, plan = stage.planned(version)
    ran = stage.run(rollout)
    assert ran.rollout.outcome is plan.rollout.outcome is Outcome.PROMOTED
    assert _planned(plan) == _done(ran.acts)
    assert plan.writes == ran.writes
    assert plan.seconds == (ran.rollout.ticked_at - ran.rollout.created_at).total_seconds()
    return plan


def _plans() -> st.SearchStrategy[Plan]:
    shares = st.sets(st.integers(1, 99), max_size=3).map(sorted)
    holds = st.sampled_from([0.0, 3.0, 20.0])
    steps = shares.flatmap(lambda s: st.tuples(*(st.builds(Step, st.just(x), holds, st.booleans()) for x in s)))
    rising = st.builds(lambda found, hold: canary(found, preview_hold=hold), steps, holds)
    return rising | st.builds(blue_green, preview_hold=holds, preview_approve=st.booleans(), hold=holds)


def _targets(name: str, interval: float) -> st.SearchStrategy[Target]:
    return st.builds(
        Target,
        st.just(name),
        _plans(),
        wave=st.integers(1, 2),
        replicas=st.integers(1, 3),
        weight=st.sampled_from([None, 7, 300]),
        ttl_during=st.sampled_from([None, 5]),
        probe=st.builds(ProbeRule, st.just(interval), st.integers(1, 6), st.just(3)),
        drain=st.builds(DrainRule, st.sampled_from([12.0, 30.0]), st.sampled_from([None, 3.0])),
    )


@st.composite
def _services(draw: st.DrawFn) -> Service:
    """One or two targets; all are probed equally often, else the two runs would differ by a beat."""
    interval = draw(st.sampled_from([1.0, 2.0]))
    targets = [draw(_targets(name, interval)) for name in draw(st.sampled_from([("west",), ("west", "north")]))]
    rule = WaveRule(draw(st.sampled_from(list(Retire))), draw(st.sampled_from([0.0, 40.0])))
    return service(*targets, waves=rule, retain_seconds=draw(st.sampled_from([0.0, 600.0])))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_services(), st.sampled_from([10, 30]))
def test_every_write_happens_when_and_as_the_plan_says(wanted: Service, ttl: int) -> None:
    stage = Stage(wanted, ttl=ttl)
    _both(stage, "v1")
    _both(stage, "v2")


def test_adopted_and_foreign_endpoints_are_planned_as_they_are_treated() -> None:
    rule = DrainRule(15.0)
    target = Target("west", canary((Step(25, 10),)), weight=800, adopt=("blue",), probe=QUICK, drain=rule)
    stage = Stage(service(target), foreign={"stranger": 250})
    plan = _both(stage, "v1")
    shift = next(entry for entry in plan.entries if entry.kind is Kind.SHIFT)
    assert dict(shift.weights)["blue"] == 600
    assert not any("stranger" in dict(entry.weights) for entry in plan.entries)


def test_retained_groups_are_planned_to_be_taken_back_instead_of_made() -> None:
    target = Target("west", canary((Step(50, 4),)), replicas=2, probe=QUICK, drain=DrainRule(15.0))
    stage = Stage(service(target, retain_seconds=3600.0))
    _both(stage, "v1")
    assert any(entry.kind is Kind.KEEP for entry in _both(stage, "v2").entries)
    again = _both(stage, "v1")
    assert next(entry.kind for entry in again.entries if entry.names) is Kind.REUSE
    assert not any(entry.kind is Kind.CREATE for entry in again.entries)


def test_waves_wait_for_each_other_as_long_as_they_bake() -> None:
    west = Target("west", canary(()), wave=1, probe=QUICK, drain=DrainRule(15.0))
    north = Target("north", canary(()), wave=2, probe=QUICK, drain=DrainRule(15.0))
    stage = Stage(service(west, north, waves=WaveRule(bake_seconds=90.0)))
    _both(stage, "v1")
    waits = [entry for entry in _both(stage, "v2").entries if entry.kind is Kind.WAIT]
    assert [(wait.target, wait.note) for wait in waits] == [
        ("north", "waits for wave 1"),
        ("north", "wave 1 bakes"),
        ("west", "keeps the old side until north is drained as well"),
        ("west", "bakes"),
        ("north", "bakes"),
    ]
    assert all(abs((wait.lasts_seconds or 0) - 90) <= 2 for wait in waits if "bakes" in wait.note)


def test_a_slow_health_check_puts_every_step_off_that_waits_for_it() -> None:
    stage = Stage(service(Target("west", canary((Step(50, 10),)), probe=QUICK, drain=DrainRule(15.0))))
    stage.run(stage.next("v1")[0])
    rollout, places = stage.next("v2")
    at_once = forecast(rollout, places, replace(ASSUMED, online_seconds=0.0))
    once = forecast(rollout, places, replace(ASSUMED, online_seconds=100.0))
    always = forecast(rollout, places, replace(ASSUMED, online_seconds=100.0, rechecks=True))
    assert at_once.writes == once.writes == always.writes
    assert at_once.seconds + 30 < once.seconds < always.seconds - 30


def test_a_plan_that_cannot_keep_its_deadline_says_that_it_is_taken_back() -> None:
    slow = Target("west", canary((Step(50, 600),)), probe=QUICK, drain=DrainRule(15.0))
    stage = Stage(service(slow, deadlines=Deadlines(wave_seconds=300.0)))
    rollout, places = stage.next("v1")
    stage.run(rollout)
    rollout, places = stage.next("v2")
    plan = forecast(rollout, places, ASSUMED)
    assert plan.rollout.outcome is Outcome.ROLLED_BACK
    assert plan.entries[-1].note == "rolled back: not finished after 300 s"
    assert 300 <= plan.seconds < 600


def test_what_just_meets_its_deadlines_is_still_promoted() -> None:
    target = Target("west", canary((Step(50, 10),)), probe=QUICK, drain=DrainRule(15.0))
    stage = Stage(service(target))
    stage.run(stage.next("v1")[0])
    rollout, places = stage.next("v2")
    plan = forecast(rollout, places, slowest(rollout))
    assert plan.promoted
    assert plan.seconds > 3 * rollout.service.deadlines.ready_seconds


def test_a_long_hold_is_leapt_over_and_not_sat_through() -> None:
    target = Target("west", canary((Step(50, 20000.0),)), probe=QUICK, drain=DrainRule(15.0))
    stage = Stage(service(target))
    stage.run(stage.next("v1")[0])
    rollout, places = stage.next("v2")
    began = time.process_time()
    plan = forecast(rollout, places, ASSUMED)
    assert plan.promoted
    assert plan.seconds > 20000
    assert time.process_time() - began < 0.5


def test_a_rollback_takes_as_long_to_reach_clients_as_the_plan_says() -> None:
    stage = Stage(service(Target("west", canary((Step(50, 10),)), ttl_during=5, probe=QUICK, drain=DrainRule(20.0))))
    _both(stage, "v1")
    rollout, places = stage.next("v2")
    back = way_back(rollout, places, forecast(rollout, places, ASSUMED), ASSUMED)
    assert back is not None
    assert back.clients_seconds == 20 + 5
    assert back.late_seconds == 20 + 5 + 10
    decided: list[float] = []

    def everything_shifted(now: object) -> bool:
        state = stage.store.load(rollout.id).target("west")
        judged = state.phase is Phase.HOLDING and state.share == 100
        if judged and not decided:
            decided.append(stage.clock.monotonic())
        return judged

    began = stage.clock.monotonic()
    ran = stage.run(rollout, everything_shifted)
    took = (ran.rollout.ticked_at - ran.rollout.created_at).total_seconds() - (decided[0] - began)
    assert ran.rollout.outcome is Outcome.ROLLED_BACK
    assert abs(took - back.gone_seconds) <= 2 * QUICK.interval_seconds
