"""The requests that a forecast assumes, and what sources would count of them: expected numbers, no dice; pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from math import exp, floor

from strategies.counting import evidence_of, to_ask, to_check
from strategies.detours import is_for_probes
from strategies.gates import MetricKind, MetricRule
from strategies.model import Rollout, TargetState, TrafficIntent
from strategies.phases import Phase
from strategies.plan import AfterMost, Plan, Quiet, Step, Target
from strategies.seen import CheckSeen, CheckState, Reading, Tally
from strategies.tail import Pinned

AMPLE = 1000.0
"""Requests per second where nobody knows how many there are: then a forecast waits for no request."""
MATCHING = 0.01
"""The part of requests that is assumed to match where some are led by what they say."""
_MOST_TALLIES = 500
_COUNTED = frozenset({Phase.HOLDING, Phase.SHIFTING, Phase.DRAINING, Phase.DRAINED, Phase.RETURNING, Phase.CLEARING})


class Origin(StrEnum):
    """How a number is known."""

    MEASURED = "measured"
    ASSUMED = "assumed"
    PROBES = "probes"
    """By our own rule: we make these requests ourselves."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Load:
    """What one source counts: requests per second, both sides together, and the part of them that fails (0 to 1).

    It was measured over `seconds`, in which it counted `requests`; `problem` is why not, in the source's own words.
    `beside` is the candidate's own rate where no share decides about it; `rate` is the stable side's alone then.
    """

    metric: str
    rate: float = AMPLE
    failing: float = 0.0
    origin: Origin = Origin.UNKNOWN
    failing_origin: Origin = Origin.UNKNOWN
    seconds: float = 0.0
    requests: int = 0
    problem: str = ""
    beside: float | None = None

    def sides(self, lead: Lead) -> tuple[float, float]:
        """Requests per second of the stable side and of the candidate."""
        if self.beside is not None:
            return self.rate, self.beside
        moved = lead.share + (1 - lead.share) * lead.matching
        return self.rate * (1 - moved), self.rate * (moved + lead.mirrored)


def assumed(load: Load, rate: float | None, failing: float | None) -> Load:
    """The same source with what a person assumes in place of what it says; our own probes are what they are."""
    if load.beside is not None:
        return load
    if rate is not None:
        load = replace(load, rate=rate, origin=Origin.ASSUMED)
        if load.failing_origin is Origin.UNKNOWN:
            load = replace(load, failing_origin=Origin.ASSUMED)
    return load if failing is None else replace(load, failing=failing, failing_origin=Origin.ASSUMED)


@dataclass(frozen=True, slots=True)
class Demand:
    """What reaches one target: what each source counts of it, and for how long clients stay pinned to a side."""

    loads: tuple[Load, ...] = ()
    pinned: Pinned | None = None

    def load(self, metric: str) -> Load:
        """What the source of this name counts; more than enough where nobody knows."""
        return next((load for load in self.loads if load.metric == metric), Load(metric))


@dataclass(frozen=True, slots=True)
class Lead:
    """Which part (0 to 1) of all requests reaches the candidate: by its share, by what they say, as copies."""

    share: float = 0.0
    matching: float = 0.0
    mirrored: float = 0.0


def lead_of(step: Step) -> Lead:
    """What a step leads to the candidate."""
    return Lead(step.share / 100, MATCHING if step.match is not None else 0.0, step.mirror / 100)


@dataclass(frozen=True, slots=True)
class _Leg:
    at: datetime
    lead: Lead


@dataclass(slots=True)
class Flow:
    """One target's requests over time: who gets which part since when."""

    demand: Demand
    legs: list[_Leg]

    def turn(self, at: datetime, lead: Lead) -> None:
        """Lead requests otherwise from `at` on."""
        if self.legs[-1].lead == lead:
            return
        self.legs = [leg for leg in self.legs if leg.at < at] + [_Leg(at, lead)]

    def counted(self, metric: str, side: int, until: datetime) -> float:
        """How many requests a side (0 stable, 1 candidate) has had up to then, as the source of this name counts."""
        load, pinned = self.demand.load(metric), self.demand.pinned
        whole, before = 0.0, 0.0
        for number, leg in enumerate(self.legs):
            end = self.legs[number + 1].at if number + 1 < len(self.legs) else until
            seconds = (min(end, until) - leg.at).total_seconds()
            if seconds <= 0:
                break
            rate = load.sides(leg.lead)[side]
            whole += rate * seconds
            if rate <= 0 < before and pinned is not None:
                whole += before * pinned.part * pinned.hold_seconds * (1 - exp(-seconds / pinned.hold_seconds))
            before = rate
        return whole


@dataclass(slots=True)
class AssumedSources:
    """Sources and checks that answer in time: each is as late as its rule says, and a check passes after its time."""

    check_seconds: float
    flows: dict[str, Flow] = field(default_factory=dict)
    _begun: dict[tuple[str, str, int], datetime] = field(default_factory=dict)

    def begin(self, target: str, demand: Demand, now: datetime) -> None:
        """Let the stable side have everything."""
        self.flows[target] = Flow(demand, [_Leg(now, Lead())])

    def turn(self, target: str, intent: TrafficIntent, stable: set[str], at: datetime) -> None:
        """Lead requests as a written split says, from when it is in force everywhere; `stable` are endpoints' names."""
        whole = sum(member.weight for member in intent.members)
        ours = sum(member.weight for member in intent.members if member.endpoint not in stable)
        matches = any(not is_for_probes(detour) for detour in intent.detours)
        mirrored = max((mirror.percent for mirror in intent.mirrors), default=0.0) / 100
        lead = Lead(ours / whole if whole else 0.0, MATCHING if matches else 0.0, mirrored)
        self.flows[target].turn(at, lead)

    def readings(self, state: TargetState, target: Target, now: datetime) -> tuple[Reading, ...]:
        """What each source that is due knows by now."""
        rules = {rule.name: rule for rule in target.metrics}
        asked = [(rules[each.metric], each.since, each.step_seconds) for each in to_ask(state, target, now)]
        return tuple(self._reading(state.name, *each, now) for each in (*asked, *_own(state, target)))

    def _reading(self, target: str, rule: MetricRule, since: datetime, step: float, now: datetime) -> Reading:
        newest = now - timedelta(seconds=rule.lag_seconds)
        step = max(step, (newest - since).total_seconds() / _MOST_TALLIES)
        many = max(floor((newest - since).total_seconds() / step + 1e-9), 0)
        times = [since + timedelta(seconds=number * step) for number in range(many + 1)]
        stable, candidate = (tuple(self._tallies(target, rule.name, side, times)) for side in (0, 1))
        return Reading(rule.name, now, stable, candidate)

    def _tallies(self, target: str, metric: str, side: int, times: list[datetime]) -> Iterator[Tally]:
        """Differences of what was counted so far, rounded, so that what is rounded here is made up for there."""
        flow = self.flows[target]
        failing = flow.demand.load(metric).failing
        # Counted from when both sides serve, so that what is rounded then does not hang on what went before.
        begun = flow.counted(metric, side, flow.legs[min(1, len(flow.legs) - 1)].at)
        counted = [_whole(flow.counted(metric, side, at) - begun) for at in times]
        for (since, before), (until, after) in pairwise(zip(times, counted, strict=True)):
            failures = _whole(after * failing) - _whole(before * failing)
            yield Tally(since, until, after - before, failures)

    def checks(self, state: TargetState, target: Target, now: datetime) -> tuple[CheckSeen, ...]:
        """How far the checks of this step are."""
        found = []
        for trial in to_check(state, target, now):
            begun = self._begun.setdefault((state.name, trial.rule.name, trial.step), now)
            over = (now - begun).total_seconds() >= self.check_seconds
            known = CheckState.PASSED if over else CheckState.RUNNING
            found.append(CheckSeen(trial.rule.name, trial.step, known, now, "", trial.attempt))
        return tuple(found)

    def changes(self) -> list[datetime]:
        """When checks end, and when a split that was written is in force."""
        ends = [begun + timedelta(seconds=self.check_seconds) for begun in self._begun.values()]
        return [*ends, *(leg.at for flow in self.flows.values() for leg in flow.legs)]


def _whole(number: float) -> int:
    return floor(number + 0.5)


def _own(state: TargetState, target: Target) -> Iterator[tuple[MetricRule, datetime, float]]:
    """Our own probes as a source: a forecast leaps over most of them, and counts them all the same."""
    begun = state.asked.at if state.asked is not None and state.exposed else state.since
    for rule in target.metrics if state.phase in _COUNTED and state.stable else ():
        if rule.own:
            interval = timedelta(seconds=target.probe.interval_seconds)
            yield rule, evidence_of(state, rule.name).until or begun - interval, interval.total_seconds()


def must_be_shown(target: Target, step: Step, *, stable: bool) -> bool:
    """Whether a source or a check can hold this step; counts cannot where there is no `stable` side to compare with."""
    return any(
        step.stretch in rule.when and (rule.kind is MetricKind.CHECK or (rule.counts and stable))
        for rule in target.metrics
        if not rule.dry_run
    )


def counts_the_leaving(target: Target) -> bool:
    """Whether any source can say that a side has gone quiet: one that decides, and not our own probes."""
    return any(rule.drains for rule in target.metrics)


def quiet_matters(target: Target) -> bool:
    """Whether a drain of this target waits for quiet beside its time."""
    return target.drain.quiet is Quiet.REQUIRED or (target.drain.quiet is Quiet.AUTO and counts_the_leaving(target))


def patient(rollout: Rollout) -> Rollout:
    """The same rollout when every gate is undecided until `gates.longestHold`, and no drain is quiet before its most.

    A drain that is never forced is taken to end then as well: it has no longest time.
    """

    def slowly(target: Target) -> Target:
        stable = bool(rollout.target(target.name).stable)
        steps = tuple(
            replace(step, hold_seconds=max(step.hold_seconds, target.longest_seconds))
            if must_be_shown(target, step, stable=stable)
            else step
            for step in target.plan.steps
        )
        drain = target.drain
        if quiet_matters(target):
            drain = replace(drain, quiet=Quiet.REQUIRED, then=AfterMost.FORCE)
        return replace(target, plan=Plan(steps), drain=drain, metrics=())

    targets = tuple(slowly(target) for target in rollout.service.targets)
    return replace(rollout, service=replace(rollout.service, targets=targets))
