"""Which worlds have clusters in them, and how their routes, their neighbours and their waves look."""

from __future__ import annotations

import random
from dataclasses import replace

from strategies.detours import Match
from strategies.plan import Plan, Step, Target, ab_test, shadow
from tests.simulation.scene import InCluster, Place, Road, Rule, Wanted

BETA = ("x-beta", "yes")
"""The header by which requests take an A/B test's detour."""
HIGHEST = 1_000_000

CLUSTER_KINDS = (
    *("kube_neighbour",) * 3,
    "kube_lag",
    "kube_unresolved",
    "kube_evict",
    "kube_pull",
    "kube_unschedulable",
    "kube_forbidden",
    "kube_route_gone",
    *("kube_weights",) * 2,
    "kube_entrance",
    "kube_deletes_deployment",
    "kube_deletes_service",
    "kube_deletes_rule",
    "kube_slow_deletion",
)


def clustered(rng: random.Random, services: tuple[Wanted, ...], *, shared: bool) -> tuple[Wanted, ...]:
    """The same services with some of their targets in clusters; `shared`: on one route, where both have one target."""
    if not shared:
        return tuple(_mixed(rng, wanted) for wanted in services)
    one_rule = rng.random() < 0.5
    found: list[Wanted] = []
    for wanted in services:
        name = wanted.service.name
        stable = rng.choice(("marked", "adopted")) if one_rule or found else rng.choice(("marked", "adopted", "none"))
        rule = Rule("/" if one_rule else f"/{name}", weighed=True)
        (target,) = wanted.service.targets
        found.append(_moved(rng, wanted, target, stable, (Road("common", (rule,)),)))
    return tuple(found)


def _mixed(rng: random.Random, wanted: Wanted) -> Wanted:
    """One cluster alone, or a cluster and a profile in waves of either order, or two of a kind."""
    targets = wanted.service.targets
    if len(targets) == 1 and rng.random() < 0.5:
        beside = replace(targets[0], name="shore", wave=2, adopt=())
        wanted = replace(wanted, service=replace(wanted.service, targets=(*targets, beside)))
        wanted = replace(wanted, places=wanted.places | {"shore": wanted.places[targets[0].name]})
    chosen = [rng.choice(wanted.service.targets)]
    if "shore" in wanted.places:
        chosen = [wanted.service.target("shore")]
    elif len(targets) == 2 and rng.random() < 0.3:
        chosen = list(targets)
    for target in chosen:
        stable = rng.choice(("marked", "marked", "adopted", "adopted", "none"))
        wanted = _moved(rng, wanted, target, stable, _roads(rng, wanted.service.name, target.name, stable))
    if len(wanted.service.targets) == 2:
        waves = rng.choice(((1, 2), (1, 2), (2, 1), (2, 1), (1, 1)))
        pairs = zip(wanted.service.targets, waves, strict=True)
        service = replace(wanted.service, targets=tuple(replace(t, wave=wave) for t, wave in pairs))
        wanted = replace(wanted, service=service)
    return wanted


def _roads(rng: random.Random, service: str, target: str, stable: str) -> tuple[Road, ...]:
    names = (f"{service}-{target}", f"{service}-{target}-second")
    parents = rng.choice((1, 1, 1, 2))

    # What the rules of one target give to a backend that is adopted is alike: an exact way back needs that.
    weighed = rng.random() < 0.6

    def rule(path: str) -> Rule:
        foreign = tuple((f"other{n}", rng.choice((0, 10, 300))) for n in range(rng.choice((0, 0, 1, 2))))
        foreign = () if stable == "none" else foreign
        return Rule(path, foreign=foreign, filtered=rng.random() < 0.3, weighed=weighed)

    shape = rng.choice(("one", "one", "rules", "foreign", "routes"))
    if shape == "one":
        return (Road(names[0], (rule("/"),), parents),)
    if shape == "rules":
        return (Road(names[0], (rule("/api"), rule("/")), parents),)
    if shape == "foreign":
        strange = Rule("/other", ours=False, foreign=(("other0", 1),), filtered=True)
        rules = (strange, rule("/")) if rng.random() < 0.5 else (rule("/"), strange)
        return (Road(names[0], rules, parents),)
    return (Road(names[0], (rule("/"),), parents), Road(names[1], (rule("/second"),)))


def _moved(rng: random.Random, wanted: Wanted, target: Target, stable: str, roads: tuple[Road, ...]) -> Wanted:
    """One target moved into a cluster."""
    name = wanted.service.name
    fronted = len(roads) == 1 and roads[0].name != "common" and rng.random() < 0.3
    routed = rng.random() < 0.4
    in_cluster = InCluster(
        roads=roads,
        routed=routed,
        companions=rng.random() < 0.3,
        stable_service=rng.choice(("none", "none", "new", "old")),
        entered=stable != "none" and rng.random() < 0.8,
        pods=rng.choice((1, 1, 2)),
        features=rng.random() < 0.7,
    )
    place = Place(
        profile=f"{name}-{target.name}-front" if fronted else "",
        stable=stable,
        replicas_before=1,
        ttl=rng.choice((3, 5, 10, 20)) if fronted else 0,
        foreign=((("foreign0", 50, True),) if rng.random() < 0.5 else ()) if fronted else (),
        metrics=rng.random() < 0.5,
        cluster=in_cluster,
    )
    moved = replace(
        target,
        plan=_plan(rng, target.plan),
        replicas=1,
        weight=rng.choice((100, 333, 1000, 1000)),
        most=HIGHEST,
        entrance=fronted,
        ttl_during=None,
        adopt=(f"{name}-{target.name}-hand",) if stable == "adopted" else (),
        probe=replace(target.probe, routed=routed),
    )
    targets = tuple(moved if old.name == target.name else old for old in wanted.service.targets)
    service = replace(wanted.service, targets=targets)
    return replace(wanted, service=service, places=wanted.places | {target.name: place})


def _plan(rng: random.Random, plan: Plan) -> Plan:
    """The plan as it was, or one that only a route can carry out."""
    kind = rng.choice(("same", "same", "same", "ab", "shadow"))
    hold = rng.choice((0.0, 4.0, 12.0))
    steps = (Step(20.0, hold),) if rng.random() < 0.5 else ()
    if kind == "ab":
        return ab_test(Match(headers=(BETA,)), hold=hold, approve=rng.random() < 0.08, steps=steps)
    if kind == "shadow":
        return shadow(rng.choice((50.0, 100.0)), hold=hold, steps=steps)
    return plan
