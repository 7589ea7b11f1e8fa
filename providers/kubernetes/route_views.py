"""What the bodies of routes say, as facts; pure.

Several rules and several routes carry one split: what they do not all say alike is not whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from providers.kubernetes import marks, route_rules
from providers.kubernetes.route_ours import Body, items
from providers.kubernetes.route_read import RouteRead, weight_of
from providers.kubernetes.route_status import not_taken
from strategies.detours import Detour, Mirror
from strategies.model import TrafficIntent
from strategies.names import parse_endpoint
from strategies.seen import EndpointSeen, TrafficSeen


def traffic_seen(
    reads: Sequence[RouteRead], at: datetime, *, problem: str = "", exists: bool = True, gateway: str | None = None
) -> TrafficSeen:
    """Put all routes of a target together; `problem` is what else is not as the split wants it (the stable Service).

    Foreign endpoints are those beside ours in the same rules: the others share nothing with us. `gateway` is the
    address to name where no route has a host name.
    """
    unequal = _unequal(reads)
    detours, mirrors, misled = _led(reads)
    active, disputed = _marked(reads, marks.ACTIVE)
    rolled_back, differing = _marked(reads, marks.ROLLED_BACK)
    halves = [text for text in (unequal, misled, disputed, differing, problem) if text]
    untaken = [f"{read.route}: {why}" for read in reads if (why := not_taken(read.route, read.body))]
    return TrafficSeen(
        at=at,
        exists=exists,
        endpoints=(*our_endpoints(reads), *(item for read in reads for item in foreign_endpoints(read))),
        active=active,
        rolled_back=rolled_back,
        address=next((name for read in reads for name in hostnames(read.body)), gateway),
        detours=detours,
        mirrors=mirrors,
        whole=not halves,
        taken=not untaken,
        why="; ".join((*halves, *untaken)),
    )


def our_endpoints(reads: Sequence[RouteRead]) -> list[EndpointSeen]:
    """Each of ours once; where rules disagree it has the largest weight, for what any of them sends is sent."""
    weights: dict[str, int] = {}
    endpoints: dict[str, str] = {}
    for read in reads:
        for index in read.hosts:
            for name, weight in read.weights(index).items():
                weights[name] = max(weights.get(name, 0), weight)
                endpoints.setdefault(name, read.endpoint(name))
    return [
        EndpointSeen(endpoints[name], name, weight, enabled=weight > 0, mark=parse_endpoint(endpoints[name]))
        for name, weight in weights.items()
    ]


def foreign_endpoints(read: RouteRead) -> list[EndpointSeen]:
    """The foreign backends beside ours, named by route, rule and backend."""
    found = []
    for index in read.hosts:
        for ref in items(read.rules[index], "backendRefs"):
            if read.ours.backend(ref, read.route) is None:
                address = _foreign_name(ref)
                name, weight = f"{read.route} rules[{index}] {address}", weight_of(ref)
                found.append(EndpointSeen(name, address, weight, enabled=weight > 0))
    return found


def foreign_part(found: Iterable[EndpointSeen], intent: TrafficIntent) -> list[tuple[str, str, int, bool]]:
    """Return what must not have changed between two reads: every endpoint that the intent says nothing about."""
    ours = {*(member.endpoint for member in intent.members), *intent.absent}
    return sorted((e.name, e.address, e.weight, e.enabled) for e in found if e.name not in ours)


def hostnames(body: Body) -> list[str]:
    """The host names for which a route speaks."""
    return [str(name) for name in (body.get("spec") or {}).get("hostnames") or ()]


def _foreign_name(ref: Body) -> str:
    kind, namespace = str(ref.get("kind") or "Service"), ref.get("namespace")
    name = f"{namespace}/{ref.get('name')}" if namespace else str(ref.get("name"))
    return name if kind == "Service" and not ref.get("group") else f"{kind} {name}"


def _unequal(reads: Sequence[RouteRead]) -> str:
    """Which rule gives our backends other weights than the first one does; empty when all say the same."""
    hosts = [(read, index) for read in reads for index in read.hosts]
    found = [(f"{read.route} rules[{index}]", read.weights(index)) for read, index in hosts]
    carried = any(weights for _, weights in found)
    bare = [read.route for read in reads if not read.hosts]
    if carried and bare:
        return f"{bare[0]} has no rule with a backend of ours"
    for where, weights in found[1:]:
        if weights != found[0][1]:
            return f"{where} has {_said(weights)}, but {found[0][0]} has {_said(found[0][1])}"
    names = {name for _, weights in found for name in weights}
    aliased = [{name: read.endpoint(name) for name in names} for read in reads if read.hosts]
    return "the routes name one backend differently" if any(other != aliased[0] for other in aliased[1:]) else ""


def _said(weights: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {weight}" for name, weight in weights.items()) or "none of ours"


def _led(reads: Sequence[RouteRead]) -> tuple[tuple[Detour, ...], tuple[Mirror, ...], str]:
    """Detours and mirrors of all routes, and which route or rule does not have all of them; empty when none."""
    detours: dict[Detour, None] = {}
    mirrors: dict[Mirror, None] = {}
    for read in reads:
        detours |= dict.fromkeys(route_rules.detours(read))
        for index in read.hosts:
            mirrors |= dict.fromkeys(route_rules.mirrors(read, index))
    for read in reads:
        if not route_rules.stand(read, tuple(detours)):
            return tuple(detours), tuple(mirrors), f"{read.route}: the rules we added are not as they should be"
        for index in read.hosts:
            have = route_rules.mirrors(read, index)
            if len(have) != len(mirrors) or set(have) != set(mirrors):
                where = f"{read.route} rules[{index}]"
                return tuple(detours), tuple(mirrors), f"{where} does not mirror as the others do"
    return tuple(detours), tuple(mirrors), ""


def _marked(reads: Sequence[RouteRead], key: str) -> tuple[tuple[tuple[str, str], ...], str]:
    """The pairs in one annotation of all routes, and whether the routes disagree about our own."""
    merged: dict[str, str] = {}
    mine: set[Any] = set()
    for read in reads:
        pairs = dict(marks.pairs(read.annotation(key)))
        mine.add(pairs.get(read.ours.holder))
        merged = {**pairs, **merged}
    return tuple(merged.items()), f"the routes disagree in {key}" if len(mine) > 1 else ""
