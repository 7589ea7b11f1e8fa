"""What is to be known of the traffic before a rollout: each source is asked once about the last minutes; reads only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from orchestrator.forecast_traffic import Load, Origin
from orchestrator.inquiry import question, together, unforeseen
from strategies.gates import MetricKind, MetricRule
from strategies.model import Rollout, TargetState
from strategies.plan import Target
from strategies.seen import Reading

if TYPE_CHECKING:
    from orchestrator.ports import TargetPorts
    from orchestrator.telemetry.log import Log
    from providers.ports import Metrics, Question


def loads(
    hands: Mapping[str, TargetPorts], rollout: Rollout, now: datetime, log: Log | None = None
) -> dict[str, tuple[Load, ...]]:
    """What each source counts now, by target; `rollout` is the wanted one, begun in thought.

    What a source cannot answer is its load's `problem`, and told to `log` where nobody foresaw it. Where nothing
    serves yet nothing is asked: a first release is not decided by counts.
    """
    found: dict[str, list[Load]] = {}
    asking: list[tuple[str, MetricRule, Callable[[], Reading]]] = []
    for target in rollout.service.targets:
        state, known = rollout.target(target.name), found.setdefault(target.name, [])
        for rule in target.metrics if state.stable else ():
            source = hands[target.name].metrics.get(rule.name)
            if rule.own:
                known.append(_of_probes(rule, target, state))
            elif source is not None:
                ask = partial(_read, source, question(rollout, target, rule, now), rule, log)
                asking.append((target.name, rule, ask))
            elif rule.kind is not MetricKind.CHECK:
                known.append(Load(rule.name, problem="this version cannot ask it"))
    readings = together(ask for _, _, ask in asking)
    for (name, rule, _), reading in zip(asking, readings, strict=True):
        found[name].append(of_reading(rule, reading))
    return {name: tuple(known) for name, known in found.items()}


def _read(source: Metrics, asked: Question, rule: MetricRule, log: Log | None) -> Reading:
    try:
        return source.read(asked)
    except Exception as error:  # noqa: BLE001 - one source's mistake must not fail a plan or a doctor
        return Reading(rule.name, asked.now, problem=f"it {unforeseen(error, asked.target, rule, log)}")


def of_reading(rule: MetricRule, reading: Reading) -> Load:
    """What serves now, from what a source counted of it: intervals in which a counter began anew are left out."""
    whole = [tally for tally in reading.stable if not tally.reset]
    seconds = sum((tally.until - tally.since).total_seconds() for tally in whole)
    if seconds <= 0:
        return Load(rule.name, problem=reading.problem or "it has counted nothing of what serves")
    requests, failures = sum(tally.requests for tally in whole), sum(tally.failures for tally in whole)
    if failures > requests:
        return Load(rule.name, problem=f"it tells {failures} failures of {requests} requests: both must count the same")
    failing = failures / requests if requests else 0.0
    known = Origin.MEASURED
    return Load(rule.name, requests / seconds, failing, known, known, seconds, requests, reading.problem or "")


def _of_probes(rule: MetricRule, target: Target, state: TargetState) -> Load:
    """Our own probes: each workload gets one in each interval, and none fails of what serves well."""
    interval, known = target.probe.interval_seconds, Origin.PROBES
    return Load(rule.name, len(state.stable) / interval, 0.0, known, known, beside=len(state.candidate) / interval)
