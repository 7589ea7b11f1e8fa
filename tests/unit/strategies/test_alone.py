"""A candidate that has everything is beside nobody: what it fails condemns nothing, but the old side is kept."""

from __future__ import annotations

from dataclasses import replace

import pytest

from strategies.begin import Survey, begin
from strategies.gates import MetricKind, MetricRule, When
from strategies.model import CommandKind, Outcome, Rollout
from strategies.phases import FORWARD, Phase
from strategies.plan import Deadlines, Plan, Step
from strategies.seen import Ack, Act, GroupState, Reading, TargetSeen
from tests.unit.strategies.build import NEW, OLD, at, in_phase, phases, rollout, service, stable, state_of, tick, told
from tests.unit.strategies.sources import RULE, SMOKE, reading, seen, with_rules

BLUE_GREEN = Plan((Step(0), Step(100, 60)))
CANARY = Plan((Step(0), Step(50, 60), Step(100, 60)))
GOOD, BAD = (100, 0), (100, 100)


class World:
    """A rollout whose clients all go where the split leads; one look every five seconds."""

    def __init__(self, plan: Plan = BLUE_GREEN, *rules: MetricRule) -> None:
        target = replace(with_rules(*rules or (RULE,)), plan=plan, longest_seconds=1800.0)
        self.of: Rollout = rollout(service(target, deadlines=Deadlines(600, 21600, 86400)))
        self.of = in_phase(self.of, Phase.HOLDING, step=0)
        self.now = 0

    def go(self, seconds: int, candidate: tuple[int, int] = BAD, stable: tuple[int, int] = GOOD) -> World:
        """Let time pass while a hundred requests come in every five seconds."""
        for _ in range(seconds // 5):
            share = state_of(self.of).share if state_of(self.of).exposed else 0.0
            said = [
                tuple(round(count * part / 100) for count in each)
                for each, part in ((stable, 100 - share), (candidate, share))
            ]
            self.now += 5
            self.of = tick(self.of, self.now, self.look(reading(*said, since=self.now - 5, until=self.now)))  # type: ignore[arg-type]
        return self

    def look(self, said: Reading) -> TargetSeen:
        """All well, and everything done that was asked for."""
        stable = state_of(self.of).stable
        asked = [slot for slot in stable if slot.retire_at]
        gone = {slot.name for slot in stable if slot.retire_acked_at}
        found = seen(self.of, self.now, said)
        groups = tuple(replace(g, state=GroupState.ABSENT) if g.name in gone else g for g in found.groups or ())
        acks = (Ack(Act.SHIFT, "", at(self.now)), *(Ack(Act.RETIRE, slot.name, at(self.now)) for slot in asked))
        return replace(found, acks=acks, groups=groups)

    @property
    def asks(self) -> bool:
        """Whether a person is asked just now."""
        return state_of(self.of).asks_person


@pytest.mark.parametrize("plan", [BLUE_GREEN, CANARY])
def test_the_old_side_is_not_retired_while_all_requests_fail_though_no_probe_does(plan: Plan) -> None:
    world = World(plan).go(120 if plan is CANARY else 30, GOOD)
    world.go(3600)
    assert (world.of.outcome, world.of.failure, world.asks) == (Outcome.RUNNING, None, True)
    assert phases(world.of)["west"] in FORWARD
    assert "candidate failed" in state_of(world.of).note


def test_who_breaks_while_the_old_side_drains_keeps_it() -> None:
    world = World().go(100, GOOD)
    assert phases(world.of) == {"west": Phase.DRAINING}
    world.go(3600)
    assert (phases(world.of), world.asks) == ({"west": Phase.DRAINING}, True)


def test_one_in_ten_is_too_many_where_nothing_failed_before() -> None:
    world = World(CANARY).go(120, GOOD).go(600, (100, 10))
    assert (phases(world.of)["west"] in FORWARD, world.asks) == (True, True)
    assert "stable 0 of" in state_of(world.of).note


def test_a_person_is_asked_at_once_and_may_say_either() -> None:
    world = World().go(60)
    assert world.asks
    assert "`rollout approve` goes on" in state_of(world.of).note
    world.of = told(world.of, CommandKind.APPROVE)
    assert world.go(300).of.outcome is Outcome.PROMOTED
    other = World().go(60)
    other.of = told(other.of, CommandKind.ABORT)
    assert phases(other.go(10).of)["west"] in (Phase.RETURNING, Phase.CLEARING)


def test_a_check_that_still_runs_does_not_put_off_that_a_person_is_asked() -> None:
    world = World(BLUE_GREEN, RULE, replace(SMOKE, when=(When.AFTER,))).go(60)
    assert (phases(world.of), world.asks) == ({"west": Phase.HOLDING}, True)
    assert "candidate failed" in state_of(world.of).note


def test_what_passes_is_asked_about_no_more_and_the_rollout_goes_on() -> None:
    world = World().go(60)
    assert world.asks
    assert world.go(400, GOOD).of.outcome is Outcome.PROMOTED


@pytest.mark.parametrize(
    "rule",
    [replace(RULE, dry_run=True), replace(RULE, when=(When.DURING,)), replace(RULE, kind=MetricKind.QUIET)],
    ids=["only reports", "asked during the steps alone", "counts requests alone"],
)
def test_a_source_that_decides_nothing_then_keeps_nothing(rule: MetricRule) -> None:
    assert World(BLUE_GREEN, rule).go(600).of.outcome is Outcome.PROMOTED


def test_an_undo_and_an_emergency_wait_for_no_source_and_no_check() -> None:
    of = begin(
        "r2", service(with_rules(RULE, SMOKE)), NEW, Survey(OLD, (("west", stable()),), number=1), at(0), steps=False
    )
    (target,) = of.service.targets
    assert [rule.when for rule in target.metrics] == [(), ()]
    assert target.metrics[0].drains
