"""What one decision costs, with two targets in the middle of a step, and what one counted interval does."""

from __future__ import annotations

import random
import sys
import time
import timeit
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from strategies.advance import advance
from strategies.begin import Survey, begin
from strategies.evidence import FAILURES, FRESH, Evidence, update
from strategies.missing import missing
from strategies.model import Rollout, Stage
from strategies.names import parse_endpoint, revision
from strategies.phases import Phase
from strategies.plan import Service, Step, Target, canary
from strategies.seen import Counts, EndpointSeen, GroupSeen, GroupState, ProbeSeen, Seen, TargetSeen, TrafficSeen
from tests.benchmarks.goals import Goal

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROUNDS, REPEATS = 300, 7
INTERVALS = 60


def run() -> list[Goal]:
    """Measure the median microseconds of each over several repeats."""
    rollout, seen = held()

    def decide() -> None:
        decided = advance(rollout, seen, NOW + timedelta(seconds=2))
        missing(decided, seen)

    numeric = [name for name in ("numpy", "scipy", "pandas") if name in sys.modules]
    return [
        Goal("-", "advance + missing, two targets, 2 + 2 groups each", took(decide), 100.0, "us"),
        Goal("-", "one interval of evidence, requests split one by one", took(counted(None)) / INTERVALS, 10.0, "us"),
        Goal("-", "one interval of evidence, DNS, TTL 10 s", took(counted(10.0)) / INTERVALS, 10.0, "us"),
        Goal("-", "numeric libraries that it imports", len(numeric), 0, "modules"),
    ]


def took(work: Callable[[], None]) -> float:
    """The median microseconds of one call."""
    work()
    runs = sorted(timeit.repeat(work, number=ROUNDS, repeat=REPEATS, timer=time.process_time))
    return runs[REPEATS // 2] / ROUNDS * 1e6


def counted(ttl: float | None) -> Callable[[], None]:
    """Fold in a minute's intervals of one second, with 50 requests of which about one in a hundred fails."""
    chance = random.Random(1)
    batches = []
    for second in range(INTERVALS):
        failures = [sum(chance.random() < 0.01 for _ in range(requests)) for requests in (45, 5)]
        begun = NOW + timedelta(seconds=second)
        batches.append(Counts(begun, begun + timedelta(seconds=1), 45, failures[0], 5, failures[1]))

    def fold() -> None:
        seen = Evidence("errors", starts=(FRESH,))
        for batch in batches:
            seen = update(seen, batch, FAILURES, ttl, lumpy=ttl is not None)

    return fold


def held() -> tuple[Rollout, Seen]:
    """A rollout of two targets that holds at its first share, and a look at it that shows all well."""
    plan = canary((Step(10, 3600), Step(50, 3600)))
    service = Service("shop", "r/shop", tuple(Target(name, plan, replicas=2) for name in ("west", "north")))
    old = begin("old", service, revision("sha256:" + "a" * 64, "t"), Survey(None, ()), NOW)
    serving = tuple(
        (state.name, tuple(replace(s, address=f"{s.name}.example", stage=Stage.SEEN) for s in state.candidate))
        for state in old.targets
    )
    new = revision("sha256:" + "b" * 64, "t")
    rollout = begin("new", service, new, Survey(old.revision, serving, number=1), NOW)
    states = tuple(
        replace(
            state,
            phase=Phase.HOLDING,
            step=1,
            exposed=True,
            online=True,
            candidate=tuple(replace(s, address=f"{s.name}.example", stage=Stage.SEEN) for s in state.candidate),
        )
        for state in rollout.targets
    )
    rollout = replace(rollout, targets=states)
    looks = []
    for state in rollout.targets:
        slots = (*state.candidate, *state.stable)
        looks.append(
            TargetSeen(
                state.name,
                groups=tuple(GroupSeen(s.name, GroupState.RUNNING, NOW, s.address) for s in slots),
                traffic=TrafficSeen(
                    NOW,
                    True,
                    tuple(
                        EndpointSeen(s.endpoint, s.address or "", 250, True, mark=parse_endpoint(s.endpoint))
                        for s in slots
                    ),
                    ttl_seconds=10,
                    ttl_chain=10,
                ),
                probes=tuple(ProbeSeen(s.endpoint, NOW, True) for s in slots),
            )
        )
    seen = Seen(tuple(looks))
    for second in range(20):
        rollout = advance(rollout, seen, NOW + timedelta(seconds=second / 10))
    return rollout, seen
