"""What one seed means: the services, images, people and accidents of a world, as frozen values."""

from __future__ import annotations

import random
from dataclasses import replace

from providers.emulator.behaviour import Behaviour
from strategies.model import CommandKind
from strategies.plan import (
    AfterMost,
    Deadlines,
    DrainRule,
    OnDrift,
    OnFailure,
    Plan,
    ProbeRule,
    Quiet,
    Retire,
    Scope,
    Service,
    Step,
    Target,
    WaveRule,
    WhileRunning,
    blue_green,
    canary,
)
from tests.simulation.scenario_cluster import CLUSTER_KINDS, clustered
from tests.simulation.scenario_metrics import WATCHED, metered, metric_accidents, quiet_but_watched
from tests.simulation.scene import Accident, Order, Place, Release, Scenario, Wanted

PROPAGATION_SECONDS = 6.0
"""What every manifest says of it; gateways that take longer say when they are there."""
IN_CLUSTER = 0.36
"""The part of all worlds in which a target stands in a cluster."""


def scenario(seed: int) -> Scenario:
    """Make the world of a seed; the same one every time."""
    rng = random.Random(seed)
    rough = rng.random() < 0.75
    count = 2 if rng.random() < 0.2 else 1
    shared = rng.random() < 0.5
    services = tuple(_wanted(rng, number, shared and count == 2) for number in range(count))
    other = random.Random(seed * 613 + 11)
    in_cluster = other.random() < IN_CLUSTER
    if in_cluster:
        services = clustered(other, services, shared=shared and count == 2)
    accidents = _accidents(rng, (*_KINDS, *CLUSTER_KINDS) if in_cluster else _KINDS) if rough else ()
    hides = any(accident.kind == "hidden_after_create" for accident in accidents)
    services = tuple(replace(w, orders=w.orders + _at_the_worst(rng, accidents)) for w in services)
    third = random.Random(seed * 389 + 23)
    if rough and third.random() < 0.5 and any(_in_waves(wanted) for wanted in services):
        # Whoever has drained waits for later waves, and what it would go back to falls sick meanwhile.
        accidents = (*accidents, Accident(third.uniform(40.0, 150.0), "stable_sick", third.uniform(0.5, 1.0)))
        abort = Order(accidents[-1].at + third.uniform(12.0, 30.0), CommandKind.ABORT)
        services = tuple(replace(w, orders=(*w.orders, abort)) if _in_waves(w) else w for w in services)
    watched = third.random() < WATCHED
    if watched:
        services = tuple(quiet_but_watched(third, wanted) for wanted in services)
    services = metered(third, services)
    more = metric_accidents(third, services) if rough or watched else ()
    if watched:
        late = Accident(third.uniform(20.0, 140.0), third.choice(("denied", "stale_profile")), third.random())
        accidents = (late,) if third.random() < 0.4 else ()
    lag = other.choice((0.0, 0.0, 1.0, 4.0, 12.0))
    return Scenario(
        seed=seed,
        services=services,
        hosts=rng.choice((1, 1, 2)),
        accidents=tuple(sorted((*accidents, *more), key=lambda accident: accident.at)),
        call_faults=rng.choice((0.0, 0.01) if watched else (0.0, 0.01, 0.04, 0.1)) if rough else 0.0,
        crashes=rng.choice((0.0, 0.01, 0.04)) if rough and not hides else 0.0,
        stalls=rng.choice((0.0, 0.0, 0.02)) if rough and not hides else 0.0,
        flaps=rng.choice((0.0, 0.01) if watched else (0.0, 0.01, 0.05)) if rough else 0.0,
        propagation=rng.choice((0.0, 0.0, 2.0, 5.0)),
        delete_seconds=rng.choice((0.5, 5.0)),
        sqlite=seed % 20 == 0,
        clients=rng.choice((3, 4, 5)),
        lag=lag,
        early=other.random() < 0.4 and lag <= PROPAGATION_SECONDS,
        resolvers=third.choice((8, 12, 16)),
        pinned=third.choice((0, 0, 1, 2)),
    )


def _in_waves(wanted: Wanted) -> bool:
    return len({target.wave for target in wanted.service.targets}) > 1


def _at_the_worst(rng: random.Random, accidents: tuple[Accident, ...]) -> tuple[Order, ...]:
    """Somebody aborts just when the side to return to is sick."""
    sick = [accident.at for accident in accidents if accident.kind == "stable_sick" and rng.random() < 0.7]
    return tuple(Order(at + rng.uniform(10.0, 25.0), CommandKind.ABORT) for at in sick)


def _wanted(rng: random.Random, number: int, shared: bool) -> Wanted:
    name = ("shop", "mail")[number]
    two = rng.random() < 0.3
    names = ["west", "east"] if two and not shared else ["west"]
    kind = rng.choice(("marked", "marked", "marked", "adopted", "adopted", "none"))
    waves = rng.random() < 0.6
    targets, places = [], {}
    for position, target in enumerate(names):
        place = _place(rng, "common" if shared else f"{name}-{target}", kind, shared)
        places[target] = place
        targets.append(_target(rng, name, target, place, wave=1 + position if waves else 1))
    service = Service(
        name=name,
        image=f"registry.example.com/{name}",
        targets=tuple(targets),
        waves=WaveRule(rng.choice(list(Retire)), rng.choice((0.0, 8.0)), rng.choice(list(Scope))),
        deadlines=Deadlines(rng.choice((50.0, 80.0)), 400.0, 900.0),
        on_failure=OnFailure.PAUSE if rng.random() < 0.15 else OnFailure.ROLL_BACK,
        while_running=rng.choice(list(WhileRunning)),
        retain_seconds=20.0 if rng.random() < 0.15 else 0.0,
    )
    return Wanted(service, places, _releases(rng), _orders(rng))


def _place(rng: random.Random, profile: str, kind: str, shared: bool) -> Place:
    strangers = rng.choice((0, 0, 1, 2))
    foreign = tuple((f"foreign{n}", rng.choice((1, 50, 300)), rng.random() < 0.8) for n in range(strangers))
    return Place(
        profile=profile,
        stable=kind,
        replicas_before=rng.choice((1, 1, 2)),
        ttl=20 if shared else rng.choice((3, 5, 10, 20, 40)),
        foreign=() if shared else foreign,
        metrics=rng.random() < 0.5,
    )


def _target(rng: random.Random, service: str, name: str, place: Place, wave: int) -> Target:
    lowers = rng.random() < 0.5
    return Target(
        name=name,
        plan=_plan(rng),
        wave=wave,
        replicas=rng.choice((1, 1, 1, 2, 2, 3)),
        weight=rng.choice((20, 100, 333, 1000)) if place.foreign or rng.random() < 0.5 else None,
        ttl_during=(2 if place.profile == "common" else rng.choice((2, 5))) if lowers and place.ttl > 5 else None,
        adopt=tuple(f"{service}-{name}-hand{n}" for n in range(place.replicas_before))
        if place.stable == "adopted"
        else (),
        on_drift=rng.choice(list(OnDrift)),
        probe=ProbeRule(rng.choice((2.0, 3.0, 4.0)), rng.choice((2, 3)), rng.choice((2, 3))),
        drain=DrainRule(
            propagation_seconds=PROPAGATION_SECONDS,
            margin_seconds=rng.choice((None, None, 10.0, 14.0)),
            quiet=rng.choice((Quiet.AUTO, Quiet.AUTO, Quiet.NONE)) if place.metrics else Quiet.AUTO,
            quiet_seconds=rng.choice((None, 10.0)),
            most_seconds=100.0,
            then=rng.choice(list(AfterMost)),
        ),
    )


def _plan(rng: random.Random) -> Plan:
    before, asks = rng.choice((0.0, 0.0, 5.0)), rng.random() < 0.08
    if rng.random() < 0.35:
        return blue_green(preview_hold=before, preview_approve=asks, hold=rng.choice((0.0, 5.0, 20.0)))
    shares = rng.choice(((10.0,), (25.0,), (1.0, 50.0), (10.0, 50.0), (33.0, 100.0)))
    hold = rng.choice((0.0, 4.0, 12.0))
    return canary(
        tuple(Step(share, hold, rng.random() < 0.08) for share in shares), preview_hold=before, preview_approve=asks
    )


def _releases(rng: random.Random) -> tuple[Release, ...]:
    releases = [Release(rng.uniform(0.0, 5.0), "v2", _image(rng, "v2"), rng.random() < 0.9)]
    if rng.random() < 0.35:
        releases.append(Release(rng.uniform(10.0, 140.0), "v3", _image(rng, "v3")))
    if rng.random() < 0.15:
        releases.append(Release(rng.uniform(60.0, 160.0), "v2", releases[0].behaviour))
    return tuple(releases)


def _image(rng: random.Random, version: str) -> Behaviour:
    start = rng.choice((0.0, 1.0, 4.0, 12.0))
    kind = rng.choice(("good",) * 8 + ("errors", "errors", "late", "crash", "lateCrash", "never", "unhealthy"))
    if kind in ("errors", "late"):
        after = rng.uniform(15.0, 70.0) if kind == "late" else 0.0
        rate = rng.choice((0.1, 0.3, 0.6, 1.0))
        return Behaviour(version, start_seconds=start, error_rate=rate, errors_after_seconds=after)
    if kind in ("crash", "lateCrash"):
        after = rng.uniform(20.0, 60.0) if kind == "lateCrash" else rng.uniform(1.0, 8.0)
        return Behaviour(version, start_seconds=start, crash_after_seconds=after)
    if kind == "never":
        return Behaviour(version, start_seconds=5000.0 if rng.random() < 0.5 else 0.0, unhealthy_after_seconds=0.0)
    if kind == "unhealthy":
        return Behaviour(version, start_seconds=start, unhealthy_after_seconds=rng.uniform(5.0, 60.0))
    return Behaviour(version, start_seconds=start)


def _orders(rng: random.Random) -> tuple[Order, ...]:
    kinds = [kind for kind in CommandKind if kind not in (CommandKind.SUPERSEDE, CommandKind.SETTLE)]
    number = rng.choice((0, 0, 0, 1, 1, 2, 3))
    return tuple(Order(rng.uniform(2.0, 150.0), rng.choice(kinds)) for _ in range(number))


_KINDS = (
    "incident",
    *("stable_sick",) * 4,
    "metrics_gone",
    "blind",
    "clock_jump",
    "slow_provisioning",
    "failed_provisioning",
    "no_capacity",
    "hidden_after_create",
    "stale_profile",
    "portal_weight",
    "portal_disable",
    "portal_foreign",
    "hand_deletes_group",
    "lose_store",
    "lose_lease",
    *("denied",) * 3,
    "denied_groups",
    "locked",
    "profile_gone",
)


def _accidents(rng: random.Random, kinds: tuple[str, ...]) -> tuple[Accident, ...]:
    number = rng.choice((0, 1, 1, 2, 3))
    made = [Accident(rng.uniform(0.0, 120.0), rng.choice(kinds), rng.random()) for _ in range(number)]
    # A cloud that hides what it made matters only while something is made.
    made = [replace(a, at=a.at / 20) if a.kind == "hidden_after_create" else a for a in made]
    if any(accident.kind == "hidden_after_create" for accident in made):
        # Whoever dies between a create and its answer, in a cloud that hides what it made: nobody could know then.
        made = [accident for accident in made if accident.kind not in ("lose_store", "lose_lease")]
    return tuple(sorted(made, key=lambda accident: accident.at))
