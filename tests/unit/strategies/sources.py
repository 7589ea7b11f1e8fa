"""A rollout that is judged by sources, and looks at which they say something."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from strategies.counting import begin
from strategies.gates import MetricKind, MetricRule, When
from strategies.model import Rollout, with_target
from strategies.phases import Phase
from strategies.plan import Plan, Step, Target
from strategies.seen import CheckSeen, ProbeSeen, Reading, Tally, TargetSeen
from tests.unit.strategies.build import at, in_force, in_phase, look, rollout, service, state_of, target, tick

RULE = MetricRule("errors", interval_seconds=5.0)
PLAN = Plan((Step(0), Step(10, 30), Step(50, 30), Step(100, 30)))
STEP_OF = {0.0: 0, 10.0: 1, 50.0: 2, 100.0: 3}


def judged(*rules: MetricRule, share: float = 50.0, names: Iterable[str] = ("west",), **more: Any) -> Rollout:
    """A rollout in the middle of a step whose targets are judged by these sources; their bets have begun."""
    targets = [with_rules(*rules or (RULE,), name=name, **more) for name in names]
    of = rollout(service(*targets))
    for name in names:
        of = in_force(in_phase(of, Phase.HOLDING, name=name, step=STEP_OF[share]), share, name=name)
        state = of.target(name)
        for _ in range(STEP_OF[share]):
            state = begin(state, of.service.target(name))
        of = with_target(of, state)
    return of


def with_rules(*rules: MetricRule, name: str = "west", **more: Any) -> Target:
    """A target with these sources."""
    return target(name, PLAN, metrics=rules, longest_seconds=300.0, **more)


def tallies(
    requests: int | None, failures: int = 0, *, since: float, until: float, step: float = 5.0
) -> tuple[Tally, ...]:
    """The same count in every interval; None: the source knows nothing of this side."""
    if requests is None:
        return ()
    count = int((until - since) / step)
    return tuple(Tally(at(since + step * n), at(since + step * n + step), requests, failures) for n in range(count))


def reading(
    stable: tuple[int, int] | None,
    candidate: tuple[int, int] | None,
    *,
    since: float,
    until: float,
    metric: str = "errors",
    **more: Any,
) -> Reading:
    """What a source says of both sides from one moment to another: requests and failures in each five seconds."""
    sides = [tallies(*(each or (None,)), since=since, until=until) for each in (stable, candidate)]
    return Reading(metric, at(until), sides[0], sides[1], **more)


def seen(
    of: Rollout, when: float, *readings: Reading, probes: str = "well", name: str = "west", **more: Any
) -> TargetSeen:
    """A look at everything well; `probes`: `well`, or `candidate` or `both` for whose probes fail."""
    state = state_of(of, name)
    clean = [slot.endpoint for slot in state.candidate if probes == "well"]
    clean += [slot.endpoint for slot in state.stable if probes != "both"]
    found = tuple(
        ProbeSeen(slot.endpoint, at(when), ok=slot.endpoint in clean, why="HTTP 500")
        for slot in (*state.candidate, *state.stable)
    )
    return replace(look(of, when, name=name, **more), readings=readings, probes=found)


def after(
    of: Rollout,
    seconds: float,
    stable: tuple[int, int] | None,
    candidate: tuple[int, int] | None,
    *,
    metric: str = "errors",
    start: float = 0.0,
    **more: Any,
) -> Rollout:
    """The rollout after so many seconds of ticks in which one source said the same every five seconds."""
    now = start
    while now < start + seconds:
        said = reading(stable, candidate, since=now, until=now + 5, metric=metric)
        now += 5
        of = tick(of, now, seen(of, now, said, **more))
    return of


def check(metric: str, state: Any, when: float, *, step: int, why: str = "") -> CheckSeen:
    """One check as it was found."""
    return CheckSeen(metric, step, state, at(when), why)


SMOKE = MetricRule("smoke", MetricKind.CHECK, when=(When.BEFORE,))
