"""A plan's times when sources must agree: the real engine waits for its counts, checks and quiet as long as it says."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from orchestrator.forecast import Forecast, forecast, forecast_slowly
from orchestrator.forecast_drain import draining, last_pinned
from orchestrator.forecast_entries import Entry, Kind, joined, with_waits
from orchestrator.forecast_traffic import Demand, Load, Origin
from strategies.gates import MetricKind, MetricRule, When
from strategies.model import Outcome
from strategies.plan import DrainRule, Plan, ProbeRule, Quiet, Step, Target, blue_green, canary
from strategies.tail import Pinned
from tests.unit.orchestrator.forecast.clients import Clients, CountedStage
from tests.unit.orchestrator.forecast.stage import ASSUMED, Ran, service

QUICK = ProbeRule(2.0, 5, 3)
ERRORS = MetricRule("errors")
WITHIN = 0.08
"""How far the time of a real rollout with random clients may be from the plan's."""


def _target(*rules: MetricRule, plan: Plan | None = None, **more: object) -> Target:
    steps = plan or canary((Step(5, 20), Step(50, 20)))
    known = {"probe": QUICK, "drain": DrainRule(15.0), "metrics": rules, "by_resolver": True}
    return replace(Target("west", steps), **(known | more))  # type: ignore[arg-type]


def _both(target: Target, clients: Clients, within: float = WITHIN) -> tuple[Forecast, Ran, CountedStage]:
    """Plan a second release, carry it out, and see that it takes as long."""
    stage = CountedStage(service(target), clients)
    stage.run(stage.next("v1")[0])
    rollout, plan = stage.told("v2")
    ran = stage.run(rollout)
    assert ran.rollout.outcome is plan.rollout.outcome is Outcome.PROMOTED
    took = (ran.rollout.ticked_at - ran.rollout.created_at).total_seconds()
    assert plan.seconds == pytest.approx(took, rel=within)
    assert plan.writes == ran.writes
    return plan, ran, stage


def _waits(plan: Forecast) -> list[Entry]:
    return [entry for entry in plan.entries if entry.kind is Kind.EVIDENCE]


def test_the_last_step_waits_for_the_proof_that_everything_takes() -> None:
    plan, _, _ = _both(_target(ERRORS), Clients(4.0))
    wait = _waits(plan)[-1]
    assert wait.note == "errors: until it is proven that everything may follow"
    # About 400 requests, of which half of 4 a second come to the candidate; 20 s have been held for already.
    assert 130 < (wait.lasts_seconds or 0) < 190


def test_a_step_waits_for_the_ten_requests_that_try_it() -> None:
    plan, _, _ = _both(_target(ERRORS, plan=canary((Step(2, 5), Step(50, 60)))), Clients(20.0))
    (wait,) = _waits(plan)
    assert wait.note == "errors: until the candidate has had 10 requests in this step"
    assert 20 <= (wait.lasts_seconds or 0) + 5 <= 35


def test_enough_traffic_makes_no_step_longer() -> None:
    plan, _, _ = _both(_target(ERRORS), Clients(500.0))
    assert _waits(plan) == []


def test_a_late_source_is_waited_for() -> None:
    prompt, _, _ = _both(_target(ERRORS), Clients(20.0))
    late, _, _ = _both(_target(replace(ERRORS, interval_seconds=60.0, lag_seconds=180.0)), Clients(20.0))
    assert late.seconds - prompt.seconds > 180


def test_a_person_is_asked_where_too_little_is_ever_counted() -> None:
    plan, ran, _ = _both(_target(ERRORS, longest_seconds=120.0), Clients(0.2))
    assert plan.approvals == 2
    assert ran.rollout.outcome is Outcome.PROMOTED
    notes = [entry.note for entry in plan.entries if entry.kind is Kind.APPROVAL]
    assert all("undecided for 120 s" in note for note in notes)


def test_our_own_probes_count_in_a_plan_as_often_as_they_are_made() -> None:
    plan, _, _ = _both(_target(replace(ERRORS, name="own", own=True), replicas=2), Clients(0.0))
    (wait,) = _waits(plan)
    assert wait.note.startswith("own: until it is proven")


def test_checks_are_waited_for_before_traffic() -> None:
    smoke = MetricRule("smoke", MetricKind.CHECK, (When.BEFORE,))
    plan, _, _ = _both(_target(smoke), Clients(5.0))
    (wait,) = _waits(plan)
    assert wait.note == "smoke: until it has passed"
    assert ASSUMED.check_seconds <= (wait.lasts_seconds or 0) <= ASSUMED.check_seconds + 4


def test_a_drain_waits_until_pinned_clients_have_gone_and_the_next_plan_knows_them() -> None:
    clients = Clients(2000.0, Pinned(0.08, 90.0))
    target = _target(ERRORS, drain=DrainRule(15.0, most_seconds=7200.0))
    # Counts scatter: one interval with more than a thousandth begins the quiet anew.
    plan, ran, stage = _both(target, clients, within=0.15)
    drain = next(entry for entry in plan.entries if entry.kind is Kind.DRAIN)
    assert drain.quiet
    # Quiet is a thousandth, and 90 s ln(0.08 / 0.001) = 394 s until then; 60 s without more must follow.
    assert 394 < (drain.lasts_seconds or 0) < 700
    found = last_pinned(stage.store.history("shop"), "west")
    assert found is not None
    assert found.part == pytest.approx(0.08, rel=0.3)
    assert found.hold_seconds == pytest.approx(90, rel=0.3)
    told = draining(ran.rollout.service.target("west"), found, plan.entries)
    assert told is not None
    rest, seconds = told.left[-1]
    assert rest == 0.001
    assert seconds == pytest.approx(15 + 10 + found.seconds(0.001))


def test_a_drain_that_never_gets_quiet_asks_in_a_plan_as_well() -> None:
    target = _target(ERRORS, drain=DrainRule(15.0, most_seconds=240.0))
    plan, _, _ = _both(target, Clients(200.0, Pinned(0.5, 86400.0)))
    assert any("still not quiet after 240 s" in entry.note for entry in plan.entries if entry.kind is Kind.APPROVAL)


def test_sources_that_are_waited_for_by_turns_are_one_wait() -> None:
    proof = "until it is proven that everything may follow"
    turns = [
        Entry(0.0, Kind.HOLD, "west"),
        Entry(10.0, Kind.EVIDENCE, "west", note=f"errors: {proof}"),
        Entry(20.0, Kind.SHIFT, "north"),
        Entry(30.0, Kind.EVIDENCE, "west", note=f"latency: {proof}"),
        Entry(40.0, Kind.EVIDENCE, "west", note=f"errors: {proof}"),
        Entry(50.0, Kind.EVIDENCE, "west", note="smoke: until it has passed"),
        Entry(60.0, Kind.SHIFT, "west"),
    ]
    waits = [entry for entry in with_waits(joined(turns)) if entry.kind is Kind.EVIDENCE]
    assert [(wait.at_seconds, wait.lasts_seconds, wait.note) for wait in waits] == [
        (10.0, 40.0, f"errors, latency: {proof}"),
        (50.0, 10.0, "smoke: until it has passed"),
    ]


def test_where_nobody_knows_the_traffic_a_plan_waits_for_no_request() -> None:
    stage = CountedStage(service(_target(ERRORS)), Clients(0.1))
    stage.run(stage.next("v1")[0])
    _, unknown = stage.told("v2", {"west": Demand((Load("errors", problem="no answer"),))})
    _, plenty = stage.told("v3", {"west": Demand((Load("errors", 900.0, origin=Origin.MEASURED),))})
    assert unknown.seconds == plenty.seconds
    assert _waits(unknown) == []


def test_what_only_reports_is_not_waited_for() -> None:
    dry = replace(ERRORS, dry_run=True)
    plan, _, _ = _both(_target(dry), Clients(0.1))
    assert _waits(plan) == []


def test_both_sides_never_compared_are_not_waited_for() -> None:
    plan, _, _ = _both(_target(ERRORS, plan=blue_green(hold=30.0)), Clients(50.0))
    assert _waits(plan) == []


def test_at_the_slowest_every_gate_and_every_drain_takes_as_long_as_it_may() -> None:
    target = _target(ERRORS, longest_seconds=500.0, drain=DrainRule(15.0, most_seconds=3000.0))
    stage = CountedStage(service(target), Clients(50.0))
    stage.run(stage.next("v1")[0])
    rollout, places = stage.next("v2")
    slow = forecast_slowly(rollout, places)
    assert slow.promoted
    assert slow.approvals == 0
    held = [entry.lasts_seconds for entry in slow.entries if entry.kind is Kind.HOLD]
    assert held == [500.0, 500.0, 500.0]
    shifted = [entry.at_seconds for entry in slow.entries if entry.kind is Kind.SHIFT][-1]
    left = next(entry.at_seconds for entry in slow.entries if entry.kind is Kind.LEAVE)
    assert 3000 <= left - shifted < 3000 + 60


def test_what_must_be_quiet_and_is_counted_by_nobody_is_slow_as_well() -> None:
    target = _target(drain=DrainRule(15.0, quiet=Quiet.REQUIRED, most_seconds=900.0))
    stage = CountedStage(service(target), Clients(50.0))
    stage.run(stage.next("v1")[0])
    rollout, places = stage.next("v2")
    assert forecast(rollout, places, ASSUMED).approvals == 1
    assert forecast_slowly(rollout, places).approvals == 0


def test_long_waits_are_leapt_over() -> None:
    target = _target(ERRORS, longest_seconds=86400.0, plan=canary((Step(5, 20000.0), Step(50, 20000.0))))
    patient = replace(
        service(target), deadlines=replace(service(target).deadlines, wave_seconds=1e6, total_seconds=1e6)
    )
    stage = CountedStage(patient, Clients(0.0005))
    stage.run(stage.next("v1")[0])
    began = time.process_time()
    _, plan = stage.told("v2")
    assert plan.promoted
    assert plan.seconds > 100000
    assert time.process_time() - began < 3.0
