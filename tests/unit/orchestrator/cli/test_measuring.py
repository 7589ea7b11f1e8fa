"""What sources are asked before a rollout, and what of their answers is believed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import cast

import pytest

from orchestrator.cli.measuring import loads, of_reading
from orchestrator.forecast_traffic import Demand, Load, Origin
from orchestrator.forecast_world import Place
from orchestrator.ports import TargetPorts
from orchestrator.store.codec import decode, encode
from providers.ports import Finding, Probes, Question, Traffic, Workloads
from strategies.gates import MetricKind, MetricRule
from strategies.model import Rollout
from strategies.plan import Target
from strategies.seen import Reading, Tally, TrafficSeen
from strategies.tail import Pinned
from tests.unit.orchestrator.cli import states
from tests.unit.orchestrator.cli.states import NOW

RULE = MetricRule("errors", lag_seconds=30.0)


@dataclass
class _Source:
    """A source that keeps what it is asked and answers with what it is given."""

    stable: tuple[Tally, ...] = ()
    problem: str | None = None
    asked: list[Question] = field(default_factory=list)

    def read(self, question: Question) -> Reading:
        self.asked.append(question)
        return Reading("errors", question.now, self.stable, problem=self.problem)

    def preflight(self, _question: Question) -> tuple[Finding, ...]:
        return ()


def _tallies(*counts: tuple[int, int], reset: int | None = None) -> tuple[Tally, ...]:
    step = timedelta(seconds=5)
    return tuple(
        Tally(NOW + number * step, NOW + (number + 1) * step, requests, failures, reset=number == reset)
        for number, (requests, failures) in enumerate(counts)
    )


def _hands(**metrics: _Source) -> dict[str, TargetPorts]:
    nothing = cast("tuple[Workloads, Traffic, Probes]", (None, None, None))
    return {"westeurope": TargetPorts(*nothing, metrics=metrics)}


def _rollout(*rules: MetricRule, first: bool = False) -> Rollout:
    return states.fresh(states.service(Target("westeurope", states.PLAN, metrics=rules)), first=first)


def test_the_serving_side_gives_rate_and_failing_part() -> None:
    found = of_reading(RULE, Reading("errors", NOW, _tallies((100, 1), (300, 3))))
    known = Origin.MEASURED
    assert found == Load("errors", 40.0, 0.01, known, known, 10.0, 400)


def test_an_interval_in_which_a_counter_began_anew_is_left_out() -> None:
    found = of_reading(RULE, Reading("errors", NOW, _tallies((100, 1), (7, 7), (100, 1), reset=1)))
    assert (found.rate, found.failing, found.seconds) == (20.0, 0.01, 10.0)


def test_no_requests_are_a_measurement_and_no_answer_is_none() -> None:
    idle = of_reading(RULE, Reading("errors", NOW, _tallies((0, 0), (0, 0))))
    assert (idle.rate, idle.failing, idle.origin) == (0.0, 0.0, Origin.MEASURED)
    silent = of_reading(RULE, Reading("errors", NOW, problem="401: no token"))
    assert (silent.origin, silent.problem) == (Origin.UNKNOWN, "401: no token")
    empty = of_reading(RULE, Reading("errors", NOW, _tallies((5, 0), reset=0)))
    assert (empty.origin, empty.problem) == (Origin.UNKNOWN, "it has counted nothing of what serves")


@pytest.mark.parametrize(("interval", "seconds"), [(5.0, 330.0), (60.0, 750.0)])
def test_a_source_is_asked_once_about_its_last_intervals(interval: float, seconds: float) -> None:
    source = _Source(_tallies((50, 0)))
    rollout = _rollout(replace(RULE, interval_seconds=interval))
    (load,) = loads(_hands(errors=source), rollout, NOW)["westeurope"]
    (question,) = source.asked
    assert (question.now - question.since).total_seconds() == seconds
    assert question.step_seconds == interval
    assert question.stable.groups == (f"storefront-{states.OLD.short}-2-0",)
    assert (question.stable.revision, question.leaving) == (states.OLD.id, None)
    assert load.rate == 10.0


def test_what_only_counts_the_leaving_side_is_asked_too_and_checks_are_not() -> None:
    edge, smoke = MetricRule("edge", MetricKind.QUIET), MetricRule("smoke", MetricKind.CHECK)
    source = _Source(_tallies((50, 0)))
    (load,) = loads(_hands(edge=source), _rollout(edge, smoke), NOW)["westeurope"]
    assert (load.metric, load.rate) == ("edge", 10.0)


def test_our_own_probes_are_known_without_asking() -> None:
    (load,) = loads(_hands(), _rollout(MetricRule("own", own=True)), NOW)["westeurope"]
    assert (load.rate, load.beside, load.origin) == (0.5, 0.5, Origin.PROBES)


def test_a_source_without_an_adapter_is_unknown() -> None:
    (load,) = loads(_hands(), _rollout(RULE), NOW)["westeurope"]
    assert load.origin is Origin.UNKNOWN
    assert load.problem


def test_nothing_is_asked_where_nothing_serves() -> None:
    source = _Source()
    assert loads(_hands(errors=source), _rollout(RULE, first=True), NOW)["westeurope"] == ()
    assert source.asked == []


def test_what_was_measured_crosses_the_wire_of_a_daemon() -> None:
    known = Load("errors", 40.0, 0.01, Origin.MEASURED, Origin.MEASURED, 300.0, 12000, "late")
    place = Place(TrafficSeen(NOW, exists=False), demand=Demand((known,), Pinned(0.05, 90.0)))
    assert decode(encode(place, "a place"), Place, "a place") == place


def test_more_failures_than_requests_are_no_traffic_to_reckon_with() -> None:
    found = of_reading(RULE, Reading("errors", NOW, _tallies((10, 30), (10, 0))))
    assert (found.origin, found.failing) == (Origin.UNKNOWN, Load("errors").failing)
    assert found.problem == "it tells 30 failures of 20 requests: both must count the same"
