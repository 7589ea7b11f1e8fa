"""The real engine looks as evenly as it takes to find its own probes again in what a source counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from orchestrator.ports import TargetPorts
from providers.ports import Arm, Probes, Question
from strategies.gates import MetricRule
from strategies.model import Outcome
from strategies.plan import AfterMost, DrainRule, ProbeRule, Step, Target, canary
from strategies.seen import ProbeSeen, Reading, Tally
from tests.unit.orchestrator.forecast.clients import Clients, CountedStage, Source
from tests.unit.orchestrator.forecast.stage import service

RULE = MetricRule("errors", interval_seconds=5.0, lag_seconds=2.0)


class Noted:
    """Our probes, with a note of when each was answered."""

    def __init__(self, probes: Probes, made: list[tuple[str, datetime]]) -> None:
        self._probes, self._made = probes, made

    def sample(self, addresses: Mapping[str, str]) -> tuple[ProbeSeen, ...]:
        found = self._probes.sample(addresses)
        self._made += [(probe.slot, probe.at) for probe in found]
        return found


class Careless(Source):
    """A source whose query leaves no health checks out."""

    def __init__(self, rule: MetricRule, clients: Clients, made: list[tuple[str, datetime]]) -> None:
        super().__init__(rule, clients)
        self._made = made

    def read(self, question: Question) -> Reading:
        told = super().read(question)
        stable, candidate = self._more(told.stable, question.stable), self._more(told.candidate, question.candidate)
        return replace(told, stable=stable, candidate=candidate)

    def _more(self, tallies: tuple[Tally, ...], arm: Arm) -> tuple[Tally, ...]:
        def own(tally: Tally) -> int:
            return sum(name in arm.endpoints and tally.since < at <= tally.until for name, at in self._made)

        return tuple(replace(tally, requests=tally.requests + own(tally)) for tally in tallies)


class Stage(CountedStage):
    """A cloud in which our probes are counted by whoever counts clients, or are not."""

    careless = True

    def hands(self, target: Target) -> TargetPorts:
        made, probed = super().hands(target), list[tuple[str, datetime]]()
        if not self.careless:
            return made
        sources = {rule.name: Careless(rule, self.clients, probed) for rule in target.metrics}
        return replace(made, probes=Noted(made.probes, probed), metrics=sources)


def heard(stage: Stage) -> list[dict[str, Any]]:
    """Release a second version to its end, and return what the journal says of probes that are counted."""
    stage.run(stage.next("v1")[0])
    ran = stage.run(stage.next("v2")[0])
    assert ran.rollout.outcome is Outcome.PROMOTED
    told = stage.store.events("shop", rollout=ran.rollout.id)
    return [dict(each.event.data) for each in told if each.event.kind == "probes_counted"]


@pytest.mark.parametrize(("preview", "side"), [(60.0, "candidate"), (0.0, "stable")])
def test_our_probes_are_found_again_before_any_traffic_or_in_the_drain(preview: float, side: str) -> None:
    drain = DrainRule(15.0, most_seconds=400.0, then=AfterMost.FORCE)
    plan = canary((Step(50, 20),), preview_hold=preview)
    probe = ProbeRule(2.0, 5, 3)
    target = Target("west", plan, replicas=2, probe=probe, drain=drain, by_resolver=True, metrics=(RULE,))
    (told,) = heard(Stage(service(target), Clients(50.0)))
    assert (told["metric"], told["side"]) == ("errors", side)
    assert told["requests"] == pytest.approx(told["probes"], abs=3)
    careful = Stage(service(target), Clients(50.0))
    careful.careless = False
    assert heard(careful) == []
