"""A source that counts our own probes is told of, once and in time, and one that does not never is."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import exp

import pytest

from strategies.echo import Echo, listened
from strategies.events import Event
from strategies.evidence import renewed
from strategies.gates import MetricKind, MetricRule
from strategies.journal import explain
from strategies.model import Rollout, with_target
from strategies.phases import Phase
from strategies.plan import Deadlines, DrainRule, Plan, ProbeRule, Step
from strategies.seen import CheckState, Reading, Tally
from tests.unit.orchestrator.forecast.dice import poisson
from tests.unit.strategies.build import at, in_force, in_phase, phases, rollout, service, state_of, target, tick
from tests.unit.strategies.sources import RULE, SMOKE, check, seen

PREVIEW = Plan((Step(0, 600), Step(50, 30), Step(100, 30)))
STEP, PROBED = 5.0, 2.0
LONG = Deadlines(1e6, 1e6, 1e6)
Requests = Callable[[float, float], float]


def nobody(_since: float, _until: float) -> float:
    return 0.0


@dataclass
class World:
    """Both sides are probed every two seconds, and a source tells of each five seconds how many requests came."""

    of: Rollout
    counts: float = 1.0
    """How many requests of each probe the source counts: none where it leaves health checks out."""
    others: Requests = nobody
    """Who comes besides our probes."""
    metric: str = "errors"
    lag: float = 0.0
    now: float = 0.0
    told: float = 0.0
    probes: list[float] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    rng: random.Random = field(default_factory=lambda: random.Random(5))

    def go(self, seconds: float, **more: object) -> World:
        """Look and decide so often."""
        end = self.now + seconds
        while self.now < end:
            self.now += PROBED
            self.probes.append(self.now)
            tallies = []
            while self.told + STEP <= self.now - self.lag:
                tallies.append(self._tally(self.told, self.told + STEP))
                self.told += STEP
            said = Reading(self.metric, at(self.now), tuple(tallies), tuple(tallies))
            before = self.of
            self.of = tick(before, self.now, seen(before, self.now, said, **more))  # type: ignore[arg-type]
            self.events += explain(before, self.of, at(self.now))
        return self

    def _tally(self, since: float, until: float) -> Tally:
        own = sum(since < moment <= until for moment in self.probes) * self.counts
        return Tally(at(since), at(until), round(own + self.others(since, until)))

    def heard(self) -> list[Event]:
        """What the journal says of it."""
        return [event for event in self.events if event.kind == "probes_counted"]


def waiting(*rules: MetricRule, names: tuple[str, ...] = ("west",)) -> Rollout:
    """A candidate that is up and gets no traffic for ten minutes."""
    targets = [target(name, PREVIEW, metrics=rules or (RULE,), probe=ProbeRule(PROBED, 2, 3)) for name in names]
    of = rollout(service(*targets, deadlines=LONG))
    for name in names:
        of = in_phase(of, Phase.HOLDING, name=name)
    return of


def leaving(*rules: MetricRule, propagation: float = 5.0) -> Rollout:
    """A stable side that drains from second 0 on, with a TTL of 5 s, 5 s of propagation and 10 s more."""
    west = target(plan=PREVIEW, metrics=rules or (RULE,), drain=DrainRule(propagation, most_seconds=1e6))
    of = in_force(in_phase(rollout(service(west, deadlines=LONG)), Phase.DRAINING, step=2), 100, ttl=5)
    state = state_of(of)
    return with_target(of, replace(state, metrics=(replace(state_of(waited(of)).metrics[0], rate_before=50.0),)))


def waited(of: Rollout) -> Rollout:
    """The same after one look at which the source told nothing."""
    return tick(of, 1, seen(of, 1, Reading("errors", at(1))))


def test_a_source_that_counts_our_probes_of_a_candidate_without_traffic_is_told_of_once() -> None:
    world = World(waiting()).go(20)
    assert world.heard() == []
    world.go(200)
    (event,) = world.heard()
    told = dict(event.data)
    assert (event.target, told["metric"], told["side"], told["dryRun"]) == ("west", "errors", "candidate", False)
    assert told["requests"] == pytest.approx(told["probes"], abs=2)
    assert event.at <= at(40)


@pytest.mark.parametrize("of", [waiting(), leaving()], ids=["waiting", "leaving"])
def test_it_decides_nothing(of: Rollout) -> None:
    world = World(of).go(250)
    assert world.heard()
    assert phases(world.of) == phases(of)
    assert (world.of.failure, world.of.paused, state_of(world.of).asks_person) == (None, None, False)


@pytest.mark.parametrize("of", [waiting(), leaving()], ids=["waiting", "leaving"])
def test_a_source_that_leaves_health_checks_out_is_never_told_of(of: Rollout) -> None:
    assert World(of, counts=0.0).go(400).heard() == []


def test_before_traffic_others_that_check_its_health_as_well_hide_nothing() -> None:
    assert World(waiting(), others=lambda since, until: (until - since) * 3).go(60).heard()


def test_a_burst_of_requests_to_a_candidate_without_traffic_is_no_health_check() -> None:
    assert World(waiting(), counts=0.0, others=lambda since, _: 400.0 * (since == 30)).go(300).heard() == []


@pytest.mark.parametrize("lag", [0.0, 120.0])
def test_what_a_running_check_asks_the_candidate_is_not_taken_for_our_probes(lag: float) -> None:
    rule = replace(RULE, lag_seconds=lag)
    steady = World(waiting(rule, SMOKE), 0.0, lambda since, until: (until - since) * (since < 100), lag=lag)
    assert steady.go(6).heard() == []
    running = (check("smoke", CheckState.RUNNING, 1, step=0),)
    assert steady.go(100, checks=running).heard() == []
    passed = (check("smoke", CheckState.PASSED, 101, step=0),)
    assert steady.go(100 + lag, checks=passed).heard() == []
    steady.counts = 1.0
    assert steady.go(100 + lag).heard()


def test_a_candidate_that_has_traffic_counts_its_clients() -> None:
    of = in_force(in_phase(waiting(), Phase.HOLDING, step=1), 50)
    assert World(of, others=lambda since, until: (until - since) * 40).go(100).heard() == []


def test_a_candidate_that_has_traffic_on_another_target_counts_clients_there() -> None:
    of = waiting(names=("west", "north"))
    of = in_force(in_phase(of, Phase.HOLDING, name="north", step=1), 50, name="north")
    assert World(of, others=lambda since, until: (until - since) * 40).go(100).heard() == []


def test_a_side_that_has_left_and_still_gets_just_our_probes_is_told_of_once() -> None:
    world = World(leaving()).go(150)
    assert world.heard() == []
    world.go(100)
    (event,) = world.heard()
    told = dict(event.data)
    assert told["side"] == "stable"
    assert told["requests"] == pytest.approx(told["probes"], abs=2)
    assert not state_of(world.of).drained_at


def test_while_answers_may_name_the_side_nobody_can_say_who_comes() -> None:
    world = World(leaving(propagation=300.0)).go(315 + 170)
    assert world.heard() == []
    assert world.go(50).heard()


def test_an_interval_that_is_not_told_begins_the_comparison_anew() -> None:
    world = World(leaving()).go(150)
    world.told += STEP
    assert world.go(100).heard() == []
    assert world.go(150).heard()


@pytest.mark.parametrize("lag", [0.0, 30.0, 180.0])
def test_a_source_that_tells_late_is_told_of_later(lag: float) -> None:
    late = replace(RULE, lag_seconds=lag)
    assert World(leaving(late), lag=lag).go(230 + lag).heard()


def test_a_side_that_has_left_and_gets_more_or_less_than_our_probes_has_clients() -> None:
    for part in (0.5, 0.8, 1.3, 3.0):
        assert World(leaving(), counts=part).go(600).heard() == []


@pytest.mark.parametrize("workloads", [1, 3])
def test_clients_that_come_as_often_as_our_probes_for_a_while_are_not_taken_for_them(workloads: int) -> None:
    """Pinned ones come less and less, and are as many on their way down; and some come as often all the time."""
    rng, probed = random.Random(3), PROBED / workloads
    for number in range(150):
        steady = number % 3 == 0
        rate, hold = (1 / probed, 1e9) if steady else (rng.uniform(1, 10) / probed, rng.uniform(20, 400))
        known: Echo | None = None
        for second in range(5, 900, 5):
            requests = poisson(rng, STEP * rate * exp(-second / hold))
            told = (Tally(at(second - 5), at(second), requests),)
            moments = [at(each) for each in range(second - 4, second + 1) if each % PROBED == 0]
            known = listened(known, tuple(moments * workloads), told, leaving=True)
            assert known is None or not known.heard, (number, rate, hold, second)


def test_a_counter_that_begins_anew_begins_the_comparison_anew() -> None:
    world = World(leaving()).go(60)
    known = state_of(world.of).metrics[0].echo
    assert known is not None
    assert known.requests > 10
    reset = Reading("errors", at(62), (Tally(at(60), at(62), 0, reset=True),))
    world.of = tick(world.of, 62, seen(world.of, 62, reset))
    assert state_of(world.of).metrics[0].echo is None


def test_our_own_probes_as_a_source_and_checks_count_them_by_right() -> None:
    own = MetricRule("own", own=True)
    world = World(waiting(own, MetricRule("smoke", MetricKind.CHECK)), metric="own").go(200)
    assert world.heard() == []
    assert all(each.echo is None for each in state_of(world.of).metrics)


def test_one_that_only_reports_is_told_of_as_such() -> None:
    (event,) = World(waiting(replace(RULE, dry_run=True))).go(100).heard()
    assert dict(event.data)["dryRun"] is True


def test_what_was_heard_is_known_to_the_end_and_after_a_retry() -> None:
    known = state_of(World(waiting()).go(100).of).metrics[0]
    assert known.echo is not None
    assert known.echo.heard
    assert renewed(known).echo == known.echo


def test_failed_probes_are_no_requests_that_a_source_would_count() -> None:
    world = World(leaving()).go(40)
    before = state_of(world.of).metrics[0].echo
    assert isinstance(before, Echo)
    world.go(2, probes="both")
    after = state_of(world.of).metrics[0].echo
    assert after is None or after.probes == before.probes
