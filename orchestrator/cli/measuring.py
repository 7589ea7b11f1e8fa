"""What is to be known of the traffic before a rollout: each source is asked once about the last minutes; reads only."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from orchestrator.forecast_traffic import Load, Origin
from orchestrator.look import arm
from providers.ports import Question
from strategies.gates import MetricKind, MetricRule
from strategies.model import Rollout, Side, TargetState
from strategies.plan import Target
from strategies.seen import Reading

if TYPE_CHECKING:
    from orchestrator.ports import TargetPorts
    from providers.ports import Metrics

_AT_ONCE = 8
"""How many sources are asked at the same time: each may take as long as its timeout."""
_LEAST_SECONDS = 300.0
_INTERVALS = 12
"""Over how many of its intervals, and over how long at least, a source is asked."""


def loads(hands: Mapping[str, TargetPorts], rollout: Rollout, now: datetime) -> dict[str, tuple[Load, ...]]:
    """What each source counts now, by target; `rollout` is the wanted one, begun in thought.

    What a source cannot answer is its load's `problem`. Where nothing serves yet nothing is asked: a first release is
    not decided by counts.
    """
    found: dict[str, list[Load]] = {}
    asking: list[tuple[str, MetricRule, Metrics, Question]] = []
    for target in rollout.service.targets:
        state, known = rollout.target(target.name), found.setdefault(target.name, [])
        for rule in target.metrics if state.stable else ():
            source = hands[target.name].metrics.get(rule.name)
            if rule.own:
                known.append(_of_probes(rule, target, state))
            elif source is not None:
                asking.append((target.name, rule, source, _question(rollout, target, rule, now)))
            elif rule.kind is not MetricKind.CHECK:
                known.append(Load(rule.name, problem="this version cannot ask it"))
    if asking:
        with ThreadPoolExecutor(max_workers=min(_AT_ONCE, len(asking)), thread_name_prefix="source") as pool:
            readings = list(pool.map(lambda each: each[2].read(each[3]), asking))
        for (name, rule, _, _), reading in zip(asking, readings, strict=True):
            found[name].append(of_reading(rule, reading))
    return {name: tuple(known) for name, known in found.items()}


def of_reading(rule: MetricRule, reading: Reading) -> Load:
    """What serves now, from what a source counted of it: intervals in which a counter began anew are left out."""
    whole = [tally for tally in reading.stable if not tally.reset]
    seconds = sum((tally.until - tally.since).total_seconds() for tally in whole)
    if seconds <= 0:
        return Load(rule.name, problem=reading.problem or "it has counted nothing of what serves")
    requests, failures = sum(tally.requests for tally in whole), sum(tally.failures for tally in whole)
    failing = failures / requests if requests else 0.0
    known = Origin.MEASURED
    return Load(rule.name, requests / seconds, failing, known, known, seconds, requests, reading.problem or "")


def _of_probes(rule: MetricRule, target: Target, state: TargetState) -> Load:
    """Our own probes: each workload gets one in each interval, and none fails of what serves well."""
    interval, known = target.probe.interval_seconds, Origin.PROBES
    return Load(rule.name, len(state.stable) / interval, 0.0, known, known, beside=len(state.candidate) / interval)


def _question(rollout: Rollout, target: Target, rule: MetricRule, now: datetime) -> Question:
    state = rollout.target(target.name)
    seconds = max(_LEAST_SECONDS, _INTERVALS * rule.interval_seconds) + rule.lag_seconds
    return Question(
        service=rollout.service.name,
        target=target.name,
        since=now - timedelta(seconds=seconds),
        now=now,
        step_seconds=rule.interval_seconds,
        stable=arm(rollout, state, Side.STABLE),
        candidate=arm(rollout, state, Side.CANDIDATE),
    )
