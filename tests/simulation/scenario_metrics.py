"""Which worlds count requests: their sources, checks and rules, and images whose faults no probe ever shows."""

from __future__ import annotations

import random
from dataclasses import replace

from providers.emulator.behaviour import Behaviour
from strategies.gates import MetricKind, MetricRule, When
from strategies.plan import AfterMost, Deadlines, Quiet, Step, Target, canary
from tests.simulation.scene import Accident, Defect, Place, Release, SourceAt, Trial, Wanted

METRIC_KINDS = (
    *("dependency",) * 3,
    *("dependency_at_last",) * 4,
    *("incident",) * 2,
    "metrics_gone",
    *("metrics_one_side",) * 2,
    "metrics_late",
    *("metrics_reset",) * 2,
    "metrics_mistaken",
)
WATCHED = 0.3
"""The part of all worlds in which nothing goes wrong but sources, what all share, and what no probe shows."""
_DURING_AND_AFTER = (When.DURING, When.AFTER)
_WHENS = (_DURING_AND_AFTER, _DURING_AND_AFTER, (When.DURING,), tuple(When), (When.AFTER,))


def metered(rng: random.Random, services: tuple[Wanted, ...]) -> tuple[Wanted, ...]:
    """The same services with sources in front of those targets whose requests somebody counts."""
    return tuple(_metered(rng, wanted) for wanted in services)


def quiet_but_watched(rng: random.Random, wanted: Wanted) -> Wanted:
    """The same service with images that probes take for good, steps, a source everywhere, and nobody's orders."""
    targets = []
    for target in wanted.service.targets:
        steps = (Step(rng.choice((5.0, 10.0, 25.0)), 4.0), *((Step(50.0, 4.0),) if rng.random() < 0.6 else ()))
        last = (Step(100.0, rng.choice((10.0, 40.0))),) if rng.random() < 0.5 else ()
        leads = any(step.leads for step in target.plan.steps)
        targets.append(target if leads else replace(target, plan=canary(steps + last)))
    releases = tuple(
        replace(release, behaviour=Behaviour(release.tag, start_seconds=rng.choice((0.0, 2.0))), steps=True)
        for release in wanted.releases
    )
    places = {name: replace(place, metrics=True) for name, place in wanted.places.items()}
    service = replace(wanted.service, targets=tuple(targets), deadlines=Deadlines(80.0, 400.0, 900.0))
    return replace(wanted, service=service, places=places, releases=releases, orders=())


def metric_accidents(rng: random.Random, services: tuple[Wanted, ...]) -> tuple[Accident, ...]:
    """What goes wrong with sources, and what both sides share."""
    if not any(place.sources for wanted in services for place in wanted.places.values()):
        return ()
    number = rng.choice((0, 0, 1, 1, 2, 3))
    return tuple(Accident(rng.uniform(5.0, 150.0), rng.choice(METRIC_KINDS), rng.random()) for _ in range(number))


def _metered(rng: random.Random, wanted: Wanted) -> Wanted:
    targets, places = [], dict(wanted.places)
    for target in wanted.service.targets:
        place = places[target.name]
        if not place.metrics:
            targets.append(target)
            continue
        judged, places[target.name] = _judged(rng, target, place)
        targets.append(judged)
    releases = wanted.releases
    if any(place.sources for place in places.values()):
        releases = tuple(_with_defect(rng, release) for release in releases)
    return replace(wanted, service=replace(wanted.service, targets=tuple(targets)), places=places, releases=releases)


def _judged(rng: random.Random, target: Target, place: Place) -> tuple[Target, Place]:
    """One target with its rules, and where they count."""
    rules = [_rule(rng, "errors", MetricKind.FAILURES, rng.choice(_WHENS))]
    sources = [SourceAt("errors", rng.random() < 0.5)]
    if rng.random() < 0.3:
        every = rng.choice((5.0, 5.0, 15.0))
        rules = [replace(rules[0], interval_seconds=every, sampled=True)]
        sources = [replace(sources[0], phases=(rng.randrange(int(every)), rng.randrange(int(every))))]
    trials = []
    if rng.random() < 0.25:
        rules.append(_rule(rng, "slow", MetricKind.LATENCY, _DURING_AND_AFTER))
        sources.append(SourceAt("slow", at_gateway=False))
    if rng.random() < 0.2:
        rules.append(_rule(rng, "edge", MetricKind.QUIET, _DURING_AND_AFTER))
        sources.append(SourceAt("edge", at_gateway=True))
    if rng.random() < 0.25:
        rules.append(replace(_rule(rng, "guess", MetricKind.FAILURES, _DURING_AND_AFTER), dry_run=True))
        sources.append(SourceAt("guess", at_gateway=False, lies=True))
    if rng.random() < 0.15:
        rules.append(MetricRule("probes", when=_DURING_AND_AFTER, interval_seconds=2.0, own=True))
    if rng.random() < 0.25:
        when = rng.choice(((When.BEFORE,), (When.BEFORE, When.DURING), (When.AFTER,)))
        rules.append(MetricRule("smoke", MetricKind.CHECK, when=when, dry_run=rng.random() < 0.2))
        outcome = rng.choice(("passes", "passes", "passes", "fails", "unsure", "never"))
        trials.append(Trial("smoke", outcome, rng.choice((0.0, 3.0, 20.0))))
    drain = replace(target.drain, quiet=rng.choice((Quiet.AUTO, Quiet.AUTO, Quiet.NONE, Quiet.NONE, Quiet.REQUIRED)))
    if place.stable == "none" and rng.random() < 0.4:
        # Of a side that nothing is compared with no source tells, so it is never known to be quiet.
        drain = replace(drain, quiet=Quiet.REQUIRED, then=AfterMost.EXTEND)
    target = replace(
        target,
        metrics=tuple(rules),
        longest_seconds=rng.choice((40.0, 60.0, 90.0)),
        by_resolver=place.cluster is None,
        drain=drain,
    )
    return target, replace(place, sources=tuple(sources), trials=tuple(trials))


def _rule(rng: random.Random, name: str, kind: MetricKind, when: tuple[When, ...]) -> MetricRule:
    return MetricRule(
        name,
        kind,
        when,
        interval_seconds=rng.choice((1.0, 2.0, 5.0, 5.0, 5.0, 20.0)),
        lag_seconds=rng.choice((0.0, 0.0, 2.0, 10.0)),
    )


def _with_defect(rng: random.Random, release: Release) -> Release:
    if rng.random() >= 0.35:
        return release
    defect = Defect(
        rate=rng.choice((0.0, 0.05, 0.1, 0.3, 0.6, 1.0)),
        slow=rng.choice((0.0, 0.0, 0.2, 0.5)),
        after_seconds=rng.choice((0.0, 0.0, rng.uniform(20.0, 90.0))),
        from_share=rng.choice((0.0, 0.0, 0.0, 50.0, 100.0)),
    )
    return replace(release, defect=defect)
