"""What is wrong with a target beyond its types: host and traffic that do not go together, weights, shared routes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from orchestrator.manifest.hosts import CreateProfile, GatewayApi, Monitor, TrafficManager
from orchestrator.manifest.problems import NOT_YET, Mistake, Path, shown
from orchestrator.manifest.schema import Manifest, Strategy, Target
from orchestrator.manifest.strategy_checks import steps_of

DEFAULT_WEIGHT = 1000
HIGHEST_WEIGHT = 1000
HIGHEST_ROUTE_WEIGHT = 1_000_000
_SLACK = 1e-6
"""Shares are floats: what they miss by their last digit is not held against them."""
_HOSTS = ("containerInstances", "kubernetes")
_TRAFFICS = ("trafficManager", "gatewayApi")
_TRAFFICS_LATER = ("applicationGateway", "frontDoor", "traffic")


def target_mistakes(manifest: Manifest, target: Target, path: Path) -> Iterator[Mistake]:
    """Judge one target, which stands at `path`."""
    yield from _parts(target, path)
    own = target.strategy is not None
    strategy, place = (target.strategy or manifest.strategy), ((*path, "strategy") if own else ("strategy",))
    yield from _unseen(target, strategy, place, path)
    if target.kubernetes is None and target.gates is not None and target.gates.probe.via not in (None, "direct"):
        message = f"must be direct for containerInstances; got {shown(target.gates.probe.via)}"
        yield Mistake((*path, "gates", "probe", "via"), message)
    if target.kubernetes is not None:
        yield from _proxied(manifest, target, path)
        if target.name.endswith("-"):
            message = "must end with a letter or digit, for it becomes a label in the cluster"
            yield Mistake((*path, "name"), f"{message}; got {shown(target.name)}")
    if target.traffic_manager is not None:
        yield from _traffic_manager(target, target.traffic_manager, (*path, "trafficManager"))
    if target.gateway_api is not None:
        yield from _gateway_api(target.gateway_api, (*path, "gatewayApi"))
    if (split := _split_of(target, path)) is not None:
        yield from _weights(target, strategy, split, place)


def _parts(target: Target, path: Path) -> Iterator[Mistake]:
    """One host, and the traffic that can lead to it."""
    hosts = [name for name, part in zip(_HOSTS, (target.container_instances, target.kubernetes), strict=True) if part]
    traffics = [
        name for name, part in zip(_TRAFFICS, (target.traffic_manager, target.gateway_api), strict=True) if part
    ]
    needs = tuple((*path, word) for word in (*_HOSTS, *_TRAFFICS, *_TRAFFICS_LATER))
    got = " and ".join(traffics) or "none"
    if len(hosts) != 1:
        yield Mistake(path, f"must have exactly one workload host ({_either(_HOSTS)}); got {_both(hosts)}", needs)
    if not traffics or (hosts == ["containerInstances"] and len(traffics) > 1):
        yield Mistake(path, f"must have exactly one traffic ({_either(_TRAFFICS)}); got {got}", needs)
    elif hosts == ["containerInstances"] and target.gateway_api is not None:
        message = "must stand beside kubernetes only, for a route cannot lead to container groups: use trafficManager"
        yield Mistake((*path, "gatewayApi"), message, needs)
    elif hosts == ["kubernetes"] and target.gateway_api is None:
        message = "must have gatewayApi beside kubernetes: the split between two Deployments stands in a route"
        yield Mistake(path, f"{message}; got {got}", needs)
    elif hosts == ["kubernetes"] and target.traffic_manager is not None and target.traffic_manager.address is None:
        message = "must hold `address`, the gateway's host name: beside gatewayApi the profile leads to the gateway"
        yield Mistake((*path, "trafficManager"), f"{message}; got none", ((*path, "trafficManager", "address"), *needs))


def _either(words: tuple[str, ...]) -> str:
    return " or ".join(words)


def _both(words: list[str]) -> str:
    return " and ".join(words) or "none"


def _unseen(target: Target, strategy: Strategy, place: Path, path: Path) -> Iterator[Mistake]:
    """What needs a routing layer that sees requests, before one that only answers names."""
    word, does = ("abTest", "lead") if strategy.ab_test is not None else ("shadow", "copy")
    if (strategy.ab_test is None and strategy.shadow is None) or target.gateway_api is not None:
        return
    if target.traffic_manager is not None:
        own = "" if len(place) > 1 else ", or give that target a `strategy` of its own"
        message = (
            f"must not be given for target {target.name}: Traffic Manager answers names and sees no requests, so it "
            f"can {does} none of them; use canary or blueGreen{own}"
        )
        yield Mistake((*place, word), message, ((*path, "gatewayApi"), (*path, "name")))


def _proxied(manifest: Manifest, target: Target, path: Path) -> Iterator[Mistake]:
    """The API server names the host itself and keeps credentials to itself, so neither reaches a probed workload."""
    own: Path = (*path, "gates", "probe")
    given = target.gates.probe if target.gates is not None else None
    mine = given.model_fields_set if given is not None else set()

    def said(key: str) -> tuple[Any, Path]:
        at_home = given is not None and key in mine
        return getattr(given if at_home else manifest.gates.probe, key), own if at_home else ("gates", "probe")

    if (said("via")[0] or "apiProxy") != "apiProxy":
        return
    way_out = f"target {target.name} is probed through the API server; give it `via: gateway` or `via: direct`"
    host, place = said("host")
    if host is not None:
        out = f"{way_out}, or `host: null`"
        yield Mistake((*place, "host"), f"must be left out, for the server names the host itself: {out}", (own,))
    headers, place = said("headers")
    for name in headers:
        if name.lower() in ("authorization", "host"):
            message = f"must be left out, for the server takes it off: {way_out}"
            yield Mistake((*place, "headers", name), message, (own,))


def _traffic_manager(target: Target, traffic: TrafficManager, path: Path) -> Iterator[Mistake]:
    replicas = target.container_instances.replicas if target.container_instances else 1
    most = replicas * HIGHEST_WEIGHT
    if traffic.weight is not None and not replicas <= traffic.weight <= most:
        needs = ((*path[:-1], "containerInstances", "replicas"),)
        message = f"must be from {replicas} to {most}, so that each of {replicas} endpoints gets a weight of 1 to 1000"
        yield Mistake((*path, "weight"), f"{message}; got {traffic.weight}", needs)
    if traffic.address is not None and target.kubernetes is None:
        yield Mistake((*path, "address"), f"must stand beside kubernetes only; got {shown(traffic.address)}")
    if target.kubernetes is not None:
        yield from _entrance(traffic, path)
    if traffic.endpoint.custom_headers is not None and len(traffic.endpoint.custom_headers) > 8:
        count = len(traffic.endpoint.custom_headers)
        yield Mistake((*path, "endpoint", "customHeaders"), f"must hold at most 8; got {count}")
    if traffic.adopted_groups == "delete":
        what = "the deletion of what stands behind adopted endpoints"
        remedy = "take them out of the profile with `adopt` and delete them by hand afterwards"
        yield Mistake((*path, "adoptedGroups"), NOT_YET.format(what, remedy))
    yield from _once(traffic.adopt, (*path, "adopt"))
    if traffic.create is not None:
        yield from _create(traffic.create, (*path, "create", "monitor"))


def _entrance(traffic: TrafficManager, path: Path) -> Iterator[Mistake]:
    """In front of a gateway a profile holds one endpoint of ours, open or closed: there is no split in it."""
    if traffic.subscription is None:
        message = "must be given beside kubernetes: the profile's subscription, a GUID; got nothing"
        yield Mistake((*path, "subscription"), message)
    if traffic.ttl_during_rollout is not None:
        message = "must be left out beside kubernetes: the split stands in the route, which no name server remembers"
        yield Mistake((*path, "ttlDuringRollout"), f"{message}; got {traffic.ttl_during_rollout}s")
    if "on_drift" in traffic.model_fields_set:
        message = f"must stand under gatewayApi, where the split is; got {traffic.on_drift}"
        yield Mistake((*path, "onDrift"), message)


def _gateway_api(gateway: GatewayApi, path: Path) -> Iterator[Mistake]:
    if gateway.http_route is None and gateway.grpc_route is None:
        needs = ((*path, "httpRoute"), (*path, "grpcRoute"))
        yield Mistake(path, "must name the routes in front: httpRoute or grpcRoute; got neither", needs)
    yield from _once(gateway.adopt, (*path, "adopt"))


def _once(names: list[str], path: Path) -> Iterator[Mistake]:
    known: set[str] = set()
    for number, name in enumerate(names):
        if name.lower() in known:
            yield Mistake((*path, number), f"must be given once; got {shown(name)} again")
        known.add(name.lower())


def sharing_mistakes(manifest: Manifest) -> Iterator[Mistake]:
    """Two targets cannot both be the split of one route, nor one gateway's address stand twice in one profile."""
    known: dict[tuple[str, ...], tuple[int, Path]] = {}
    for number, target in enumerate(manifest.targets):
        path: Path = ("targets", number)
        for place, key, words in (*_routes(target, path), *_address(target, path)):
            first, where = known.setdefault(key, (number, place))
            if where == place:
                continue
            needs: tuple[Path, ...] = (where, ("targets", first), (*path, "kubernetes"))
            whose = "given once" if first == number else "another one than in any other target"
            message = f"must be {whose}; got {words}, which targets[{first}] has already"
            yield Mistake(place, message, needs)


_Shared = tuple[Path, tuple[str, ...], str]


def _routes(target: Target, path: Path) -> Iterator[_Shared]:
    cluster, gateway = target.kubernetes, target.gateway_api
    if cluster is None or gateway is None:
        return
    for key, names in (("httpRoute", gateway.http_route), ("grpcRoute", gateway.grpc_route)):
        for number, name in enumerate(names or ()):
            space, route = routed(name, cluster.namespace)
            words = f"{key} {space}/{route} of {cluster.context}"
            # A single route is written without a list, as a rule, and then has no place of its own in the file.
            place: Path = (*path, "gatewayApi", key, number) if len(names or ()) > 1 else (*path, "gatewayApi", key)
            yield place, (cluster.context, key, space, route), words


def _address(target: Target, path: Path) -> Iterator[_Shared]:
    profile = target.traffic_manager
    if target.kubernetes is None or profile is None or profile.address is None:
        return
    key = (profile.subscription or "", profile.resource_group, profile.profile, profile.address)
    words = f"{profile.address} in profile {profile.profile}"
    yield (*path, "trafficManager", "address"), ("address", *(part.lower() for part in key)), words


def routed(name: str, namespace: str) -> tuple[str, str]:
    """A route's namespace and name, as the manifest gives them together or the name alone."""
    space, slash, route = name.partition("/")
    return (space, route) if slash else (namespace, name)


def _create(create: CreateProfile, path: Path) -> Iterator[Mistake]:
    monitor: Monitor = create.monitor
    if monitor.interval not in (10, 30):
        yield Mistake((*path, "interval"), f"must be 10s or 30s; got {monitor.interval}s")
    else:
        most = 9 if monitor.interval == 10 else 10
        if not 5 <= monitor.timeout <= most:
            message = f"must be 5s to {most}s at an interval of {monitor.interval}s; got {monitor.timeout}s"
            yield Mistake((*path, "timeout"), message, ((*path, "interval"),))
    if monitor.protocol == "TCP":
        for key, given in (("path", monitor.path), ("headers", monitor.headers)):
            if given:
                yield Mistake((*path, key), "must be left out with protocol TCP; got " + shown(given))


@dataclass(frozen=True, slots=True)
class _Split:
    """What a target's weight is divided among: the weight, places on each side, and the most that one may have."""

    weight: int
    replicas: int
    highest: int
    key: str
    needs: tuple[Path, ...]


def _split_of(target: Target, path: Path) -> _Split | None:
    host, traffic, gateway = target.container_instances, target.traffic_manager, target.gateway_api
    if target.kubernetes is not None and gateway is not None:
        needs = ((*path, "gatewayApi"), (*path, "gatewayApi", "weight"))
        return _Split(gateway.weight or DEFAULT_WEIGHT, 1, HIGHEST_ROUTE_WEIGHT, "gatewayApi.weight", needs)
    if host is None or traffic is None or (traffic.weight is None and traffic.adopt):
        return None  # What the adopted endpoints had is known to nobody here; the split keeps every one above zero.
    return _Split(
        traffic.weight or DEFAULT_WEIGHT,
        host.replicas,
        HIGHEST_WEIGHT,
        "trafficManager.weight",
        ((*path, "containerInstances", "replicas"), (*path, "trafficManager", "weight"), (*path, "trafficManager")),
    )


def _weights(target: Target, strategy: Strategy, split: _Split, place: Path) -> Iterator[Mistake]:
    """Each step must leave every endpoint of both sides at least 1 of the weight; the message names the way out."""
    word, steps = steps_of(strategy)
    weight, replicas = split.weight, split.replicas
    for number, step in enumerate(steps):
        side = min(step.share, 100 - step.share)
        if step.share == 100 or weight * side >= 100 * replicas - _SLACK:
            continue
        smallest = math.ceil(1000 * 100 * replicas / weight - _SLACK) / 1000
        bound = f"at least {smallest:g}" if step.share < 50 else f"at most {100 - smallest:g}"
        enough = math.ceil(100 * replicas / side - _SLACK)
        raised = f", or {split.key} at least {enough}" if enough <= replicas * split.highest else ""
        each = "each side" if split.highest > HIGHEST_WEIGHT else f"each of {replicas} endpoints a side"
        message = (
            f"must be {bound}{raised}, so that {each} gets a weight of at least 1 "
            f"of {weight} in target {target.name}; got {step.share:g}"
        )
        yield Mistake((*place, word, "steps", number), message, (*split.needs, (*place, word, "steps")))
