"""A stage whose clients are counted: they follow what is written into the profile, late and at random."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from math import exp
from typing import Any

from orchestrator.forecast import Forecast, forecast
from orchestrator.forecast_traffic import Demand, Load, Origin
from orchestrator.ports import TargetPorts
from providers.ports import Errand, Finding, Question, Traffic
from strategies.drain import settle_seconds
from strategies.gates import MetricRule
from strategies.model import Rollout, TrafficIntent
from strategies.plan import Service, Target
from strategies.seen import CheckSeen, CheckState, Reading, Tally, TrafficSeen
from strategies.tail import Pinned
from tests.unit.orchestrator.forecast.dice import poisson
from tests.unit.orchestrator.forecast.stage import ASSUMED, Stage


@dataclass
class Clients:
    """So many requests a second, none of which fails; a part of them is pinned to a side that leaves, for a while."""

    rate: float
    pinned: Pinned | None = None
    turns: list[tuple[datetime, dict[str, float]]] = field(default_factory=list)
    rng: random.Random = field(default_factory=lambda: random.Random(11))
    told: dict[tuple[str, datetime, datetime], int] = field(default_factory=dict)

    def part(self, endpoints: tuple[str, ...], at: datetime) -> float:
        """Which part of the requests these endpoints get at a moment."""
        since, now, before = at, 0.0, 0.0
        for begun, parts in self.turns:
            if begun <= at:
                found = sum(parts.get(name, 0.0) for name in endpoints)
                if found != now:
                    since, before, now = begun, now, found
        if now or self.pinned is None:
            return now
        return before * self.pinned.part * exp(-(at - since).total_seconds() / self.pinned.hold_seconds)

    def requests(self, endpoints: tuple[str, ...], since: datetime, until: datetime) -> int:
        """How many requests they had; the same however often it is asked."""
        key = ",".join(endpoints), since, until
        if key not in self.told:
            seconds = (until - since).total_seconds()
            middle = since + (until - since) / 2
            self.told[key] = poisson(self.rng, self.rate * seconds * self.part(endpoints, middle))
        return self.told[key]


class Source:
    """What counts those clients, as late as its rule says."""

    def __init__(self, rule: MetricRule, clients: Clients) -> None:
        self.rule, self.clients = rule, clients

    def read(self, question: Question) -> Reading:
        newest = question.now - timedelta(seconds=self.rule.lag_seconds)
        step, times = timedelta(seconds=question.step_seconds), [question.since]
        while times[-1] + step <= newest:
            times.append(times[-1] + step)
        stable, candidate = (
            tuple(Tally(a, b, self.clients.requests(arm.endpoints, a, b)) for a, b in pairwise(times))
            for arm in (question.stable, question.candidate)
        )
        return Reading(self.rule.name, question.now, stable, candidate)

    def preflight(self, _question: Question) -> tuple[Finding, ...]:
        return ()


class Check:
    """A check that passes after its time."""

    def __init__(self, seconds: float, now: Any) -> None:
        self.seconds, self.now, self.begun = seconds, now, dict[str, datetime]()

    def look(self, errand: Errand) -> CheckSeen:
        now = self.now()
        over = (now - self.begun.setdefault(errand.key, now)).total_seconds() >= self.seconds
        return CheckSeen("", errand.step, CheckState.PASSED if over else CheckState.RUNNING, now)

    def stop(self) -> None:
        pass

    def preflight(self, _errand: Errand) -> tuple[Finding, ...]:
        return ()


class _Watched:
    """The routing, with a note of who gets which part since when."""

    def __init__(self, traffic: Traffic, stage: CountedStage, target: Target) -> None:
        self._traffic, self._stage, self._target = traffic, stage, target

    def look(self) -> TrafficSeen:
        return self._traffic.look()

    def shift(self, intent: TrafficIntent, seen: TrafficSeen) -> None:
        self._traffic.shift(intent, seen)
        whole = sum(member.weight for member in intent.members)
        heard = settle_seconds(self._target.drain, self._traffic.look().ttl_chain)
        parts = {member.endpoint: member.weight / whole for member in intent.members if member.weight}
        self._stage.clients.turns.append((self._stage.clock.now() + timedelta(seconds=heard), parts))

    def preflight(self) -> tuple[Finding, ...]:
        return self._traffic.preflight()


class CountedStage(Stage):
    """The stage with clients, and sources for every rule of a target."""

    def __init__(self, service: Service, clients: Clients, *, ttl: int = 10) -> None:
        super().__init__(service, ttl=ttl)
        self.clients = clients

    def hands(self, target: Target) -> TargetPorts:
        made = super().hands(target)
        sources = {rule.name: Source(rule, self.clients) for rule in target.metrics}
        checks = {rule.name: Check(ASSUMED.check_seconds, self.clock.now) for rule in target.metrics}
        return replace(made, traffic=_Watched(made.traffic, self, target), metrics=sources, checks=checks)

    def demand(self, target: Target, origin: Origin = Origin.MEASURED) -> Demand:
        """What a plan would be told of these clients."""
        loads = [
            self._probed(rule, target)
            if rule.own
            else Load(rule.name, self.clients.rate, origin=origin, failing_origin=origin)
            for rule in target.metrics
        ]
        return Demand(tuple(loads), self.clients.pinned)

    @staticmethod
    def _probed(rule: MetricRule, target: Target) -> Load:
        each = target.replicas / target.probe.interval_seconds
        return Load(rule.name, each, 0.0, Origin.PROBES, Origin.PROBES, beside=each)

    def told(self, version: str, demands: Mapping[str, Demand] | None = None) -> tuple[Rollout, Forecast]:
        """The rollout of a version and what `plan` says of it, told of the clients or of `demands`."""
        rollout, places = self.next(version)
        known = demands or {target.name: self.demand(target) for target in self.service.targets}
        places = {name: replace(place, demand=known.get(name, Demand())) for name, place in places.items()}
        return rollout, forecast(rollout, places, ASSUMED)
